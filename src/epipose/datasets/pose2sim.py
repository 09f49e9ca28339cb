"""Pose2Sim projects: videos, their calibration, and the markers that Pose2Sim triangulated, if it has run.

Those markers are the project's own RESULT, not a ground truth: they were not measured by other means. Written from
Pose2Sim's source (perfanalytics/pose2sim 0.10: calibration.toml_write, common.computeP and zup2yup,
triangulation.make_trc, synchronization, poseEstimation) and its demo:

- ``calibration/*.toml`` has a table per camera: size, matrix, distortions (k1, k2, p1, p2 and perhaps k3 to k6, or a
  fisheye's k1 to k4), rotation (Rodrigues) and translation in metres, all OpenCV's, from a world whose z is up. Its
  origin is chosen at calibration; it is assumed to lie on the floor. Of several files the newest counts, as there.
- ``Calib_qualisys.toml`` is a copy of a ``.qca.txt`` in which the distortion is 64 times too small (Pose2Sim divides it
  by 64 like the focal length, but it has no unit); where both are there, the original is read.
- Cameras belong to videos by name, or else by order: that of the file, and that of the last number in the videos'
  names.
- ``pose-3d/*.trc`` is y up: its X, Y, Z are the world's y, z, x. ``Units`` says m (Pose2Sim) or mm. ``Frame#`` is the
  number of the video's frame, from 0; the file may begin later. A missing marker is empty or nan.
- ``pose-sync/`` holds the 2D poses with shifted numbers where the videos did not start together. Then frame k of the
  result is not frame k of every video, and the project is refused until its videos are cut.
- Videos need not end together, and the take is as long as the shortest; but where one ends more than a second before
  another, or a folder of images skips some that another has, it is unknown which frames belong together.
- ``pose/CAMERA_json`` are 2D poses of a detector. They are counted, not used: epipose detects anew.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from epipose.camera import Camera, Rig, stack_cameras
from epipose.datasets.base import CheckResult, DatasetInfo, GroundTruth, Selection, Take
from epipose.datasets.image_index import MAX_END_DIFFERENCE_S, frame_numbers, last_number, read_header
from epipose.datasets.selection import check_names, check_unique, selected
from epipose.errors import EpiposeError, InputError
from epipose.formats.marker_names import joint_of_marker
from epipose.formats.qualisys import read_qualisys
from epipose.formats.trc import WORLD_FROM_TRC, Markers, read_trc
from epipose.io.guard import checked_names, reading
from epipose.io.images import frame_files, holds_images
from epipose.io.video import VIDEO_SUFFIXES
from epipose.lens.file_entry import read_lens
from epipose.poses import Poses3D
from epipose.skeletons import BODY25

IMAGES_FPS = 60.0  # what Pose2Sim takes for images that are no video
_EXPECTED = "a calibration of Pose2Sim (TOML; a table per camera with size, matrix, distortions, rotation, translation)"
_NOT_CAMERA_TABLES = ("metadata", "capture_volume", "charuco", "checkerboard")


class Pose2SimProject:
    """Reads a trial, or a session with trials in it: every folder that has ``videos/``."""

    info = DatasetInfo(
        title="Pose2Sim project",
        licence="yours (Pose2Sim and its demos: BSD-3)",
        source="github.com/perfanalytics/pose2sim",
        download="nothing: it is Pose2Sim's working folder; pip download pose2sim downloads demos without results",
        tree="PROJECT/\n"
        "  Config.toml\n"
        "  calibration/Calib*.toml                or Calib.qca.txt; may lie one or two folders higher\n"
        "  videos/cam01.mp4 ...                   or a folder of images per camera\n"
        "  pose-3d/*.trc                          its result, if there is one",
    )

    def recognises(self, root: Path) -> bool:
        """Whether there is a Config.toml, and videos/ here or below."""
        return (root / "Config.toml").exists() and bool(_trials(root))

    def takes(self, root: Path, selection: Selection) -> Sequence[Take]:
        """One take per trial. The subject is the folder above the trial, the action the trial's own."""
        trials = _trials(root)
        if not trials:
            raise InputError(f"{root} has no videos/ here or below. Expected:\n{self.info.tree}")
        check_unique([_name(root, trial) for trial in trials], trials)
        return selected([_take(root, trial, selection.views) for trial in trials], selection)

    def check(self, root: Path) -> list[CheckResult]:
        """Open calibration, videos' headers and results, and count the 2D poses."""
        results, trials = [], _trials(root)
        for trial in trials:
            try:
                results += _check(_take(root, trial, ()), trial)
            except EpiposeError as error:
                results.append(CheckResult(False, str(error)))
        try:
            check_unique([_name(root, trial) for trial in trials], trials)
        except EpiposeError as error:
            results.append(CheckResult(False, str(error)))
        return results or [CheckResult(False, f"{root} has no videos/ here or below.")]


