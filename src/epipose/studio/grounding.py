"""Ground clearance of a posed body, and its correction to that of the captured person.

The captured person touches the floor with a foot, a knee, a hand or the back. Another body in the same pose touches it
elsewhere, so its root can not be where the captured one was. Both have a clearance, the height of the lowest point;
the body is moved up or down, frame by frame, until its clearance is the captured person's.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float64, Int

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


def lowest(body: Body, pose: Float[np.ndarray, "frame bone 3 4"]) -> Float64[np.ndarray, " frame"]:
    """z of the lowest vertex in every frame (to a millimetre or two: of the vertices that can be the lowest)."""
    rows = pose[:, :, 2].reshape(len(pose), -1)
    return np.concatenate(
        [(block @ _heights(body)).min(1) for block in np.array_split(rows, len(rows) // _BLOCK_FRAMES + 1)]
    )


@lru_cache(maxsize=4)
def _heights(body: Body) -> Float64[np.ndarray, "rows hull"]:
    """The z of vertices is linear in the third rows of all bones' matrices: this is the matrix that gives it."""
    hull = _outermost(body)
    place = np.concatenate([body.vertices[hull], np.ones((len(hull), 1))], -1)
    heights = np.zeros((len(hull), len(body.bones), 4))
    for k in range(4):  # a bone may come twice where its weight is 0
        heights[np.arange(len(hull)), body.bone_index[hull, k]] += body.bone_weight[hull, k, None] * place
    return heights.reshape(len(hull), -1).T


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
