"""Mirror ambiguity: the depth-reversed reconstruction that explains the same images, nearly.

From far away, a camera sees depth hardly at all. Let D be the reflection of its axes along the ray to the person,
D = I - 2 d d^T. Reversing the person along that ray, p -> D p about the person's middle, changes no image in the
limit of a small person far away. Now take any reflection S of space: the world S X, seen by cameras R' = D R S, shows
D R S S X = D R X, and R' is a rotation again, for two reflections make one. So every reconstruction has a mirrored
world with all depths reversed (the Necker cube), whatever the number of cameras. Only perspective tells the two apart:
what is near is larger. The effect shrinks with the person's depth over the distance, and estimation from noisy
keypoints can end in the mirrored world, which is a minimum of its own.

S is a matter of choice, for all mirrored worlds differ by a motion of the world. Here it is the reflection along the
ray of camera 0, R0^T D0 R0, which leaves camera 0 as it was. (Two cameras without perspective leave more than this one
ambiguity, a family of turned and flattened worlds; Koenderink & van Doorn, Affine structure from motion, 1991. Bones of
constant length end that family, but not the mirror.)

The mirrored world is a start for bundle adjustment, not a result: adjust from both and keep the one of lower cost.
Where the costs are alike, `epipose.reconstruction.anatomy.handedness` decides.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class MirroredWorld(NamedTuple):
    """Cameras (cam_from_world) and points of the mirrored world, of the same scale."""

    R: Float[Tensor, "view 3 3"]
    t: Float[Tensor, "view 3"]
    xyz: Float[Tensor, "frame joint 3"]


def mirrored_world(
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    xyz: Float[Tensor, "frame joint 3"],
    conf: Float[Tensor, "frame joint"],
) -> MirroredWorld:
    """The world with all depths reversed about the middle of the points of confidence above 0.

    The middle stays at its place in every camera, and camera 0 where it was. A camera that a point would come to lie
    behind is moved back along the ray to the middle until all depths are a tenth of the middle's or more: there the
    images do change, and adjustment must repair it. Mirrored twice, the world is as it was.
    """
    counted = xyz[conf > 0]
    middle = counted.mean(0) if len(counted) else xyz.new_zeros(3)
    seen_middle = R @ middle + t
    ahead = R.new_tensor([0.0, 0.0, 1.0])
    ray = torch.where(seen_middle[:, 2:] > 0, seen_middle, ahead)  # a middle behind a camera gives no direction
    ray = ray / ray.norm(dim=-1, keepdim=True)
    reverse = torch.eye(3, dtype=R.dtype, device=R.device) - 2 * ray[:, :, None] * ray[:, None, :]
    mirror = R[0].mT @ reverse[0] @ R[0]
    turned = reverse @ R @ mirror
    mirrored = middle + (xyz - middle) @ mirror  # the mirror is symmetric
    moved = seen_middle - (turned @ middle)
    if len(counted):
        nearest = (mirrored[conf > 0] @ turned[:, 2].mT + moved[:, 2]).amin(0)
        back = (0.1 * seen_middle[:, 2] - nearest).clamp(min=0)
        moved = moved + (back / ray[:, 2])[:, None] * ray
    return MirroredWorld(turned, moved, mirrored)
