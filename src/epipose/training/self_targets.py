"""Targets from the network's own 2D: the experiment that shows why the 2D branch of the method is frozen.

The network predicts (u, v) in two views of the same moments. They are triangulated with the known cameras, and the
points, projected into each camera, are the target, through which the gradient flows too. Nothing ties that target to
the images: the cheapest way to agree with oneself is to put all joints at one point, and that is where training goes
(Kocabas et al. 2019, section 3.1).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Camera
from epipose.geometry.triangulate import triangulate_pair
from epipose.network.crops import pixels_from_crop, pose_to_crop

_MIN_DEPTH = 0.01  # depth in units of the rig below which a point is taken to lie behind the camera
_MAX_TARGET = 1.0  # crop widths: targets of nearly parallel rays go no farther, and have no gradient there


def own_targets(
    uv: Float[Tensor, "image joint 2"],
    box: Float[Tensor, "image 4"],
    camera: Camera,
    root: int,
) -> tuple[Float[Tensor, "image joint 3"], Float[Tensor, "image joint 2"]]:
    """(u, v, d) that two images' (u, v) make together, with their gradient, and weights (0 behind a camera).

    Images 2k and 2k + 1 show the same moment; ``box`` and ``camera`` belong to each
    image. Optimal two-view triangulation (Lindstrom 2010), in float64.
    """
    camera, box = camera.to(torch.float64), box.double()
    x = camera.spread(1).to_normalized(pixels_from_crop(uv.double(), box))
    R_ba = camera.R[1::2] @ camera.R[::2].mT
    t_ba = camera.t[1::2] - (R_ba @ camera.t[::2, :, None])[..., 0]
    in_a = triangulate_pair(R_ba[:, None], t_ba[:, None], x[::2], x[1::2])
    in_b = (R_ba[:, None] @ in_a[..., None])[..., 0] + t_ba[:, None]
    xyz = torch.stack([in_a, in_b], 1).flatten(0, 1)
    front = xyz[..., 2] > _MIN_DEPTH
    xyz = torch.where(front[..., None], xyz, torch.ones_like(xyz))
    weight = (front & front[:, root, None]).float()
    target = pose_to_crop(xyz, camera, box, root).clamp(-_MAX_TARGET, _MAX_TARGET)
    return target.float(), weight[..., None].expand(*weight.shape, 2)
