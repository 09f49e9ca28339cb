"""Joints and scores of keypoint files: which skeleton the joints are, and what the scores are as confidences."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from epipose.errors import InputError
from epipose.formats.joint_map import read_joint_map
from epipose.formats.joint_names import skeleton_of_names
from epipose.formats.keypoint_files import Series
from epipose.formats.keypoints import SKELETON_OF_COUNT
from epipose.skeleton import Skeleton

_LOG = logging.getLogger(__name__)
_MIN_JOINTS = 6  # fewer tell too little of where the cameras are
_PLAIN_SCORE = 1.0 + 1e-6
_MAX_SIMCC = 1.6  # scores of RTMPose reach a little above 1
_MAX_PERCENT = 100.0


class FileJoints(NamedTuple):
    """The skeleton, and for each of its joints its column in the file."""

    skeleton: Skeleton
    columns: list[int]


def joints_of(series: Sequence[Series], path: Path, joints: str | None) -> FileJoints:
    """The skeleton of all views, by a joint map, by the files' names, or by the number of joints.

    Raises InputError for joints that differ, that no skeleton goes by, or that cameras cannot be calibrated by.
    """
    counts = sorted({len(person.xy) for one in series for image in one.images.values() for person in image.people})
    if len(counts) != 1:
        raise InputError(f"{path}: people have {' and '.join(map(str, counts))} joints; give one kind only.")
    count, file = counts[0], next(one.file for one in series if one.joints)
    names = file.names if len(file.names) == count else ()
    other = next((one for one in series if one.joints and names and one.file.names != names), None)
    if other is not None:
        raise InputError(
            f"{path}: {other.source.name} has the joints {', '.join(other.file.names)}; another file has "
            f"{', '.join(names)}. Give files of one model."
        )
    if joints is not None:
        found = FileJoints(*read_joint_map(joints).applied(names, count, file.edges))
    elif names:
        found = FileJoints(skeleton_of_names("from file", names, file.edges), list(range(count)))
        _log_spellings(names, found.skeleton.joints)
    elif count in SKELETON_OF_COUNT:
        found = FileJoints(SKELETON_OF_COUNT[count], list(range(count)))
    else:
        known = ", ".join(f"{number} ({skeleton.name})" for number, skeleton in SKELETON_OF_COUNT.items())
        raise InputError(
            f"{path}: a person has {count} joints, which are no skeleton that goes by its number of joints: {known}. "
            "Give --joints map.toml, which says what the joints are (docs/formats.md)."
        )
    check_skeleton(found.skeleton, path)
    return found


def _log_spellings(names: Sequence[str], joints: Sequence[str]) -> None:
    """Say which joint each name was taken for, where it is spelled otherwise here."""
    changed = [f"{name} is {joint}" for name, joint in zip(names, joints, strict=True) if name != joint]
    if changed:
        _LOG.info("joints by their names: %s (--joints map.toml has it otherwise)", ", ".join(changed))


def check_skeleton(skeleton: Skeleton, path: Path) -> None:
    """Raise InputError for joints on which cameras cannot be calibrated, with what to do."""
    joints = set(skeleton.joints)
    if not any({f"left_{part}", f"right_{part}"} <= joints for part in ("hip", "shoulder")):
        raise InputError(
            f"{path}: among the joints {', '.join(skeleton.joints)} there are no left and right hips nor shoulders, by "
            "which the cameras are calibrated. Say which they are with --joints map.toml, for example [joints] "
            f'"{skeleton.joints[0]}" = "left_shoulder" (docs/formats.md).'
        )
    if len(joints) < _MIN_JOINTS:
        raise InputError(
            f"{path}: {len(joints)} joints ({', '.join(skeleton.joints)}) are too few to calibrate cameras by; "
            f"{_MIN_JOINTS} or more are needed, such as shoulders, hips, knees and ankles."
        )


def score_scale(series: Sequence[Series]) -> tuple[float, list[str]]:
    """What scores are divided by to be confidences, and a note where that is not 1 or some are above 1."""
    scores = [person.score for one in series for image in one.images.values() for person in image.people]
    values = np.concatenate(scores)
    values = values[values > 0]
    highest, usual = float(values.max()), float(np.quantile(values, 0.95))
    if highest <= _PLAIN_SCORE:
        return 1.0, []
    if usual <= _MAX_SIMCC:
        return 1.0, [f"Scores reach {highest:.2f}; those above 1 count as 1."]
    if highest <= _MAX_PERCENT and usual > 10:
        return 100.0, [f"Scores reach {highest:.0f}: they are taken for percent."]
    return usual, [f"Scores reach {highest:.2f}: they were divided by {usual:.2f}, above which 5% of them lie."]
