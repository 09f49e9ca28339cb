"""Checks of a detector before its first frame, and of what it returns: what a plug-in can get wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from epipose.detection.base import Detection, Detector
from epipose.errors import InputError
from epipose.skeleton import Skeleton

# Calibration measures the person by these, and finds up and the floor by them.
NEEDED_JOINTS = tuple(
    f"{side}_{joint}"
    for side in ("left", "right")
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
)  # fmt: skip


def check_detector(detector: object, name: str) -> None:
    """Raise InputError for what is no detector, or has a skeleton that the rest of the product cannot use."""
    if not isinstance(detector, Detector):
        missing = [member for member in ("skeleton", "__call__", "reset") if not hasattr(detector, member)]
        raise InputError(
            f"Detector {name}: a {type(detector).__name__} without {', '.join(missing)}. A detector has a skeleton, can "
            "be called with an image, and has reset()."
        )
    check_skeleton(detector.skeleton, name)


def check_skeleton(skeleton: object, name: str) -> None:
    """Raise InputError for a detector's skeleton that is no `Skeleton`, or lacks joints that calibration needs."""
    if not isinstance(skeleton, Skeleton):
        raise InputError(
            f"Detector {name}: its skeleton is {skeleton!r}, a {type(skeleton).__name__}; expected a Skeleton, such as "
            "epipose.skeletons.COCO17 or Skeleton(name, joints, parents)."
        )
    joints = skeleton.joints
    sided = (joint for joint, partner in zip(joints, skeleton.flip, strict=True) if joint == joints[partner])
    if lone := [joint for joint in sided if joint.startswith(("left_", "right_"))]:
        raise InputError(
            f"Detector {name}: skeleton {skeleton.name} has {', '.join(lone)} on one side only. Joints come in pairs, "
            "left_x and right_x; name one of the middle without a side."
        )
    if lacking := [joint for joint in NEEDED_JOINTS if joint not in joints]:
        raise InputError(
            f"Detector {name}: skeleton {skeleton.name} lacks {', '.join(lacking)}, which calibration needs. It has "
            f"{', '.join(joints)}. Name its joints as the skeletons in epipose.skeletons do."
        )


def check_detections(frames: Sequence[Sequence[Detection]], images: int, detector: Detector) -> None:
    """Raise InputError for people with another number of joints than the skeleton, and for numbers that are none."""
    skeleton, name = detector.skeleton, type(detector).__name__
    if len(frames) != images:
        raise InputError(
            f"Detector {name} answered {images} images with {len(frames)} lists of people; expected as many."
        )
    for person in (person for people in frames for person in people):
        xy, conf = np.shape(person.xy), np.shape(person.conf)
        count = len(skeleton.joints)
        if xy != (count, 2) or conf != (count,):
            raise InputError(
                f"Detector {name} found a person with xy of shape {xy} and conf of shape {conf}; expected ({count}, 2) and "
                f"({count},), because its skeleton {skeleton.name} has {count} joints."
            )
        if not (np.isfinite(person.xy).all() and np.isfinite(person.conf).all()):
            raise InputError(
                f"Detector {name} found NaN or infinity; mark a missing joint by conf 0 and any finite place."
            )
