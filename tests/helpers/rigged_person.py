"""A person of rigid bones whose joint rotations are known, and the labels that a detector would give of them."""

from __future__ import annotations

import numpy as np
import torch

from epipose.motion.humanoid import RIG_INDEX, RIG_JOINTS, RIG_PARENTS, SIDES, RigMotion
from epipose.motion.rotations import from_axis_angle
from epipose.poses import Poses3D
from epipose.skeleton import Skeleton

FPS = 60.0
_OFFSETS = {
    "Spine": (0, 0.05, 0),
    "Chest": (0, 0.22, 0),
    "Neck": (0, 0.23, 0),
    "Head": (0, 0.14, 0),
    "LeftUpLeg": (0.1, 0, 0),
    "LeftLeg": (0, -0.43, 0),
    "LeftFoot": (0, -0.42, 0),
    "LeftToeBase": (0, -0.06, 0.13),
    "LeftShoulder": (0.03, 0.2, -0.06),
    "LeftArm": (0.16, 0.03, 0.06),
    "LeftForeArm": (0.28, 0, 0),
    "LeftHand": (0.26, 0, 0),
}
_FACE = {
    "nose": (0, 0.05, 0.11),
    "left_ear": (0.075, 0.06, 0),
    "left_eye": (0.03, 0.09, 0.09),
    "left_eye_inner": (0.02, 0.09, 0.09),
    "left_eye_outer": (0.04, 0.09, 0.08),
    "left_mouth": (0.025, 0.01, 0.1),
    "head_top": (0, 0.2, 0),
}
_FOOT = {"heel": (0, -0.06, -0.05), "big_toe": (-0.02, -0.06, 0.2), "small_toe": (0.03, -0.06, 0.17)}
_HAND = {"index": (0.09, 0, 0.03), "pinky": (0.08, 0, -0.03), "thumb": (0.05, 0, 0.05)}
_JOINTS = {"hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "shoulder": "Arm", "elbow": "ForeArm", "wrist": "Hand"}


def rigged_person(frames: int, straight_arms: bool = False) -> RigMotion:
    """Somebody who turns about, bends and swings arms and legs; elbows and knees bend as hinges do."""
    t = np.arange(frames) / FPS
    mirrored = {joint.replace("Left", "Right"): (-x, y, z) for joint, (x, y, z) in _OFFSETS.items() if "Left" in joint}
    offset = {"Hips": (0, 0, 0), **_OFFSETS, **mirrored}
    turn = np.zeros((frames, len(RIG_JOINTS), 3))
    turn[:, 0] = np.stack([0.2 * np.sin(2 * t), 1.5 * t, 0.1 * np.sin(3 * t)], -1)
    for joint, axis, size, rate in [("Chest", 1, 0.3, 2), ("Neck", 0, 0.2, 1.5), ("Head", 1, 0.5, 1.2)]:
        turn[:, RIG_INDEX[joint], axis] = size * np.sin(rate * t)
    for name, sign in (("Left", 1.0), ("Right", -1.0)):
        swing = np.sin(4 * t + (0 if sign > 0 else np.pi))
        turn[:, RIG_INDEX[f"{name}UpLeg"]] = np.stack([-0.5 - 0.4 * swing, 0.2 * swing, sign * 0.1 + 0 * t], -1)
        turn[:, RIG_INDEX[f"{name}Leg"], 0] = 0.9 + 0.5 * swing
        turn[:, RIG_INDEX[f"{name}Foot"], 0] = 0.2 * swing
        turn[:, RIG_INDEX[f"{name}Arm"]] = np.stack([0.2 * swing, -sign * 0.3 * swing, sign * (-1.1 + 0.3 * swing)], -1)
        turn[:, RIG_INDEX[f"{name}ForeArm"], 1] = 0 if straight_arms else -sign * (0.8 + 0.5 * swing)
        turn[:, RIG_INDEX[f"{name}Hand"], 2] = 0.2 * swing
    angle = np.linalg.norm(turn, axis=-1)
    rotation = from_axis_angle(np.where(angle[..., None] > 0, turn, [1.0, 0, 0]), angle)
    root = np.stack([0.5 * np.sin(t), 0.92 + 0.02 * np.sin(8 * t), 0.4 * np.cos(t)], -1)
    ends = {"Head": np.array([0, 0.2, 0])}
    for side, sign in SIDES.items():
        ends[f"{side.title()}Hand"] = np.array([sign * 0.085, 0, 0])
        ends[f"{side.title()}ToeBase"] = np.array([0, 0, 0.06])
    assert len(RIG_PARENTS) == len(offset)
    return RigMotion(np.array([offset[joint] for joint in RIG_JOINTS], float), ends, rotation, root, FPS)


def labels_of(motion: RigMotion, skeleton: Skeleton, noise: float = 0.0, people: int = 1) -> Poses3D:
    """Labels in a world with z up; ``noise``: standard deviation of each coordinate, metres. People stand side by side."""
    turned, position = motion.posed()

    def fixed(joint: str, offset: tuple[float, float, float]) -> np.ndarray:
        return position[:, RIG_INDEX[joint]] + turned[:, RIG_INDEX[joint]] @ np.array(offset)

    at = {label: fixed("Head", offset) for label, offset in _FACE.items()}
    at |= {
        label.replace("left", "right"): fixed("Head", (-x, y, z))
        for label, (x, y, z) in _FACE.items()
        if "left" in label
    }
    for side, sign in SIDES.items():
        name = side.title()
        at |= {f"{side}_{label}": position[:, RIG_INDEX[name + joint]] for label, joint in _JOINTS.items()}
        at |= {f"{side}_{label}": fixed(f"{name}Foot", (sign * x, y, z)) for label, (x, y, z) in _FOOT.items()}
        at |= {f"{side}_{label}": fixed(f"{name}Hand", (sign * x, y, z)) for label, (x, y, z) in _HAND.items()}
    middle = {pair: (at[f"left_{pair}"] + at[f"right_{pair}"]) / 2 for pair in ("hip", "shoulder", "ear")}
    at |= {"pelvis": middle["hip"], "thorax": position[:, RIG_INDEX["Neck"]], "neck": position[:, RIG_INDEX["Neck"]]}
    at |= {"spine": position[:, RIG_INDEX["Chest"]], "head": middle["ear"], "neck_nose": at["nose"]}
    at["upper_neck"] = position[:, RIG_INDEX["Head"]]
    xyz = np.stack([at[joint] for joint in skeleton.joints], 1)
    xyz = xyz + noise * np.random.default_rng(0).normal(size=xyz.shape)
    z_up = torch.from_numpy(np.stack([xyz[..., 0], -xyz[..., 2], xyz[..., 1]], -1)).float()
    beside = torch.arange(people)[None, :, None, None] * torch.tensor([1.5, 0.0, 0.0])
    everybody = z_up[:, None] + beside
    times = torch.arange(len(xyz)).double() / motion.fps
    return Poses3D(everybody, torch.ones(everybody.shape[:-1]), skeleton, metric=True, times=times)
