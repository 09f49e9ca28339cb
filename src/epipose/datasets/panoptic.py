"""CMU Panoptic Studio: a dome of cameras, with calibration and 3D joints of everybody in every HD frame.

Written from the dataset's own toolbox (CMU-Perceptual-Computing-Lab/panoptic-toolbox: README, panutils.py,
hdImgsExtractor.sh, getData.sh) and checked against the example pose in its README:

- ``x_cam = R X + t`` in centimetres; ``distCoef`` is OpenCV's k1, k2, p1, p2, k3; pixels as OpenCV's.
- The world's y points DOWN and the floor is at y = 0: in the example the ears are at y = -167 and the ankles at -8.
  Here it is turned about x, (x, y, z) -> (x, z, -y), so that z is up; that is a rotation, and left stays left.
- ``joints19`` are x, y, z, confidence of 19 joints, body centre third and left before right; -1 is "not seen".
- The number in ``body3DScene_00000123.json`` is that of the HD frame, from 0, also where images were extracted
  (``-start_number 0``): there is no offset. HD runs at 29.97 frames a second; the Kinects have clocks of their own, and
  the offset of two frames reported for them does not concern HD. Frames without a reconstructed person have no file
  or no bodies. It was reported to the toolbox that the HD poses of 171204_pose6 do not match its frames.
- Some sequences have their pose files one folder deeper, in ``hd/``; single pose files are broken, and so are, or
  missing, the videos in ``BROKEN_VIDEOS`` (reported by isarandi/posepile, which reads them all). A frame whose file is
  broken counts as one without people, unless there are many; such a video is left out unless ``Selection.views`` names it.
- One ``id`` is one person, but a person may get several. Negative ids are detections without a track. An id in less
  than a hundredth of the frames of the most frequent one is a passer-by, or a wrong track, and is left out.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int

from epipose.camera import Camera, Rig, stack_cameras
from epipose.datasets.base import CheckResult, DatasetInfo, GroundTruth, Selection, Take
from epipose.datasets.image_index import frame_numbers, frame_step, image_rate, read_header
from epipose.datasets.selection import check_names, check_unique, selected
from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.io.files import read_json
from epipose.io.guard import checked_names, reading
from epipose.io.images import holds_images
from epipose.poses import Poses3D
from epipose.skeletons import PANOPTIC19

FPS = 30000 / 1001
METRES_PER_CM = 0.01
POSE_FOLDER = "hdPose3d_stage1_coco19"
BROKEN_VIDEOS = frozenset(
    [(f"171204_pose{k}", "00_20") for k in (3, 4, 5)] + [("160422_haggling1", "00_20"), ("160906_band3", "00_03")]
)
MAX_UNREADABLE_SHARE = 0.01  # of the pose files of a sequence
MIN_ID_SHARE = 0.01  # of the frames of the most frequent id; rarer ids are left out
_Z_UP_FROM_Y_DOWN = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]], dtype=torch.float64)
_JOINTS = len(PANOPTIC19.joints)
_EXPECTED = "the calibration of a Panoptic sequence (JSON; cameras with name, type, resolution, K, distCoef, R, t)"


class Panoptic:
    """Reads a sequence's folder, or a folder of sequences; one take per sequence, HD cameras only."""

    info = DatasetInfo(
        title="CMU Panoptic Studio",
        licence="non-commercial research only; cite Joo et al., ICCV 2015 or TPAMI 2017",
        source="domedb.perception.cs.cmu.edu, with the scripts of CMU-Perceptual-Computing-Lab/panoptic-toolbox",
        download="scripts/getData.sh SEQUENCE 0 31, then scripts/extractAll.sh SEQUENCE (or only: tar -xf "
        f"{POSE_FOLDER}.tar; videos need not be extracted)",
        tree="SEQUENCE/\n"
        "  calibration_SEQUENCE.json\n"
        f"  {POSE_FOLDER}/body3DScene_00000000.json ...      or in a folder hd in it\n"
        "  hdVideos/hd_00_00.mp4 ...              or hdImgs/00_00/00_00_00000000.jpg ...",
    )

    def recognises(self, root: Path) -> bool:
        """Whether there is a sequence here, or in a folder below."""
        return root.is_dir() and bool(_sequences(root))

    def takes(self, root: Path, selection: Selection) -> Sequence[Take]:
        """One take per sequence; ``views`` are names such as 00_03. Actions are sequences, subjects have no names.

        Default views: all HD cameras that have images, or all where none has. With videos a take is as
        long as the 3D poses; with extracted images it has a frame for each of these.
        """
        sequences = _sequences(root)
        if not sequences:
            raise InputError(f"{root} holds no calibration_SEQUENCE.json. Expected:\n{self.info.tree}")
        check_unique([_name(path) for path in sequences], [path.parent for path in sequences])
        return selected([_take(path, selection.views) for path in sequences], selection)

    def check(self, root: Path) -> list[CheckResult]:
        """Open every pose file, and the header of every video."""
        results, sequences = [], _sequences(root)
        for calibration in sequences:
            try:
                results += _check(calibration, _take(calibration, ()))
            except EpiposeError as error:
                results.append(CheckResult(False, str(error)))
        try:
            check_unique([_name(path) for path in sequences], [path.parent for path in sequences])
        except EpiposeError as error:
            results.append(CheckResult(False, str(error)))
        return results or [CheckResult(False, f"{root} holds no calibration_SEQUENCE.json.")]


