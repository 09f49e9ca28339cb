"""A small simulated recording for the examples: four videos of a walking stick figure, its keypoints and ground truth.

It takes the place of your own videos, so that examples need no download and can say how large their errors are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from epipose import H36M17, Camera, Poses2D, Poses3D, Rig
from epipose.io.video import write_video
from epipose.motion.sampler import LIMITS, posed
from epipose.viz.plots import draw_skeleton

FPS, WIDTH, HEIGHT = 20.0, 480, 360
STATURE = 1.75  # metres: of the body that walks
NOISE_PX = 1.0


def record(folder: str | Path, seconds: float = 8.0, seed: int = 0) -> Path:
    """Write ``videos/``, ``keypoints.npz``, ``intrinsics.json`` and ``truth/`` into a folder, and return it."""
    folder = Path(folder)
    rig, xyz = four_cameras(), walking(seconds)
    generator = torch.Generator().manual_seed(seed)
    exact = rig.camera.spread(2).project(xyz)
    seen = exact + NOISE_PX * torch.randn(exact.shape, generator=generator, dtype=exact.dtype)
    inside = (exact > 0).all(-1) & (exact < torch.tensor([WIDTH, HEIGHT])).all(-1)
    conf = 0.9 * inside.float()
    for view, name in enumerate(rig.names):
        black = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
        images = (draw_skeleton(black, uv, c, H36M17) for uv, c in zip(exact[view].float(), conf[view], strict=True))
        write_video(folder / "videos" / f"{name}.mp4", images, FPS)
    Poses2D(seen[:, :, None].float(), conf[:, :, None], H36M17, rig.names).save(folder / "keypoints.npz")
    times = torch.arange(len(xyz), dtype=torch.float64) / FPS
    Poses3D(xyz[:, None].float(), torch.ones(len(xyz), 1, 17), H36M17, metric=True, times=times).save(
        folder / "truth" / "poses3d.npz"
    )
    rig.save(folder / "intrinsics.json", intrinsics_only=True)
    rig.save(folder / "truth" / "rig.json")
    return folder


def film_markers(folder: Path, colours: Sequence[tuple[int, int, int]], seconds: float = 4.0) -> None:
    """Write the videos of a person in a dark suit with a coloured marker on each joint."""
    rig = four_cameras()
    for name, path in zip(rig.names, rig.camera.spread(2).project(walking(seconds)).tolist(), strict=True):
        images = np.zeros((len(path), HEIGHT, WIDTH, 3), np.uint8)
        for image, joints in zip(images, path, strict=True):
            for colour, (u, v) in zip(colours, joints, strict=True):
                cv2.circle(image, (round(u), round(v)), 3, colour, -1)
        write_video(folder / f"{name}.mp4", images, FPS)


def four_cameras(distance: float = 4.5, focal: float = 400.0) -> Rig:
    """Cameras in the corners of a room, at different heights, that look at its middle; metres, z up."""
    K = torch.tensor([[focal, 0, (WIDTH - 1) / 2], [0, focal, (HEIGHT - 1) / 2], [0, 0, 1]], dtype=torch.float64)
    size = torch.tensor([WIDTH, HEIGHT])
    R, t = [], []
    for angle, height in zip((40, 130, 215, 310), (1.4, 2.2, 1.6, 2.5), strict=True):
        a = math.radians(angle)
        center = torch.tensor([distance * math.cos(a), distance * math.sin(a), height], dtype=torch.float64)
        forward = torch.tensor([0.0, 0.0, 0.9], dtype=torch.float64) - center
        forward = forward / forward.norm()
        right = torch.linalg.cross(forward, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
        right = right / right.norm()
        R.append(torch.stack([right, torch.linalg.cross(forward, right), forward]))
        t.append(-R[-1] @ center)
    four = Camera.from_intrinsics(K.expand(4, 3, 3), torch.zeros(4, 5, dtype=torch.float64), size.expand(4, 2))
    names = ("front", "left", "back", "right")
    return Rig(names, four.with_pose(torch.stack(R), torch.stack(t)), metric=True, upright=True)


def walking(seconds: float) -> torch.Tensor:
    """(frame, joint, 3) in metres: a person who walks in a figure of eight, one step in half a second."""
    time = np.arange(round(seconds * FPS)) / FPS
    turn = 2 * np.pi * time / 8
    x, y = 1.3 * np.sin(turn), 1.3 * np.sin(2 * turn) / 2
    heading = np.degrees(np.unwrap(np.arctan2(np.gradient(y), np.gradient(x))))
    step = 2 * np.pi * time
    angles = {name: np.zeros_like(time) for name in _names()}
    angles |= {"x": x, "y": y, "yaw": heading + 90, "pitch": 3 + 0 * time, "trunk_twist": 6 * np.sin(step)}
    for side, phase in (("left", 0.0), ("right", np.pi)):
        swing = np.sin(step + phase)
        angles[f"{side}_hip_flexion"] = 10 + 22 * swing
        angles[f"{side}_knee_flexion"] = 12 + 45 * np.clip(np.sin(step + phase + 1.0), 0, None) ** 2
        angles[f"{side}_arm_plane"] = np.full_like(time, 90.0)
        angles[f"{side}_arm_elevation"] = 12 - 18 * swing
        angles[f"{side}_elbow_flexion"] = 25 + 10 * swing
    return torch.from_numpy(posed(angles, FPS).xyz)


def _names() -> list[str]:
    two_sided = ("hip", "knee", "ankle", "arm", "elbow")
    sided = [f"{side}_{name}" for name in LIMITS if name.startswith(two_sided) for side in ("left", "right")]
    return [*(name for name in LIMITS if not name.startswith(two_sided)), *sided, "x", "y", "yaw", "pitch", "roll"]
