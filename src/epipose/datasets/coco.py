"""COCO keypoints 2017: 150 000 people with up to 17 keypoints each, in images of everyday life.

The format is published on the dataset's page (format-data). A keypoint is (x, y, v) with v 0 not labelled, 1 labelled
but hidden, 2 seen; "0-indexed" locations, whole numbers, so pixel centres are at integers already. Boxes and outlines,
however, are continuous, from 0 to the image's width (the authors of detectron2 measured both), so a box begins half a
pixel further left here, where pixel i covers i - 1/2 to i + 1/2. Crowds and people without any joint are left out.

The training file is some hundreds of megabytes of JSON and is parsed at once, which takes several times that much
memory while it lasts. The test set's annotations are withheld.

Own images that were annotated in this format, with CVAT or another tool, are read too: every
``annotations/*keypoints*.json``, with the images where such tools put them. ``iscrowd``, ``num_keypoints`` and ``bbox``
may be absent, and the joints may have another order or spelling. A name with "val" or "test" in it is of that split, any
other of the training split.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from epipose.datasets.base import CheckResult, DatasetInfo, People2D, Selection
from epipose.datasets.image_index import count_missing
from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.formats.joint_names import skeleton_of_names
from epipose.io.files import read_json
from epipose.io.guard import checked_member, reading
from epipose.skeleton import Skeleton
from epipose.skeletons import COCO17

FILES = {"train": "person_keypoints_train2017.json", "val": "person_keypoints_val2017.json"}
FOLDERS = {"train": "train2017", "val": "val2017"}
CONFIDENCE_OF_FLAG = np.array([0.0, 0.5, 1.0])  # of v = 0, 1, 2
EXPECTED = "COCO's person keypoints (images, annotations, categories)"
REMEDY = "Download it from the dataset's page; epipose datasets prints how the files should lie."


class _Part(NamedTuple):
    """The content of one annotation file: images, and for everybody the image's number, (x, y, v) by joint, the box."""

    images: list[Path]
    image: np.ndarray
    joints: np.ndarray
    box: np.ndarray
    skeleton: Skeleton


class CocoKeypoints:
    """The training and validation images of 2017, with everybody who has a keypoint marked."""

    info = DatasetInfo(
        title="COCO 2017, person keypoints",
        licence="annotations CC BY 4.0; images under Flickr's terms of use, each with its own licence (field license)",
        source="https://cocodataset.org",
        download="train2017.zip (18 GB), val2017.zip (1 GB), annotations_trainval2017.zip",
        tree=(
            "ROOT/annotations/person_keypoints_train2017.json, person_keypoints_val2017.json\n"
            "ROOT/train2017/000000000009.jpg ...   (or in ROOT/images)\n"
            "ROOT/val2017/000000000139.jpg ...\n"
            "or own images, as CVAT exports them:\n"
            "ROOT/annotations/person_keypoints_default.json\n"
            "ROOT/images/default/frame_000000.jpg ...   (or ROOT/default, ROOT/images, ROOT)"
        ),
    )

    def recognises(self, root: Path) -> bool:
        """Whether there is an annotation file, by its name."""
        return bool(_files(root))

    def people(self, root: Path, selection: Selection) -> People2D:
        """Everybody of one split, or of those that are there, in the order of the files."""
        files = _files(root)
        if selection.split == "test" and not any(_split(path) == "test" for path in files):
            raise InputError("The keypoints of COCO's test images are withheld; use split train or val.")
        chosen = [path for path in files if selection.split in (None, _split(path))]
        if not chosen:
            expected = root / "annotations" / FILES[selection.split or "train"]
            raise InputError(f"There is no file {expected}, nor another of that split. {REMEDY}")
        parts = [_read(root, path) for path in chosen]
        other = next((k for k, part in enumerate(parts) if part.skeleton != parts[0].skeleton), None)
        if other is not None:
            raise InputError(
                f"{chosen[other]} names other joints than {chosen[0]}: {', '.join(parts[other].skeleton.joints)} and "
                f"{', '.join(parts[0].skeleton.joints)}. Read them one at a time."
            )
        before = np.cumsum([0, *(len(part.images) for part in parts)])
        joints = np.concatenate([part.joints for part in parts])
        return People2D(
            tuple(path for part in parts for path in part.images),
            torch.from_numpy(np.concatenate([part.image + n for part, n in zip(parts, before, strict=False)])),
            torch.from_numpy(joints[..., :2]).float(),
            torch.from_numpy(CONFIDENCE_OF_FLAG[joints[..., 2].astype(int)]).float(),
            torch.from_numpy(np.concatenate([part.box for part in parts])).float(),
            torch.zeros(len(joints)),
            parts[0].skeleton,
        )

    def check(self, root: Path) -> list[CheckResult]:
        """Check the annotation files that are there, COCO's own where there is none, and the images they name."""
        return [_check(root, path) for path in _files(root) or [root / "annotations" / name for name in FILES.values()]]


