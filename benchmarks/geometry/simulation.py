"""Simulated clips of a person before a real rig, with ground truth for cameras and joints.

Rigs are those of Human3.6M (44 real cameras, read by option; the four of its subject S1 otherwise) or drawn ones of 2
to 14 cameras (drawn_rigs.py). Motions are real motion capture (by option; a generated walk otherwise) of one body per
clip (drawn_motion.py), put in the middle of the rig with a random heading and place.
Two kinds of detections: "simple" has Gaussian errors in pixels and a share of outliers of 60 px, all equally confident;
"detector" has the errors of a real detector (noise_model.py). A joint outside the image is missing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.geometry.drawn_motion import Scene, random_motion, sampled
from benchmarks.geometry.drawn_rigs import Layout, drawn_rig
from benchmarks.geometry.noise_model import NoiseModel, draw
from epipose.camera import Camera, Rig, nearest_rotation
from epipose.errors import InputError
from epipose.poses import Poses2D
from epipose.skeletons import H36M17
from tests.helpers.synthetic import rig as rig_of_s1

_OUTLIER_PX = 60.0


@dataclass(frozen=True)
class Noise:
    """Errors of the detector. With a model the errors are ``level`` times the model's, else pixels + outliers."""

    pixels: float = 6.0
    outliers: float = 0.03
    model: NoiseModel | None = None
    level: float = 1.0


@dataclass(frozen=True)
class Simulated:
    """One clip: detections and their ground truth. ``rig`` is the rig to be judged against."""

    poses: Poses2D
    rig: Rig
    xyz: Float[Tensor, "frame joint 3"]
    fps: float
    motion: str
    noise: Noise
    scene: Scene
    offsets: tuple[float, ...]  # frames by which a view's frame k is later than moment k

    def given(self) -> Rig:
        """The true intrinsics without the poses of the cameras: what calibration is given."""
        camera = self.rig.camera
        return Rig(self.rig.names, Camera.from_intrinsics(camera.K, camera.distortion, camera.size))

    def of_views(self, names: tuple[str, ...]) -> Simulated:
        """The same clip, detections and all, through some of its cameras."""
        chosen = [self.rig.names.index(name) for name in names]
        poses = replace(self.poses, xy=self.poses.xy[chosen], conf=self.poses.conf[chosen], views=names)
        offsets = tuple(self.offsets[view] for view in chosen)
        return replace(self, poses=poses, rig=self.rig.select(names), offsets=offsets)

    def with_view(self, view: int, xy: Float[Tensor, "frame joint 2"], conf: Float[Tensor, "frame joint"]) -> Simulated:
        """The same clip with other detections in one view."""
        poses_xy, poses_conf = self.poses.xy.clone(), self.poses.conf.clone()
        poses_xy[view, :, 0], poses_conf[view, :, 0] = xy, conf
        return replace(self, poses=replace(self.poses, xy=poses_xy, conf=poses_conf))


def simulate(
    seed: int,
    *,
    views: int = 4,
    frames: int = 500,
    pixels: float = 6.0,
    outliers: float = 0.03,
    model: NoiseModel | None = None,
    level: float = 1.0,
    mocap: Path | None = None,
    rigs: Path | None = None,
    motions: str = "*",
    fps: float = 50.0,
    offsets: tuple[float, ...] | None = None,
    roam: float | None = None,
    supple: bool = False,
    layout: Layout | None = None,
    rig: Rig | None = None,
) -> Simulated:
    """One clip of ``frames`` frames; the same seed gives the same clip.

    ``offsets``: frames (may be fractional) by which each view runs late. ``roam``: half the extent of the person's path
    in metres (0: on the spot); None leaves it as captured. ``motions``: pattern of the motions' names to draw from.
    ``supple``: the trunk's bones keep the changes of length they were captured with. ``layout``: a drawn
    rig (drawn_rigs.py) of that kind, with up to 14 views, in place of a real one. ``rig``: this one, nothing is drawn.
    """
    rng = np.random.default_rng(seed)
    if rig is None:
        rig = _random_rig(rng, views, rigs) if layout is None else drawn_rig(rng, views, layout)
    offsets = tuple(offsets or (0.0,) * len(rig.names))
    if len(offsets) != len(rig.names):
        raise InputError(f"{len(offsets)} offsets for {len(rig.names)} views; one per view is expected.")
    scene = Scene(mocap, rigs, motions, supple)
    early, late = min(*offsets, 0.0), max(*offsets, 0.0)
    name, dense = random_motion(rng, (frames + 1 + late - early) / fps, scene, roam)
    moments = torch.arange(frames, dtype=torch.float64) - early
    seen = torch.stack([sampled(dense, (moments + offset) / fps) for offset in offsets])
    noise = Noise(pixels, outliers, model, level)
    xy, conf = detected(rig, seen, fps, noise, rng)
    poses = Poses2D(xy[:, :, None], conf[:, :, None], H36M17, rig.names)
    truth = sampled(dense, moments / fps)
    return Simulated(poses, rig, truth, fps, name, noise, scene, offsets)


