"""3D labels: every joint triangulated from its inlier views, with a confidence that the geometry supports.

A label is only worth training on when it is right, and the geometry tells when it is: two views or more must agree,
from directions far enough apart to fix the depth. What fails that gets confidence 0. Frame by frame the errors of the
keypoints make a path jitter, so the paths are smoothed at the end, as far as the views disagree (paths.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.geometry.bundle import BundleProblem, Free, Priors, bundle_adjust
from epipose.geometry.left_right import correct_swaps, maybe_swapped
from epipose.geometry.observation_source import ObservationSource
from epipose.geometry.observations import Observations
from epipose.geometry.reprojection import into_views, perspective
from epipose.geometry.triangulate import Gated, gated, point_covariance
from epipose.io.progress import progress
from epipose.poses import Poses2D, Poses3D
from epipose.reconstruction.paths import smooth_paths
from epipose.skeleton import Skeleton
from epipose.skeletons import H36M17

GATE = 2.5  # expected errors within which a view is an inlier of a joint
MIN_PARALLAX_DEG = 5.0


def label_poses(
    poses: Poses2D,
    rig: Rig,
    *,
    persons: Sequence[int] = (0,),
    skeleton: Skeleton | None = H36M17,
    gate: float = GATE,
    min_parallax_deg: float = MIN_PARALLAX_DEG,
    smoothness: float | None = None,
    smooth: bool = True,
) -> Poses3D:
    """Triangulate people in world space and map them to ``skeleton``; None keeps the joints of the keypoints.

    ``persons``: which of the poses' people, each the same one in every view: the subject alone, or those that
    `epipose.people.association.associate` found. ``gate``: a view is an inlier of a joint when its reprojection error
    is less than this many expected errors (`NOISE_SHARE` of the person's size in the image each). A joint's confidence
    is the number of inlier views, each counted by its 2D confidence and its robust weight, less one, clipped to [0, 1]:
    one view alone is worth nothing, two perfect ones are worth 1. Joints whose inlier rays are all within
    ``min_parallax_deg`` of one line get 0. ``smoothness``: the expected second difference of a joint's path from frame
    to frame, in units of the rig; None assumes no path to be smooth. ``smooth``: the paths are smoothed by what the
    views measure of their errors (`epipose.reconstruction.paths`); without it every frame stands for itself.
    """
    blocks, everybody = max(1, poses.xy.shape[1] // _BLOCK_FRAMES), list[Poses3D]()
    with progress(total=blocks * len(persons), desc="label", unit="block") as bar:
        for person in persons:
            parts = list[Joints]()
            for block in ObservationSource.of(poses, rig, person).blocks(_BLOCK_FRAMES):
                seen = block.to(torch.float32)
                found = adjusted(seen, rig, poses.skeleton, gate, min_parallax_deg, smoothness=smoothness)
                parts.append(found.condensed())
                bar.update()
            everybody.append(_in_skeleton(parts, skeleton or poses.skeleton, poses.skeleton, smooth))
    xyz, conf = (torch.cat([getattr(one, field) for one in everybody], 1) for field in ("xyz", "conf"))
    return Poses3D(xyz, conf, everybody[0].skeleton, "world", rig.metric)


_BLOCK_FRAMES = 500  # frames at a time, or somewhat more, so that memory does not grow with the length of the clip


def _in_skeleton(parts: list[Joints], wanted: Skeleton, native: Skeleton, smooth: bool) -> Poses3D:
    """One person's joints in the wanted skeleton, smoothed before. Empties the list, to have them once in memory."""
    joints = joined(parts)
    parts.clear()
    xyz = joints.smoothed() if smooth else joints.xyz
    pieces = zip(xyz.split(_BLOCK_FRAMES), joints.conf.split(_BLOCK_FRAMES), strict=True)
    mapped = [Poses3D(xyz[:, None], conf[:, None], native).mapped_to(wanted) for xyz, conf in pieces]
    return Poses3D(torch.cat([one.xyz.float() for one in mapped]), torch.cat([one.conf for one in mapped]), wanted)


class Joints(NamedTuple):
    """One person's joints in the world: places, confidences, and what is known of their errors.

    ``residual``: differences from the keypoints in expected errors, 0 in views that are no inliers. ``variance``: of a
    place per axis, mean of the three, were the residuals 1. ``squared``: sum of the squared residuals over views and
    frames; ``freedom``: of residuals less unknowns.
    """

    xyz: Float[Tensor, "frame joint 3"]
    conf: Float[Tensor, "frame joint"]
    residual: Float[Tensor, "view frame joint 2"]
    variance: Float[Tensor, "frame joint"]
    squared: Float[Tensor, " joint"]
    freedom: Float[Tensor, " joint"]

    def condensed(self) -> Joints:
        """The same joints in less memory: places, which may be far from the origin, alone in double precision."""
        return self._replace(conf=self.conf.float(), residual=self.residual.float(), variance=self.variance.float())

    def smoothed(self) -> Float[Tensor, "frame joint 3"]:
        """The places on smooth paths; a path is taken to be no more wrong than its residuals say."""
        known = self.conf > 0
        middle = torch.where(known, self.variance, torch.nan).nanmedian(0).values.nan_to_num(0.0)
        return smooth_paths(self.xyz, known, self.residual, self.squared / self.freedom.clamp(min=1.0) * middle)


def joined(parts: Sequence[Joints]) -> Joints:
    """The joints of successive frames as one."""
    xyz, conf, residual, variance, squared, freedom = zip(*parts, strict=True)
    sums = torch.stack(squared).sum(0), torch.stack(freedom).sum(0)
    return Joints(torch.cat(xyz), torch.cat(conf), torch.cat(residual, 1), torch.cat(variance), *sums)


def triangulated(
    observed: Observations,
    rig: Rig,
    skeleton: Skeleton,
    gate: float = GATE,
    min_parallax_deg: float = MIN_PARALLAX_DEG,
    constant_bones: bool = True,
) -> tuple[Float[Tensor, "frame joint 3"], Float[Tensor, "frame joint"]]:
    """One person's joints in the world, in the joints of the observations, and their confidence (see `label_poses`)."""
    joints = adjusted(observed, rig, skeleton, gate, min_parallax_deg, constant_bones)
    return joints.xyz, joints.conf


def adjusted(
    observed: Observations,
    rig: Rig,
    skeleton: Skeleton,
    gate: float = GATE,
    min_parallax_deg: float = MIN_PARALLAX_DEG,
    constant_bones: bool = True,
    smoothness: float | None = None,
) -> Joints:
    """One person's joints, frame by frame, in the joints of the observations.

    Each joint is triangulated for itself first. Its error is largest along the viewing direction; that of the other end
    of a bone has another direction, and all frames together fix the bone's length better than one does. So all joints
    are adjusted once more, cameras held, with bones that keep their length as far as they are seen to
    (``constant_bones``).
    """
    camera, middle = rig.camera.to(torch.float64), rig.camera.center.double().mean(0)
    R, t = (of.to(observed.x) for of in (camera.R, camera.t + camera.R @ middle))
    observed, points = gated_joints(observed, R, t, skeleton.flip, gate, math.radians(min_parallax_deg))
    conf, xyz = points.confidence, points.xyz
    weight = observed.weight * (points.inlier & (conf > 0)[..., None]).movedim(-1, 0)
    if constant_bones and bool((conf > 0).any()):
        priors = Priors(symmetric=skeleton.bone_flip, smoothness=smoothness)
        problem = BundleProblem(observed.x, weight, observed.noise, skeleton.bones, Free(poses=False), priors)
        xyz = bundle_adjust(problem, R, t, xyz, steps=15, min_gain=_MIN_GAIN).xyz
    xyz = torch.where((conf > 0)[..., None], xyz, torch.zeros_like(xyz))
    seen = (weight > 0)[..., None]
    residual = (perspective(into_views(R, t, xyz)) - observed.x) / observed.noise[..., None]
    covariance = point_covariance(R, t, xyz, weight.movedim(0, -1), observed.noise.movedim(0, -1))
    residual = torch.where(seen, residual, torch.zeros_like(residual))
    return Joints(
        xyz + middle * (conf > 0)[..., None], conf, residual, covariance.diagonal(dim1=-2, dim2=-1).mean(-1),
        residual.double().square().sum((0, 1, 3)), (2.0 * seen.sum((0, -1)) - 3).clamp(min=0).double().sum(0),
    )  # fmt: skip


_MIN_GAIN = 1e-3  # of the cost by a step of all joints: the bones are as constant then as ever


def gated_joints(
    observed: Observations,
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    flip: Sequence[int],
    gate: float,
    min_parallax: float,
) -> tuple[Observations, Gated]:
    """Every joint for itself (see `gated`), and the observations with swapped sides put right.

    ``flip``: the skeleton's. ``gate`` in expected errors, ``min_parallax`` in radians.

    Looking for swaps costs more than the joints do, so it is done in the views and frames alone that may have any.
    """
    points = gated(R, t, *observed.per_point(), gate, min_parallax)
    maybe = maybe_swapped(observed, R, t, points.xyz, flip)
    observed, swapped = correct_swaps(observed, R, t, flip, maybe=maybe)
    changed = swapped.any(0).nonzero()[:, 0]
    if not len(changed):
        return observed, points
    anew = gated(R, t, *observed.frames(changed).per_point(), gate, min_parallax)
    return observed, Gated(*(old.index_copy(0, changed, new) for old, new in zip(points, anew, strict=True)))