def _files(root: Path) -> list[Path]:
    """The annotation files of keypoints, COCO's own first."""
    official = [root / "annotations" / name for name in FILES.values()]
    found = sorted(path for folder in (root / "annotations", root) for path in folder.glob("*keypoints*.json"))
    return [path for path in official if path.exists()] + [path for path in found if path not in official]


def _split(path: Path) -> str:
    """The split of a file, by its name."""
    return next((split for split in ("val", "test") if split in path.stem.lower()), "train")


def _read(root: Path, path: Path) -> _Part:
    """One annotation file; raises DamagedFileError that names it where it is not what it should be."""
    content = read_json(path)
    with reading(path, EXPECTED):
        skeleton, columns = _joints(path, content)
        names = {image["id"]: checked_member(image["file_name"], path) for image in content["images"]}
        people = [person for person in content["annotations"] if not person.get("iscrowd") and _is_marked(person)]
        if not people:
            raise DamagedFileError(f"{path} annotates no keypoint. {REMEDY}")
        number = {image: k for k, image in enumerate(dict.fromkeys(person["image_id"] for person in people))}
        folder = _images(root, path, [names[image] for image in number])
        joints = np.array([person["keypoints"] for person in people], np.float64).reshape(len(people), -1, 3)
        if joints.shape[1] != len(columns):
            raise DamagedFileError(f"{path}: people have {joints.shape[1]} joints, the category names {len(columns)}.")
        joints = joints[:, columns]
        if not np.isin(joints[..., 2], (0, 1, 2)).all():
            raise DamagedFileError(f"{path}: the third number of a joint should be 0, 1 or 2. {REMEDY}")
        return _Part(
            [folder / names[image] for image in number],
            np.array([number[person["image_id"]] for person in people], np.int64),
            joints,
            _boxes(people, joints),
            skeleton,
        )


def _is_marked(person: dict[str, Any]) -> bool:
    """Whether any joint of a person is marked."""
    count = person.get("num_keypoints")
    return any(person.get("keypoints", ())[2::3]) if count is None else count > 0


def _joints(path: Path, content: dict[str, Any]) -> tuple[Skeleton, list[int]]:
    """The skeleton of the first category with keypoints, and its joints' columns; COCO's where the names are its own."""
    named = next((kind["keypoints"] for kind in content.get("categories", ()) if kind.get("keypoints")), COCO17.joints)
    try:
        found = skeleton_of_names(path.stem, named)
    except InputError as error:
        raise DamagedFileError(f"{path} names the joints {', '.join(named)}: {error}") from error
    if set(found.joints) == set(COCO17.joints):
        return COCO17, [found.joints.index(joint) for joint in COCO17.joints]
    if not {"left_hip", "right_hip", "left_shoulder", "right_shoulder"} <= set(found.joints):
        raise DamagedFileError(
            f"{path} names the joints {', '.join(named)}; hips and shoulders, left and right, are expected among them, as "
            f"in COCO: {', '.join(COCO17.joints)}."
        )
    return found, list(range(len(named)))


def _boxes(people: list[dict[str, Any]], joints: np.ndarray) -> np.ndarray:
    """Boxes (left, top, width, height) with continuous edges; round the marked joints where none is given."""
    boxes = []
    for person, own in zip(people, joints, strict=True):
        marked = own[own[:, 2] > 0, :2]
        first, last = marked.min(0), marked.max(0)
        boxes.append(person.get("bbox") or [*first, *(last - first)])
    return np.array(boxes, np.float64).reshape(-1, 4) - [0.5, 0.5, 0, 0]


def _images(root: Path, path: Path, names: list[str]) -> Path:
    """The folder of a file's images: the first of the usual ones that holds the first image."""
    official = {root / "annotations" / name: FOLDERS[split] for split, name in FILES.items()}
    subset = official.get(path) or path.stem.removeprefix("person_keypoints_").removesuffix("_keypoints")
    usual = [root / "images" / subset, root / subset, root / "images", root, path.parent]
    return next((folder for folder in usual if (folder / names[0]).is_file()), _expected(root, subset))


def _expected(root: Path, subset: str) -> Path:
    """The folder where images are missed when they are in none of the usual places."""
    inner = root / "images" / subset
    return inner if inner.is_dir() else root / subset


def _check(root: Path, path: Path) -> CheckResult:
    """Whether a file can be read, and how many of its images are there."""
    try:
        if not path.exists():
            raise InputError(f"There is no file {path}. {REMEDY}")
        part = _read(root, path)
        folders = defaultdict(set)
        for image in part.images:
            folders[image.parent].add(image.name)
        missing = sum(count_missing(folder, names) for folder, names in folders.items())
    except EpiposeError as error:
        return CheckResult(False, str(error))
    folder = part.images[0].parent
    words = f"{path.name}: {len(part.joints)} people in {len(part.images)} images, {missing} not in {folder.name}"
    return CheckResult(not missing, words)
