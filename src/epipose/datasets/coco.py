"""COCO keypoints 2017: 150 000 people with up to 17 keypoints each, in images of everyday life.

The format is published on the dataset's page (format-data). A keypoint is (x, y, v) with v 0 not labelled, 1 labelled
but hidden, 2 seen; "0-indexed" locations, whole numbers, so pixel centres are at integers already. Boxes and outlines,
however, are continuous, from 0 to the image's width (the authors of detectron2 measured both), so a box begins half a
pixel further left here, where pixel i covers i - 1/2 to i + 1/2. Crowds and people without any joint are left out.

The training file is some hundreds of megabytes of JSON and is parsed at once, which takes several times that much
memory while it lasts. The test set's annotations are withheld.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from epipose.datasets.base import CheckResult, DatasetInfo, People2D, Selection
from epipose.datasets.image_index import count_missing
from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.formats.containers import reading
from epipose.io.files import read_json
from epipose.skeletons import COCO17

FILES = {"train": "person_keypoints_train2017.json", "val": "person_keypoints_val2017.json"}
FOLDERS = {"train": "train2017", "val": "val2017"}
CONFIDENCE_OF_FLAG = np.array([0.0, 0.5, 1.0])  # of v = 0, 1, 2
EXPECTED = "COCO's person keypoints (images, annotations, categories)"
REMEDY = "Download it from the dataset's page; epipose datasets prints how the files should lie."


class _Part(NamedTuple):
    """The content of one annotation file: images, and for everybody the image's number, 17 x (x, y, v), and the box."""

    images: list[Path]
    image: np.ndarray
    joints: np.ndarray
    box: np.ndarray


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
            "ROOT/val2017/000000000139.jpg ..."
        ),
    )

    def recognises(self, root: Path) -> bool:
        """Whether one of the two annotation files is there."""
        return any((root / "annotations" / name).exists() for name in FILES.values())

    def people(self, root: Path, selection: Selection) -> People2D:
        """Everybody of one split, or of those that are there, in the order of the files."""
        if selection.split == "test":
            raise InputError("The keypoints of COCO's test images are withheld; use split train or val.")
        there = tuple(split for split, name in FILES.items() if (root / "annotations" / name).exists())
        splits = (selection.split,) if selection.split else there or ("train",)
        parts = [_read(root, split) for split in splits]
        before = np.cumsum([0, *(len(part.images) for part in parts)])
        joints = np.concatenate([part.joints for part in parts])
        return People2D(
            tuple(path for part in parts for path in part.images),
            torch.from_numpy(np.concatenate([part.image + n for part, n in zip(parts, before, strict=False)])),
            torch.from_numpy(joints[..., :2]).float(),
            torch.from_numpy(CONFIDENCE_OF_FLAG[joints[..., 2].astype(int)]).float(),
            torch.from_numpy(np.concatenate([part.box for part in parts])).float(),
            torch.zeros(len(joints)),
            COCO17,
        )

    def check(self, root: Path) -> list[CheckResult]:
        """Check both annotation files, and the images they name."""
        return [_check(root, split) for split in FILES]


def _read(root: Path, split: str) -> _Part:
    """One annotation file; raises DamagedFileError that names it where it is not what it should be."""
    path = root / "annotations" / FILES[split]
    if not path.exists():
        raise InputError(f"There is no file {path}. {REMEDY}")
    content = read_json(path)
    with reading(path, EXPECTED):
        _check_joint_names(path, content)
        names = {image["id"]: image["file_name"] for image in content["images"]}
        people = [person for person in content["annotations"] if not person["iscrowd"] and person["num_keypoints"] > 0]
        if not people:
            raise DamagedFileError(f"{path} annotates no keypoint. {REMEDY}")
        number = {image: k for k, image in enumerate(dict.fromkeys(person["image_id"] for person in people))}
        folder = _images(root, split)
        joints = np.array([person["keypoints"] for person in people], np.float64).reshape(-1, len(COCO17.joints), 3)
        if not np.isin(joints[..., 2], (0, 1, 2)).all():
            raise DamagedFileError(f"{path}: the third number of a joint should be 0, 1 or 2. {REMEDY}")
        return _Part(
            [folder / names[image] for image in number],
            np.array([number[person["image_id"]] for person in people], np.int64),
            joints,
            np.array([person["bbox"] for person in people], np.float64).reshape(-1, 4) - [0.5, 0.5, 0, 0],
        )


def _check_joint_names(path: Path, content: dict[str, Any]) -> None:
    """Raise DamagedFileError unless the file names its keypoints in the order of COCO17."""
    found = next((kind["keypoints"] for kind in content["categories"] if kind["name"] == "person"), [])
    if tuple(found) != COCO17.joints:
        raise DamagedFileError(
            f"{path} names the joints {', '.join(found)}; expected {', '.join(COCO17.joints)}. {REMEDY}"
        )


def _images(root: Path, split: str) -> Path:
    """The folder of a split's images: in the root, or in images."""
    inner = root / "images" / FOLDERS[split]
    return inner if inner.is_dir() else root / FOLDERS[split]


def _check(root: Path, split: str) -> CheckResult:
    """Whether a split can be read, and how many of its images are there."""
    try:
        part = _read(root, split)
        folder = _images(root, split)
        missing = count_missing(folder, {path.name for path in part.images})
    except EpiposeError as error:
        return CheckResult(False, str(error))
    words = f"{root}, {split}: {len(part.joints)} people in {len(part.images)} images, {missing} not in {folder.name}"
    return CheckResult(not missing, words)
