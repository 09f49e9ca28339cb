"""Reach of keypoints in their images: whether they are pixels of these images at all.

Keypoints that were found in images of half the size never leave the upper left quarter of the real ones, and those that
are shares of the image's sides never leave its first pixel. Both look like keypoints otherwise, and make cameras that
are wrong by tens of degrees.
"""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor

from epipose.geometry.sampling import evenly

MAX_SMALL_REACH = 0.52  # image sides that keypoints of images at half the size reach at most: half, and their errors
_MAX_KEYPOINTS = 2_000_000  # of a view that are looked at: torch takes no quantile of more than 16 million numbers
_REACH_QUANTILE = 0.99  # of the keypoints: stray ones lie anywhere


def image_reach(
    xy: Float[Tensor, "view frame joint 2"],
    weight: Float[Tensor, "view frame joint"],
    size: Num[Tensor, "view 2"],
) -> float:
    """How far the keypoints of weight above 0 reach from the top left corner, as a share of the image's side.

    The larger of width and height, and the largest of the views; 1 where nothing is seen.
    """
    reaches = []
    for of_view, shown, sides in zip(xy, weight, size.to(xy), strict=True):
        seen = of_view[shown > 0]
        if len(seen):
            share = seen[evenly(len(seen), _MAX_KEYPOINTS)] / sides
            reaches.append(float(share.quantile(_REACH_QUANTILE, 0).max()))
    return max(reaches, default=1.0)
