"""People of a recording as rotations of the humanoid rig, for the formats of animation programs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from epipose.errors import InputError
from epipose.exporters.base import Recording, y_up
from epipose.exporters.markers import rate_warnings, scale_warnings
from epipose.motion.body_points import BodyPoints, body_points
from epipose.motion.rig_fit import FittedRig, fit_rig

_MEDIAN_MM, _WORST_MM = 5.0, 15.0  # of the joints: more is reported with what the bones of the labels do


class PersonInMotion(NamedTuple):
    """One person: the number in the poses, from 0, and the rig fitted to the joints."""

    person: int
    fit: FittedRig


def people_in_motion(recording: Recording) -> tuple[list[PersonInMotion], list[str]]:
    """The rig fitted to everybody who can be animated, and sentences on what the animation does not hold.

    Raises InputError where nobody has a frame with hips and shoulders, or no frame rate is known.
    """
    poses, fps = recording.need_poses(), recording.fps
    xyz = y_up(poses).double().numpy()
    people, warnings = [], []
    shown = [person for person in range(poses.conf.shape[1]) if bool((poses.conf[:, person] > 0).any())]
    for person in shown:
        name = recording.name if len(shown) == 1 else f"person {person + 1} of {recording.name}"
        try:
            body = body_points(poses, xyz[:, person], person, name)
        except InputError as error:
            if person == shown[-1] and not people:
                raise
            warnings.append(f"Left out: {error}")
            continue
        fit = fit_rig(body, fps)
        people.append(PersonInMotion(person, fit))
        warnings += _losses(body, fit, name)
    return people, [*scale_warnings(poses), *rate_warnings(poses), *warnings]


def file_of(out: Path, person: int, count: int) -> Path:
    """The file of a person: ``out``, or, of several, one of their own with the number from 1 before the ending."""
    return out if count == 1 else out.with_name(f"{out.stem}_person{person + 1}{out.suffix}")


def _losses(body: BodyPoints, fit: FittedRig, name: str) -> list[str]:
    """What the animation of a person does not hold of the labels."""
    losses = []
    filled = body.filled_share()
    if filled > 0:
        losses.append(f"{name}: {100 * filled:.2g} % of the joints were missing, and are interpolated or held.")
    limbs = [f"{side}_{joint}" for side in ("left", "right") for joint in ("elbow", "wrist", "knee", "ankle")]
    absent = [joint for joint in limbs if joint not in body]
    if absent:
        losses.append(f"{name}: there is no label of {', '.join(absent)}; the limb is at rest from there on.")
    joints = 1000 * fit.distance[:, [not site.offset.any() for site in fit.sites]]
    median, worst = float(np.nanmedian(joints)), float(np.nanmax(joints))
    if median > _MEDIAN_MM or worst > _WORST_MM:
        losses.append(
            f"{name}: an animation has constant bones, the labels have not. Joints are {median:.1f} mm (median) and at "
            f"most {worst:.0f} mm from the labels, where {_most_varied(body)}."
        )
    return losses


def _most_varied(body: BodyPoints) -> str:
    """Which two joints, at a constant distance in a rigid rig, vary most in it, and by how much."""
    sides = ("left", "right")
    limbs = ("hip knee", "knee ankle", "shoulder elbow", "elbow wrist")
    pairs = [tuple(f"{side}_{joint}" for joint in limb.split()) for limb in limbs for side in sides]
    pairs += [("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")]
    found = []
    for a, b in pairs:
        both = body.seen[a] & body.seen[b] if a in body and b in body else np.zeros(1, bool)
        if both.any():
            low, high = np.percentile(np.linalg.norm(body.at[a][both] - body.at[b][both], axis=-1), [5, 95])
            found.append((high - low, low, high, a, b))
    _, low, high, a, b = max(found)
    return f"{a} and {b} are {1000 * low:.0f} to {1000 * high:.0f} mm apart (5th to 95th percentile)"
