"""Failures of the subject and the detector: somebody else, too little motion, hidden joints, outliers, swapped sides.

Every function takes a good clip and spoils it the way it happens. `with_motion` and `again` detect another motion
before the same cameras.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.geometry.simulation import Simulated, another_motion, detected
from epipose.camera import Rig
from epipose.geometry.rotation import exp
from epipose.skeletons import H36M17

_LOWER_BODY = ("pelvis", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle")
_SEAT_HEIGHT, _THIGH, _SHANK = 0.52, 0.44, 0.42  # metres; of the hips over the floor


def good(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Nothing wrong."""
    return clip


def wrong_person(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One view follows somebody else in the same room."""
    return with_motion(clip, int(rng.integers(len(clip.rig.names))), another_motion(clip, rng), rng)


def another_take(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One video is of another take: the same person, half a clip later."""
    view, half = int(rng.integers(len(clip.rig.names))), len(clip.xyz) // 2
    xy, conf = clip.poses.xy[view, :, 0].roll(half, 0), clip.poses.conf[view, :, 0].roll(half, 0)
    return clip.with_view(view, xy, conf)


def standing_still(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """The person stands in one place and hardly moves: a tenth of the movement, round the middle pose."""
    middle = clip.xyz[len(clip.xyz) // 2]
    return again(clip, middle + 0.1 * (clip.xyz - clip.xyz.mean(0)), rng)


def small_in_the_image(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """The person covers about 5 per cent of the image: cameras three times as far away, path a third as long."""
    center = clip.xyz[:, :1].mean(0)
    ground = (clip.xyz[:, :1] - center) * torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    camera = clip.rig.camera
    place = center + 3 * (camera.center - center)
    moved = camera.with_pose(camera.R, -(camera.R @ place[..., None])[..., 0])
    return again(replace(clip, rig=Rig(clip.rig.names, moved, clip.rig.metric)), clip.xyz - 2 / 3 * ground, rng)


def half_outliers(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Half of all detections are somewhere else on the person's scale (a quarter of the diagonal)."""
    xy = clip.poses.xy.clone()
    wild = torch.from_numpy(rng.random(xy.shape[:-1]) < 0.5)
    xy = xy + wild[..., None] * 100 * torch.from_numpy(rng.standard_normal(xy.shape))
    return replace(clip, poses=replace(clip.poses, xy=xy))


def sides_swapped_in_one(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """The detector takes left for right throughout in one view."""
    view, flip = int(rng.integers(len(clip.rig.names))), list(H36M17.flip)
    return clip.with_view(view, clip.poses.xy[view, :, 0][:, flip], clip.poses.conf[view, :, 0][:, flip])


def some_swaps(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Left and right swapped in a fifth of one view's frames: mild."""
    view, flip = int(rng.integers(len(clip.rig.names))), list(H36M17.flip)
    xy, conf = clip.poses.xy[view, :, 0].clone(), clip.poses.conf[view, :, 0].clone()
    begin, length = int(rng.integers(len(xy) * 4 // 5)), len(xy) // 5
    xy[begin : begin + length], conf[begin : begin + length] = (
        of[begin : begin + length][:, flip] for of in (xy.clone(), conf.clone())
    )
    return clip.with_view(view, xy, conf)


def often_missing(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """A third of all joints are not found: mild."""
    conf = clip.poses.conf * torch.from_numpy(rng.random(clip.poses.conf.shape) > 1 / 3)
    return replace(clip, poses=replace(clip.poses, conf=conf))


def with_motion(clip: Simulated, view: int, xyz: torch.Tensor, rng: np.random.Generator) -> Simulated:
    """The clip with another motion in one view."""
    xy, conf = detected(clip.rig, xyz.expand(len(clip.rig.names), *xyz.shape), clip.fps, clip.noise, rng)
    return clip.with_view(view, xy[view], conf[view])


def again(clip: Simulated, xyz: torch.Tensor, rng: np.random.Generator) -> Simulated:
    """The same rig and detector with another motion."""
    xy, conf = detected(clip.rig, xyz.expand(len(clip.rig.names), *xyz.shape), clip.fps, clip.noise, rng)
    return replace(clip, xyz=xyz, poses=replace(clip.poses, xy=xy[:, :, None], conf=conf[:, :, None]))


def upper_body(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Hips and legs are never found, as behind a desk."""
    conf = clip.poses.conf.clone()
    conf[..., [H36M17.index(joint) for joint in _LOWER_BODY]] = 0
    return replace(clip, poses=replace(clip.poses, conf=conf))


def seated(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """The person sits on a chair: hips and feet stay, trunk and arms move as captured, upright but for some swaying."""
    return again(clip, seated_motion(clip.xyz, float(rng.uniform(0, 2 * np.pi))), rng)


def seated_motion(xyz: Float[Tensor, "frame joint 3"], heading: float) -> Float[Tensor, "frame joint 3"]:
    """A motion with the pelvis on a chair in the middle of its path, thighs level and shanks upright."""
    index = {name: number for number, name in enumerate(H36M17.joints)}
    right = xyz[:, index["right_hip"]] - xyz[:, index["left_hip"]]
    up = xyz[:, index["spine"]] - xyz[:, index["pelvis"]]
    up = torch.nn.functional.normalize(up, dim=-1)
    right = torch.nn.functional.normalize(right - (right * up).sum(-1, keepdim=True) * up, dim=-1)
    body_from_world = torch.stack([right, torch.linalg.cross(up, right), up], 1)  # x right, y forward, z up
    seat = (xyz - xyz[:, [index["pelvis"]]]) @ body_from_world.mT
    for side in ("left", "right"):
        hip = seat[:, index[f"{side}_hip"]].mean(0)
        knee = hip + torch.tensor([0.3 * float(hip[0]), _THIGH, 0.0], dtype=xyz.dtype)
        ankle = knee + torch.tensor([0.0, 0.05, -_SHANK], dtype=xyz.dtype)
        for joint, place in (("hip", hip), ("knee", knee), ("ankle", ankle)):
            seat[:, index[f"{side}_{joint}"]] = place
    middle = xyz[:, index["pelvis"]].mean(0) * torch.tensor([1.0, 1.0, 0.0], dtype=xyz.dtype)
    middle = middle + torch.tensor([0.0, 0.0, _SEAT_HEIGHT], dtype=xyz.dtype)
    return seat @ exp(torch.tensor([0.0, 0.0, heading], dtype=xyz.dtype)).mT + middle
