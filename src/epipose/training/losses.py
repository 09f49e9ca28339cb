"""Training loss: a robust distance between normalised poses, weighted by the confidence of the labels.

A weight is two numbers per joint: one for (u, v) in the image, one for the depth. Images of which only 2D is known
have depth weight 0.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def smooth_l1(
    predicted: Float[Tensor, "batch joint 3"],
    target: Float[Tensor, "batch joint 3"],
    weight: Float[Tensor, "batch joint 2"],
    beta: float = 0.02,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Smooth-L1, quadratic below ``beta`` crop widths and linear above, summed with the weights; and their sum.

    The first over the second is the mean. Both are given because a batch may be spread over processes, whose sums add
    up and whose means do not. The usual transition at 1 is out of reach for coordinates in [-0.5, 0.5] and makes the
    loss plain L2. The default 0.02 is about 5 cm on a person who fills the crop: errors of a good network stay
    quadratic, wrong labels pull with a constant force. Weight 0 means missing.
    """
    distance = functional.smooth_l1_loss(predicted.float(), target, beta=beta, reduction="none")
    each = per_axis(weight)
    return (distance * each).sum(), each.sum()


def per_axis(weight: Float[Tensor, "batch joint 2"]) -> Float[Tensor, "batch joint 3"]:
    """Weights of (u, v) and of d as weights of u, v and d."""
    return torch.cat([weight[..., :1], weight], -1)


def spread(pose: Float[Tensor, "batch joint 3"]) -> Float[Tensor, ""]:
    """Mean distance of the joints from the middle of their pose, in crop widths; 0 where poses collapsed to a point."""
    with torch.no_grad():
        return (pose - pose.mean(1, keepdim=True)).norm(dim=-1).mean()