def _trials(root: Path) -> list[Path]:
    return sorted(
        place.parent for depth in ("", "*/", "*/*/") for place in root.glob(f"{depth}videos") if place.is_dir()
    )


def _name(root: Path, trial: Path) -> str:
    return "-".join(trial.relative_to(root).parts) or root.resolve().name


def _take(root: Path, trial: Path, views: Sequence[str]) -> Take:
    parts = trial.relative_to(root).parts
    videos = {path.stem if path.is_file() else path.name: path for path in _videos(trial)}
    rig = _named(_calibration(trial), tuple(videos), trial)
    check_names("view", views, set(videos))
    chosen = tuple(views) or tuple(videos)
    images = tuple(videos[name] for name in chosen)
    seen = [read_header(path) for path in images]
    fps = _frame_rate(trial) if images[0].is_dir() else min(footage.fps for footage in seen)
    counts = [footage.frames for footage in seen]
    subject, action = (parts[-2] if len(parts) > 1 else ""), trial.resolve().name

    def ground_truth() -> GroundTruth:
        _check_together(images, counts, fps)
        return _ground_truth(trial, min(counts), tuple(videos))

    return Take(_name(root, trial), subject, action, rig.select(chosen), images, min(counts), fps, ground_truth)


def _check_together(images: Sequence[Path], counts: Sequence[int], fps: float) -> None:
    """Raise InputError where a view ends much before another, or a folder skips images that another has."""
    short, long = counts.index(min(counts)), counts.index(max(counts))
    if counts[long] - counts[short] > MAX_END_DIFFERENCE_S * fps:
        raise InputError(
            f"{images[short]} has {counts[short]} frames, {images[long]} has {counts[long]}; frame k must be one "
            "moment in all views. If images are missing, extract them again; else cut the videos so that they begin "
            "and end together and run Pose2Sim again, or leave a view out with --views."
        )
    folders = [path for path in images if path.is_dir()]
    steps = [np.diff(frame_numbers(folder)[: min(counts)]) for folder in folders]
    for folder, step in zip(folders, steps, strict=True):
        if (apart := step != steps[0]).any():
            late = int(apart.argmax()) + 1
            raise InputError(
                f"{folder} and {folders[0]} do not have the same frames: image {late + 1} is "
                f"{frame_files(folder)[late]} in the one, {frame_files(folders[0])[late]} in the other. "
                "Extract the images of both again."
            )


def _frame_rate(trial: Path) -> float:
    """Of images: the rate in the nearest Config.toml, the trial's own or one above it; "auto" there is none."""
    for path in (folder / "Config.toml" for folder in (trial, trial.parent, trial.parent.parent)):
        if path.exists():
            with reading(path, "a configuration of Pose2Sim (TOML)"):
                stated = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {}).get("frame_rate")
            if isinstance(stated, int | float):
                return float(stated)
    return IMAGES_FPS


def _videos(trial: Path) -> list[Path]:
    """Videos, or else folders of images, in the order of the last number in their names."""
    places = [path for path in (trial / "videos").iterdir() if path.name[0] != "."]
    found = [path for path in places if path.suffix.lower() in VIDEO_SUFFIXES]
    found = found or [path for path in places if path.is_dir() and holds_images(path)]
    if not found:
        raise InputError(f"{trial / 'videos'} holds no video and no folder of images.")
    return sorted(found, key=lambda path: (last_number(path.stem) is None, last_number(path.stem) or 0, path.name))


def _calibration(trial: Path) -> Rig:
    """The cameras of the nearest calibration folder: the trial's own or one above it."""
    for folder in (trial, trial.parent, trial.parent.parent):
        for place in sorted(path for path in folder.iterdir() if path.is_dir() and "calib" in path.name.lower()):
            qualisys = sorted(place.glob("*.qca.txt"))
            tomls = [path for path in place.glob("*.toml") if not (qualisys and path.stem == "Calib_qualisys")]
            if tomls:
                return _rig(max(tomls, key=lambda path: (path.stat().st_mtime, path.name)))
            if qualisys:
                return replace(read_qualisys(qualisys[0]), upright=True)
    raise InputError(
        f"{trial} has no calibration: expected calibration/Calib*.toml or calibration/*.qca.txt, in it or one or two "
        "folders higher. Run Pose2Sim.calibration()."
    )


def _rig(path: Path) -> Rig:
    with reading(path, _EXPECTED):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        entries = {
            key: table for key, table in content.items() if isinstance(table, dict) and key not in _NOT_CAMERA_TABLES
        }
        names = checked_names(tuple(entries), f"A camera of {path}")
        rig = Rig(names, stack_cameras([_camera(path, *entry) for entry in entries.items()]), True, True)
    return rig


