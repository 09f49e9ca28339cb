"""A drawn clip: a stick figure that changes its pose, filmed by known cameras, with its exact labels."""

import math
from pathlib import Path

import cv2
import numpy as np
import torch

from epipose.camera import Camera, Rig
from epipose.clip import Clip
from epipose.io.video import write_video
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17

# Metres; y down, as the cameras see it. Order of H36M17.
_STANDING = np.array(
    [
        [0, 0, 0], [-0.13, 0, 0], [-0.14, 0.44, 0], [-0.15, 0.88, 0], [0.13, 0, 0], [0.14, 0.44, 0], [0.15, 0.88, 0],
        [0, -0.24, 0], [0, -0.48, 0], [0, -0.56, 0.05], [0, -0.70, 0], [0.17, -0.46, 0], [0.40, -0.36, 0],
        [0.60, -0.28, 0], [-0.17, -0.46, 0], [-0.40, -0.36, 0], [-0.60, -0.28, 0],
    ]
)  # fmt: skip


def poses(frames: int, seed: int = 0) -> np.ndarray:
    """World joints (frame, 17, 3) in metres: limbs displaced at random, body turned about the vertical."""
    rng = np.random.default_rng(seed)
    moved = _STANDING + rng.uniform(-0.12, 0.12, (frames, 17, 3))
    angle = rng.uniform(-0.6, 0.6, frames)
    turn = np.zeros((frames, 3, 3))
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(angle)
    turn[:, 0, 2], turn[:, 2, 0], turn[:, 1, 1] = np.sin(angle), -np.sin(angle), 1
    return moved @ turn.transpose(0, 2, 1)


def rig(views: int, size: int = 160) -> Rig:
    """Cameras on a circle of 4 m round the figure, all looking at it."""
    R, t = [], []
    for view in range(views):
        a = 0.9 * view
        R.append([[math.cos(a), 0, -math.sin(a)], [0, 1, 0], [math.sin(a), 0, math.cos(a)]])
        t.append([0.0, 0.0, 4.0])
    K = torch.tensor([[1.6 * size, 0, size / 2], [0, 1.6 * size, size / 2], [0, 0, 1]], dtype=torch.float64)
    camera = Camera(
        K.repeat(views, 1, 1),
        torch.zeros(views, 5, dtype=torch.float64),
        torch.tensor(R, dtype=torch.float64),
        torch.tensor(t, dtype=torch.float64),
        torch.full((views, 2), size),
    )
    return Rig(tuple(f"cam{view + 1}" for view in range(views)), camera, metric=True)


def figure_image(xy: np.ndarray, size: int) -> np.ndarray:
    """The stick figure at pixels (17, 2): every bone in a colour of its own."""
    image = np.full((size, size, 3), 40, np.uint8)
    for bone, (parent, child) in enumerate(H36M17.bones):
        hue = np.uint8([[[11 * bone, 220, 255]]])
        colour = tuple(int(v) for v in cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0])
        ends = [tuple(round(float(v)) for v in xy[joint]) for joint in (parent, child)]
        cv2.line(image, *ends, colour, max(2, size // 50), cv2.LINE_AA)
    return image


def clip_folder(folder: Path, frames: int = 4, views: int = 2, size: int = 160, seed: int = 0) -> Path:
    """A labelled clip folder: videos, clip.json, rig.json, poses2d.npz and poses3d.npz, all exact."""
    folder.mkdir(parents=True, exist_ok=True)
    cameras, xyz = rig(views, size), torch.from_numpy(poses(frames, seed))
    xy = cameras.camera.spread(2).project(xyz)
    for name, per_frame in zip(cameras.names, xy.numpy(), strict=True):
        write_video(folder / f"{name}.mp4", (figure_image(joints, size) for joints in per_frame), 10.0)
    Clip.from_videos([folder / f"{name}.mp4" for name in cameras.names]).save(folder)
    cameras.save(folder / "rig.json")
    sure = torch.ones(views, frames, 1, 17)
    Poses2D(xy[:, :, None].float(), sure, H36M17, cameras.names).save(folder / "poses2d.npz")
    Poses3D(xyz[:, None].float(), sure[0], H36M17, "world", True).save(folder / "poses3d.npz")
    return folder