def _sequences(root: Path) -> list[Path]:
    """The calibration files of the sequences here or one folder below; those of the Kinects begin with a k."""
    return sorted(root.glob("calibration_*.json")) or sorted(root.glob("*/calibration_*.json"))


def _name(calibration: Path) -> str:
    return calibration.stem.removeprefix("calibration_")


def _take(calibration: Path, views: Sequence[str]) -> Take:
    folder, name = calibration.parent, _name(calibration)
    rig = _rig(calibration)
    check_names("HD camera", views, set(rig.names))
    found = {
        view: path
        for view, path in _images(folder, rig.names).items()
        if view in views or (name, view) not in BROKEN_VIDEOS
    }
    rig = rig.select(tuple(views) or tuple(found) or rig.names)
    images = tuple(found.get(view) for view in rig.names)
    frames, fps, step = _length(folder, images)
    action = name.partition("_")[2] or name
    return Take(name, "", action, rig, images, frames, fps, lambda: _read(folder, images, frames)[0], step)


def _length(folder: Path, images: Sequence[Path | None]) -> tuple[int, float, int]:
    """Number of frames of a take, frames per second, and frames of the recording from one image to the next."""
    for path in images:
        if path is not None and path.is_dir():
            shown = frame_numbers(path)
            return len(shown), image_rate(shown, FPS), frame_step(shown)
    return _last(_poses(folder)) + 1, FPS, 1


def _rig(calibration: Path) -> Rig:
    """The HD cameras in epipose's world: metres, z up."""
    content = read_json(calibration)
    with reading(calibration, _EXPECTED):
        entries = sorted((entry for entry in content["cameras"] if entry["type"] == "hd"), key=lambda e: e["name"])
        names = checked_names([entry["name"] for entry in entries], f"A camera of {calibration}")
        rig = Rig(names, stack_cameras([_camera(e) for e in entries]), True, True)
    return rig


def _camera(entry: dict[str, Any]) -> Camera:
    K, R, distortion, t = (
        torch.tensor(entry[key], dtype=torch.float64).reshape(shape)
        for key, shape in (("K", (3, 3)), ("R", (3, 3)), ("distCoef", (5,)), ("t", (3,)))
    )
    return Camera(K, distortion, R @ _Z_UP_FROM_Y_DOWN.mT, METRES_PER_CM * t, torch.tensor(entry["resolution"]).long())


def _images(folder: Path, views: Sequence[str]) -> dict[str, Path]:
    """Extracted images where the sequence has any, else the videos: the two may not have the same frames."""
    images = {view: folder / "hdImgs" / view for view in views}
    extracted = {view: path for view, path in images.items() if path.is_dir() and holds_images(path)}
    videos = {view: folder / "hdVideos" / f"hd_{view}.mp4" for view in views}
    return extracted or {view: path for view, path in videos.items() if path.exists()}


def _poses(folder: Path) -> Path:
    """Folder of the pose files of a sequence."""
    deeper = folder / POSE_FOLDER / "hd"
    return deeper if deeper.is_dir() else folder / POSE_FOLDER


def _last(poses: Path) -> int:
    """The last frame that has 3D poses."""
    try:
        with os.scandir(poses) as entries:
            numbers = [entry.name[12:-5] for entry in entries if entry.name.startswith("body3DScene_")]
    except OSError:
        numbers = []
    numbers = [int(number) for number in numbers if number.isdigit()]
    if not numbers:
        raise InputError(f"{poses} holds no body3DScene_*.json. Extract {POSE_FOLDER}.tar of this sequence there.")
    return max(numbers)


