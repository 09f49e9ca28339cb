"""World frame: direction of gravity and the floor, from foot contacts, posture and camera roll.

Cameras recovered from images know no gravity. Three cues tell of it, each a little:

- Feet that stand lie on the floor. Where the person has stood in several places, those places span a plane.
- People who stand or walk are upright: the line from their ankles to their shoulders points up, to within some degrees
  that are theirs (one leans, another carries a bag) and do not average out.
- People hold cameras level: the rows of an image are horizontal, though its columns are seldom vertical.

`up_direction` weighs them by their errors in one small least-squares problem, and returns the standard deviation of the
result. A person who crosses the floor gives the plane in the direction of the walk; posture and cameras add what is
missing sideways. On 57 recordings of motion capture, with 30 mm of noise on every joint and cameras tilted sideways by
3 degrees, walks came out 0.1 (half a minute) to 2 degrees (two steps) from the vertical; climbing, rolling, cartwheels
and somersaults 1 to 6. The stated errors were right to within half as much again, the worst on uneven ground.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.camera import Rig
from epipose.geometry.align import Similarity
from epipose.geometry.rotation import rotation_to_z
from epipose.reconstruction.anatomy import body_parts, joints_there, mean_joint
from epipose.skeleton import Skeleton

# Standard deviations of the three cues, chosen on motion capture.
POSTURE_SIGMA = math.radians(4.0)
CAMERA_SIGMA = math.radians(3.0)
FLOOR_SIGMA = 0.012  # height of a standing ankle above the floor, in statures

ANKLE_HEIGHT = 0.045  # statures above the sole: 0.039 in Winter's figure, 0.05 in marker-based skeletons
NOMINAL_STATURE = 1.7  # of a person whose limbs were never seen


class UpDirection(NamedTuple):
    """A unit vector, its standard deviation in radians (pi: nothing is known), and the places of foot contacts."""

    direction: Float[Tensor, "3"]
    sigma: float
    contacts: Float[Tensor, "contact 3"]


@dataclass(frozen=True)
class World:
    """Cameras and joints with z up, the floor at z = 0 and the person round the origin.

    ``moved``: the similarity that brought the given world here. ``up_sigma``: of the direction up, radians.
    """

    rig: Rig | None
    xyz: Float[Tensor, "frame joint 3"]
    moved: Similarity
    up_sigma: float


def upright(
    xyz: Float[Tensor, "frame joint 3"],
    conf: Float[Tensor, "frame joint"],
    skeleton: Skeleton,
    rig: Rig | None,
    fps: float,
    scale: float = 1.0,
) -> World:
    """Turn the world upright, and multiply its lengths by ``scale`` (see `epipose.reconstruction.scale`).

    z is up and 0 on the floor; the origin is below the middle of where the person was (without one, of the cameras);
    x points to camera 0's right. Points of confidence 0 are moved along.
    """
    up = up_direction(xyz, conf, skeleton, rig, fps)
    right = torch.eye(3).to(xyz)[int(up.direction.abs().argmin())] if rig is None else rig.camera.R[0, 0].to(xyz)
    R = rotation_to_z(up.direction, right)
    standing, cameras = xyz @ R.T, xyz.new_zeros(0, 3) if rig is None else rig.camera.center.to(xyz) @ R.T
    middle = xyz.new_zeros(3)
    if bool((conf > 0).any()):
        middle = standing[conf > 0].median(0).values
    elif len(cameras):
        middle = cameras.mean(0)
    middle[2] = _floor(standing, conf, skeleton, up.contacts @ up.direction, cameras[:, 2])
    moved = Similarity(xyz.new_tensor(scale), R, -scale * middle)
    if rig is not None:
        rig = replace(rig.moved(scale, R.double(), moved.t.double()), upright=True)
    return World(rig, moved.apply(xyz), moved, up.sigma)


def _floor(
    xyz: Float[Tensor, "frame joint 3"],
    conf: Float[Tensor, "frame joint"],
    skeleton: Skeleton,
    contacts: Float[Tensor, " contact"],
    cameras: Float[Tensor, " view"],
) -> float:
    """Height of the floor in a world with z up: below the lowest foot contacts.

    Without such places (a runner), below the ankles where they are lowest; then below the lowest joints; then as far
    below the cameras as a tripod is high.
    """
    size = stature(xyz, conf, skeleton)
    if len(contacts):
        lowest = contacts <= contacts.quantile(0.2) + 0.05 * size
        return float(contacts[lowest].median()) - ANKLE_HEIGHT * size
    ankles = joints_there(skeleton, ("left_ankle", "right_ankle"))
    for joints, below in ((ankles, ANKLE_HEIGHT), (list(range(len(skeleton.joints))), 0.0)):
        if not joints:
            continue
        height = torch.where(conf[:, joints] > 0, xyz[:, joints, 2], torch.inf).amin(1)
        if bool(height.isfinite().any()):
            return float(height[height.isfinite()].quantile(0.05)) - below * size
    return float(cameras.min()) - 1.2 if len(cameras) else 0.0


class Stature(NamedTuple):
    """Standing height in the unit of the points, its relative standard deviation, and the parts it was measured by."""

    value: float
    sigma: float
    parts: tuple[str, ...]


_LEGS = ("trunk", "thighs", "shanks")
# Relative error of a height from these parts: people's proportions differ, and detectors' joints from the table's ends.
# Arms are shorter parts, so that the detector's error counts for more; shoulders are the least alike.
_LEGS_SIGMA, _ARMS_SIGMA, _SHOULDERS_SIGMA = 0.04, 0.08, 0.15


def measured_stature(
    xyz: Float[Tensor, "frame joint 3"], conf: Float[Tensor, "frame joint"], skeleton: Skeleton
) -> Stature | None:
    """Standing height from trunk, thighs and shanks; where not all of them are seen, from these and the arms.

    From the width of the shoulders where nothing else is; None where not even that.
    """
    parts = body_parts(xyz, conf, skeleton)
    if set(_LEGS) <= set(parts):
        chosen, sigma = _LEGS, _LEGS_SIGMA
    else:
        chosen, sigma = tuple(name for name in parts if name != "shoulders"), _ARMS_SIGMA
    if not chosen and "shoulders" in parts:
        chosen, sigma = ("shoulders",), _SHOULDERS_SIGMA
    if not chosen:
        return None
    length, share = (sum(getattr(parts[name], of) for name in chosen) for of in ("length", "share"))
    return Stature(length / share, sigma, chosen)


def stature(xyz: Float[Tensor, "frame joint 3"], conf: Float[Tensor, "frame joint"], skeleton: Skeleton) -> float:
    """Standing height in the unit of the points (see `measured_stature`); 1.7 where no limb was ever seen."""
    found = measured_stature(xyz, conf, skeleton)
    return NOMINAL_STATURE if found is None else found.value


def up_direction(
    xyz: Float[Tensor, "frame joint 3"],
    conf: Float[Tensor, "frame joint"],
    skeleton: Skeleton,
    rig: Rig | None,
    fps: float,
) -> UpDirection:
    """Up in the given world. ``fps``: of these frames, which must be successive; it tells standing feet from moving.

    Nothing to go by (no camera, no upright posture) gives -y with a standard deviation of pi.
    """
    size = stature(xyz, conf, skeleton)
    rows = xyz.new_zeros(0, 3) if rig is None else rig.camera.R[:, 0].to(xyz)
    posture, posture_sigma = _posture_up(xyz, conf, skeleton, rig, fps)
    up, sigma, contacts = posture, posture_sigma, xyz.new_zeros(0, 3)
    if sigma == math.pi and not len(rows):
        return UpDirection(up, sigma, contacts)
    for turn in range(4):  # which foot is the lower one, and so the contacts, depend on up a little
        up, sigma = _combine_cues(up, posture, posture_sigma, rows, contacts / size)
        if turn < 3:
            contacts = foot_contacts(xyz, conf, skeleton, up, size, fps)
    return UpDirection(up, sigma, contacts)


def _posture_up(
    xyz: Tensor, conf: Tensor, skeleton: Skeleton, rig: Rig | None, fps: float
) -> tuple[Float[Tensor, "3"], float]:
    """Direction from ankles to shoulders of a straight person, and its standard deviation as the direction up.

    Cameras tell standing from lying: only frames near the mean of their upward columns count. Without such frames that
    mean is the answer, good to half a radian; without either, -y and pi.
    """
    ankles, low = mean_joint(xyz, conf, skeleton, ("left_ankle", "right_ankle"))
    shoulders, high = mean_joint(xyz, conf, skeleton, ("left_shoulder", "right_shoulder"))
    along, seen = shoulders - ankles, (low > 0) & (high > 0)
    length = along.norm(dim=-1)
    seen = seen & (length > 1e-9)
    start, sigma = xyz.new_tensor([0.0, -1.0, 0.0]), math.pi
    columns = xyz.new_zeros(3) if rig is None else -rig.camera.R[:, 1].to(xyz).mean(0)
    if float(columns.norm()) > 0.5:  # else cameras look down on the scene and do not tell
        start, sigma = columns / columns.norm(), 0.5
    if not bool(seen.any()):
        return start, sigma
    straight = seen & (length > 0.93 * length[seen].quantile(0.9))
    unit = along[straight] / length[straight, None]
    if sigma < math.pi:
        unit, up = unit[(unit - start).norm(dim=-1) < 0.75], start
    else:
        up = unit.median(0).values
    for _ in range(20):
        weight = 1 / (1 + ((unit - up).norm(dim=-1) / 0.2).square())
        up = (weight[:, None] * unit).sum(0)
        up = up / up.norm().clamp(min=1e-9)
    near = int(((unit - up).norm(dim=-1) < 0.4).sum())
    if near == 0:
        return start, sigma
    # A moment's posture may be any; and the fewer frames agree, the larger the error.
    return up, POSTURE_SIGMA * math.sqrt((1 + fps / near) * int(seen.sum()) / near)


def _combine_cues(
    up: Float[Tensor, "3"],
    posture: Float[Tensor, "3"],
    posture_sigma: float,
    rows: Float[Tensor, "view 3"],
    contacts: Float[Tensor, "contact 3"],
) -> tuple[Float[Tensor, "3"], float]:
    """The direction that agrees best with all cues, and its standard deviation; ``contacts`` in statures.

    Re-weighted Gauss-Newton on the sphere with Cauchy weights, so that a stair or a tilted camera is outvoted. The
    unknowns are two angles and the height of the floor.
    """
    contacts = contacts - (contacts.median(0).values if len(contacts) else 0.0)
    height, floor_sigma = 0.0, FLOOR_SIGMA
    weight, H, r = up, torch.eye(3).to(up), up
    for _ in range(30):
        tangent = torch.linalg.svd(up[None])[2][1:]  # two directions across up
        above = contacts @ up - height
        if len(contacts) > 3:  # a floor that is no plane weighs less
            spread = 1.4826 * float(above.abs().median()) * math.sqrt(len(contacts) / (len(contacts) - 3))
            floor_sigma = max(FLOOR_SIGMA, spread)
        r = torch.cat([tangent @ (up - posture) / posture_sigma, rows @ up / CAMERA_SIGMA, above / floor_sigma])
        by_posture, by_row = torch.eye(2).to(up) / posture_sigma, rows @ tangent.T / CAMERA_SIGMA
        by_place = torch.nn.functional.pad(contacts @ tangent.T, (0, 1), value=-1.0) / floor_sigma
        J = torch.cat([torch.nn.functional.pad(torch.cat([by_posture, by_row]), (0, 1)), by_place])
        weight = 1 / (1 + r.square() / 4)
        H = (J.T * weight) @ J + 1e-6 * torch.eye(3).to(up)
        step = -torch.linalg.solve(H, (J.T * weight) @ r)
        up, height = up + step[:2] @ tangent, height + float(step[2])
        up = up / up.norm()
        if float(step.norm()) < 1e-7:
            break
    misfit = float((weight * r.square()).sum() / weight.sum().clamp(min=3.0))  # about 1 where the cues agree
    sigma = math.sqrt(float(torch.linalg.inv(H)[:2, :2].trace()) * max(1.0, misfit))
    return up, min(sigma, math.pi)


def foot_contacts(
    xyz: Float[Tensor, "frame joint 3"],
    conf: Float[Tensor, "frame joint"],
    skeleton: Skeleton,
    up: Float[Tensor, "3"],
    size: float,
    fps: float,
) -> Float[Tensor, "contact 3"]:
    """Foot contacts: ankles while their foot stood (slow, and not above the other foot), one point per place.

    A foot that stays in one place for a minute is one contact, not a thousand: the points of each cell of an eighth of
    ``size`` (the stature) count as their mean.
    """
    ankles = joints_there(skeleton, ("left_ankle", "right_ankle"))
    point, seen = xyz[:, ankles], conf[:, ankles] > 0
    if not bool(seen.any()):
        return xyz.new_zeros(0, 3)
    smooth, speed = _smoothed(point, seen, fps)
    height = torch.where(seen, smooth @ up, torch.inf)
    low = height <= height.amin(1, keepdim=True) + 0.05 * size
    standing = smooth[seen & low & (speed < 0.18 * size)]
    if not len(standing):
        return xyz.new_zeros(0, 3)
    across = torch.linalg.svd(up[None])[2][1:]
    cell = (standing @ across.T / (size / 8)).round()
    _, place, count = torch.unique(cell, dim=0, return_inverse=True, return_counts=True)
    total = xyz.new_zeros(len(count), 3).index_add(0, place, standing)
    return (total / count[:, None])[count >= max(1.0, 0.1 * fps)]


def _smoothed(
    point: Float[Tensor, "frame foot 3"], seen: Bool[Tensor, "frame foot"], fps: float
) -> tuple[Float[Tensor, "frame foot 3"], Float[Tensor, "frame foot"]]:
    """Means over a seventh of a second, and the speed between those a tenth before and after (per second)."""
    half, frames = max(0, round(0.07 * fps)), len(point)
    window = torch.ones(1, 1, 2 * half + 1).to(point)
    mask = seen.to(point)
    stacked = torch.cat([point * mask[..., None], mask[..., None]], -1).flatten(1).T[:, None]
    sums = torch.nn.functional.conv1d(stacked, window, padding=half)[:, 0].T.reshape(frames, 2, 4)
    smooth = sums[..., :3] / sums[..., 3:].clamp(min=1)
    reach = max(1, round(0.1 * fps))
    index = torch.arange(frames)
    after, before = (index + reach).clamp(max=frames - 1), (index - reach).clamp(min=0)
    known = (sums[after, :, 3] > 0) & (sums[before, :, 3] > 0)
    speed = (smooth[after] - smooth[before]).norm(dim=-1) * fps / (after - before).clamp(min=1)[:, None]
    return smooth, torch.where(known, speed, torch.inf)
