"""Ground clearance of a posed body, and its correction to that of the captured person.

The captured person touches the floor with a foot, a knee, a hand or the back. Another body in the same pose touches it
elsewhere, so its root can not be where the captured one was. Both have a clearance, the height of the lowest point;
the body is moved up or down, frame by frame, until its clearance is the captured person's.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from epipose.skeletons import H36M17
from epipose.studio.bodies import Body, Skinning

# How high a joint is over the floor where its body part lies or stands on it, metres.
_JOINT_CLEARANCE = {"pelvis": 0.11, "spine": 0.1, "thorax": 0.1, "neck_nose": 0.08, "head": 0.1}
_JOINT_CLEARANCE |= {f"{side}_{joint}": 0.05 for side in ("left", "right") for joint in ("knee", "elbow", "wrist")}
_JOINT_CLEARANCE |= {f"{side}_{joint}": 0.1 for side in ("left", "right") for joint in ("hip", "shoulder")}
_JOINT_CLEARANCE |= {"left_ankle": 0.09, "right_ankle": 0.09}
_MAX_STANDING_HEIGHT = 0.06  # metres: nearer, a captured person stands or lies on the floor (tiptoe lifts the ankle)
_BLOCK_FRAMES = 1024  # frames at a time


def grounded(
    body: Body, pose: Float64[np.ndarray, "frame bone 3 4"], clearance: Float64[np.ndarray, " frame"]
) -> Skinning:
    """The pose moved along z until its lowest point is as high as ``clearance`` says (metres)."""
    lifted = pose.copy()
    lifted[..., 2, 3] += (clearance - lowest(body, pose))[:, None]
    return lifted.astype(np.float32)


def on_seat(body: Body, pose: Float64[np.ndarray, "frame bone 3 4"], height: float) -> Skinning:
    """The pose moved along z until what it sits on, hips and upper thighs, is at ``height`` (metres).

    Higher, the same in all frames, where the feet would be in the floor.
    """
    lifted = pose.copy()
    lifted[..., 2, 3] += (height - lowest(body, pose, seat=True))[:, None]
    lifted[..., 2, 3] -= min(float(lowest(body, lifted).min()), 0.0)
    return lifted.astype(np.float32)


def captured_clearance(xyz: Float64[np.ndarray, "frame joint 3"]) -> Float64[np.ndarray, " frame"]:
    """Height of a captured person (H36M17, metres) above the floor: 0 while any part of it is on the floor."""
    clearance = np.array([_JOINT_CLEARANCE[joint] for joint in H36M17.joints])
    return np.maximum((xyz[..., 2] - clearance).min(1) - floor_height(xyz) - _MAX_STANDING_HEIGHT, 0.0)


def floor_height(xyz: Float64[np.ndarray, "frame joint 3"]) -> float:
    """z of the floor under a captured person: the 5th percentile of the lower ankle less its height.

    At most 0.4 m from the z = 0 that the motion claims: a person who only hangs and climbs has no foot on the floor.
    """
    ankles = [H36M17.index("left_ankle"), H36M17.index("right_ankle")]
    return float(np.clip(np.percentile(xyz[:, ankles, 2].min(1), 5) - _JOINT_CLEARANCE["left_ankle"], -0.4, 0.4))


def lowest(body: Body, pose: Float[np.ndarray, "frame bone 3 4"], seat: bool = False) -> Float64[np.ndarray, " frame"]:
    """z of the lowest vertex in every frame (to a millimetre or two: of the vertices that can be the lowest).

    ``seat``: of those alone that one sits on.
    """
    rows = pose[:, :, 2].reshape(len(pose), -1)
    heights = _heights(body, seat)
    return np.concatenate([(block @ heights).min(1) for block in np.array_split(rows, len(rows) // _BLOCK_FRAMES + 1)])


@lru_cache(maxsize=4)
def _heights(body: Body, seat: bool) -> Float64[np.ndarray, "rows hull"]:
    """The z of vertices is linear in the third rows of all bones' matrices: this is the matrix that gives it."""
    hull = _outermost(body)
    if seat:
        hull = hull[_sat_on(body, hull)]
    place = np.concatenate([body.vertices[hull], np.ones((len(hull), 1))], -1)
    heights = np.zeros((len(hull), len(body.bones), 4))
    for k in range(4):  # a bone may come twice where its weight is 0
        heights[np.arange(len(hull)), body.bone_index[hull, k]] += body.bone_weight[hull, k, None] * place
    return heights.reshape(len(hull), -1).T


def _sat_on(body: Body, vertices: Int[np.ndarray, " hull"]) -> Bool[np.ndarray, " hull"]:
    """Which vertices are of the hips, or of the upper half of the thighs."""
    carriers = [body.landmarks[name][0] for name in ("pelvis", "left_hip", "right_hip")]
    own = np.isin(body.bone_index[vertices, 0], [body.bones.index(name) for name in carriers])
    hip, knee = (body.landmarks[f"left_{name}"][1][2] for name in ("hip", "knee"))
    return own & (body.vertices[vertices, 2] > (hip + knee) / 2)


def _outermost(body: Body) -> Int[np.ndarray, " hull"]:
    """Per bone the vertices that are farthest in some direction at rest."""
    axis = np.linspace(-1, 1, 5)
    directions = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3)
    chosen = []
    for bone in range(len(body.bones)):
        mine = np.flatnonzero(body.bone_index[:, 0] == bone)
        if len(mine):
            chosen.append(mine[np.unique((body.vertices[mine] @ directions.T).argmax(0))])
    return np.unique(np.concatenate(chosen))
