"""A person who walks as people do: feet that stand still on the floor, knees that bend forward, a nose in front.

`synthetic.moving_skeleton` swings every limb about every axis, which is right for geometry and no human being.
"""

from __future__ import annotations

import math

import torch

from epipose.skeleton import Skeleton

STRIDE, THIGH, SHANK = 1.4, 0.43, 0.43  # metres; a foot moves by a stride while the body does
FPS = 50.0


def walker(
    frames: int, skeleton: Skeleton, speed: float = 1.2, radius: float = 2.0, lean: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """(frame, joint, 3) in metres and confidences of 1; the floor at z = 0, the way a circle, ankles 0.08 m up.

    ``lean``: radians by which the trunk leans forward. ``speed`` 0: a person who stands.
    """
    way = speed * torch.arange(frames, dtype=torch.float64) / FPS
    hips, heading, left = _on_circle(way, radius, 0.0)
    up = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).expand(frames, 3)
    trunk = math.cos(lean) * up + math.sin(lean) * heading
    hips = hips + 0.9 * up
    neck = hips + 0.5 * trunk
    ears = neck + 0.2 * trunk
    nose = ears + 0.1 * heading
    joints = {
        "pelvis": hips,
        "spine": hips + 0.25 * trunk,
        "thorax": neck,
        "neck": neck,
        "upper_neck": neck + 0.12 * trunk,
        "head_top": neck + 0.32 * trunk,
        "neck_nose": nose,
        "nose": nose,
    }
    joints["head"] = neck + 0.28 * trunk
    for side, sign in (("left", 1.0), ("right", -1.0)):
        hip, shoulder = hips + 0.12 * sign * left, neck + 0.18 * sign * left
        ankle = _ankle(way, radius, sign)
        elbow = shoulder - 0.28 * trunk - 0.05 * heading
        wrist = elbow - 0.15 * trunk + 0.18 * heading + 0.1 * sign * torch.sin(9 * way)[:, None] * heading
        ear = ears + 0.07 * sign * left
        joints |= {f"{side}_hip": hip, f"{side}_shoulder": shoulder, f"{side}_ankle": ankle, f"{side}_elbow": elbow}
        joints |= {f"{side}_wrist": wrist, f"{side}_knee": _knee(hip, ankle, heading), f"{side}_ear": ear}
        joints |= {f"{side}_{part}": ear + 0.08 * heading for part in ("eye", "eye_inner", "eye_outer", "mouth")}
        joints |= {f"{side}_{part}": wrist + 0.08 * heading for part in ("index", "pinky", "thumb")}
        joints |= {f"{side}_{part}": ankle + 0.15 * heading - 0.05 * up for part in ("big_toe", "small_toe")}
        joints[f"{side}_heel"] = ankle - 0.05 * heading - 0.05 * up
    for name, parent in zip(skeleton.joints, skeleton.parents, strict=True):  # fingers, and landmarks of a face
        if name not in joints:
            aside = {"left": 0.02, "right": -0.02}.get(name.partition("_")[0], 0.0) * left
            joints[name] = joints[skeleton.joints[parent]] + 0.02 * heading + aside
    xyz = torch.stack([joints[name] for name in skeleton.joints], 1)
    return xyz, torch.ones_like(xyz[..., 0])


def _on_circle(way: torch.Tensor, radius: float, aside: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Point on the floor, heading and the direction to the left, after some metres of way; ``aside``: to the left."""
    angle = way / radius
    heading = torch.stack([-angle.sin(), angle.cos(), 0 * angle], -1)
    left = torch.stack([-angle.cos(), -angle.sin(), 0 * angle], -1)
    return -radius * left + aside * left, heading, left


def _ankle(way: torch.Tensor, radius: float, sign: float) -> torch.Tensor:
    """Stands for 60 % of a stride, then swings past the other foot."""
    phase = way / STRIDE + 0.25 * sign
    swing = ((phase - phase.floor() - 0.6) / 0.4).clamp(min=0)
    place = STRIDE * (phase.floor() + (1 - torch.cos(math.pi * swing)) / 2 - 0.25 * sign + 0.3)
    lift = torch.zeros(len(way), 3, dtype=way.dtype)
    lift[:, 2] = 0.08 + 0.1 * torch.sin(math.pi * swing)
    return _on_circle(place, radius, 0.1 * sign)[0] + lift


def _knee(hip: torch.Tensor, ankle: torch.Tensor, heading: torch.Tensor) -> torch.Tensor:
    """Where thigh and shank meet, in front of the line from hip to ankle (the leg stretches a little when too far)."""
    along = ankle - hip
    length = along.norm(dim=-1, keepdim=True)
    forward = heading - (heading * along).sum(-1, keepdim=True) / length.square() * along
    bend = (THIGH**2 - (length / 2).square()).clamp(min=0.0025).sqrt()
    return (hip + ankle) / 2 + bend * forward / forward.norm(dim=-1, keepdim=True)