def _camera(path: Path, name: str, table: dict[str, Any]) -> Camera:
    lens = {"distortion": table["distortions"], "model": "fisheye" if table.get("fisheye", False) else "brown-conrady"}
    distortion, is_fisheye = read_lens(f"{path}: camera '{name}'", lens)
    R = cv2.Rodrigues(np.array(table["rotation"], dtype=float))[0]
    K, t = (torch.tensor(table[key], dtype=torch.float64) for key in ("matrix", "translation"))
    size = torch.tensor(table["size"]).round().long()
    return Camera(K, distortion, torch.from_numpy(R), t, size, torch.tensor(is_fisheye))


def _named(rig: Rig, videos: tuple[str, ...], trial: Path) -> Rig:
    """The cameras under the names of the videos."""
    if set(videos) <= set(rig.names):
        return rig.select(videos)
    if len(videos) != len(rig.names):
        raise InputError(
            f"{trial} has {len(videos)} videos ({', '.join(videos)}), its calibration {len(rig.names)} cameras "
            f"({', '.join(rig.names)}), under other names. There must be a camera for each video."
        )
    return replace(rig, names=videos)


def _ground_truth(trial: Path, frames: int, cameras: Sequence[str]) -> GroundTruth:
    late = {camera: shift for camera in cameras if (shift := _shift(trial, camera))}
    if late:
        listing = ", ".join(f"{camera} by {shift}" for camera, shift in late.items())
        raise InputError(
            f"{trial}: Pose2Sim shifted its 2D poses to synchronise the videos (frames: {listing}), so its result is "
            "not frame by frame that of the videos. Cut the videos so that they start together and run Pose2Sim again, "
            "or leave its result out and let epipose find the time offsets: epipose run VIDEOS."
        )
    people = [read_trc(path) for path in _results(trial)]
    joints = len(BODY25.joints)
    xyz = torch.zeros(frames, max(1, len(people)), joints, 3)
    conf = torch.zeros(frames, max(1, len(people)), joints)
    for person, markers in enumerate(people):
        _place(markers, xyz[:, person], conf[:, person])
    return GroundTruth(Poses3D(xyz, conf, BODY25, "world", True))


def _shift(trial: Path, camera: str) -> int:
    """Frames by which the synchronised 2D poses of a camera were shifted; 0 where they were not."""
    last = []
    for folder in ("pose", "pose-sync"):
        place = trial / folder / f"{camera}_json"
        numbers = [last_number(path.stem) for path in place.glob("*.json")] if place.is_dir() else []
        last.append(max((number for number in numbers if number is not None), default=None))
    before, after = last
    return 0 if before is None or after is None else before - after


def _results(trial: Path) -> list[Path]:
    """One .trc per person: a filtered one before a raw one; those with augmented markers (LSTM) are left out."""
    of_person: dict[str, Path] = {}
    for path in sorted((trial / "pose-3d").glob("*.trc"), key=lambda path: ("filt" in path.stem, path.name)):
        if "LSTM" not in path.stem:
            person = re.search(r"_P(\d+)_\d+-\d+", path.stem)
            of_person[person[1] if person else ""] = path
    return [of_person[person] for person in sorted(of_person, key=lambda person: int(person or 0))]


def _place(markers: Markers, xyz: torch.Tensor, conf: torch.Tensor) -> None:
    """Write the markers that are joints into their frames."""
    inside = (markers.frames >= 0) & (markers.frames < len(xyz))
    frames = torch.from_numpy(markers.frames[inside])
    for column, marker in enumerate(markers.names):
        joint = joint_of_marker(marker)
        if joint in BODY25.joints:
            place = markers.xyz[inside, column][:, WORLD_FROM_TRC]
            known = np.asarray(np.isfinite(place).all(-1))
            xyz[frames, BODY25.index(joint)] = torch.from_numpy(np.where(known[:, None], place, 0)).float()
            conf[frames, BODY25.index(joint)] = torch.from_numpy(known).float()


def _check(take: Take, trial: Path) -> list[CheckResult]:
    assert take.rig is not None
    results = [CheckResult(True, f"{take.name}: {len(take.images)} videos of {take.frames} frames, {take.fps:g} fps.")]
    for camera, video in zip(take.rig.names, take.images, strict=True):
        assert video is not None
        seen, place = read_header(video).frames, trial / "pose" / f"{camera}_json"
        if seen != take.frames:
            results.append(CheckResult(False, f"{video} has {seen} frames; the shortest has {take.frames}."))
        poses = len(list(place.glob("*.json"))) if place.is_dir() else None
        if poses is not None and poses != seen:
            results.append(CheckResult(False, f"{place} has {poses} 2D poses for {seen} frames of the video."))
    try:
        conf = take.ground_truth().poses.conf
    except EpiposeError as error:
        return [*results, CheckResult(False, str(error))]
    used = ", ".join(path.name for path in _results(trial))
    covered = int((conf.flatten(1) > 0).any(-1).sum())
    there = f"{take.name}: its own 3D result ({used}) covers {covered} frames."
    return [
        *results,
        CheckResult(True, there if used else f"{take.name} has no 3D result (pose-3d/*.trc): cameras only."),
    ]
