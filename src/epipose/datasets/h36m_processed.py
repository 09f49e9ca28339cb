"""Human3.6M, preprocessed: folders of frames with annotations in JSON, or in HDF5 (see h36m_fetch.py).

The JSON layout is that of 3DMPPE (PoseNet), I2L-MeshNet, Pose2Mesh, HybrIK and others. Its folders of images are
called ``s_01_act_02_subact_01_ca_01``, its images ``.._000001.jpg``: subject 1, act 2 to 16 for the 15 actions in the
release's order, subact 1 or 2 for the trial, ca 1 to 4 for the cameras, frame 1 on. For each subject there are

- ``Human36M_subject1_camera.json``: {"1" to "4": {"R", "t" (mm), "f", "c"}}, "f" and "c" in x and y;
- ``Human36M_subject1_joint_3d.json``: {act: {subact: {frame, from 0: 17 x (x, y, z) mm, world}}}, in the usual order;
- ``Human36M_subject1_data.json``: COCO-like lists of images and boxes, which nothing here needs.

The image of frame n is so number n + 1. ``t`` is that of x_cam = R X + t (the author in issues 58 and 100 of
3DMPPE_POSENET_RELEASE); older files, and scripts that make them, have the camera's centre T instead, of
x_cam = R (X - T). The world's origin lies in the middle of the room, which every camera looks at: that tells them
apart. Distortion is left out of these files, but not of the images: it is put back (`h36m_cameras.distortion_of`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64

from epipose.camera import Rig
from epipose.datasets import h36m_fetch
from epipose.datasets.base import CheckResult, DatasetInfo, GroundTruth, Selection, Take
from epipose.datasets.h36m_cameras import distortion_of, rig_from, size_of, sizes_of
from epipose.datasets.h36m_common import (
    ACTIONS,
    CAMERAS,
    DAMAGED_VIDEO,
    FPS,
    LICENCE,
    SOURCE,
    SUBJECTS,
    TakeName,
    images_of,
    poses_from_mm,
    select_takes,
    take_of,
)
from epipose.datasets.image_index import frames_shown, view_faults
from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.io.files import read_json
from epipose.io.guard import reading
from epipose.io.images import holds_images

_FOLDER = re.compile(r"s_(\d\d)_act_(\d\d)_subact_(\d\d)_ca_(\d\d)")
_CAMERAS = 'cameras of Human3.6M, {"1" to "4": {"R": 3x3, "t": 3 (mm), "f": 2, "c": 2}}'
_POSES = 'poses of Human3.6M, {act "2" to "16": {trial "1" or "2": {frame: 17 x 3 (mm)}}}'
_MOST_FRAMES = 1_000_000  # of a take in a file
_REMEDY = "It is in the parsed data (annotations) that the README of 3DMPPE_POSENET_RELEASE links"


class Human36MProcessed:
    """Reads annotations/*.json with images/s_01_act_02_subact_01_ca_01, or S1/Directions-1/annot.h5 of h36m-fetch."""

    info = DatasetInfo(
        title="Human3.6M, preprocessed: frames with JSON or HDF5 annotations",
        licence=LICENCE,
        source=SOURCE,
        download=(
            "Either images and annotations as 3DMPPE_POSENET_RELEASE on GitHub describes, or what h36m-fetch on GitHub "
            "makes of the official files, and its metadata.xml."
        ),
        tree=(
            "annotations/Human36M_subject1_camera.json\n"
            "annotations/Human36M_subject1_joint_3d.json\n"
            "images/s_01_act_02_subact_01_ca_01/s_01_act_02_subact_01_ca_01_000001.jpg\n"
            "or\n"
            "metadata.xml\n"
            "S1/Directions-1/annot.h5\n"
            "S1/Directions-1/imageSequence/54138969/img_000001.jpg"
        ),
    )

    def recognises(self, root: Path) -> bool:
        """Whether a subject's cameras in JSON, or an annot.h5, are there."""
        return bool(_subjects(root)) or h36m_fetch.recognises(root)

    def takes(self, root: Path, selection: Selection) -> list[Take]:
        """The takes; a damaged file of poses raises when a ground truth is read, or at once without images."""
        if not _subjects(root):
            if h36m_fetch.recognises(root):
                return h36m_fetch.takes(root, selection)
            raise InputError(
                f"{root} has neither {_annotation('S1', 'camera')} nor S1/Directions-1/annot.h5. {_REMEDY}; "
                "h36m-fetch makes the second."
            )
        folders = _image_folders(root)
        names = set(folders)
        for subject in _subjects(root):
            if not any(name.subject == subject for name in names):  # poses alone
                names |= set(_poses(root, subject))
        chosen = select_takes(list(names), selection)
        rigs = {subject: _rig(root, subject) for subject in {name.subject for name in chosen}}
        takes = []
        for name in chosen:
            rig = rigs[name.subject].select(selection.views) if selection.views else rigs[name.subject]
            images = images_of(name, folders[name], rig.names)
            takes.append(
                take_of(name, rig, images, partial(_shown, root, name, images), partial(_ground_truth, root, name))
            )
        return takes

    def check(self, root: Path) -> list[CheckResult]:
        """Open all annotations, and compare them with the numbers of the images."""
        if not _subjects(root):
            if h36m_fetch.recognises(root):
                return h36m_fetch.check(root)
            return [
                CheckResult(
                    False, f"There is neither {root / _annotation('S1', 'camera')} nor S1/Directions-1/annot.h5."
                )
            ]
        folders = _image_folders(root)
        results = []
        for subject in SUBJECTS:
            if subject not in _subjects(root):
                results.append(
                    CheckResult(False, f"There is no file {root / _annotation(subject, 'camera')}. {_REMEDY}.")
                )
                continue
            wrong = _faults(root, subject, folders)
            good = CheckResult(True, f"{subject}: cameras, poses and images fit together.")
            results += [CheckResult(False, words) for words in wrong] or [good]
        return results


def _annotation(subject: str, kind: str) -> str:
    return f"annotations/Human36M_subject{subject[1:]}_{kind}.json"


def _subjects(root: Path) -> list[str]:
    return [subject for subject in SUBJECTS if (root / _annotation(subject, "camera")).is_file()]


def _image_folders(root: Path) -> dict[TakeName, dict[str, Path]]:
    """Of each take, by camera, its folder of images; lists ``images`` and opens nothing."""
    folders: dict[TakeName, dict[str, Path]] = defaultdict(dict)
    images = root / "images"
    for path in sorted(images.iterdir()) if images.is_dir() else ():
        match = _FOLDER.fullmatch(path.name)
        if match is None or not path.is_dir() or not holds_images(path):
            continue
        subject, act, trial, camera = (int(number) for number in match.groups())
        if f"S{subject}" in SUBJECTS and act in ACTIONS and trial in (1, 2) and 1 <= camera <= 4:
            folders[TakeName(f"S{subject}", ACTIONS[act], trial)][CAMERAS[camera - 1]] = path
    return folders


def _rig(root: Path, subject: str) -> Rig:
    path = root / _annotation(subject, "camera")
    with reading(path, _CAMERAS, f"{_REMEDY}."):
        cameras = {CAMERAS[int(number) - 1]: camera for number, camera in sorted(read_json(path).items())}
        R, t, f, c = (
            np.array([camera[key] for camera in cameras.values()], dtype=np.float64).reshape(-1, *shape)
            for key, shape in (("R", (3, 3)), ("t", (3,)), ("f", (2,)), ("c", (2,)))
        )
        K = np.array([[[fx, 0, cx], [0, fy, cy], [0, 0, 1]] for (fx, fy), (cx, cy) in zip(f, c, strict=True)])
        distortion = np.stack([distortion_of(name, focal) for name, focal in zip(cameras, f, strict=True)])
        sizes = [size_of(subject, name) for name in cameras]
        return rig_from(tuple(cameras), sizes, K, distortion, R, _translation(R, t) / 1000)


def _translation(R: Float[np.ndarray, "camera 3 3"], t: Float[np.ndarray, "camera 3"]) -> Float[np.ndarray, "camera 3"]:
    """Of x_cam = R X + t, whether the file has that t or the centre T: the world's origin is before every camera."""
    from_centre = -np.einsum("vij,vj->vi", R, t)
    aside, aside_from_centre = (np.hypot(o[:, 0], o[:, 1]) - o[:, 2] for o in (t, from_centre))
    return t if aside.max() < aside_from_centre.max() else from_centre


def _poses(root: Path, subject: str) -> dict[TakeName, tuple[Int64[np.ndarray, " frame"], np.ndarray]]:
    path = root / _annotation(subject, "joint_3d")
    if not path.exists():
        raise InputError(f"There is no file {path}. {_REMEDY}.")
    return _poses_in(path, subject, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _poses_in(path: Path, subject: str, stamp: int) -> dict[TakeName, tuple[Int64[np.ndarray, " frame"], np.ndarray]]:
    """Frames (from 0) and poses (frame, 17, 3) in mm of every take of a subject; kept while the file stays as it is."""
    poses = {}
    with reading(path, _POSES, f"{_REMEDY}."):
        for act, trials in read_json(path).items():
            for trial, frames in trials.items():
                numbers = np.array([int(number) for number in frames], dtype=np.int64)
                xyz = np.array(list(frames.values()), dtype=np.float32).reshape(len(numbers), 17, 3)
                if not len(numbers) or numbers.min() < 0 or numbers.max() > _MOST_FRAMES:
                    raise ValueError(f"frames from 0 to {_MOST_FRAMES} were expected of {act}, {trial}")
                ascending = np.argsort(numbers)
                poses[TakeName(subject, ACTIONS[int(act)], int(trial))] = numbers[ascending], xyz[ascending]
    return poses


def _poses_of(root: Path, name: TakeName) -> tuple[Int64[np.ndarray, " frame"], np.ndarray]:
    """Frames (from 0) and poses (frame, 17, 3) in mm of one take; raises DamagedFileError where there are none."""
    poses = _poses(root, name.subject)
    if name not in poses:
        raise DamagedFileError(f"{root / _annotation(name.subject, 'joint_3d')} has no poses of {name}. {_REMEDY}.")
    return poses[name]


def _shown(root: Path, name: TakeName, images: tuple[Path | None, ...]) -> Int64[np.ndarray, " frame"]:
    """The frames, from 0, that the images show, or, where there are none, that have a pose."""
    shown = frames_shown(images, FPS)
    return _poses_of(root, name)[0] if shown is None else shown


def _ground_truth(root: Path, name: TakeName, shown: Int64[np.ndarray, " frame"]) -> GroundTruth:
    numbers, xyz = _poses_of(root, name)
    row = np.searchsorted(numbers, shown).clip(max=len(numbers) - 1)
    return GroundTruth(poses_from_mm(xyz[row], numbers[row] == shown))


def _faults(root: Path, subject: str, folders: dict[TakeName, dict[str, Path]]) -> list[str]:
    """A sentence for whatever is missing or damaged in a subject's takes."""
    try:
        rigs = {subject: _rig(root, subject)}
        poses = _poses(root, subject)
    except EpiposeError as error:
        return [str(error)]
    if not any(name.subject == subject for name in folders):
        return [f"{subject}: no images in {root / 'images'}."]
    words = [f"{subject}: no poses of {name}." for name in folders if name.subject == subject and name not in poses]
    for name, (numbers, _) in poses.items():
        images = images_of(name, folders.get(name, {}), CAMERAS)
        there = [path for path in images if path is not None]
        if len(there) < 4 - (name == DAMAGED_VIDEO[0]):
            words.append(f"{name}: images from {len(there)} of 4 cameras in {root / 'images'}.")
        words += view_faults(images, sizes_of(rigs, subject), FPS, int(numbers[-1]) + 1)
    return words
