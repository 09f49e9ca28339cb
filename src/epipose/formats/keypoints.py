"""Keypoints as the files of other programs have them: people by image, before views, frames and skeleton are settled.

Every reader of a format gives a `KeypointFile`. It knows nothing of the clip: which view an image belongs to and which
frame it is follow from names (see `image_names`), the skeleton from the number or the names of the joints (see
`joint_names`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from epipose.skeleton import Skeleton
from epipose.skeletons import (
    BLAZEPOSE33,
    BODY25,
    COCO17,
    COCO_WHOLEBODY133,
    HALPE26,
    MPII16,
    OPENPOSE18,
    PANOPTIC19,
)


class PersonKeypoints(NamedTuple):
    """One person in one image.

    ``xy`` in the file's own unit, ``score`` of every joint as the file has it, 0 for missing; ``track`` the same text
    for the same person in all images of a view, None where the program does not number people.
    """

    xy: Float[np.ndarray, "joint 2"]
    score: Float[np.ndarray, " joint"]
    track: str | None = None


class ImageKeypoints(NamedTuple):
    """The people of one image.

    ``image`` is its file name or number; None where the name of the JSON file says it. ``size`` in pixels, where the
    file has it.
    """

    image: str | int | None
    people: tuple[PersonKeypoints, ...]
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class KeypointFile:
    """The content of one file.

    ``program`` that wrote it, in words for messages; ``names`` of the joints and ``edges`` between them (pairs of
    indices) where the file states them; ``normalised``: coordinates are shares of the image's width and height; ``fps``
    where the file has it; ``view``: the name of the view, where the file is of one and says so.
    """

    program: str
    images: tuple[ImageKeypoints, ...]
    names: tuple[str, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()
    normalised: bool = False
    fps: float | None = None
    view: str | None = None

    @property
    def joints(self) -> int:
        """Number of joints of its people; 0 where there is nobody."""
        return next((len(person.xy) for image in self.images for person in image.people), 0)


def person_of(values: Sequence[object] | np.ndarray, track: object = None, scores: object = None) -> PersonKeypoints:
    """A person from rows x, y (, score); NaN is a missing joint, and the track -1 is none.

    Raises ValueError for what are no such numbers.
    """
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(f"a person is an array of shape {table.shape}, expected a row x, y, score for every joint")
    if scores is None:
        score = table[:, 2] if table.shape[1] > 2 else np.ones(len(table))
    else:
        score = np.asarray(scores, np.float64).reshape(-1)
        if len(score) != len(table):
            raise ValueError(f"a person has {len(table)} joints and {len(score)} scores")
    seen = np.isfinite(table[:, :2]).all(1) & np.isfinite(score) & (score > 0)
    xy = np.where(seen[:, None], table[:, :2], 0.0)
    return PersonKeypoints(xy, np.where(seen, score, 0.0), None if track in (None, -1) else str(track))


def person_of_flat(numbers: Sequence[object], track: object = None) -> PersonKeypoints:
    """A person from x, y, score of one joint after the other. Raises ValueError for another count of numbers."""
    flat = np.asarray(numbers, np.float64).reshape(-1)
    if len(flat) == 0 or len(flat) % 3:
        raise ValueError(f"a person has {len(flat)} numbers, expected x, y, score of every joint")
    return person_of(flat.reshape(-1, 3), track)


def _halpe136() -> Skeleton:
    """Halpe-FullBody: its 26 joints of body and feet, then face and hands in the order of COCO-WholeBody."""
    added = COCO_WHOLEBODY133.joints[23:]
    joints = (*HALPE26.joints, *added)
    parents = [joints.index(COCO_WHOLEBODY133.joints[COCO_WHOLEBODY133.parents[23 + k]]) for k in range(len(added))]
    return Skeleton("halpe136", joints, (*HALPE26.parents, *parents))


# The skeleton of people whose joints are only counted. 25 are BODY_25, not OpenPose's experimental BODY_25B.
SKELETON_OF_COUNT = {
    len(skeleton.joints): skeleton
    for skeleton in (
        MPII16,
        COCO17,
        OPENPOSE18,
        PANOPTIC19,
        BODY25,
        HALPE26,
        BLAZEPOSE33,
        COCO_WHOLEBODY133,
        _halpe136(),
    )
}
