"""Axes of every body part from joint positions, in the sense of the rig's rest pose: x left, y up, z forward.

The hips' axes are from both hips and the spine, the chest's from spine and shoulders, the head's from ears, eyes and
nose, feet's from heels and toes, hands' from the knuckles. Upper arms and thighs have their twist from the bend of
elbow and knee (twist.py), forearms and shanks follow them as hinges. A part without labels keeps its rest pose.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from epipose.motion.body_points import BodyPoints
from epipose.motion.head_axes import axes_along, head_axes, skull_base
from epipose.motion.humanoid import RIG_JOINTS, SIDES, TRUNK
from epipose.motion.rotations import axes_of, rotation_between, unit
from epipose.motion.twist import limb_rotation

Vectors = Float64[np.ndarray, "frame 3"]
Rotations = Float64[np.ndarray, "frame 3 3"]

X, Y, Z = np.eye(3)
SPINE_START = 0.1  # share of the trunk at which it begins to bend, above the hips
# Where clavicles begin: shares of half the shoulders' width beside, below and behind the base of the neck. Below and
# behind, because then shoulders that are lifted or brought forward come closer to each other, as people's do.
CLAVICLE_START = np.array([0.15, -0.15, -0.35])
_PALM_TRUST = 0.4  # sine of the bend of a limb that shows its twist as well as index and pinky show a hand's
_SOLE_SLOPE = np.radians(22)  # from the ankle down to the toes in a foot that is level


def body_axes(body: BodyPoints, fps: float) -> Float64[np.ndarray, "frame joint 3 3"]:
    """Rotation of every joint of the rig in the world, from the rest pose."""
    axes = _trunk(body)
    for side in SIDES:
        _arm(body, side, axes, fps)
        _leg(body, side, axes, fps)
    return np.stack([axes[joint] for joint in RIG_JOINTS], 1)


def chest_start(body: BodyPoints, spine_start: Vectors) -> Vectors:
    """Where the chest begins: the labels' spine, or half way up."""
    return body.at["spine"] if "spine" in body.own else (spine_start + body.neck) / 2


def spine_start(body: BodyPoints, hips: Rotations) -> Vectors:
    """Where the spine begins, a little above the hips."""
    return body.hips + hips @ Y * SPINE_START * TRUNK * body.scale


def _trunk(body: BodyPoints) -> dict[str, Rotations]:
    """Axes of hips, spine, chest, neck and head."""
    across_hips = unit(body.at["left_hip"] - body.at["right_hip"])
    across = unit(body.at["left_shoulder"] - body.at["right_shoulder"])
    neck, middle = body.neck, body.hips
    hips = axes_of(across_hips, (body.at["spine"] if "spine" in body.own else neck) - middle)
    start = spine_start(body, hips)
    chest_at = chest_start(body, start)
    axes = {"Hips": hips, "Spine": axes_along(chest_at - start, across_hips + across)}
    axes["Chest"] = axes_along(neck - chest_at, across)
    axes["Neck"] = axes["Head"] = axes["Chest"]
    head = head_axes(body, neck, axes["Chest"])
    if head is not None:
        axes["Head"] = head
        axes["Neck"] = axes_along(skull_base(body, head) - neck, head[..., 0] + across)
    return axes


def _leg(body: BodyPoints, side: str, axes: dict[str, Rotations], fps: float) -> None:
    """Add the axes of thigh, shank, foot and toes."""
    thigh, shank, foot, toes = (f"{side.title()}{part}" for part in ("UpLeg", "Leg", "Foot", "ToeBase"))
    hip, knee, ankle = (f"{side}_{joint}" for joint in ("hip", "knee", "ankle"))
    axes[thigh] = axes[shank] = axes[foot] = axes[toes] = axes["Hips"]
    if knee in body:
        lower = body.at[ankle] if ankle in body else None
        axes[thigh], axes[shank] = _hinge(axes["Hips"], (body.at[hip], body.at[knee], lower), -Y, X, fps)
    axes[foot] = axes[toes] = axes[shank]
    toe = toe_tip(body, side)
    if toe is None or ankle not in body:
        return
    if f"{side}_heel" in body:
        heel = body.at[f"{side}_heel"]
        across = np.cross(body.at[ankle] - heel, toe - heel)
        axes[foot] = axes_of(across, np.cross(toe - heel, across))
    else:
        level = unit(toe - body.at[ankle])
        lateral = axes[shank][..., 0]
        from_toe = axes_of(lateral - level * (lateral * level).sum(-1, keepdims=True), np.cross(level, lateral))
        axes[foot] = from_toe @ _about_x(-_SOLE_SLOPE)
    axes[toes] = axes[foot]


