"""Reprojection residuals of bundle adjustment with their derivatives, joints and frames on the last axes."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor


class ImageResiduals(NamedTuple):
    """Residuals in expected errors, and their derivatives, these multiplied by the root of the weight."""

    r: Float[Tensor, "view 2 joint frame"]
    w: Float[Tensor, "view joint frame"]  # confidence times Cauchy's weight
    by_camera: Float[Tensor, "view unknown 2 joint frame"]
    by_point: Float[Tensor, "view 3 2 joint frame"]

    @property
    def weighted(self) -> Float[Tensor, "view 2 joint frame"]:
        """The residuals multiplied by the root of the weight."""
        return self.r * self.w.sqrt()[:, None]

    def of(self, joints: Int[Tensor, " some"]) -> ImageResiduals:
        """Those of some joints."""
        return ImageResiduals(*(field.index_select(-2, joints) for field in self))


def in_columns(xyz: Float[Tensor, "frame joint 3"]) -> Float[Tensor, "3 joint frame"]:
    """Joints laid out as the residuals are, in one piece of memory."""
    return xyz.permute(2, 1, 0).contiguous()
