"""Keypoints of one person per image in a network's joints, and the boxes that the network reads around them."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from epipose.network.choices import CropKind
from epipose.network.crops import crop_boxes
from epipose.poses import in_skeleton
from epipose.skeleton import Skeleton


class PersonKeypoints(NamedTuple):
    """One person per image: the box (side 0 where nobody was found), and the keypoints with confidence."""

    box: Float[Tensor, "image 4"]
    xy: Float[Tensor, "image joint 2"]
    conf: Float[Tensor, "image joint"]


def person_of(
    xy: Float[Tensor, "image joint 2"],
    conf: Float[Tensor, "image joint"],
    found: Skeleton,
    wanted: Skeleton,
    margin: float,
    crop: CropKind,
) -> PersonKeypoints:
    """Keypoints of the skeleton ``found`` in that ``wanted`` by a network, and the boxes that it reads."""
    xy, conf = in_skeleton(xy, conf, found, wanted)
    return PersonKeypoints(crop_boxes(crop, xy, conf, wanted, margin), xy, conf)