def another_motion(simulated: Simulated, rng: np.random.Generator) -> Float[Tensor, "frame joint 3"]:
    """Somebody else in the same room for the same time."""
    frames, fps = len(simulated.xyz), simulated.fps
    _, dense = random_motion(rng, (frames + 1) / fps, simulated.scene, None)
    return sampled(dense, torch.arange(frames, dtype=torch.float64) / fps)


def detected(
    rig: Rig, xyz: Float[Tensor, "view frame joint 3"], fps: float, noise: Noise, rng: np.random.Generator
) -> tuple[Float[Tensor, "view frame joint 2"], Float[Tensor, "view frame joint"]]:
    """Pixels (distorted) and confidences of a detector that sees, in every view, a body of its own."""
    camera = rig.camera.spread(2)
    true = camera.project(xyz)
    if noise.model is None:
        xy = true + noise.pixels * torch.from_numpy(rng.standard_normal(true.shape))
        wild = torch.from_numpy(rng.random(true.shape[:-1]) < noise.outliers)
        xy = xy + wild[..., None] * _OUTLIER_PX * torch.from_numpy(rng.standard_normal(true.shape))
        conf = torch.ones_like(xy[..., 0])
    else:
        error, conf, swapped = draw(noise.model, rig, xyz, fps, noise.level, rng)
        flip = list(H36M17.flip)
        xy = true + error
        xy = torch.where(swapped[..., None, None], xy[:, :, flip], xy)
        conf = torch.where(swapped[..., None], conf[:, :, flip], conf)
    inside = ((xy >= 0) & (xy < rig.camera.size[:, None, None])).all(-1) & (camera.into_frame(xyz)[..., 2] > 0.1)
    return torch.where(inside[..., None], xy, torch.zeros_like(xy)), conf * inside


@lru_cache(maxsize=2)
def all_rigs(path: Path | None) -> list[Rig]:
    """The rigs of all subjects in metres; only S1's without a file."""
    if path is None:
        return [rig_of_s1()]
    subjects: dict[str, dict[str, dict[str, list[list[float]]]]] = {}
    for name, entry in json.loads(path.read_text(encoding="utf-8"))["cameras"].items():
        subject, camera = name.split("/")
        subjects.setdefault(subject, {})[f"cam{camera}"] = entry
    rigs = []
    for cameras in subjects.values():
        field = {
            key: torch.tensor([entry[key] for entry in cameras.values()], dtype=torch.float64)
            for key in ("K", "dist", "R", "t")
        }
        size = torch.tensor([[1000, 1002], [1000, 1000], [1000, 1000], [1000, 1002]])
        t = field["t"].reshape(-1, 3) / 1000
        rigs.append(Rig(tuple(cameras), Camera(field["K"], field["dist"], nearest_rotation(field["R"]), t, size), True))
    return rigs


def _random_rig(rng: np.random.Generator, views: int, path: Path | None) -> Rig:
    rigs = all_rigs(path)
    rig = rigs[int(rng.integers(len(rigs)))]
    if not 2 <= views <= len(rig.names):
        raise InputError(f"{views} views were asked for; these rigs have 2 to {len(rig.names)}.")
    return rig.select(tuple(np.array(rig.names)[np.sort(rng.permutation(len(rig.names))[:views])].tolist()))
