"""Scale of given keypoints: whether they are pixels of the clip's images, or of smaller or larger ones."""

from __future__ import annotations

import torch

from epipose.clip import Clip
from epipose.errors import InputError
from epipose.geometry.image_reach import MAX_SMALL_REACH, image_reach
from epipose.geometry.observations import MIN_CONFIDENCE
from epipose.poses import Poses2D

_MAX_SHARE = 2.0  # pixels: keypoints that never lie beyond are no pixels
_MIN_LARGE_REACH = 1.3  # image sides; detectors place hidden joints outside the image, but not so far


def check_pixels(poses: Poses2D, clip: Clip) -> None:
    """Raise InputError for keypoints that are shares of the image's width and height rather than pixels."""
    for view, xy, conf in zip(clip.views, poses.xy, poses.conf, strict=True):
        seen = xy[conf >= MIN_CONFIDENCE]
        if len(seen) and float(seen.abs().max()) <= _MAX_SHARE:
            raise InputError(
                f"View '{view.name}': all keypoints lie between {float(seen.min()):.2f} and {float(seen.max()):.2f}. They "
                f"are shares of the image's sides, and pixels are expected: multiply x by {view.width} and y by "
                f"{view.height}."
            )


def scale_warnings(poses: Poses2D, clip: Clip) -> tuple[str, ...]:
    """A warning where the keypoints are of smaller or larger images than the clip's in every view; else none."""
    size = torch.tensor([[view.width, view.height] for view in clip.views])
    conf = poses.conf * (poses.conf >= MIN_CONFIDENCE)
    reach = image_reach(poses.xy.flatten(2, 3), conf.flatten(2, 3), size)
    if reach < MAX_SMALL_REACH:
        return (
            f"In no view do the keypoints reach beyond {reach:.0%} of the image's width or height: they are of smaller "
            f"images than the videos', it seems. Multiply them by the factor by which the images were reduced: 2, most "
            f"often, and {1 / max(reach, 1e-9):.1f} at most.",
        )
    each = [
        image_reach(*(of[[view]] for of in (poses.xy.flatten(2, 3), conf.flatten(2, 3), size)))
        for view in range(len(size))
    ]
    if min(each) > _MIN_LARGE_REACH:
        return (
            f"In every view the keypoints reach {min(each):.1f} times as far as the image: they are of larger "
            f"images than the videos', it seems. Divide them by the factor by which the videos were reduced.",
        )
    return ()
