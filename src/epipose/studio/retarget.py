"""Motion retargeting to a body: the directions of the limbs are kept, the lengths are the body's own.

People of other proportions cannot have the same joint positions, but they can have the same joint angles. Pelvis and
chest are rotated as the
captured person's (hip line and lower spine, shoulder line and upper spine), the spine between them shares the
difference; upper limbs point where the captured ones do and are twisted so that elbow or knee bends in the captured
plane; lower limbs follow. Steps are as long as the body's legs make them. Then the body is lifted or lowered, frame by
frame, until its lowest point is as high over the floor as the captured person's: standing feet stand, jumps stay jumps.
Who sits on a seat is put on one of that height instead, in the same proportion to the legs.

Bones have the world's axes at rest (`bodies`), so a bone's turn is its posed axes times its rest axes transposed.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from epipose.motion.motion import Motion
from epipose.motion.rotations import axes_of, fraction_of, from_axis_angle, rotation_between, unit
from epipose.skeletons import H36M17
from epipose.studio.bodies import Body, Skinning
from epipose.studio.grounding import captured_clearance, floor_height, grounded, on_seat

Turns = Float64[np.ndarray, "frame 3 3"]

_FORWARD, _UP, _LEFT = -np.eye(3)[1], np.eye(3)[2], np.eye(3)[0]
_MIN_BEND_SINE, _FULL_BEND_SINE = (
    0.15,
    0.5,
)  # sine of the angle at an elbow or knee: below the first its plane is unknown
_MAX_SHRUG = np.radians(30)  # of the collar bone when the arm points up (Inman, Saunders & Abbott 1944)
_HAND_LENGTH, _FLAT_HAND_HEIGHT = (
    0.2,
    0.04,
)  # metres; of the wrist over a hand flat on the floor
_TIPTOE_DROP = 0.15  # metres: how far the toes of a foot on tiptoe are below its ankle
_FINGER_CURL = np.radians(20)  # of every joint of a relaxed finger


def retarget(body: Body, motion: Motion) -> Skinning:
    """One matrix per frame and bone that takes the body's rest points to the world."""
    joint = {name: motion.xyz[:, i] for i, name in enumerate(H36M17.joints)}
    floor = floor_height(motion.xyz) if motion.seat is None else 0.0
    rest = {name: place for name, (_, place) in body.landmarks.items()}
    turns = _trunk(joint, rest)
    turns |= _head(joint, rest, turns["spine_03"], motion.face)
    for row, side in enumerate(("left", "right")):
        turns |= _arm(body, joint, rest, side, turns["spine_03"])
        turns |= _hand(body, side[0], turns[f"lowerarm_{side[0]}"], joint[f"{side}_wrist"][:, 2] - floor)
        turns |= _leg(joint, rest, side, turns["pelvis"])
        toes = None if motion.toes is None else motion.toes[:, row] - joint[f"{side}_ankle"]
        foot = _foot(turns[f"calf_{side[0]}"], joint[f"{side}_ankle"][:, 2] - floor, toes, motion.fps)
        turns |= {f"foot_{side[0]}": foot, f"ball_{side[0]}": foot}
    stride = _leg_length(rest) / _leg_length(joint)
    pose = _chained(body, turns, joint["pelvis"] * stride)
    if motion.seat is not None:
        return on_seat(body, pose, motion.seat * stride)
    return grounded(body, pose, captured_clearance(motion.xyz) * stride)


def _trunk(joint: dict[str, np.ndarray], rest: dict[str, np.ndarray]) -> dict[str, Turns]:
    """Pelvis and chest, and the spine between them."""

    def turned(left: str, right: str, low: str, high: str) -> Turns:
        axes = [axes_of(place[left] - place[right], place[high] - place[low]) for place in (joint, rest)]
        return axes[0] @ axes[1].T

    pelvis = turned("left_hip", "right_hip", "pelvis", "spine")
    chest = turned("left_shoulder", "right_shoulder", "spine", "thorax")
    low, high = fraction_of(np.swapaxes(pelvis, -1, -2) @ chest, (1 / 3, 2 / 3))
    return {"Root": pelvis, "pelvis": pelvis, "spine_01": pelvis @ low, "spine_02": pelvis @ high, "spine_03": chest}


