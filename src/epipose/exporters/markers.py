"""Named marker trajectories of the people of a recording, for the formats of motion capture."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from epipose.exporters.base import Recording
from epipose.exporters.options import Markers
from epipose.formats.marker_names import marker_of_joint
from epipose.poses import Poses3D
from epipose.skeleton import Skeleton

# Joints that Pose2Sim's marker sets know by another name: theirs is the middle of the shoulders and the tip of the nose,
# and Head is the top of the head, so the middle of the ears needs a name of its own.
_SAME_PLACE = {"thorax": "neck", "neck_nose": "nose"}
_MARKERS = {"head_top": "Head", "head": "MidEar"}


class Trajectories(NamedTuple):
    """The markers of one person: metres, z up (`z_up`), NaN where missing. ``person`` is its name: person1 is the
    first."""

    person: str
    names: tuple[str, ...]
    xyz: Float[np.ndarray, "frame marker 3"]


def trajectories(poses: Poses3D, markers: Markers) -> tuple[list[Trajectories], tuple[str, ...]]:
    """Everybody with a labelled joint, and warnings on markers that are left out because they are missing throughout.

    ``markers``: "native" names them after the joints; "pose2sim" as Pose2Sim does, and adds the middles of hips and
    shoulders (Hip, Neck) where the skeleton has none of its own. Spaces in names become underscores.
    """
    if markers == "pose2sim":
        poses = _with_middles(poses)
    names = tuple(_name(joint, poses.skeleton, markers) for joint in poses.skeleton.joints)
    there = (poses.conf > 0).numpy()
    xyz = np.where(there[..., None], z_up(poses), np.nan)
    people, warnings = [], []
    for person in np.flatnonzero(there.any((0, 2))):
        seen = np.asarray(there[:, person].any(0))
        kept = tuple(name for name, is_seen in zip(names, seen, strict=True) if is_seen)
        people.append(Trajectories(f"person{person + 1}", kept, xyz[:, person, seen]))
        if not seen.all():
            lost = ", ".join(name for name, is_seen in zip(names, seen, strict=True) if not is_seen)
            warnings.append(f"person{person + 1} has no marker {lost}: missing in all frames.")
    return people, tuple(warnings)


def z_up(poses: Poses3D) -> Float[np.ndarray, "frame person joint 3"]:
    """Joints in right-handed axes with z up: those of the world; of a camera x stays, and y is away from the camera."""
    x, y, z = poses.xyz.double().unbind(-1)
    return torch.stack((x, y, z) if poses.space == "world" else (x, z, -y), -1).numpy()


def with_times(recording: Recording) -> Poses3D:
    """The poses with the moment of each frame; where they have none, at the clip's frame rate from 0.

    Raises InputError where there are no poses, or no frame rate is known.
    """
    poses = recording.need_poses()
    if poses.times is not None:
        return poses
    return replace(poses, times=torch.arange(len(poses.xyz), dtype=torch.float64) / recording.fps)


def scale_warnings(poses: Poses3D) -> tuple[str, ...]:
    """What a file that cannot say so itself should not be taken for: metres where the scale is nominal."""
    if poses.metric:
        return ()
    return (
        "The poses are not metric: lengths are right up to one factor, chosen so that the person is 1.7 m tall. "
        "epipose calibrate --height gives metres.",
    )


def rate_warnings(poses: Poses3D) -> tuple[str, ...]:
    """What is lost where frames come unevenly, in a format of one frame rate."""
    if poses.times is None or len(poses.times) < 3:
        return ()
    intervals = poses.times.diff()
    middle = intervals.median()
    uneven = int(((intervals - middle).abs() > 0.1 * middle).sum())
    return (f"{uneven} frames come unevenly; the frame rate is that of the others.",) if uneven else ()


def _with_middles(poses: Poses3D) -> Poses3D:
    """The poses with pelvis and neck, where the skeleton lacks them and hips and shoulders make them."""
    own = poses.skeleton
    known = {_SAME_PLACE.get(joint, joint) for joint in own.joints}
    middles = tuple(joint for joint in ("pelvis", "neck") if joint not in known)
    wanted = Skeleton(own.name, own.joints + middles, own.parents + (own.root,) * len(middles))
    possible = own.mapping_to(wanted).any(-1).tolist()
    middles = tuple(joint for joint in middles if possible[wanted.index(joint)])
    return poses.mapped_to(Skeleton(own.name, own.joints + middles, own.parents + (own.root,) * len(middles)))


def _name(joint: str, skeleton: Skeleton, markers: Markers) -> str:
    if markers == "native":
        return "_".join(joint.split())
    other = _SAME_PLACE.get(joint, joint)
    joint = joint if other in skeleton.joints else other
    return _MARKERS.get(joint) or marker_of_joint(joint, skeleton.name)
