"""Scene of a clip folder for viewing: upright, standing on the floor, with the person life-sized.

A view of a world needs z up, the floor at z = 0 and known sizes to choose line widths by. Cameras that epipose
calibrated are so already; those given by --known-rig, or poses alone, need not be. This module reads what a clip folder
holds and moves it there; `epipose.viz.scene_data` and `epipose.viz.view_video` then only draw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from epipose.calibration.result import Calibration, CameraReport
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.errors import InputError
from epipose.geometry.align import Similarity
from epipose.io.files import AnyPath
from epipose.poses import Poses2D, Poses3D
from epipose.reconstruction.world_frame import stature, upright
from epipose.skeletons import H36M17

# Metres, for a world without scale: the size given to a person, or to a rig where no person was seen.
NOMINAL_STATURE, NOMINAL_CAMERA_DISTANCE = 1.7, 3.5


@dataclass(frozen=True)
class Scene:
    """Cameras, poses and clip as far as there are any, in stage axes: z up, floor at z = 0, metres (or nearly so).

    ``frames``: numbers of the clip's frames that are shown; poses and keypoints are of these alone. ``reports``: what
    the calibration says of the cameras that it knows; none where there is no calibration.json.
    """

    rig: Rig | None
    poses: Poses3D | None
    clip: Clip | None
    frames: range
    keypoints: Poses2D | None = None
    reports: tuple[CameraReport, ...] = ()

    @property
    def fps(self) -> float:
        """Frames per second; 25 where no clip says."""
        return self.clip.fps if self.clip is not None else 25.0


def load_scene(folder: AnyPath, frames: str = ":") -> Scene:
    """Read cameras, poses, keypoints and ``clip.json`` as far as they exist, and set them on the stage.

    ``frames``: which of them, as A:B (see `frame_range`). Raises InputError when there are neither cameras nor 3D poses,
    the poses are not in the world's axes, or there are no such frames; DamagedFileError for what cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}. Give the folder that epipose calibrate and label wrote into.")
    rig = Rig.load(folder / "rig.json") if (folder / "rig.json").exists() else None
    poses = Poses3D.load(folder / "poses3d.npz") if (folder / "poses3d.npz").exists() else None
    if poses is not None and poses.conf.numel() == 0:
        poses = None
    if rig is None and poses is None:
        raise InputError(
            f"{folder} has nothing to show: neither rig.json (made by epipose calibrate {folder}) nor poses3d.npz "
            f"with any frame (made by epipose label {folder})."
        )
    if poses is not None and poses.space != "world":
        raise InputError(
            f"{folder / 'poses3d.npz'} holds poses in the axes of '{poses.space}'; expected world axes. "
            f"Make it with: epipose label {folder}"
        )
    clip = Clip.load(folder) if (folder / "clip.json").exists() else None
    total = len(poses.xyz) if poses is not None else clip.frames if clip is not None else 1
    shown = frame_range(frames, total)
    rig, poses = staged(rig, poses, 25.0 if clip is None else clip.fps)
    reports = Calibration.load(folder).cameras if rig is not None and (folder / "calibration.json").exists() else ()
    keypoints = None if rig is None else _keypoints(folder, shown, reports)
    return Scene(rig, None if poses is None else _of_frames(poses, shown), clip, shown, keypoints, reports)


def _keypoints(folder: Path, shown: range, reports: tuple[CameraReport, ...]) -> Poses2D | None:
    """The subject's keypoints in these frames; None where there are none, or they are of another clip."""
    if not (folder / "poses2d.npz").exists():
        return None
    keypoints = Poses2D.load(folder / "poses2d.npz")
    if keypoints.xy.shape[1] < shown.stop or not keypoints.xy.shape[2]:
        return None
    swapped = {report.name for report in reports if report.swapped_throughout}
    turned = keypoints.subject().with_sides_swapped(torch.tensor([name in swapped for name in keypoints.views]))
    part = slice(shown.start, shown.stop)
    return replace(turned, xy=turned.xy[:, part], conf=turned.conf[:, part], xyz=None)


def frame_range(text: str, total: int) -> range:
    """The frames from A to before B for a text A:B, where either may be left out; InputError for any that are not."""
    first, colon, last = (part.strip() for part in text.partition(":"))
    if colon and all(part.isdecimal() or not part for part in (first, last)):
        chosen = range(int(first or 0), int(last or total))
        if 0 <= chosen.start < chosen.stop <= total:
            return chosen
    raise InputError(
        f"--frames is '{text}'; expected A:B, the frames from A to before B, of {total} (0:{total}). Leave out A to begin "
        "with the first, B to end with the last."
    )


def _of_frames(poses: Poses3D, shown: range) -> Poses3D:
    if len(shown) == len(poses.xyz):
        return poses
    part = slice(shown.start, shown.stop)
    times = None if poses.times is None else poses.times[part]
    return replace(poses, xyz=poses.xyz[part].clone(), conf=poses.conf[part].clone(), times=times)


def staged(rig: Rig | None, poses: Poses3D | None, fps: float) -> tuple[Rig | None, Poses3D | None]:
    """Move cameras and poses together into stage axes: z up, floor at 0, the first person (or the rig) in the middle.

    A world that is upright already stays where it is.
    """
    if rig is not None and rig.upright:
        same = torch.eye(3, dtype=torch.float64)
        return rig, _moved_poses(poses, Similarity(torch.ones((), dtype=torch.float64), same, same[0] * 0))
    skeleton = H36M17 if poses is None else poses.skeleton
    xyz = torch.zeros(0, len(skeleton.joints), 3, dtype=torch.float64) if poses is None else poses.xyz[:, 0].double()
    conf = xyz[..., 0] if poses is None else poses.conf[:, 0].double()
    scale = 1.0
    if poses is not None:
        scale = 1.0 if poses.metric else NOMINAL_STATURE / stature(xyz, conf, skeleton)
    elif rig is not None and not rig.metric:
        center = rig.camera.center.double()
        spread = float((center - center.mean(0)).norm(dim=-1).median())
        scale = NOMINAL_CAMERA_DISTANCE / spread if spread > 1e-6 else 1.0
    world = upright(xyz, conf, skeleton, rig, fps, scale)
    return world.rig, _moved_poses(poses, world.moved)


def _moved_poses(poses: Poses3D | None, moved: Similarity) -> Poses3D | None:
    if poses is None:
        return None
    xyz = moved.apply(poses.xyz.double().flatten(0, 2)).reshape(poses.xyz.shape).float()
    return replace(poses, xyz=xyz, space="stage")
