"""Overlap of a person's own limbs with the trunk and with one another, from joints: capsules that must stay apart.

Radii are those of a slender adult, and neighbouring parts are not compared: this finds arms through the chest and legs
through each other, not skin that touches skin.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from epipose.skeletons import H36M17

# Segment: its ends and its radius in metres. The trunk is two capsules side by side, wider than it is deep.
_SEGMENTS: dict[str, tuple[str, str, float]] = {
    "left_trunk": ("left_hip", "left_chest", 0.095),
    "right_trunk": ("right_hip", "right_chest", 0.095),
    "skull": ("head", "neck_nose", 0.085),
}
for _side in ("left", "right"):
    _SEGMENTS |= {
        f"{_side}_thigh": (f"{_side}_hip", f"{_side}_knee", 0.06),
        f"{_side}_shank": (f"{_side}_knee", f"{_side}_ankle", 0.045),
        f"{_side}_upper_arm": (f"{_side}_shoulder", f"{_side}_elbow", 0.04),
        f"{_side}_forearm": (f"{_side}_elbow", f"{_side}_hand", 0.035),
    }
_HAND = 0.1  # metres from the wrist to the palm, along the forearm


def _pairs() -> list[tuple[str, str]]:
    forearms, shanks, thighs, trunk = (
        [f"{side}_{part}" for side in ("left", "right")] for part in ("forearm", "shank", "thigh", "trunk")
    )
    arms_and = [(arm, other) for arm in forearms for other in (*trunk, *thighs, *shanks, "skull")]
    legs_and = [(shank, other) for shank in shanks for other in (*trunk, "skull")]
    crossed = [("left_thigh", "right_shank"), ("right_thigh", "left_shank")]
    return [*arms_and, *legs_and, *crossed, (forearms[0], forearms[1]), (shanks[0], shanks[1])]


_PAIRS = _pairs()
_NAMES = list(_SEGMENTS)
_FIRST, _SECOND = (np.array([_NAMES.index(pair[end]) for pair in _PAIRS]) for end in (0, 1))
_APART = np.array([_SEGMENTS[a][2] + _SEGMENTS[b][2] for a, b in _PAIRS])


def overlap(xyz: Float64[np.ndarray, "frame joint 3"]) -> Float64[np.ndarray, " frame"]:
    """Metres by which the worst pair of capsules overlaps in every frame, 0 where none does; joints of H36M17."""
    place = {name: xyz[:, i] for i, name in enumerate(H36M17.joints)}
    for side in ("left", "right"):
        lower_arm = place[f"{side}_wrist"] - place[f"{side}_elbow"]
        length = np.linalg.norm(lower_arm, axis=-1, keepdims=True)
        place[f"{side}_hand"] = place[f"{side}_wrist"] + _HAND * lower_arm / np.maximum(length, 1e-9)
        place[f"{side}_chest"] = 0.55 * place[f"{side}_shoulder"] + 0.45 * place["thorax"]
    start = np.stack([place[first] for first, _, _ in _SEGMENTS.values()], 1)
    end = np.stack([place[second] for _, second, _ in _SEGMENTS.values()], 1)
    distance = _between_segments(start[:, _FIRST], end[:, _FIRST], start[:, _SECOND], end[:, _SECOND])
    return np.maximum(_APART - distance, 0).max(1)


def _between_segments(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> Float64[np.ndarray, "frame pair"]:
    """Shortest distance of the segments a-b and c-d (Ericson, Real-Time Collision Detection, 2005, 5.1.9)."""
    u, v, w = b - a, d - c, a - c
    uu, vv, uv, uw, vw = ((p * q).sum(-1) for p, q in ((u, u), (v, v), (u, v), (u, w), (v, w)))
    between = uu * vv - uv**2
    s = np.clip((uv * vw - vv * uw) / np.where(between > 1e-9, between, np.inf), 0, 1)
    t = np.clip((uv * s + vw) / np.maximum(vv, 1e-9), 0, 1)
    s = np.clip((uv * t - uw) / np.maximum(uu, 1e-9), 0, 1)
    return np.linalg.norm(w + s[..., None] * u - t[..., None] * v, axis=-1)
