"""Offsets of the humanoid rig: constant bone lengths, as medians over a clip, along the axes of the rest pose."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from epipose.motion import humanoid
from epipose.motion.body_axes import (
    CLAVICLE_START,
    X,
    Y,
    chest_start,
    clavicle_start,
    fixed_in,
    spine_start,
    toe_tip,
)
from epipose.motion.body_points import BodyPoints
from epipose.motion.head_axes import has_head, skull_base
from epipose.motion.humanoid import RIG_INDEX, RIG_JOINTS, SIDES

Offset = Float64[np.ndarray, "3"]


def rig_offsets(
    body: BodyPoints, axes: Float64[np.ndarray, "frame joint 3 3"]
) -> tuple[Float64[np.ndarray, "joint 3"], dict[str, Offset]]:
    """Offsets of all joints from their parents, and the ends of the last bones, in the axes of the joints they hang on.

    ``axes``: of every joint in the world. What the labels do not show has the size that goes with the trunk.
    """
    turned = {joint: axes[:, number] for joint, number in RIG_INDEX.items()}
    offset, ends = _trunk(body, turned)
    for side in SIDES:
        offset |= _arm(body, side, turned, offset["Neck"]) | _leg(body, side)
        foot = _toe_tip(body, side, turned)
        ball = humanoid.BALL_OF_FOOT
        offset[f"{side.title()}ToeBase"] = foot * [ball, 1, ball]
        ends |= {f"{side.title()}ToeBase": foot * [1 - ball, 0, 1 - ball]}
        ends |= {f"{side.title()}Hand": _hand_end(body, side, turned)}
    return np.stack([offset[joint] for joint in RIG_JOINTS]), ends


def _length(body: BodyPoints, first: str, second: str) -> float | None:
    """Median distance of two joints over the frames that show both, or over all; None where the labels lack one."""
    if first not in body or second not in body:
        return None
    both = body.seen[first] & body.seen[second]
    return _apart(body.at[first][both], body.at[second][both]) if both.any() else None


def _apart(a: Float64[np.ndarray, "frame 3"], b: Float64[np.ndarray, "frame 3"]) -> float:
    return float(np.median(np.linalg.norm(a - b, axis=-1)))


def _trunk(body: BodyPoints, turned: dict[str, np.ndarray]) -> tuple[dict[str, Offset], dict[str, Offset]]:
    """Offsets from hips to head, and the end of the head."""
    start, neck = spine_start(body, turned["Hips"]), body.neck
    chest, base = chest_start(body, start), skull_base(body, turned["Head"]) if has_head(body) else None
    lengths = {
        "Hips": 0.0,
        "Spine": _apart(start, body.hips),
        "Chest": _apart(chest, start),
        "Neck": _apart(neck, chest),
        "Head": humanoid.DEFAULT_LENGTH["Neck"] * body.scale if base is None else _apart(base, neck),
    }
    top = Y * humanoid.DEFAULT_HEAD_TOP * body.scale
    if base is not None and "head_top" in body.own:
        top = fixed_in(turned["Head"], body.at["head_top"] - base)
    return {joint: Y * length for joint, length in lengths.items()}, {"Head": top}


def _arm(body: BodyPoints, side: str, turned: dict[str, np.ndarray], neck: Offset) -> dict[str, Offset]:
    """Offsets from clavicle to hand; the shoulder's distance from where the clavicle begins."""
    along, name = SIDES[side] * X, side.title()
    half = (_length(body, "left_shoulder", "right_shoulder") or 0.0) / 2
    start = clavicle_start(body, side, turned["Chest"])
    clavicle = fixed_in(turned["Chest"], body.at[f"{side}_shoulder"] - start)
    clavicle *= _apart(body.at[f"{side}_shoulder"], start) / np.linalg.norm(clavicle)
    return {
        f"{name}Shoulder": neck + CLAVICLE_START * [SIDES[side], 1, 1] * half,
        f"{name}Arm": clavicle,
        f"{name}ForeArm": along * _or_default(body, _length(body, f"{side}_shoulder", f"{side}_elbow"), "Arm"),
        f"{name}Hand": along * _or_default(body, _length(body, f"{side}_elbow", f"{side}_wrist"), "ForeArm"),
    }


def _leg(body: BodyPoints, side: str) -> dict[str, Offset]:
    """Offsets from thigh to foot."""
    name = side.title()
    return {
        f"{name}UpLeg": SIDES[side] * X * (_length(body, "left_hip", "right_hip") or 0.0) / 2,
        f"{name}Leg": -Y * _or_default(body, _length(body, f"{side}_hip", f"{side}_knee"), "UpLeg"),
        f"{name}Foot": -Y * _or_default(body, _length(body, f"{side}_knee", f"{side}_ankle"), "Leg"),
    }


def _or_default(body: BodyPoints, length: float | None, part: str) -> float:
    return humanoid.DEFAULT_LENGTH[part] * body.scale if length is None else length


def _toe_tip(body: BodyPoints, side: str, turned: dict[str, np.ndarray]) -> Offset:
    """From the ankle to the toes, in the foot's axes."""
    toe, ankle = toe_tip(body, side), body.at.get(f"{side}_ankle")
    if toe is None or ankle is None:
        return humanoid.DEFAULT_TOE * body.scale
    return fixed_in(turned[f"{side.title()}Foot"], toe - ankle)


def _hand_end(body: BodyPoints, side: str, turned: dict[str, np.ndarray]) -> Offset:
    """From the wrist to the middle of the knuckles, in the hand's axes."""
    knuckles, wrist = [f"{side}_index", f"{side}_pinky"], body.at.get(f"{side}_wrist")
    if wrist is None or not all(joint in body for joint in knuckles):
        return SIDES[side] * X * humanoid.DEFAULT_HAND * body.scale
    return fixed_in(turned[f"{side.title()}Hand"], body.mean(*knuckles) - wrist)
