"""What training minimises: a robust distance between normalised poses, weighted by how far a label can be trusted."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def smooth_l1(
    predicted: Float[Tensor, "batch joint 3"],
    target: Float[Tensor, "batch joint 3"],
    weight: Float[Tensor, "batch joint"],
    beta: float = 0.02,
) -> Float[Tensor, ""]:
    """Weighted mean over joints of smooth-L1: quadratic below ``beta`` crop widths, linear above.

    The usual transition at 1 is out of reach for coordinates in [-0.5, 0.5] and makes the loss plain L2. The default
    0.02 is about 5 cm on a person who fills the crop: errors of a good network stay quadratic, wrong labels
    pull with a constant force. Weight 0 means missing; a batch without any weight has loss 0.
    """
    distance = functional.smooth_l1_loss(predicted.float(), target, beta=beta, reduction="none").mean(-1)
    return (distance * weight).sum() / weight.sum().clamp(min=1e-6)
