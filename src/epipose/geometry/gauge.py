"""Gauge of bundle adjustment: position, orientation and scale of the whole world, which no image fixes."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from epipose.geometry.parameters import Bundle
from epipose.geometry.residuals import BundleResiduals


def gauge_directions(residuals: BundleResiduals, found: Bundle) -> Float[Tensor, "shared 7"]:
    """The seven directions of the shared unknowns that turn (3), shift (3) and scale (1) the whole world."""
    V = residuals.views
    gauge = found.R.new_zeros(residuals.shared, 7)
    camera = gauge[: 6 * V].reshape(V, 6, 7)
    camera[:, :3, :3] = -found.R
    camera[:, 3:, 3:6] = -found.R
    camera[:, 3:, 6] = found.t
    gauge[residuals.bone_column, 6] = 1.0
    return gauge


def in_frame_of(state: Bundle, R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"]) -> Bundle:
    """Move the result so that camera 0, and the length of the baseline from it to camera 1, are those of (R, t)."""

    def baseline(R: Tensor, t: Tensor) -> Tensor:
        return (R[1].mT @ t[1] - R[0].mT @ t[0]).norm()

    scale = baseline(R, t) / baseline(state.R, state.t)
    turn = state.R[0].mT @ R[0]  # old world <- new world
    in_camera_0 = state.xyz @ state.R[0].mT + state.t[0]
    xyz = (scale * in_camera_0 - t[0]) @ R[0]
    shift = scale * (state.R[0].mT @ (t[0] / scale - state.t[0]))
    return state._replace(
        R=state.R @ turn,
        t=scale * state.t + (state.R @ shift[:, None])[..., 0],
        xyz=xyz,
        bone_length=scale * state.bone_length,
    )
