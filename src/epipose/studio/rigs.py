"""Where cameras stand: real rigs, rings round the person, phones on tripods.

The world of a studio scene has its origin on the floor in the middle of what the cameras see. Every rig is metric and
upright. Lenses have distortion, and their numbers are as uneven as those of real ones.
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
from epipose.errors import EpiposeError
from epipose.geometry.rotation import nearest_rotation
from epipose.io.files import read_json

RigKind = Literal["ring", "phones", "h36m"]

# Subject S1 of Human3.6M (published cameras, to a tenth of a millimetre and 1e-6).
_H36M_S1 = {
    "cam54138969": {
        "K": [[1145.0494, 0.0, 512.5415], [0.0, 1143.7811, 515.4515], [0.0, 0.0, 1.0]],
        "distortion": [-0.207099, 0.247775, -0.001424, -0.000976, -0.003075],
        "R": [[-0.915362, 0.401808, 0.025748], [0.051548, 0.180374, -0.982246], [-0.399319, -0.897784, -0.18582]],
        "t": [-0.3461, 0.547, 5.4745],
        "size": [1000, 1002],
    },
    "cam55011271": {
        "K": [[1149.6757, 0.0, 508.8486], [0.0, 1147.5916, 508.0649], [0.0, 0.0, 1.0]],
        "distortion": [-0.194214, 0.240409, -0.002741, -0.001619, 0.00682],
        "R": [[0.928168, 0.372154, 0.002248], [0.081664, -0.197772, -0.97684], [-0.36309, 0.906856, -0.213958]],
        "t": [0.2514, 0.4209, 5.5882],
        "size": [1000, 1000],
    },
    "cam58860488": {
        "K": [[1149.1407, 0.0, 519.8158], [0.0, 1148.799, 501.4027], [0.0, 0.0, 1.0]],
        "distortion": [-0.208338, 0.255488, -0.00076, 0.001484, -0.00246],
        "R": [[-0.914155, -0.402778, -0.045723], [-0.045623, 0.214308, -0.9757], [0.402789, -0.889855, -0.214287]],
        "t": [0.4805, 0.2538, 5.7042],
        "size": [1000, 1000],
    },
    "cam60457274": {
        "K": [[1145.5113, 0.0, 514.9682], [0.0, 1144.7739, 501.882], [0.0, 0.0, 1.0]],
        "distortion": [-0.198384, 0.218324, -0.001813, -0.000587, -0.008948],
        "R": [[0.914156, -0.400607, 0.061906], [-0.05641, -0.276953, -0.959226], [0.401418, 0.87339, -0.275777]],
        "t": [0.0519, 0.3784, 4.4061],
        "size": [1000, 1002],
    },
}


def random_rig(rng: np.random.Generator, kind: RigKind | Path, views: int, size: tuple[int, int] | None = None) -> Rig:
    """A rig of that kind, or one of a file's (`read_rigs`), with ``views`` cameras; ``size`` is (width, height).

    Without a size, rings have 640 x 640, phones 720 x 1280 (or lying), and rigs from files their own. Raises
    EpiposeError where a rig has fewer cameras than were asked for.
    """
    if kind == "ring":
        return _ring(rng, views, size or (640, 640))
    if kind == "phones":
        return _phones(rng, views, size or (720, 1280))
    rigs = [h36m_rig()] if kind == "h36m" else read_rigs(Path(kind))
    rig = rigs[int(rng.integers(len(rigs)))]
    if views > len(rig.names):
        raise EpiposeError(f"{views} views were asked for, but this rig has {len(rig.names)} cameras. Ask for fewer.")
    rig = centred(rig).select(tuple(rig.names[i] for i in sorted(rng.permutation(len(rig.names))[:views])))
    if size is not None:
        rig = Rig(rig.names, rig.camera.resized(*size), True, True)
    return rig


def h36m_rig() -> Rig:
    """The four cameras of Human3.6M's subject S1, float64, metres, z up, in the data set's own world."""
    return _rig_of(_H36M_S1, millimetres=False)


def read_rigs(path: Path) -> list[Rig]:
    """The rigs of a file: one of epipose's own, or many, as Human3.6M's cameras are published.

    There every camera is called GROUP/NAME, has K, dist, R and t in millimetres, and no size: it is twice the principal
    point, to the nearest ten pixels. Raises EpiposeError for anything else.
    """
    content = read_json(path)
    if isinstance(content, dict) and str(content.get("format", "")).startswith("epipose-rig"):
        rig = Rig.load(path)
        if not rig.metric or not rig.upright:
            raise EpiposeError(
                f"The rig {path} is not metric and upright: the studio needs metres and a floor at z = 0."
            )
        return [rig]
    groups: dict[str, dict] = {}
    try:
        for name, entry in content["cameras"].items():
            group, _, camera = name.partition("/")
            size = [10 * round(entry["K"][axis][2] / 5) for axis in (0, 1)]
            groups.setdefault(group, {})[f"cam{camera}"] = {**entry, "distortion": entry["dist"], "size": size}
        return [_rig_of(cameras, millimetres=True) for cameras in groups.values()]
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise EpiposeError(
            f'{path} is no file of rigs ({error}): expected epipose\'s rig.json, or {{"cameras": {{"S1/54138969": '
            '{"K": 3x3, "dist": 5, "R": 3x3, "t": 3 (millimetres)}}}.'
        ) from error


def centred(rig: Rig) -> Rig:
    """The rig with the origin on the floor below the point that its cameras look at (nearest to all optical axes)."""
    camera = rig.camera.to(torch.float64)
    axis, centre = camera.R[:, 2], camera.center
    across = torch.eye(3, dtype=torch.float64) - axis[:, :, None] * axis[:, None, :]
    middle = torch.linalg.lstsq(across.sum(0), (across @ centre[..., None]).sum(0))[0][:, 0]
    offset = -middle * torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    return Rig(rig.names, rig.moved(1.0, torch.eye(3, dtype=torch.float64), offset).camera, True, True)


def _rig_of(cameras: dict, *, millimetres: bool) -> Rig:
    field = {
        key: torch.tensor([camera[key] for camera in cameras.values()], dtype=torch.float64)
        for key in ("K", "distortion", "R", "t")
    }
    size = torch.tensor([camera["size"] for camera in cameras.values()])
    t = field["t"].reshape(-1, 3) / (1000 if millimetres else 1)
    camera = Camera(field["K"], field["distortion"].reshape(-1, 5), nearest_rotation(field["R"]), t, size)
    return Rig(tuple(cameras), camera, metric=True, upright=True)


def _ring(rng: np.random.Generator, views: int, size: tuple[int, int]) -> Rig:
    """Cameras at about even angles and one distance, as a laboratory hangs them."""
    distance, height = rng.uniform(3.0, 6.5), rng.uniform(1.0, 2.8)
    azimuths = rng.uniform(0, 2 * math.pi) + 2 * math.pi / views * (np.arange(views) + rng.uniform(-0.25, 0.25, views))
    fill = rng.uniform(1.15, 1.9)  # metres from the middle that the picture's shorter side shows
    cameras = []
    for azimuth in azimuths:
        away, up = distance * rng.uniform(0.85, 1.15), max(0.4, height + rng.uniform(-0.4, 0.4))
        focal = 0.5 * min(size) * away / fill * rng.uniform(0.95, 1.05)
        cameras.append(_aimed(rng, azimuth, away, up, focal, size, roll=0.03))
    return Rig(tuple(f"cam{i + 1}" for i in range(views)), stack_cameras(cameras), True, True)


def _phones(rng: np.random.Generator, views: int, size: tuple[int, int]) -> Rig:
    """Phones on tripods, upright or lying, wherever there was room: at least 20 degrees apart."""
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
        share = rng.uniform(0.45, 0.75)  # of the picture's height that a standing person takes up
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
    """A camera on the floor plan at (azimuth, distance) from the middle, that looks about at the hips of who is there."""
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
