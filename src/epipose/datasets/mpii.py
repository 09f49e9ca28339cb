"""MPII Human Pose: 25 000 images out of videos, 40 000 people with 16 keypoints each.

Two forms are read. The release is one MATLAB file (``mpii_human_pose_v1_u12_1.mat``: RELEASE.annolist, img_train; its
README says what the fields are). The other is the JSON that most published code trains on (``annot/train.json``,
``valid.json``: image, joints, joints_vis, center, scale), which is where the usual validation set (2 958 people,
Tompson 2015) is defined. Where a folder has both, the JSON is read, so that "train" never holds what "val" tests.

- Pixels are MATLAB's, counted from 1, in both forms (the makers of the JSON asked the dataset's authors; the samples
  that mmpose ships agree): 1 is taken off, and pixel centres are at integers.
- ``is_visible`` is a number, text or empty: empty for neck and head top, which are always given. A joint that is marked
  but hidden has confidence 0.5. The JSON does not tell hidden from seen; its ``joints_vis`` 0 goes with the joint
  (-1, -1) and means missing.
- PCKh measures by 0.6 times the diagonal of the head's rectangle (x1 y1 x2 y2; the factor is SC_BIAS in the official
  script). The JSON has no rectangles; those of the validation set are in ``annot/gt_valid.mat`` (headboxes_src).
- The box is the square of 200 pixels times ``scale`` around ``objpos`` (``center``), as the dataset defines them.
- MATLAB's nested structs are slow to take apart: the release's file takes half a minute.
- The test set's joints are withheld: its people come with confidence 0, and only when "test" is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from epipose.datasets.base import CheckResult, DatasetInfo, People2D, Selection
from epipose.datasets.image_index import count_missing
from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.formats.containers import read_mat
from epipose.io.files import read_json
from epipose.io.guard import checked_member, reading
from epipose.skeletons import MPII16

MAT = "mpii_human_pose_v1_u12_1.mat"
JSON = {"train": "train.json", "val": "valid.json", "test": "test.json"}
HEAD_SIZE_FACTOR = 0.6  # of the head rectangle's diagonal
PX_PER_SCALE = 200.0  # a person of scale 1 is this tall
EXPECTED_MAT = "MPII's annotations (RELEASE.annolist, RELEASE.img_train)"
EXPECTED_HEADS = "the head rectangles of MPII's validation set (headboxes_src, 2 x 2 x people)"
REMEDY = "Download it from the dataset's page; epipose datasets prints how the files should lie."


class _Person(NamedTuple):
    """One person, pixels counted from 0."""

    image: str
    xy: np.ndarray
    conf: np.ndarray
    box: tuple[float, float, float, float]
    head_px: float


class Mpii:
    """The images with everybody who is marked in them; "val" exists in the JSON form only."""

    info = DatasetInfo(
        title="MPII Human Pose",
        licence=(
            "annotations: Simplified BSD (bsd.txt of the release); images are out of YouTube videos, for research "
            "only: the dataset's page allows no commercial use"
        ),
        source="http://human-pose.mpi-inf.mpg.de",
        download=(
            "mpii_human_pose_v1.tar.gz (images) and mpii_human_pose_v1_u12_2.zip (annotations), or the annotations as "
            "JSON (annot: train.json, valid.json, test.json, gt_valid.mat) that the HRNet project offers"
        ),
        tree=(
            "ROOT/images/000001163.jpg ...\n"
            f"ROOT/{MAT}                  (or in ROOT/mpii_human_pose_v1_u12_2)\n"
            "ROOT/annot/train.json, valid.json, test.json, gt_valid.mat"
        ),
    )

    def recognises(self, root: Path) -> bool:
        """Whether the annotations are there in one of the two forms."""
        return _mat(root) is not None or any((root / "annot" / name).exists() for name in JSON.values())

    def people(self, root: Path, selection: Selection) -> People2D:
        """The annotated people: of one split, or of all that have keypoints."""
        there = [split for split, name in JSON.items() if (root / "annot" / name).exists()]
        if there:
            splits = (selection.split,) if selection.split else tuple(split for split in there if split != "test")
            people = [person for split in splits for person in _from_json(root, split)]
        else:
            people = _from_mat(root, selection.split)
        if not people:
            raise InputError(f"{root} annotates nobody in split {selection.split or 'train and val'}. {REMEDY}")
        return _table(root / "images", people)

    def check(self, root: Path) -> list[CheckResult]:
        """Check every annotation file that is there, and the images it names."""
        there = [split for split, name in JSON.items() if (root / "annot" / name).exists()]
        results = [_check(root, split, lambda split=split: _from_json(root, split)) for split in there]
        if (path := _mat(root)) is not None:
            results.append(_check(root, path.name, lambda: _from_mat(root, "train")))
        if "val" in there and not (heads := root / "annot" / "gt_valid.mat").exists():
            results.append(CheckResult(False, f"{heads} is missing: without head sizes there is no PCKh. {REMEDY}"))
        return results or [CheckResult(False, f"{root} holds neither {MAT} nor annot/train.json. {REMEDY}")]


def _mat(root: Path) -> Path | None:
    """The MATLAB file, where it is."""
    places = (root, root / "mpii_human_pose_v1_u12_2", root / "annot")
    return next((place / MAT for place in places if (place / MAT).exists()), None)


def _from_json(root: Path, split: str) -> list[_Person]:
    """The people of one JSON file, in its order."""
    path = root / "annot" / JSON[split]
    if not path.exists():
        raise InputError(f"There is no file {path}. {REMEDY}")
    entries = read_json(path)
    with reading(path, "a list of people, each with image, joints, joints_vis, center and scale"):
        heads = _heads(root / "annot" / "gt_valid.mat", len(entries)) if split == "val" else np.zeros(len(entries))
        return [_entry(entry, split != "test", float(head)) for entry, head in zip(entries, heads, strict=True)]


def _entry(entry: dict[str, Any], marked: bool, head_px: float) -> _Person:
    """One person of the JSON; joints_vis 0 is a joint without annotation."""
    joints = len(MPII16.joints)
    xy, conf = np.zeros((joints, 2)), np.zeros(joints)
    if marked:
        xy = np.array(entry["joints"], np.float64).reshape(joints, 2) - 1
        conf = (np.array(entry["joints_vis"], np.float64).reshape(joints) > 0).astype(np.float64)
    return _Person(
        checked_member(entry["image"], "An annotation file of MPII"),
        xy,
        conf,
        _square(entry["center"], entry["scale"]),
        head_px,
    )


def _heads(path: Path, people: int) -> np.ndarray:
    """The head size that normalises PCKh, of everybody in valid.json; 0 where the file is not there."""
    if not path.exists():
        return np.zeros(people)
    content = read_mat(path, EXPECTED_HEADS, ("headboxes_src",))["headboxes_src"]
    with reading(path, EXPECTED_HEADS):
        boxes = np.asarray(content, np.float64)
    if boxes.size != 4 * people:
        raise DamagedFileError(
            f"{path}: headboxes_src has shape {boxes.shape}, but valid.json has {people} people. {REMEDY}"
        )
    corners = boxes.reshape(2, 2, people)
    return HEAD_SIZE_FACTOR * np.linalg.norm(corners[1] - corners[0], axis=0)


def _from_mat(root: Path, split: str | None) -> list[_Person]:
    """The people of the release's file, in its order; people of the training images without annotation are left out."""
    path = _mat(root)
    if path is None or split == "val":
        raise InputError(
            f"{root} has no {f'annot/{JSON[split]}' if split else MAT}"
            f"{', and the MATLAB file does not say which people are for validation' if path else ''}. {REMEDY}"
        )
    release: Any = read_mat(path, EXPECTED_MAT, ("RELEASE",))["RELEASE"]
    people = []
    with reading(path, EXPECTED_MAT):
        for image, train in zip(_many(release.annolist), _many(release.img_train), strict=True):
            if bool(train) == (split != "test"):
                name = checked_member(str(image.image.name), path)
                found = (_rectangle(name, person) for person in _many(image.annorect))
                people += [person for person in found if person is not None and (not train or person.conf.any())]
    return people


