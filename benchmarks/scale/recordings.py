"""Simulated recordings of any length, number of cameras and people: clip folders with BlazePose's 33 keypoints.

The people are motion capture, the cameras stand round a room, and the errors are those of a real detector
(benchmarks/geometry/simulation.py) for the 17 joints of Human3.6M. The 33 landmarks are placed on these; each has the
error of the joint that it hangs on and a pixel of its own. As after `detect`, every person has the detector's own
single-image 3D, too. A long recording is one of at most 4 000 frames, played forwards and backwards in turn with new
errors: length is what is measured here, and drawing it takes longer than labelling it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from benchmarks.geometry.drawn_rigs import drawn_rig
from benchmarks.geometry.noise_model import NoiseModel
from benchmarks.geometry.simulation import Noise, Simulated, another_motion, detected, simulate
from epipose.camera import Rig, cat_cameras
from epipose.clip import Clip, View
from epipose.poses import Poses2D
from epipose.skeletons import BLAZEPOSE33, H36M17

_MOTION_FRAMES = 4000  # that are drawn; more are these again, to and fro
_OWN_PIXELS = 1.0  # standard deviation of a landmark's error beside that of the joint it hangs on
_HALF = 8  # views of one drawn rig; more are put together from several


class Recording(NamedTuple):
    """Keypoints of everybody, and the cameras that are to be found."""

    poses: Poses2D
    rig: Rig
    fps: float

    def save(self, folder: Path, *, with_rig: bool = False) -> None:
        """Write a clip folder as `detect` leaves it; ``with_rig``: with the true cameras as ``rig.json``."""
        frames = self.poses.xy.shape[1]
        sizes = self.rig.camera.size.tolist()
        views = [
            View(name, None, int(width), int(height), frames, self.fps)
            for name, (width, height) in zip(self.rig.names, sizes, strict=True)
        ]
        folder.mkdir(parents=True, exist_ok=True)
        Clip(tuple(views), frames, self.fps).save(folder)
        self.poses.save(folder / "poses2d.npz")
        if with_rig:
            self.rig.save(folder / "rig.json")


def recording(
    seed: int,
    *,
    frames: int,
    views: int = 4,
    people: int = 1,
    mocap: Path | None = None,
    rigs: Path | None = None,
) -> Recording:
    """One recording; the same seed gives the same. Up to 4 views are of Human3.6M's rigs, more of drawn ones."""
    rng = np.random.default_rng([seed, frames, views, people])
    rig = _rig(rng, views) if views > 4 else None
    drawn = min(frames, _MOTION_FRAMES)
    clip = simulate(seed, views=min(views, 4), frames=drawn, mocap=mocap, rigs=rigs, rig=rig, model=NoiseModel.load())
    moment = to_and_fro(frames, drawn)
    motions = [clip.xyz, *(another_motion(clip, rng) for _ in range(people - 1))]
    seen = [_keypoints(clip, motion, moment, rng) for motion in motions]
    xy, conf, xyz = (torch.stack(field, 2) for field in zip(*seen, strict=True))
    return Recording(Poses2D(xy, conf, BLAZEPOSE33, clip.rig.names, xyz), clip.rig, clip.fps)


def to_and_fro(frames: int, drawn: int) -> Int[Tensor, " frame"]:
    """Which of the drawn frames each frame shows: forwards, backwards, forwards, without a jump at the turns."""
    step = torch.arange(frames) % max(2 * (drawn - 1), 1)
    return torch.minimum(step, 2 * (drawn - 1) - step).clamp(min=0)


def _rig(rng: np.random.Generator, views: int) -> Rig:
    """A drawn rig of any number of views."""
    counts = [len(part) for part in np.array_split(np.arange(views), -(-views // _HALF))]
    cameras = cat_cameras([drawn_rig(rng, count).camera for count in counts])
    return Rig(tuple(f"cam{view + 1:02d}" for view in range(views)), cameras, True)


def _keypoints(
    clip: Simulated, motion: Tensor, moment: Tensor, rng: np.random.Generator
) -> tuple[Float[Tensor, "view frame 33 2"], Float[Tensor, "view frame 33"], Float[Tensor, "view frame 33 3"]]:
    """Pixels, confidences and single-image 3D of one person's landmarks in all views, in float32."""
    camera, parts = clip.rig.camera.spread(2), list[tuple[Tensor, Tensor, Tensor]]()
    for piece in moment.split(_MOTION_FRAMES):
        joints = motion[piece].expand(len(clip.rig.names), -1, -1, -1)
        found, conf = detected(clip.rig, joints, clip.fps, Noise(model=clip.noise.model), rng)
        error = torch.where((conf > 0)[..., None], found - camera.project(joints), 0.0)[:, :, _SOURCE]
        conf, body = conf[:, :, _SOURCE], landmarks(motion[piece])
        own = _OWN_PIXELS * torch.from_numpy(rng.standard_normal(error.shape))
        xy = torch.where((conf > 0)[..., None], camera.project(body.expand(len(conf), -1, -1, -1)) + error + own, 0.0)
        seen = camera.into_frame(body.expand(len(conf), -1, -1, -1))
        xyz = seen - seen[:, :, [23, 24]].mean(2, keepdim=True)
        parts.append((xy.float(), conf.float(), xyz.float()))
    xy, conf, xyz = (torch.cat(field, 1) for field in zip(*parts, strict=True))
    return xy, conf, xyz


def landmarks(xyz: Float[Tensor, "*frame 17 3"]) -> Float[Tensor, "*frame 33 3"]:
    """BlazePose's landmarks of a body given by Human3.6M's joints: face, hands and feet where they usually are."""
    joint = {name: xyz[..., number, :] for number, name in enumerate(H36M17.joints)}
    left = joint["left_hip"] - joint["right_hip"]
    left = left / left.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    up = joint["thorax"] - joint["pelvis"]
    forward = torch.linalg.cross(left, up / up.norm(dim=-1, keepdim=True).clamp(min=1e-6))
    placed = []
    for name, source in zip(BLAZEPOSE33.joints, _SOURCE_NAMES, strict=True):
        side = {"left": 1.0, "right": -1.0}.get(name.partition("_")[0], 0.0)
        aside, ahead = next((offset for part, offset in _OFFSETS if part in name), (0.0, 0.0))
        placed.append(joint[source] + side * aside * left + ahead * forward)
    return torch.stack(placed, -2)


def _sources() -> Sequence[str]:
    """For every landmark the joint of Human3.6M that it hangs on: its own, the wrist, the ankle, or the nose."""
    parts = (("pinky", "wrist"), ("index", "wrist"), ("thumb", "wrist"), ("heel", "ankle"), ("toe", "ankle"))
    names = []
    for name in BLAZEPOSE33.joints:
        limb = next((of for part, of in parts if part in name), None)
        if limb is not None:
            names.append(f"{name.partition('_')[0]}_{limb}")
        else:
            names.append(name if name in H36M17.joints else "neck_nose")
    return names


# Metres to the side and ahead of the joint that a landmark hangs on.
_OFFSETS = (
    ("eye", (0.03, 0.08)), ("ear", (0.07, 0.0)), ("mouth", (0.02, 0.09)), ("nose", (0.0, 0.1)),
    ("pinky", (0.03, 0.06)), ("index", (0.0, 0.08)), ("thumb", (-0.03, 0.06)), ("heel", (0.0, -0.05)),
    ("toe", (0.0, 0.15)),
)  # fmt: skip
_SOURCE_NAMES = tuple(_sources())
_SOURCE = [H36M17.index(name) for name in _SOURCE_NAMES]
