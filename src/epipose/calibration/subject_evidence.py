"""Evidence from the subject's keypoints alone: how far they reach in the images, and whether the person sits.

What is measured in the images holds where the cameras are wrong, too, and can therefore say why they are: keypoints of
images at half the size never leave a quarter of the image, and the hips of a person who sits stay in one place.
"""

from __future__ import annotations

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
    xy, conf = poses.xy[:, :, 0].double(), poses.conf[:, :, 0].double()
    seen = conf >= MIN_CONFIDENCE
    conf = conf * seen
    return SubjectEvidence(
        image_reach(xy, conf, camera.size),
        _path(xy, conf, poses.skeleton),
        _sitting(xy, seen, poses.skeleton),
        shown_joints(conf),
    )


def trunk_joints(skeleton: Skeleton, shown: Bool[Tensor, " joint"]) -> list[int]:
    """The joints whose mean is a person's place: the hips, else the shoulders, else all that are shown."""
    for pair in (("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")):
        if set(pair) <= set(skeleton.joints):
            index = [skeleton.index(joint) for joint in pair]
            if bool(shown[index].all()):
                return index
    return shown.nonzero()[:, 0].tolist()


def _path(xy: Tensor, conf: Tensor, skeleton: Skeleton) -> float:
    """Diagonal of the box in which the person's middle moved (5th to 95th percentile), in sizes of the person."""
    joints = trunk_joints(skeleton, shown_joints(conf))
    size, paths = person_size(xy, conf), []
    for view in range(len(xy)):
        there = (conf[view][:, joints] > 0).all(-1)
        if joints and bool(there.any()):
            middle = xy[view][there][:, joints].mean(1)
            span = middle.quantile(0.95, 0) - middle.quantile(0.05, 0)
            paths.append(float(span.norm() / size[view][there].median()))
    return sorted(paths)[(len(paths) - 1) // 2] if paths else 0.0


def _sitting(xy: Tensor, seen: Tensor, skeleton: Skeleton) -> float:
    names = [f"{side}_{joint}" for joint in ("shoulder", "hip", "knee") for side in ("left", "right")]
    if not set(names) <= set(skeleton.joints):
        return 0.0
    joints = [skeleton.index(name) for name in names]
    shoulder, hip, knee = xy[:, :, joints].unflatten(2, (3, 2)).mean(3).unbind(2)
    down, length = hip - shoulder, (hip - shoulder).norm(dim=-1).clamp(min=1e-9)
    lower = ((knee - hip) * down).sum(-1) / length.square()
    shares = []
    for of_view, there in zip(lower, seen[:, :, joints].all(-1), strict=True):
        if bool(there.any()):
            shares.append(float((of_view[there] < _LEVEL_THIGH).double().mean()))
    return sorted(shares)[(len(shares) - 1) // 2] if shares else 0.0