def _rectangle(image: str, person: Any) -> _Person | None:
    """One annorect; None for one that has neither keypoints nor a position. Any of its fields may lack."""
    joints = len(MPII16.joints)
    xy, conf = np.zeros((joints, 2)), np.zeros(joints)
    for point in (point for marked in _field(person, "annopoints") for point in _field(marked, "point")):
        joint, seen = int(point.id), _field(point, "is_visible")
        xy[joint] = float(point.x) - 1, float(point.y) - 1
        conf[joint] = 0.5 if len(seen) and int(seen[0]) == 0 else 1.0
    place, scale = _field(person, "objpos"), _field(person, "scale")
    if len(place) and len(scale):
        box = _square((float(place[0].x), float(place[0].y)), float(scale[0]))
    elif conf.any():
        low, high = xy[conf > 0].min(0), xy[conf > 0].max(0)
        box = (*low.tolist(), *(high - low).tolist())
    else:
        return None
    corners = [float(value[0]) for name in ("x1", "y1", "x2", "y2") if len(value := _field(person, name))]
    head = HEAD_SIZE_FACTOR * np.hypot(corners[2] - corners[0], corners[3] - corners[1]) if len(corners) == 4 else 0.0
    return _Person(image, xy, conf, box, float(head))


def _field(struct: Any, name: str) -> list[Any]:
    """Values of a MATLAB struct under a name, as a list: nothing, one thing or many."""
    return _many(getattr(struct, name, None))


def _many(value: Any) -> list[Any]:
    """One thing or many out of a MATLAB file; MATLAB's empty arrays and empty text are nothing."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    return list(np.atleast_1d(value)) if isinstance(value, np.ndarray) else [value]


def _square(center: Sequence[float], scale: float) -> tuple[float, float, float, float]:
    """The dataset's square around a person, as left, top, width, height with pixels counted from 0."""
    side = PX_PER_SCALE * float(scale)
    return float(center[0]) - 1 - side / 2, float(center[1]) - 1 - side / 2, side, side


def _table(images: Path, people: list[_Person]) -> People2D:
    """The people as one table, images in the order of their first person."""
    number = {name: k for k, name in enumerate(dict.fromkeys(person.image for person in people))}
    return People2D(
        tuple(images / name for name in number),
        torch.tensor([number[person.image] for person in people]),
        torch.from_numpy(np.stack([person.xy for person in people])).float(),
        torch.from_numpy(np.stack([person.conf for person in people])).float(),
        torch.tensor([person.box for person in people]),
        torch.tensor([person.head_px for person in people]),
        MPII16,
    )


def _check(root: Path, what: str, read: Callable[[], list[_Person]]) -> CheckResult:
    """Whether an annotation file can be read, and how many of its images are there."""
    try:
        people = read()
        names = {person.image for person in people}
        missing = count_missing(root / "images", names)
    except EpiposeError as error:
        return CheckResult(False, str(error))
    words = f"{root}, {what}: {len(people)} people in {len(names)} images, of which {missing} are not in images"
    return CheckResult(bool(people) and not missing, words)
