"""Human3.6M, the official release, extracted: poses in CDF files, videos (or their frames), metadata.xml.

Source: Ionescu, Papava, Olaru, Sminchisescu, "Human3.6M: Large Scale Datasets and Predictive Methods for 3D Human
Sensing in Natural Environments", TPAMI 2014, and the release's description of its files; how the files are read agrees
with VideoPose3D's data/prepare_data_h36m.py, h36m-fetch and PosePile.

A pose file's variable "Pose" has the shape (1, frames, 96): 32 joints x (x, y, z) in millimetres, in the world of the
cameras, z up. D2_Positions has one file for each camera, (1, frames, 64) in pixels. Poses and videos run at
50 frames a second and start together. Videos may be some frames longer or shorter than the poses: the index counts the
poses, which are quick to count, and `Human36M.check` compares.

Of the four kinds of poses that the release offers, D3_Positions is in the world and of the subject's own size. The
others are not needed: D3_Positions_mono is the same in each camera's frame, D3_Positions_mono_universal has every
subject's bones replaced by those of one common skeleton, and angles are another matter. Published results use the
subjects' own sizes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Shaped

from epipose.camera import Rig
from epipose.datasets.base import CheckResult, DatasetInfo, GroundTruth, Selection, Take
from epipose.datasets.h36m_cameras import WHERE_TO_GET, needed_rigs, rig_of, sizes_of
from epipose.datasets.h36m_common import (
    CAMERAS,
    DAMAGED_VIDEO,
    FPS,
    JOINTS,
    LICENCE,
    SOURCE,
    SUBJECTS,
    TakeName,
    images_of,
    poses_from_mm,
    poses_in_images,
    select_takes,
    take_of,
    take_of_file,
)
from epipose.datasets.image_index import frames_shown, view_faults
from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.formats.containers import cdf_sizes, read_cdf
from epipose.io.images import holds_images

# The archives unpack to the first names, h36m-fetch's extract_all.py to the second.
_POSES_3D = ("MyPoseFeatures/D3_Positions", "Poses_D3_Positions")
_POSES_2D = ("MyPoseFeatures/D2_Positions", "Poses_D2_Positions")
_EXPECTED_3D = 'a CDF file with the variable "Pose", (1, frames, 96): 3D poses of Human3.6M (D3_Positions)'
_EXPECTED_2D = 'a CDF file with the variable "Pose", (1, frames, 64): 2D poses of Human3.6M (D2_Positions)'


class Human36M:
    """Reads the extracted release. Frames instead of videos: ``S1/Images/Directions 1.54138969/img_000001.jpg`` and on.

    Where a take has folders of frames, they are read instead of its videos; they may hold a selection of the frames.
    """

    info = DatasetInfo(
        title="Human3.6M, the official files",
        licence=LICENCE,
        source=SOURCE,
        download=(
            "For each of the subjects S1, S5, S6, S7, S8, S9, S11: Poses > D3 Positions, Videos, and if wanted D2 "
            "Positions. From the release's code (Visualisation and large scale prediction software): metadata.xml."
        ),
        tree=(
            "metadata.xml\n"
            "S1/MyPoseFeatures/D3_Positions/Directions 1.cdf\n"
            "S1/MyPoseFeatures/D2_Positions/Directions 1.54138969.cdf   (if wanted)\n"
            "S1/Videos/Directions 1.54138969.mp4\n"
            "S1/Images/Directions 1.54138969/img_000001.jpg             (instead of the video)"
        ),
    )

    def recognises(self, root: Path) -> bool:
        """Whether a subject's folder of 3D poses is there."""
        return any(_folder(root, subject, _POSES_3D) for subject in SUBJECTS)

    def takes(self, root: Path, selection: Selection) -> list[Take]:
        """The takes; a damaged pose file gives 0 frames and raises when the ground truth is read.

        Raises InputError where files are missing.
        """
        files = {take: path for subject in SUBJECTS for take, path in _pose_files(root, subject)}
        if not files:
            raise InputError(
                f"{root} has no 3D poses of Human3.6M: expected files like "
                f"{root / 'S1' / _POSES_3D[0]}/Directions 1.cdf. "
                f"Download Poses > D3 Positions at {SOURCE} and extract it there."
            )
        chosen = select_takes(list(files), selection)
        rigs = needed_rigs(root)
        folders = {subject: _by_camera(root, subject) for subject in {take.subject for take in chosen}}
        takes = []
        for name in chosen:
            rig = rig_of(rigs, name.subject, selection.views, root)
            frame_folders, videos, poses2d = (found.get(name, {}) for found in folders[name.subject])
            images = images_of(name, frame_folders or videos, rig.names)
            ground_truth = partial(_ground_truth, files[name], {view: poses2d.get(view) for view in rig.names})
            takes.append(take_of(name, rig, images, partial(_shown, files[name], images), ground_truth))
        return takes

    def check(self, root: Path) -> list[CheckResult]:
        """Open every pose file and the header of every video, count images; only first frames are decoded."""
        cameras, rigs = _cameras(root)
        results = [cameras]
        for subject in SUBJECTS:
            files = dict(_pose_files(root, subject))
            if not files:
                results.append(CheckResult(False, f"{subject}: no files {root / subject / _POSES_3D[0]}/*.cdf."))
                continue
            wrong = [CheckResult(False, words) for words in _faults(root, subject, files, sizes_of(rigs, subject))]
            missing = 30 - len(files)
            if missing:
                wrong.append(
                    CheckResult(False, f"{subject}: {missing} of 30 pose files are missing in {root / subject}.")
                )
            good = CheckResult(True, f"{subject}: {len(files)} takes, poses and images as they should be.")
            results += wrong or [good]
        return results


