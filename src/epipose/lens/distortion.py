"""Distortion of cameras of either model in one batch: Brown-Conrady's, and Kannala-Brandt's of fisheye lenses.

Coefficients are a last axis of eight: k1, k2, p1, p2, k3, k4, k5, k6 of Brown-Conrady's model with zeros for those that
a lens does not have, or k1 to k4 of a fisheye and four zeros.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.errors import InputError
from epipose.lens import brown_conrady, fisheye

NUMBERS = 8
COUNTS = (4, 5, 8)  # of OpenCV's coefficients that Brown-Conrady's model may be given as
_WITH_THIN_PRISM = (12, 14)  # OpenCV's longer vectors; their numbers from the ninth on must be 0


def padded(distortion: Float[Tensor, "*batch number"]) -> Float[Tensor, "*batch 8"]:
    """Coefficients given as 4, 5 or 8 numbers, as eight; also 12 or 14 where those from the ninth on are 0.

    Raises InputError for another count, and for thin-prism or tilt terms.
    """
    distortion = without_zero_tail(distortion)
    count = distortion.shape[-1]
    if count not in COUNTS:
        raise InputError(f"Got {count} distortion coefficients. {expected(count)}")
    if count == NUMBERS:
        return distortion
    return torch.cat([distortion, distortion.new_zeros(*distortion.shape[:-1], NUMBERS - count)], -1)


def without_zero_tail(distortion: Float[Tensor, "*batch number"]) -> Float[Tensor, "*batch kept"]:
    """The first eight of 12 or 14 coefficients where all others are 0; anything else as it is."""
    if distortion.shape[-1] in _WITH_THIN_PRISM and not bool(distortion[..., NUMBERS:].any()):
        return distortion[..., :NUMBERS]
    return distortion


def expected(count: int) -> str:
    """What to do about a file with this many coefficients where 4, 5 or 8 are expected."""
    words = "Expected k1, k2, p1, p2 (, k3 (, k4, k5, k6)): 4, 5 or 8 numbers in OpenCV's order"
    if count in _WITH_THIN_PRISM:
        return (
            f"{words}. Those from the ninth on are thin-prism and tilt terms, which are read where they are 0 and not "
            "supported otherwise: calibrate again without CALIB_THIN_PRISM_MODEL and CALIB_TILTED_MODEL."
        )
    return f'{words}; fill up with zeros. A fisheye has "model": "fisheye" and k1, k2, k3, k4.'


def distort(
    xy: Float[Tensor, "*points 2"],
    distortion: Float[Tensor, "*batch number"],
    is_fisheye: Bool[Tensor, " *batch"] | None = None,
) -> Float[Tensor, "*out 2"]:
    """Coordinates on the plane z = 1 to distorted ones; ``is_fisheye`` says which cameras are (None: none)."""
    if is_fisheye is None or not bool(is_fisheye.any()):
        return brown_conrady.distort(xy, distortion)
    if bool(is_fisheye.all()):
        return fisheye.distort(xy, distortion[..., :4])
    round_lens, straight = _parted(distortion, is_fisheye)
    return torch.where(is_fisheye[..., None], fisheye.distort(xy, round_lens), brown_conrady.distort(xy, straight))


def undistort(
    xy: Float[Tensor, "*points 2"],
    distortion: Float[Tensor, "*batch number"],
    is_fisheye: Bool[Tensor, " *batch"] | None = None,
) -> Float[Tensor, "*out 2"]:
    """Invert `distort`; what has no inverse comes out finite and does not satisfy ``distort(answer) == xy``."""
    if is_fisheye is None or not bool(is_fisheye.any()):
        return brown_conrady.undistort(xy, distortion)
    if bool(is_fisheye.all()):
        return fisheye.undistort(xy, distortion[..., :4])
    round_lens, straight = _parted(distortion, is_fisheye)
    return torch.where(is_fisheye[..., None], fisheye.undistort(xy, round_lens), brown_conrady.undistort(xy, straight))


def expansion(
    xy: Float[Tensor, "*points 2"],
    distortion: Float[Tensor, "*batch number"],
    is_fisheye: Bool[Tensor, " *batch"],
) -> Float[Tensor, " *out"]:
    """How many times larger things are on the plane z = 1 at ``xy`` than in the image; 1 but for fisheyes."""
    none = torch.ones_like(xy[..., 0] + distortion[..., 0])
    if not bool(is_fisheye.any()):
        return none
    round_lens, _ = _parted(distortion, is_fisheye)
    return torch.where(is_fisheye, fisheye.expansion(xy, round_lens), none)


def _parted(distortion: Tensor, is_fisheye: Tensor) -> tuple[Tensor, Tensor]:
    """The coefficients by model, zeros for the cameras of the other one."""
    none = torch.zeros_like(distortion)
    which = is_fisheye[..., None]
    return torch.where(which, distortion, none)[..., :4], torch.where(which, none, distortion)
