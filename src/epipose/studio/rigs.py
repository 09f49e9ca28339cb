"""Random camera rigs: real rigs, rings round the person, phones on tripods.

The world of a studio scene has its origin on the floor in the middle of what the cameras see. Every rig is metric and
upright. Cameras have lens distortion, and intrinsics as irregular as those of real ones.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Camera, Rig, stack_cameras
from epipose.errors import InputError
from epipose.formats.rig_json import h36m_rig, read_rigs

RigKind = Literal["ring", "phones", "h36m"]


def random_rig(rng: np.random.Generator, kind: RigKind | Path, views: int, size: tuple[int, int] | None = None) -> Rig:
    """A rig of that kind, or one of a file's (`read_rigs`), with ``views`` cameras; ``size`` is (width, height).

    Without a size, rings have 640 x 640, phones 720 x 1280 (or lying), and rigs from files their own. Raises
    InputError where a rig has fewer cameras than were asked for.
    """
    if kind == "ring":
        return _ring(rng, views, size or (640, 640))
    if kind == "phones":
        return _phones(rng, views, size or (720, 1280))
    rigs = [h36m_rig()] if kind == "h36m" else read_rigs(Path(kind))
    rig = rigs[int(rng.integers(len(rigs)))]
    if views > len(rig.names):
        raise InputError(f"{views} views were asked for, but this rig has {len(rig.names)} cameras. Ask for fewer.")
    rig = centred_rig(rig).select(tuple(rig.names[i] for i in sorted(rng.permutation(len(rig.names))[:views])))
    if size is not None:
        rig = Rig(rig.names, rig.camera.resized(*size), True, True)
    return rig


def centred_rig(rig: Rig) -> Rig:
    """The rig with the origin on the floor below the point that its cameras look at (nearest to all optical axes)."""
    camera = rig.camera.to(torch.float64)
    axis, centre = camera.R[:, 2], camera.center
    across = torch.eye(3, dtype=torch.float64) - axis[:, :, None] * axis[:, None, :]
    middle = torch.linalg.lstsq(across.sum(0), (across @ centre[..., None]).sum(0))[0][:, 0]
    offset = -middle * torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    return Rig(rig.names, rig.moved(1.0, torch.eye(3, dtype=torch.float64), offset).camera, True, True)


def _ring(rng: np.random.Generator, views: int, size: tuple[int, int]) -> Rig:
    """Cameras at about even angles and one distance, as a laboratory hangs them."""
    distance, height = rng.uniform(3.0, 6.5), rng.uniform(1.0, 2.8)
    azimuths = rng.uniform(0, 2 * math.pi) + 2 * math.pi / views * (np.arange(views) + rng.uniform(-0.25, 0.25, views))
    fill = rng.uniform(1.15, 1.9)  # metres from the middle that the image's shorter side shows
    cameras = []
    for azimuth in azimuths:
        away, up = distance * rng.uniform(0.85, 1.15), max(0.4, height + rng.uniform(-0.4, 0.4))
        focal = 0.5 * min(size) * away / fill * rng.uniform(0.95, 1.05)
        cameras.append(_aimed(rng, azimuth, away, up, focal, size, roll=0.03))
    return Rig(tuple(f"cam{i + 1}" for i in range(views)), stack_cameras(cameras), True, True)


def _phones(rng: np.random.Generator, views: int, size: tuple[int, int]) -> Rig:
    """Phones on tripods, upright or lying, at random angles, at least 20 degrees apart."""
    azimuths = np.array([rng.uniform(0, 2 * math.pi)])
    while len(azimuths) < views:
        another = rng.uniform(0, 2 * math.pi)
        if np.abs((azimuths - another + math.pi) % (2 * math.pi) - math.pi).min() > min(0.35, 2 / views):
            azimuths = np.append(azimuths, another)
    upright = rng.random() < 0.5
    cameras = []
    for azimuth in azimuths:
        standing = upright if rng.random() < 0.8 else not upright
        width, height = (min(size), max(size)) if standing else (max(size), min(size))
        focal = max(size) * rng.uniform(0.65, 0.95)  # 23 to 34 mm in terms of 35 mm film
        share = rng.uniform(0.45, 0.75)  # of the image's height that a standing person takes up
        distance = float(np.clip(1.75 * focal / (share * height), 2.5, 6.0))
        cameras.append(_aimed(rng, azimuth, distance, rng.uniform(0.8, 2.2), focal, (width, height), roll=0.06))
    return Rig(tuple(f"phone{i + 1}" for i in range(views)), stack_cameras(cameras), True, True)


def _aimed(
    rng: np.random.Generator,
    azimuth: float,
    distance: float,
    height: float,
    focal: float,
    size: tuple[int, int],
    roll: float,
) -> Camera:
    """A camera on the floor plan at (azimuth, distance) from the middle, aimed about at the person's hips."""
    eye = np.array([distance * math.cos(azimuth), distance * math.sin(azimuth), height])
    target = np.array([0.0, 0.0, 0.95]) + rng.normal(0, 0.06, 3)
    K = np.array(
        [
            [focal, 0, (size[0] - 1) / 2 + rng.normal(0, 0.006) * size[0]],
            [0, focal * (1 + rng.normal(0, 0.001)), (size[1] - 1) / 2 + rng.normal(0, 0.006) * size[1]],
            [0, 0, 1],
        ]
    )
    k1 = rng.uniform(-0.2, 0.08)
    distortion = [k1, abs(k1) * rng.uniform(0.2, 0.8), *rng.normal(0, 0.0008, 2), 0.0]
    R = _turned(target - eye, rng.normal(0, roll))
    return Camera(
        torch.from_numpy(K),
        torch.tensor(distortion, dtype=torch.float64),
        R,
        -R @ torch.from_numpy(eye),
        torch.tensor(size),
    )


def _turned(forward: Float[np.ndarray, "3"], roll: float) -> Float[Tensor, "3 3"]:
    """cam_from_world of a camera that looks along ``forward``, upright but for the roll (radians)."""
    z = forward / np.linalg.norm(forward)
    x = np.cross(z, [0.0, 0.0, 1.0])
    x /= np.linalg.norm(x)
    level = np.stack([x, np.cross(z, x), z])
    turn = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    return torch.from_numpy(turn @ level)
