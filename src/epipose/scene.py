"""A clip folder as one scene to look at: upright, standing on the floor, with the person life-sized.

A calibrated world has camera 0's axes and, without a known length, no scale. Looking at it asks for the opposite: z
up, the floor at z = 0 and sizes one can rely on when choosing line widths. This module reads what a clip folder
holds and moves it there; `epipose.view` then only draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.errors import EpiposeError
from epipose.poses import Poses3D
from epipose.video import read_frames

PERSON_HEIGHT = 1.65  # from the ankles to the head, metres: the size given to a person in a world without scale


@dataclass(frozen=True)
class Scene:
    """What there is to see. Cameras and poses are in stage axes: z up, floor at z = 0, metres (or nearly so)."""

    rig: Rig | None
    poses: Poses3D | None
    clip: Clip | None

    @property
    def frames(self) -> int:
        """Number of moments: frames of the poses, else of the clip, at least one."""
        if self.poses is not None:
            return max(1, self.poses.xyz.shape[0])
        return self.clip.frames if self.clip is not None else 1

    @property
    def fps(self) -> float:
        """Frames per second; 25 where no clip says."""
        return self.clip.fps if self.clip is not None else 25.0


def load_scene(folder: Path) -> Scene:
    """Read ``rig.json``, ``poses3d.npz`` and ``clip.json`` as far as they exist, and set them on the stage.

    Raises EpiposeError when there are neither cameras nor 3D poses, or the poses are not in the world's axes.
    """
    if not folder.is_dir():
        raise EpiposeError(f"There is no folder {folder}. Give the folder that epipose calibrate and label wrote into.")
    rig = Rig.load(folder / "rig.json") if (folder / "rig.json").exists() else None
    poses = Poses3D.load(folder / "poses3d.npz") if (folder / "poses3d.npz").exists() else None
    if poses is not None and poses.conf.numel() == 0:
        poses = None
    if rig is None and poses is None:
        raise EpiposeError(
            f"{folder} has nothing to show: neither rig.json (made by epipose calibrate {folder}) nor poses3d.npz "
            f"with any frame (made by epipose label {folder})."
        )
    if poses is not None and poses.space != "world":
        raise EpiposeError(
            f"{folder / 'poses3d.npz'} holds poses in the axes of '{poses.space}', expected the world's. "
            f"Make it with: epipose label {folder}"
        )
    clip = Clip.load(folder) if (folder / "clip.json").exists() else None
    rig, poses = staged(rig, poses)
    return Scene(rig, poses, clip)


def guess_up(rig: Rig | None, poses: Poses3D | None) -> Float[Tensor, "3"]:
    """Unit vector that probably points up in world axes.

    People are upright most of the time: the mean from the ankles (or hips) to the head. Without such joints, cameras
    are level most of the time: the mean of the pictures' upward axes. Without cameras either, minus y.
    """
    if poses is not None:
        for low in ("ankle", "hip"):
            up = _mean_direction(poses, (f"left_{low}", f"right_{low}"), ("head", "neck_nose", "nose", "neck"))
            if float(up.norm()) > 0:
                return up / up.norm()
    if rig is not None:
        up = -rig.camera.R[:, 1].mean(0).double()
        if float(up.norm()) > 1e-3:
            return up / up.norm()
    return torch.tensor([0.0, -1.0, 0.0], dtype=torch.float64)


def _mean_direction(poses: Poses3D, starts: tuple[str, ...], ends: tuple[str, ...]) -> Float[Tensor, "3"]:
    total = torch.zeros(3, dtype=torch.float64)
    joints = poses.skeleton.joints
    end = next((joints.index(name) for name in ends if name in joints), None)
    for start in (joints.index(name) for name in starts if name in joints):
        if end is not None:
            weight = (poses.conf[..., start] * poses.conf[..., end]).double()
            total += (weight[..., None] * (poses.xyz[..., end, :] - poses.xyz[..., start, :])).sum((0, 1))
    return total


def staged(rig: Rig | None, poses: Poses3D | None) -> tuple[Rig | None, Poses3D | None]:
    """Move cameras and poses together into stage axes: z up, floor at 0, the person (or the rig) in the middle."""
    stage_from_world = rotation_to_z(guess_up(rig, poses))
    seen = torch.zeros(0, 3, dtype=torch.float64)
    floor, scale = 0.0, 1.0
    if poses is not None and bool((poses.conf > 0).any()):
        xyz = poses.xyz.double() @ stage_from_world.T
        seen = xyz[poses.conf > 0]
        height = torch.where(poses.conf > 0, xyz[..., 2], torch.nan)
        low = height.nan_to_num(nan=math.inf).amin(-1)
        high = height.nan_to_num(nan=-math.inf).amax(-1)
        valid = low.isfinite()
        scale = 1.0 if poses.metric else PERSON_HEIGHT / max(1e-9, float((high - low)[valid].median()))
        sole = 0.03 if any(joint.endswith(("heel", "toe")) for joint in poses.skeleton.joints) else 0.09
        floor = float(low[valid].quantile(0.05)) - sole / scale
    elif rig is not None:
        seen = rig.camera.center.double() @ stage_from_world.T
        spread = float((seen - seen.mean(0)).norm(dim=-1).median())
        scale = 1.0 if rig.metric or spread < 1e-6 else 3.5 / spread
        floor = float(seen[:, 2].min()) - 1.2 / scale
    middle = seen.median(0).values if len(seen) else torch.zeros(3, dtype=torch.float64)
    offset = -scale * torch.stack([middle[0], middle[1], torch.tensor(floor, dtype=torch.float64)])
    moved = None if rig is None else rig.moved(scale, stage_from_world, offset)
    return moved, _moved_poses(poses, scale, stage_from_world, offset)


def _moved_poses(
    poses: Poses3D | None, scale: float, R: Float[Tensor, "3 3"], offset: Float[Tensor, "3"]
) -> Poses3D | None:
    if poses is None:
        return None
    xyz = (scale * poses.xyz.double() @ R.T + offset).float()
    return Poses3D(xyz, poses.conf, poses.skeleton, "stage", poses.metric)


def rotation_to_z(up: Float[Tensor, "3"]) -> Float[Tensor, "3 3"]:
    """A rotation whose third row is ``up``."""
    away = torch.eye(3, dtype=up.dtype)[int(up.abs().argmin())]
    x = torch.linalg.cross(away, up)
    x = x / x.norm()
    return torch.stack([x, torch.linalg.cross(up, x), up])


def quaternion_from_z(direction: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 4"]:
    """Unit quaternion (w, x, y, z) of the shortest rotation that takes +z to a direction of any length but zero."""
    x, y, z = (direction / direction.norm(dim=-1, keepdim=True).clamp_min(1e-12)).unbind(-1)
    opposite = z < -1 + 1e-6
    w = torch.where(opposite, 0.0, 1 + z)
    half = torch.stack([w, torch.where(opposite, 1.0, -y), torch.where(opposite, 0.0, x), torch.zeros_like(x)], -1)
    return half / half.norm(dim=-1, keepdim=True)


def thumbnails(clip: Clip, moments: list[int], width: int) -> list[UInt8[np.ndarray, "moment height width 3"]]:
    """For each view the frames numbered ``moments`` (ascending), shrunk so that the longer side is ``width`` pixels.

    A video that ends early repeats its last picture.
    """
    import cv2
    from tqdm import tqdm

    wanted, last = set(moments), max(moments)
    views = []
    with tqdm(total=len(clip.views) * (last + 1), desc="pictures", unit="frame", delay=2, disable=None) as bar:
        for view in clip.views:
            shrink = width / max(view.width, view.height)
            size = (max(1, round(view.width * shrink)), max(1, round(view.height * shrink)))
            pictures = []
            for index, frame in enumerate(islice(read_frames(view.video), last + 1)):
                if index in wanted:
                    pictures.append(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
                bar.update()
            if not pictures:
                raise EpiposeError(f"{view.video} holds none of the frames that clip.json promises. Detect again.")
            pictures += [pictures[-1]] * (len(moments) - len(pictures))
            views.append(np.stack(pictures))
    return views
