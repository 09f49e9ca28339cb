"""Body regions: the part of the body that a point of its surface belongs to, for dressing.

The strongest bone of a point says most of it; where a garment or the hair ends is no bone's end, so the waist and the
hairline are heights and a plane on the body at rest. Left and right are one region.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt8

REGIONS = (
    "head",
    "scalp",
    "eyes",
    "neck",
    "torso",
    "hips",
    "upper_arm",
    "forearm",
    "hand",
    "thigh",
    "shank",
    "foot",
)
_REGION_OF_BONE = {
    "Root": "hips",
    "pelvis": "hips",
    "spine_01": "torso",
    "spine_02": "torso",
    "spine_03": "torso",
    "clavicle": "torso",
    "neck_01": "neck",
    "head": "head",
    "upperarm": "upper_arm",
    "lowerarm": "forearm",
    "thigh": "thigh",
    "calf": "shank",
    "foot": "foot",
    "ball": "foot",
}  # fingers: hand
_WAIST = 0.3  # of the way from the hips to the neck: below it a trunk wears trousers


def region_of_points(
    points: Float[np.ndarray, "point 3"],
    strongest: Integer[np.ndarray, " point"],
    bones: Sequence[str],
    bone_head: Float[np.ndarray, "bone 3"],
    eye: Bool[np.ndarray, " point"],
) -> UInt8[np.ndarray, " point"]:
    """Index into REGIONS for every point of the body at rest (metres, z up, facing -y)."""
    names = [_REGION_OF_BONE.get(bone.removesuffix("_l").removesuffix("_r"), "hand") for bone in bones]
    region = np.array([REGIONS.index(name) for name in names], np.uint8)[strongest]
    place = {bone: bone_head[i] for i, bone in enumerate(bones)}
    trunk = np.isin(region, [REGIONS.index("torso"), REGIONS.index("hips")])
    hips, neck = place["thigh_l"][2], place["neck_01"][2]
    low = points[:, 2] < hips + _WAIST * (neck - hips)
    region[trunk] = np.where(low[trunk], REGIONS.index("hips"), REGIONS.index("torso"))
    head = region == REGIONS.index("head")
    region[head & _under_hair(points, points[eye].mean(0))] = REGIONS.index("scalp")
    region[eye] = REGIONS.index("eyes")
    return region


def _under_hair(points: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """Above and behind a bent line in the side view: forehead, temples before the ears, nape."""
    back, up = (points - eyes)[:, 1], (points - eyes)[:, 2]
    return ((up > 0.065) & (up + 0.35 * back > 0.075)) | ((back > 0.125) & (up > -0.045))
