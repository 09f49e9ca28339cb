"""CMU Panoptic Studio: people in a dome of cameras, with calibration and 3D joints of everybody in every HD frame.

Written from the dataset's own toolbox (CMU-Perceptual-Computing-Lab/panoptic-toolbox: README, panutils.py,
hdImgsExtractor.sh, getData.sh) and checked against the example pose in its README:

- ``x_cam = R X + t`` in centimetres; ``distCoef`` is OpenCV's k1, k2, p1, p2, k3; pixels as OpenCV's.
- The world's y points DOWN and the floor is at y = 0: in the example the ears are at y = -167 and the ankles at -8. Here
  it is turned about x, (x, y, z) -> (x, z, -y), so that z is up; that is a rotation, and left stays left.
- ``joints19`` are x, y, z, confidence of 19 joints, body centre third and left before right; -1 is "not seen".
- The number in ``body3DScene_00000123.json`` is that of the HD frame, from 0, also where pictures were extracted
  (``-start_number 0``): there is no offset. HD runs at 29.97 frames a second; the Kinects have clocks of their own, and a
  shift of two frames that is told of them does not concern HD. Frames in which nobody was reconstructed have no
  file or no bodies. The toolbox's issue 15 reports that the HD poses of 171204_pose6 do not match its frames.
- One ``id`` is one person, but a person may get several. Negative ids belong to nobody who was tracked.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from epipose.camera import Camera, Rig, stack_cameras
from epipose.datasets.base import About, Choice, Finding, Take, Truth
from epipose.datasets.footage import stated
from epipose.datasets.selection import check_names, selected
from epipose.datasets.tables import reading
from epipose.errors import EpiposeError
from epipose.files import read_json
from epipose.poses import Poses3D
from epipose.skeletons import PANOPTIC19
from epipose.video import frame_files, holds_pictures

FPS = 30000 / 1001
CM = 0.01
POSES = "hdPose3d_stage1_coco19"
_FROM_PANOPTIC = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]], dtype=torch.float64)
_JOINTS = len(PANOPTIC19.joints)
_CALIBRATION = "the calibration of a Panoptic sequence (JSON; cameras with name, type, resolution, K, distCoef, R, t)"


class Panoptic:
    """Reads a sequence's folder, or a folder of sequences; one take per sequence, HD cameras only."""

    about = About(
        title="CMU Panoptic Studio",
        licence="non-commercial research only; cite Joo et al., ICCV 2015 or TPAMI 2017",
        source="domedb.perception.cs.cmu.edu, with the scripts of CMU-Perceptual-Computing-Lab/panoptic-toolbox",
        download="scripts/getData.sh SEQUENCE 0 31, then scripts/extractAll.sh SEQUENCE (or only: tar -xf "
        f"{POSES}.tar; videos need not be extracted)",
        tree="SEQUENCE/\n"
        "  calibration_SEQUENCE.json\n"
        f"  {POSES}/body3DScene_00000000.json ...\n"
        "  hdVideos/hd_00_00.mp4 ...              or hdImgs/00_00/00_00_00000000.jpg ...",
    )

    def recognises(self, root: Path) -> bool:
        """Whether there is a sequence here, or in a folder below."""
        return root.is_dir() and bool(_sequences(root))

    def takes(self, root: Path, choice: Choice) -> Sequence[Take]:
        """One take per sequence; ``views`` are names such as 00_03. Actions are sequences, subjects have no names.

        Views that are not chosen: all HD cameras that have pictures, or all where none has. With videos a take is as long
        as the 3D poses; with extracted pictures it has a frame for each of these.
        """
        sequences = _sequences(root)
        if not sequences:
            raise EpiposeError(f"{root} holds no calibration_SEQUENCE.json. Expected:\n{self.about.tree}")
        return selected([_take(path, choice.views) for path in sequences], choice)

    def check(self, root: Path) -> list[Finding]:
        """Opens every pose file, and the header of every video."""
        findings = []
        for calibration in _sequences(root):
            try:
                findings += _check(_take(calibration, ()))
            except EpiposeError as error:
                findings.append(Finding(False, str(error)))
        return findings or [Finding(False, f"{root} holds no calibration_SEQUENCE.json.")]


def _sequences(root: Path) -> list[Path]:
    """The calibration files of the sequences here or one folder below; those of the Kinects begin with a k."""
    return sorted(root.glob("calibration_*.json")) or sorted(root.glob("*/calibration_*.json"))


def _take(calibration: Path, views: Sequence[str]) -> Take:
    folder, name = calibration.parent, calibration.stem.removeprefix("calibration_")
    rig = _rig(calibration)
    found = {view: _pictures(folder, view) for view in rig.names}
    check_names("HD camera", views, set(rig.names))
    rig = rig.select(tuple(views) or tuple(view for view in rig.names if found[view]) or rig.names)
    pictures = tuple(found[view] for view in rig.names)
    extracted = next((path for path in pictures if path is not None and path.is_dir()), None)
    frames, fps = (_last(folder / POSES) + 1, FPS) if extracted is None else _extracted(extracted)
    action = name.partition("_")[2] or name
    return Take(name, "", action, rig, pictures, frames, fps, lambda: _truth(folder, pictures, frames))


