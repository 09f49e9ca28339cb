"""Axes of the head from what labels have of a face: ears, eyes, nose, the top of the head.

With ears or eyes the head is known wholly. "Head" and "neck_nose" of Human3.6M's skeleton mean two things: the middle of
the ears and the nose where a detector's joints were mapped to it, the top of the head and a point below it in the
dataset itself and in motion capture. Where the second lies below the first, it is the joint that the head turns on.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from epipose.motion.body_points import BodyPoints
from epipose.motion.rotations import axes_of, unit

_EARS_ABOVE, _TOP_ABOVE = 0.06, 0.2  # metres from the joint on which the head turns to the ears, to the top
_BELOW = 0.6  # cosine, between nose and neck as seen from the head, above which the nose is below and not in front


def axes_along(
    y: Float64[np.ndarray, "frame 3"], x: Float64[np.ndarray, "frame 3"]
) -> Float64[np.ndarray, "frame 3 3"]:
    """Axes in columns with y exactly along the first vector and x as near to the second as can be."""
    up = unit(y)
    forward = unit(np.cross(x, up))
    return np.stack([np.cross(up, forward), up, forward], -1)


def head_axes(
    body: BodyPoints, neck: Float64[np.ndarray, "frame 3"], chest: Float64[np.ndarray, "frame 3 3"]
) -> Float64[np.ndarray, "frame 3 3"] | None:
    """Rotation of the head in the world: x from ear to ear, z to the nose; None where the labels have no head.

    What the labels do not show of it is as the chest's (``chest``) and the neck's (from ``neck`` to the head).
    """
    centre, base, nose = _centre(body), _base(body), _nose(body)
    if centre is None:
        return None
    if base is None and nose is not None:
        for pair in (("left_ear", "right_ear"), ("left_eye", "right_eye")):
            if all(joint in body for joint in pair):
                across, ahead = body.at[pair[0]] - body.at[pair[1]], nose - body.mean(*pair)
                return axes_of(across, np.cross(ahead, across) if "ear" in pair[0] else centre - neck)
        if "head" in body.own:
            across = np.cross(centre - neck, nose - centre)
            return axes_of(across, np.cross(nose - centre, across))
    return axes_along(centre - (neck if base is None else base), chest[..., 0])


def skull_base(body: BodyPoints, head: Float64[np.ndarray, "frame 3 3"]) -> Float64[np.ndarray, "frame 3"]:
    """The joint on which the head turns, of labels that have a head. ``head``: its axes."""
    base, centre = _base(body), _centre(body)
    if base is not None:
        return base
    assert centre is not None
    return centre - head[..., 1] * body.scale * (_TOP_ABOVE if _centre_is_top(body) else _EARS_ABOVE)


def has_head(body: BodyPoints) -> bool:
    """Whether the labels show where the head is."""
    return _centre(body) is not None


def _centre(body: BodyPoints) -> Float64[np.ndarray, "frame 3"] | None:
    """The middle of the ears, or what the labels have in its place."""
    for joints in (("left_ear", "right_ear"), ("head",), ("left_eye", "right_eye"), ("nose",)):
        if all(joint in body for joint in joints):
            return body.mean(*joints)
    return None


def _centre_is_top(body: BodyPoints) -> bool:
    return "left_ear" not in body and "head_top" in body.own and "head" not in body.own


def _nose(body: BodyPoints) -> Float64[np.ndarray, "frame 3"] | None:
    return next((body.at[joint] for joint in ("nose", "neck_nose") if joint in body), None)


def _base(body: BodyPoints) -> Float64[np.ndarray, "frame 3"] | None:
    """The joint on which the head turns where it is one of the labels."""
    if "left_ear" in body:
        return None
    if "upper_neck" in body:
        return body.at["upper_neck"]
    if "head" in body.own and "neck_nose" in body.own:
        down, to_nose = unit(body.neck - body.at["head"]), unit(body.at["neck_nose"] - body.at["head"])
        if float(np.median((down * to_nose).sum(-1))) > _BELOW:
            return body.at["neck_nose"]
    return None
