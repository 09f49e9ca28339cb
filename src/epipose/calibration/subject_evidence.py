"""Evidence from the subject's keypoints alone: how far they reach in the images, and whether the person sits.

What is measured in the images holds where the cameras are wrong, too, and can therefore say why they are: keypoints of
images at half the size never leave a quarter of the image, and the hips of a person who sits stay in one place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from jaxtyping import Bool
from torch import Tensor

from epipose.camera import Camera
from epipose.geometry.image_reach import image_reach
from epipose.geometry.observations import MIN_CONFIDENCE
from epipose.geometry.person_size import person_size
from epipose.poses import Poses2D, shown_joints
from epipose.skeleton import Skeleton

# Trunk lengths by which a knee is lower than its hip, along the trunk; 0.8 or so of a person who stands.
_LEVEL_THIGH = 0.5


class SubjectEvidence(NamedTuple):
    """Measures of the subject in the images.

    ``reach``: the farthest keypoints' place as a share of the image's width or height, the larger, and the largest over
    the views. ``path``: range of the person's middle in the image, in sizes of the person, the median view's.
    ``sitting``: share of the frames in which the thighs are level, the median view's; 0 where legs are not seen.
    ``shown``: joints that the footage ever shows.
    """

    reach: float
    path: float
    sitting: float
    shown: Bool[Tensor, " joint"]


def subject_evidence(poses: Poses2D, camera: Camera) -> SubjectEvidence:
    """Measure person 0 of the poses; ``camera`` gives the size of every view's images."""
    conf = poses.conf[:, :, 0]
    shown = shown_joints(conf * (conf >= MIN_CONFIDENCE))
    trunk, of_views = trunk_joints(poses.skeleton, shown), list[_InView]()
    for view in range(len(conf)):  # one at a time: a long clip takes hundreds of megabytes
        xy, of_view = poses.xy[[view], :, 0].double(), conf[[view]].double()
        of_view = of_view * (of_view >= MIN_CONFIDENCE)
        if bool((of_view > 0).any()):
            reach = image_reach(xy, of_view, camera.size[[view]])
            of_views.append(_InView(reach, _path(xy, of_view, trunk), _sitting(xy, of_view > 0, poses.skeleton)))
    return SubjectEvidence(
        max((of_view.reach for of_view in of_views), default=1.0),
        _median(of_view.path for of_view in of_views),
        _median(of_view.sitting for of_view in of_views),
        shown,
    )


class _InView(NamedTuple):
    """The measures in one view; None for what is not seen there."""

    reach: float
    path: float | None
    sitting: float | None


def _median(of_views: Iterable[float | None]) -> float:
    """The lower median of the views that have the measure; 0 where none has."""
    known = sorted(value for value in of_views if value is not None)
    return known[(len(known) - 1) // 2] if known else 0.0


def trunk_joints(skeleton: Skeleton, shown: Bool[Tensor, " joint"]) -> list[int]:
    """The joints whose mean is a person's place: the hips, else the shoulders, else all that are shown."""
    for pair in (("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")):
        if set(pair) <= set(skeleton.joints):
            index = [skeleton.index(joint) for joint in pair]
            if bool(shown[index].all()):
                return index
    return shown.nonzero()[:, 0].tolist()


def _path(xy: Tensor, conf: Tensor, trunk: list[int]) -> float | None:
    """Diagonal of the box in which the person's middle moved (5th to 95th percentile), in sizes of the person."""
    there = (conf[0][:, trunk] > 0).all(-1)
    if not trunk or not bool(there.any()):
        return None
    middle = xy[0][there][:, trunk].mean(1)
    span = middle.quantile(0.95, 0) - middle.quantile(0.05, 0)
    return float(span.norm() / person_size(xy, conf)[0][there].median())


def _sitting(xy: Tensor, seen: Tensor, skeleton: Skeleton) -> float | None:
    """Share of the frames in which the thighs are level; None where legs are not seen."""
    names = [f"{side}_{joint}" for joint in ("shoulder", "hip", "knee") for side in ("left", "right")]
    if not set(names) <= set(skeleton.joints):
        return None
    joints = [skeleton.index(name) for name in names]
    shoulder, hip, knee = xy[:, :, joints].unflatten(2, (3, 2)).mean(3).unbind(2)
    down, length = hip - shoulder, (hip - shoulder).norm(dim=-1).clamp(min=1e-9)
    lower = ((knee - hip) * down).sum(-1) / length.square()
    there = seen[:, :, joints].all(-1)
    return float((lower[there] < _LEVEL_THIGH).double().mean()) if bool(there.any()) else None