def toe_tip(body: BodyPoints, side: str) -> Vectors | None:
    """The middle of the toes that the labels have; None without any."""
    toes = [joint for joint in (f"{side}_big_toe", f"{side}_small_toe") if joint in body]
    return body.mean(*toes) if toes else None


def _about_x(angle: float) -> Float64[np.ndarray, "3 3"]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]])


def _arm(body: BodyPoints, side: str, axes: dict[str, Rotations], fps: float) -> None:
    """Add the axes of clavicle, upper arm, forearm and hand."""
    sign = SIDES[side]
    clavicle, upper, fore, hand = (f"{side.title()}{part}" for part in ("Shoulder", "Arm", "ForeArm", "Hand"))
    shoulder, elbow, wrist = (f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist"))
    along = body.at[shoulder] - clavicle_start(body, side, axes["Chest"])
    axes[clavicle] = _swung(axes["Chest"], along, fixed_in(axes["Chest"], along))
    axes[upper] = axes[fore] = axes[hand] = axes[clavicle]
    if elbow in body:
        lower = body.at[wrist] if wrist in body else None
        points = (body.at[shoulder], body.at[elbow], lower)
        axes[upper], axes[fore] = _hinge(axes[clavicle], points, sign * X, -sign * Y, fps)
    axes[hand] = axes[fore]
    knuckles = [f"{side}_{finger}" for finger in ("index", "pinky")]
    if wrist in body and all(knuckle in body for knuckle in knuckles):
        axes[hand] = _hand(body, side, axes[fore], fps)


def _hand(body: BodyPoints, side: str, fore: Rotations, fps: float) -> Rotations:
    """Axes of a hand from the knuckles of index and pinky, forward of each other at rest (the palm looks down)."""
    index, pinky = body.at[f"{side}_index"], body.at[f"{side}_pinky"]
    inverse = np.swapaxes(fore, -1, -2)
    ahead, across = (
        (inverse @ v[..., None])[..., 0] for v in ((index + pinky) / 2 - body.at[f"{side}_wrist"], index - pinky)
    )
    across = across / max(float(np.median(np.linalg.norm(across, axis=-1))), 1e-9) * _PALM_TRUST
    return fore @ limb_rotation(ahead, across, SIDES[side] * X, Z, fps)


def clavicle_start(body: BodyPoints, side: str, chest: Rotations) -> Vectors:
    """Where the clavicle begins."""
    width = np.linalg.norm(body.at["left_shoulder"] - body.at["right_shoulder"], axis=-1)
    return body.neck + chest @ (CLAVICLE_START * [SIDES[side], 1, 1]) * float(np.median(width)) / 2


def fixed_in(axes: Rotations, vector: Vectors) -> Float64[np.ndarray, "3"]:
    """A vector of the world as it mostly is in some axes: medians of its coordinates there."""
    return np.median((np.swapaxes(axes, -1, -2) @ vector[..., None])[..., 0], axis=0)


def _hinge(
    parent: Rotations,
    points: tuple[Vectors, Vectors, Vectors | None],
    rest_along: Float64[np.ndarray, "3"],
    rest_normal: Float64[np.ndarray, "3"],
    fps: float,
) -> tuple[Rotations, Rotations]:
    """Axes of the two bones of a limb through three points, of which the last may be missing."""
    start, middle, end = points
    upper = unit(middle - start)
    lower = upper if end is None else unit(end - middle)
    inverse = np.swapaxes(parent, -1, -2)
    along, normal = ((inverse @ v[..., None])[..., 0] for v in (upper, np.cross(upper, lower)))
    turned = parent @ limb_rotation(along, normal, rest_along, rest_normal, fps)
    return turned, _swung(turned, lower, rest_along)


def _swung(parent: Rotations, along: Vectors, rest: Float64[np.ndarray, "3"]) -> Rotations:
    """The smallest rotation after the parent's that takes ``rest`` along a direction."""
    return parent @ rotation_between(rest, (np.swapaxes(parent, -1, -2) @ along[..., None])[..., 0])