def _read(folder: Path, images: Sequence[Path | None], frames: int) -> tuple[GroundTruth, list[str]]:
    """The ground truth, and the errors of the pose files that cannot be read."""
    numbers = np.arange(frames)
    extracted = [path for path in images if path is not None and path.is_dir()]
    for path in extracted:
        if path == extracted[0]:
            numbers = frame_numbers(path)
        elif not np.array_equal(numbers, frame_numbers(path)):
            raise InputError(
                f"{path} does not have the same frames as {extracted[0]}: frame k must be one moment in all views. "
                "Extract the images again, or leave the view out with --views."
            )
    bodies, damaged = _scenes(_poses(folder), numbers)
    seen = Counter(who for frame in bodies for who in frame)
    most = max(seen.values(), default=0)
    order = sorted((who for who in seen if seen[who] >= MIN_ID_SHARE * most), key=lambda who: (-seen[who], who)) or [0]
    values = np.zeros((len(numbers), len(order), _JOINTS, 4), np.float32)
    for row, frame in zip(values, bodies, strict=True):
        for place, who in enumerate(order):
            if who in frame:
                row[place] = frame[who]
    xyz = torch.from_numpy(values[..., :3] * np.float32(METRES_PER_CM)) @ _Z_UP_FROM_Y_DOWN.float().mT
    conf = torch.from_numpy(values[..., 3]).clamp(0, 1)
    return GroundTruth(Poses3D(xyz, conf, PANOPTIC19, "world", True)), damaged


def _scenes(
    poses: Path, numbers: Int[np.ndarray, " frame"]
) -> tuple[list[dict[int, Float32[np.ndarray, "19 4"]]], list[str]]:
    """Everybody in each frame by id, and the errors of damaged files; raises DamagedFileError where they are many."""
    _last(poses)
    bodies, damaged, files = [], [], 0
    for path in (poses / f"body3DScene_{number:08d}.json" for number in numbers):
        bodies.append({})
        if path.exists():
            files += 1
            try:
                bodies[-1] = _bodies(path)
            except EpiposeError as error:
                damaged.append(str(error))
    if len(damaged) > MAX_UNREADABLE_SHARE * files:
        raise DamagedFileError(
            f"{len(damaged)} of {files} pose files cannot be read; the first: {damaged[0]} "
            f"Extract {POSE_FOLDER}.tar again."
        )
    return bodies, damaged


def _bodies(path: Path) -> dict[int, Float32[np.ndarray, "19 4"]]:
    """Everybody in one frame by id."""
    content = read_json(path)
    with reading(path, f"3D poses of a Panoptic frame (JSON; bodies with id and joints19, {4 * _JOINTS} numbers)"):
        found = {}
        for body in content["bodies"]:
            joints = np.asarray(body["joints19"], dtype=np.float32).reshape(_JOINTS, 4)
            joints[~np.isfinite(joints).all(-1)] = 0
            if int(body["id"]) >= 0:
                found.setdefault(int(body["id"]), joints)
    return found


def _check(calibration: Path, take: Take) -> list[CheckResult]:
    views = [view for view, path in zip(take.rig.names, take.images, strict=True) if path] if take.rig else []
    results = [CheckResult(bool(views), f"{take.name}: {len(views)} HD views have images or a video.")]
    try:
        (poses, *_), damaged = _read(calibration.parent, take.images, take.frames)
        with_bodies = int((poses.conf > 0).flatten(1).any(-1).sum())
        words = f"{take.name}: {take.frames} frames, {with_bodies} of them with 3D poses, {poses.conf.shape[1]} ids."
        results.append(CheckResult(with_bodies > 0, words))
        results += [CheckResult(False, f"{words} The frame counts as one without people.") for words in damaged]
    except EpiposeError as error:
        results.append(CheckResult(False, str(error)))
    for path in take.images:
        if path is not None and path.is_file():
            try:
                frames = read_header(path).frames
            except EpiposeError as error:
                results.append(CheckResult(False, str(error)))
                continue
            if frames < take.frames:
                words = f"{path} has {frames} frames; the poses go to frame {take.frames - 1}. Download it again."
                results.append(CheckResult(False, words))
    return results