def _head(
    joint: dict[str, np.ndarray],
    rest: dict[str, np.ndarray],
    chest: Turns,
    face: Float64[np.ndarray, "frame 2 3"] | None,
) -> dict[str, Turns]:
    """Head and neck from the direction of the face; the neck takes half of the rotation."""
    if face is not None:
        head = axes_of(face[:, 0], face[:, 1]) @ axes_of(_FORWARD, _UP).T
    else:
        posed, still = (axes_of(p["neck_nose"] - p["head"], p["head"] - p["thorax"]) for p in (joint, rest))
        head = posed @ still.T
    return {"neck_01": chest @ fraction_of(np.swapaxes(chest, -1, -2) @ head, 0.5), "head": head}


def _arm(
    body: Body, joint: dict[str, np.ndarray], rest: dict[str, np.ndarray], side: str, chest: Turns
) -> dict[str, Turns]:
    names = [f"{side}_{name}" for name in ("shoulder", "elbow", "wrist")]
    hinge = np.cross(rest[names[1]] - rest[names[0]], rest[names[2]] - rest[names[1]])
    upper, lower = _limb(joint, rest, names, hinge, chest)
    end, sign = side[0], 1 if side == "left" else -1
    # The collar bone rises with the arm, from a sixth of a circle on.
    height = ((joint[names[1]] - joint[names[0]]) * (chest @ _UP)).sum(-1)
    raised = np.arcsin(np.clip(height / np.linalg.norm(joint[names[1]] - joint[names[0]], axis=-1), -1, 1))
    shrug = _MAX_SHRUG * np.clip((raised + np.pi / 3) / (5 * np.pi / 6), 0, 1) ** 2
    turns = {f"clavicle_{end}": chest @ from_axis_angle(_FORWARD, sign * shrug), f"upperarm_{end}": upper}
    return turns | {f"lowerarm_{end}": lower}


def _hand(body: Body, end: str, forearm: Turns, height: Float64[np.ndarray, " frame"]) -> dict[str, Turns]:
    """Along the forearm, fingers slightly bent about the line of the knuckles; near the floor bent back to lie on it.

    ``height``: of the wrist over the floor, metres.
    """
    place = dict(zip(body.bones, body.heads, strict=True))
    along = forearm @ unit(place[f"middle_01_{end}"] - place[f"hand_{end}"])
    room = np.clip((height - _FLAT_HAND_HEIGHT) / _HAND_LENGTH, 0, 1)  # sine of how far the hand may point down
    back = np.maximum(np.arcsin(np.clip(-along[:, 2], -1, 1)) - np.arcsin(room), 0)
    hand = from_axis_angle(np.cross(along, _UP), back) @ forearm
    turns = {f"hand_{end}": hand}
    knuckles = place[f"index_01_{end}"] - place[f"pinky_01_{end}"]
    for finger in ("index", "middle", "ring", "pinky", "thumb"):
        for number in (1, 2, 3):
            curl = number * _FINGER_CURL * (0.3 if finger == "thumb" else 1.0) * (1 if end == "l" else -1)
            turns[f"{finger}_0{number}_{end}"] = hand @ from_axis_angle(knuckles, curl)
    return turns


def _leg(joint: dict[str, np.ndarray], rest: dict[str, np.ndarray], side: str, pelvis: Turns) -> dict[str, Turns]:
    names = [f"{side}_{name}" for name in ("hip", "knee", "ankle")]
    thigh, calf = _limb(joint, rest, names, _LEFT, pelvis)
    return {f"thigh_{side[0]}": thigh, f"calf_{side[0]}": calf}