def _folder(root: Path, subject: str, names: tuple[str, ...]) -> Path | None:
    return next((root / subject / name for name in names if (root / subject / name).is_dir()), None)


def _pose_files(root: Path, subject: str) -> Iterator[tuple[TakeName, Path]]:
    folder = _folder(root, subject, _POSES_3D)
    for path in sorted(folder.glob("*.cdf")) if folder else ():
        take = take_of_file(subject, path.stem)
        if take is not None:
            yield take, path


def _by_camera(root: Path, subject: str) -> tuple[Mapping[TakeName, dict[str, Path]], ...]:
    """Of each take, by camera: folders of frames, videos, files of 2D poses. Lists three folders, opens nothing."""
    places = (root / subject / "Images", root / subject / "Videos", _folder(root, subject, _POSES_2D))
    found: tuple[Mapping[TakeName, dict[str, Path]], ...] = tuple(defaultdict(dict) for _ in places)
    for takes, place, suffix in zip(found, places, ("", ".mp4", ".cdf"), strict=True):
        for path in sorted(place.iterdir()) if place is not None and place.is_dir() else ():
            stem, _, camera = path.name.removesuffix(suffix).rpartition(".")
            take = take_of_file(subject, stem)
            usable = path.name.endswith(suffix) and (suffix != "" or (path.is_dir() and holds_images(path)))
            if take is not None and camera in CAMERAS and usable:
                takes[take][camera] = path
    return found


def _shown(poses: Path, images: tuple[Path | None, ...]) -> Int64[np.ndarray, " frame"]:
    """The frames of the recording that have images and poses; raises DamagedFileError for a damaged pose file."""
    frames = cdf_sizes(poses, "Pose", _EXPECTED_3D)[-2]
    shown = frames_shown(images, FPS)
    return np.arange(frames) if shown is None else shown[shown < frames]


def _ground_truth(poses: Path, poses2d: dict[str, Path | None], shown: Int64[np.ndarray, " frame"]) -> GroundTruth:
    all_frames = _joints(poses, 3, _EXPECTED_3D)
    if len(shown) and shown[-1] >= len(all_frames):
        raise DamagedFileError(
            f"{poses} holds {len(all_frames)} frames, not the {shown[-1] + 1} that it announces. Extract it again."
        )
    xyz = all_frames[shown]
    if not any(poses2d.values()):
        return GroundTruth(poses_from_mm(xyz))
    xy = [np.full((*xyz.shape[:2], 2), np.nan) for _ in poses2d]
    for filled, path in zip(xy, poses2d.values(), strict=True):
        if path is not None:
            keypoints = _joints(path, 2, _EXPECTED_2D)
            there = shown < len(keypoints)
            filled[there] = keypoints[shown[there]]
    return GroundTruth(poses_from_mm(xyz), poses_in_images(xy, tuple(poses2d)))


def _joints(path: Path, axes: int, what: str) -> Shaped[np.ndarray, "frame 17 axes"]:
    """The 17 joints of a pose file, in its unit."""
    values = read_cdf(path, "Pose", what)
    if values.ndim < 2 or values.shape[-1] != 32 * axes or values.size == 0:
        raise DamagedFileError(f"{path} holds an array of shape {values.shape}; expected {what}. Extract it again.")
    return values.reshape(-1, 32, axes)[:, JOINTS]


def _cameras(root: Path) -> tuple[CheckResult, dict[str, Rig]]:
    try:
        rigs = needed_rigs(root)
    except EpiposeError as error:
        return CheckResult(False, str(error)), {}
    missing = [subject for subject in SUBJECTS if subject not in rigs]
    if missing:
        return CheckResult(False, f"No cameras of {', '.join(missing)} in {root}. {WHERE_TO_GET}."), rigs
    return CheckResult(True, f"Cameras of {len(rigs)} subjects."), rigs


def _faults(root: Path, subject: str, files: dict[TakeName, Path], sizes: list[tuple[int, int]]) -> Iterator[str]:
    """A sentence for whatever is missing or damaged in a subject's takes."""
    frame_folders, videos, poses2d = _by_camera(root, subject)
    if not frame_folders and not videos:
        yield f"{subject}: no videos in {root / subject / 'Videos'} and no frames in {root / subject / 'Images'}."
    for name, path in files.items():
        try:
            frames = len(_joints(path, 3, _EXPECTED_3D))
        except EpiposeError as error:
            yield str(error)
            continue
        sources = images_of(name, frame_folders.get(name) or videos.get(name, {}), CAMERAS)
        for camera, images in zip(CAMERAS, sources, strict=True):
            if images is None and (frame_folders or videos) and (name, camera) != DAMAGED_VIDEO:
                yield f"{subject}: no video and no frames of '{path.stem}' from camera {camera}."
        yield from view_faults(sources, sizes, FPS, frames)
        for extra in poses2d.get(name, {}).values():
            try:
                count = len(_joints(extra, 2, _EXPECTED_2D))
            except EpiposeError as error:
                yield str(error)
                continue
            if count != frames:
                yield f"{extra} has poses of {count} frames, {path} of {frames}."