def _rig(calibration: Path) -> Rig:
    """The HD cameras in epipose's world: metres, z up."""
    content = read_json(calibration)
    with reading(calibration, _CALIBRATION):
        entries = sorted((entry for entry in content["cameras"] if entry["type"] == "hd"), key=lambda e: e["name"])
        rig = Rig(tuple(entry["name"] for entry in entries), stack_cameras([_camera(e) for e in entries]), True, True)
    return rig


def _camera(entry: dict[str, Any]) -> Camera:
    K, R, distortion, t = (
        torch.tensor(entry[key], dtype=torch.float64).reshape(shape)
        for key, shape in (("K", (3, 3)), ("R", (3, 3)), ("distCoef", (5,)), ("t", (3,)))
    )
    return Camera(K, distortion, R @ _FROM_PANOPTIC.mT, CM * t, torch.tensor(entry["resolution"]).long())


def _pictures(folder: Path, view: str) -> Path | None:
    """Extracted pictures where the sequence has any, else the videos: the two may not have the same frames."""
    images = folder / "hdImgs"
    if images.is_dir() and any(images.iterdir()):
        return images / view if (images / view).is_dir() and holds_pictures(images / view) else None
    video = folder / "hdVideos" / f"hd_{view}.mp4"
    return video if video.exists() else None


def _extracted(folder: Path) -> tuple[int, float]:
    """How many pictures, and their rate where only every so many frames were extracted."""
    numbers = _numbers(folder)
    return len(numbers), FPS / float(np.median(np.diff(numbers))) if len(numbers) > 1 else FPS


def _numbers(folder: Path) -> Int[np.ndarray, "frame"]:
    """The frame numbers in the names of extracted pictures."""
    names = frame_files(folder)
    try:
        return np.array([int(name.rpartition(".")[0].rpartition("_")[2]) for name in names], dtype=np.int64)
    except ValueError as error:
        raise EpiposeError(
            f"{folder} holds a picture whose name does not end in its frame number, like {folder.name}_00000123.jpg "
            f"({error}). Extract the pictures with the dataset's own script, hdImgsExtractor.sh."
        ) from error


def _last(poses: Path) -> int:
    """The last frame that has 3D poses."""
    try:
        with os.scandir(poses) as entries:
            numbers = [entry.name[12:-5] for entry in entries if entry.name.startswith("body3DScene_")]
    except OSError:
        numbers = []
    numbers = [int(number) for number in numbers if number.isdigit()]
    if not numbers:
        raise EpiposeError(f"{poses} holds no body3DScene_*.json. Extract {poses.name}.tar of this sequence there.")
    return max(numbers)


def _truth(folder: Path, pictures: Sequence[Path | None], frames: int) -> Truth:
    numbers = np.arange(frames)
    extracted = [path for path in pictures if path is not None and path.is_dir()]
    for path in extracted:
        if path == extracted[0]:
            numbers = _numbers(path)
        elif not np.array_equal(numbers, _numbers(path)):
            raise EpiposeError(
                f"{path} does not have the same frames as {extracted[0]}: frame k must be one moment in all views. Extract "
                "the pictures again, or leave the view out with --views."
            )
    _last(folder / POSES)
    bodies = [_bodies(folder / POSES / f"body3DScene_{number:08d}.json") for number in numbers]
    seen = Counter(who for frame in bodies for who in frame)
    order = sorted(seen, key=lambda who: (-seen[who], who)) or [0]
    values = np.zeros((len(numbers), len(order), _JOINTS, 4))
    for row, frame in zip(values, bodies, strict=True):
        for who, joints in frame.items():
            row[order.index(who)] = joints
    xyz = torch.from_numpy(CM * values[..., :3]) @ _FROM_PANOPTIC.mT
    conf = torch.from_numpy(values[..., 3]).clamp(0, 1)
    return Truth(Poses3D(xyz.float(), conf.float(), PANOPTIC19, "world", True))


def _bodies(path: Path) -> dict[int, Float[np.ndarray, "19 4"]]:
    """Everybody in one frame by id; nobody where there is no file."""
    if not path.exists():
        return {}
    content = read_json(path)
    with reading(path, f"3D poses of a Panoptic frame (JSON; bodies with id and joints19, {4 * _JOINTS} numbers)"):
        found = {}
        for body in content["bodies"]:
            joints = np.asarray(body["joints19"], dtype=float).reshape(_JOINTS, 4)
            joints[~np.isfinite(joints).all(-1)] = 0
            if int(body["id"]) >= 0:
                found.setdefault(int(body["id"]), joints)
    return found


def _check(take: Take) -> list[Finding]:
    views = [view for view, path in zip(take.rig.names, take.pictures, strict=True) if path] if take.rig else []
    findings = [Finding(bool(views), f"{take.name}: {len(views)} HD views have pictures or a video.")]
    try:
        poses = take.truth().poses
        with_bodies = int((poses.conf > 0).flatten(1).any(-1).sum())
        words = f"{take.name}: {take.frames} frames, {with_bodies} of them with 3D poses, {poses.conf.shape[1]} ids."
        findings.append(Finding(with_bodies > 0, words))
    except EpiposeError as error:
        findings.append(Finding(False, str(error)))
    for path in take.pictures:
        if path is not None and path.is_file():
            try:
                frames = stated(path).frames
            except EpiposeError as error:
                findings.append(Finding(False, str(error)))
                continue
            if frames < take.frames:
                words = f"{path} has {frames} frames; the poses go to frame {take.frames - 1}. Download it again."
                findings.append(Finding(False, words))
    return findings