def _limb(
    joint: dict[str, np.ndarray], rest: dict[str, np.ndarray], names: list[str], hinge: np.ndarray, base: Turns
) -> tuple[Turns, Turns]:
    """Turns of the two bones of a limb. ``hinge``: axis at rest about which its middle joint bends.

    The hinge of a bent limb is the normal of its plane. A straight one is swung from where the base (chest or pelvis)
    carries it by the smallest rotation, and in between the two are mixed.
    """
    upper, lower = (unit(joint[end] - joint[start]) for start, end in (names[:2], names[1:]))
    upper_rest, lower_rest = (rest[end] - rest[start] for start, end in (names[:2], names[1:]))
    carried = rotation_between(base @ unit(upper_rest), upper) @ base @ unit(hinge)
    normal = np.cross(upper, lower)
    sine = np.linalg.norm(normal, axis=-1, keepdims=True)
    share = np.clip((sine - _MIN_BEND_SINE) / (_FULL_BEND_SINE - _MIN_BEND_SINE), 0, 1)
    posed = share * unit(normal) + (1 - share) * carried
    turns = [axes_of(a, posed) @ axes_of(b, hinge).T for a, b in ((upper, upper_rest), (lower, lower_rest))]
    return turns[0], turns[1]


def _foot(
    calf: Turns, height: Float64[np.ndarray, " frame"], toes: Float64[np.ndarray, "frame 3"] | None, fps: float
) -> Turns:
    """Along the toes, level when the captured foot stands; without toes level under an upright shank.

    ``height``: of the ankle over the floor, metres. ``toes``: from the ankle, along the sole.
    """
    left, along, back = calf @ _LEFT, calf @ _FORWARD, calf @ -_UP
    upright = np.clip(-2 * back[:, 2:] - 1, 0, 1)  # 1 for an upright shank, 0 from 60 degrees on
    if toes is None:
        along = upright * unit(np.cross(left, _UP)) + (1 - upright) * along
    else:
        pitch = np.full(len(toes), _standing_pitch(height, toes, fps))
        along = (from_axis_angle(np.cross(_UP, toes) + 1e-9 * left, pitch) @ unit(toes)[..., None])[..., 0]
    # Near the floor the toes can not point down; a kneeling foot is stretched backward along the shank.
    room = np.clip((height[:, None] - 0.03) / _TIPTOE_DROP, 0, 1)
    level = unit((along + (1 - upright) * back) * [1, 1, 0])
    along = np.where(-along[:, 2:] > room, np.sqrt(1 - room**2) * level - room * _UP, along)
    lateral = upright * unit(np.cross(_UP, along)) + (1 - upright) * left
    return axes_of(along, lateral) @ axes_of(_FORWARD, _LEFT).T


def _standing_pitch(height: np.ndarray, toes: np.ndarray, fps: float) -> float:
    """Angle of the toes upward (radians, at most 15 degrees) while a foot is low and at rest; 0 when it never is."""
    if len(height) < 3:
        return 0.0
    speed = np.abs(np.gradient(height)) * fps + np.linalg.norm(np.gradient(toes, axis=0), axis=-1) * fps
    still = (speed < 0.1) & (height < np.percentile(height, 10) + 0.03)
    if still.sum() < 3:
        return 0.0
    pitch = np.median(np.arcsin(np.clip(unit(toes)[still, 2], -1, 1)))
    return float(np.clip(pitch, -np.pi / 12, np.pi / 12))


def _leg_length(place: dict[str, np.ndarray]) -> float:
    chain = [(f"{s}_{a}", f"{s}_{b}") for s in ("left", "right") for a, b in (("hip", "knee"), ("knee", "ankle"))]
    return float(sum(np.median(np.linalg.norm(place[b] - place[a], axis=-1)) for a, b in chain) / 2)


def _chained(
    body: Body, turns: dict[str, Turns], pelvis: Float64[np.ndarray, "frame 3"]
) -> Float64[np.ndarray, "frame bone 3 4"]:
    """Bones hung on one another by their own lengths, the middle of the hips at ``pelvis``; see `Skinning`."""
    turn = np.stack([turns[bone] for bone in body.bones], 1)
    heads = body.heads
    place = np.zeros((len(pelvis), len(heads), 3))
    for bone, parent in enumerate(body.parents):  # parents come first
        if parent >= 0:
            place[:, bone] = place[:, parent] + turn[:, parent] @ (heads[bone] - heads[parent])
    shift = place - np.einsum("fbij,bj->fbi", turn, heads)
    carrier = body.bones.index("pelvis")
    hips = turn[:, carrier] @ body.landmarks["pelvis"][1] + shift[:, carrier]
    return np.concatenate([turn, (shift + (pelvis - hips)[:, None])[..., None]], -1)
