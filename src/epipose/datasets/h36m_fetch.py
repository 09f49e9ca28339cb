"""Human3.6M prepared by h36m-fetch (github.com/anibali/h36m-fetch, process_all.py): selected frames, annot.h5.

``S1/Directions-1`` is a take: the release's action and its trial. In ``annot.h5`` the rows of the four cameras stand
one after the other: ``camera`` (54138969, ...) and ``frame`` (from 1) say of which, ``pose/2d`` is D2_Positions (row,
32, 2) in pixels, ``pose/3d`` D3_Positions_mono (row, 32, 3): millimetres in the frame of that camera. (``pose/3d-univ``
has the common skeleton's bones, see h36m.py; ``intrinsics`` is a fit of intrinsics without distortion; neither is
used.) The image of a row is ``imageSequence/<camera>/img_<frame, six digits>.jpg``. Only selected frames are there:
every 64th of S9 and S11, and of the others those where some joint has moved by 40 mm since the last one (the rate is of
the usual step).

The file has no extrinsics. They come from metadata.xml, which lies in h36m-fetch's own folder: put it into the
folder of the subjects, or above it. With it poses go from camera to world: X = R^T (x - t).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Shaped

from epipose.camera import Rig
from epipose.datasets.base import CheckResult, GroundTruth, Selection, Take
from epipose.datasets.h36m_cameras import needed_rigs, rig_of, sizes_of
from epipose.datasets.h36m_common import (
    CAMERAS,
    FPS,
    JOINTS,
    SUBJECTS,
    TakeName,
    action_named,
    images_of,
    poses_from_mm,
    poses_in_images,
    select_takes,
    take_of,
)
from epipose.datasets.image_index import frames_shown, view_faults
from epipose.errors import DamagedFileError, EpiposeError
from epipose.formats.containers import open_hdf5
from epipose.io.images import holds_images

_EXPECTED = "annot.h5 of h36m-fetch (camera, frame, pose/2d, pose/3d)"
_REMEDY = "Make it again with h36m-fetch's process_all.py"
_Rows = dict[str, np.ndarray]


def recognises(root: Path) -> bool:
    """Whether a take of h36m-fetch is there."""
    return any((root / subject).is_dir() and any(_take_folders(root, subject)) for subject in SUBJECTS)


def takes(root: Path, selection: Selection) -> list[Take]:
    """The takes; a damaged annot.h5 raises when its ground truth is read (without images the take has 0 frames)."""
    folders = {name: folder for subject in SUBJECTS for name, folder in _take_folders(root, subject)}
    chosen = select_takes(list(folders), selection)
    rigs = needed_rigs(root)
    found = []
    for name in chosen:
        rig = rig_of(rigs, name.subject, selection.views, root)
        path = folders[name] / "annot.h5"
        images = images_of(name, _images(folders[name]), rig.names)
        ground_truth = partial(_ground_truth, path, rigs[name.subject], rig.names)
        found.append(take_of(name, rig, images, partial(_shown, path, images), ground_truth))
    return found


def check(root: Path) -> list[CheckResult]:
    """Open every annot.h5, and look for the image of every row."""
    results, rigs = [], {}
    try:
        rigs = needed_rigs(root)
        results.append(CheckResult(True, f"Cameras of {len(rigs)} subjects."))
    except EpiposeError as error:
        results.append(CheckResult(False, str(error)))
    for subject in SUBJECTS:
        folders = dict(_take_folders(root, subject))
        sizes = sizes_of(rigs, subject)
        wrong = [words for name, folder in folders.items() for words in _faults(name, folder, sizes)]
        if len(folders) < 30:
            wrong.append(f"{subject}: {30 - len(folders)} of 30 takes have no annot.h5 in {root / subject}.")
        good = CheckResult(True, f"{subject}: {len(folders)} takes, an image for every row.")
        results += [CheckResult(False, words) for words in wrong] or [good]
    return results


def _take_folders(root: Path, subject: str) -> Iterator[tuple[TakeName, Path]]:
    for path in sorted((root / subject).glob("*/annot.h5")):
        match = re.fullmatch(r"(\w+)-([12])", path.parent.name)
        action = action_named(match[1]) if match else None
        if match is not None and action is not None:
            yield TakeName(subject, action, int(match[2])), path.parent


def _images(folder: Path) -> dict[str, Path]:
    folders = {camera: folder / "imageSequence" / camera for camera in CAMERAS}
    return {camera: path for camera, path in folders.items() if path.is_dir() and holds_images(path)}


def _read(path: Path) -> _Rows:
    """The columns of annot.h5; raises DamagedFileError where one is missing or of the wrong shape."""
    with open_hdf5(path, _EXPECTED) as file:
        missing = [key for key in ("camera", "frame", "pose/2d", "pose/3d") if key not in file]
        if missing:
            raise DamagedFileError(f"{path} lacks {', '.join(missing)}; expected {_EXPECTED}. {_REMEDY}.")
        rows = {key: np.asarray(file[key]) for key in ("camera", "frame", "pose/2d", "pose/3d")}
    count = len(rows["frame"])
    expected = {"camera": (count,), "frame": (count,), "pose/2d": (count, 32, 2), "pose/3d": (count, 32, 3)}
    wrong = [f"{key} is {rows[key].shape}, not {shape}" for key, shape in expected.items() if rows[key].shape != shape]
    if wrong or not count:
        raise DamagedFileError(f"{path}: {'; '.join(wrong) or 'there are no rows'}. {_REMEDY}.")
    return rows


def _shown(path: Path, images: tuple[Path | None, ...]) -> Int64[np.ndarray, " frame"]:
    """The frames, from 0, that the images show, or, where there are none, that any camera has a row of."""
    shown = frames_shown(images, FPS)
    return np.unique(_read(path)["frame"]).astype(np.int64) - 1 if shown is None else shown


def _ground_truth(path: Path, rig: Rig, views: tuple[str, ...], shown: Int64[np.ndarray, " frame"]) -> GroundTruth:
    """Poses from the first camera of the rig that has a row of the frame, whether it is one of ``views`` or not."""
    rows = _read(path)
    R, t = rig.camera.R.numpy(), rig.camera.t.numpy() * 1000
    world = np.full((len(shown), 17, 3), np.nan)
    xy = {name: np.full((len(shown), 17, 2), np.nan) for name in rig.names}
    for view, name in enumerate(rig.names):
        frame, row = _rows_of(rows, name, shown)
        xy[name][frame] = rows["pose/2d"][row][:, JOINTS]
        in_camera = rows["pose/3d"][row][:, JOINTS]
        unknown = np.isnan(world[frame]).all((1, 2))
        world[frame[unknown]] = ((in_camera - t[view]) @ R[view])[unknown]  # a row times R is R^T times it
    return GroundTruth(poses_from_mm(world), poses_in_images([xy[name] for name in views], views))


def _rows_of(
    rows: _Rows, camera: str, shown: Int64[np.ndarray, " frame"]
) -> tuple[Shaped[np.ndarray, " known"], Shaped[np.ndarray, " known"]]:
    """Frames shown that a camera has rows of, and these rows."""
    own = np.flatnonzero(rows["camera"] == int(camera))
    _, frame, row = np.intersect1d(shown, rows["frame"][own].astype(np.int64) - 1, return_indices=True)
    return frame, own[row]


def _faults(name: TakeName, folder: Path, sizes: list[tuple[int, int]]) -> list[str]:
    """A sentence for whatever is missing or damaged in a take."""
    path = folder / "annot.h5"
    try:
        rows = _read(path)
    except EpiposeError as error:
        return [str(error)]
    images = _images(folder)
    if not images:
        return [f"{folder / 'imageSequence'} has no images."]
    words = view_faults(images_of(name, images, CAMERAS), sizes, FPS)
    for camera in CAMERAS:
        frames = np.unique(rows["frame"][rows["camera"] == int(camera)]) - 1
        if not len(frames):
            continue
        try:
            shown = frames_shown([images.get(camera)], FPS)
        except EpiposeError:  # `view_faults` reports it
            continue
        lacking = np.setdiff1d(frames, np.zeros(0) if shown is None else shown)
        surplus = np.zeros(0) if shown is None else np.setdiff1d(shown, frames)
        if len(lacking):
            first = folder / "imageSequence" / camera / f"img_{int(lacking[0]) + 1:06d}.jpg"
            words.append(f"{first} is missing, and {len(lacking) - 1} more images of rows in {path}.")
        if len(surplus):
            words.append(f"{folder / 'imageSequence' / camera} has {len(surplus)} images of which {path} has no row.")
    return words
