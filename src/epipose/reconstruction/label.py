"""3D labels: every joint triangulated from its inlier views, with a confidence that the geometry supports.

A label is only worth training on when it is right, and the geometry tells when it is: two views or more must agree,
from directions far enough apart to fix the depth. What fails that gets confidence 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from epipose.camera import Rig
from epipose.geometry.bundle import BundleProblem, Free, Priors, bundle_adjust
from epipose.geometry.left_right import correct_swaps
from epipose.geometry.observations import Observations, observe
from epipose.geometry.triangulate import gated
from epipose.poses import Poses2D, Poses3D
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
) -> Poses3D:
    """Triangulate people in world space and map them to ``skeleton``; None keeps the joints of the keypoints.

    ``persons``: which of the poses' people, each the same one in every view: the subject alone, or those that
    `epipose.people.association.associate` found. ``gate``: a view is an inlier of a joint when its reprojection error
    is less than this many expected errors (`NOISE_SHARE` of the person's size in the image each). A joint's confidence
    is the number of inlier views, each counted by its 2D confidence and its robust weight, less one, clipped to [0, 1]:
    one view alone is worth nothing, two perfect ones are worth 1. Joints whose inlier rays are all within
    ``min_parallax_deg`` of one line get 0. ``smoothness``: the expected second difference of a joint's path from frame
    to frame, in units of the rig; None assumes no path to be smooth.
    """
    frames = poses.xy.shape[1]
    blocks = torch.arange(frames).tensor_split(max(1, frames // _BLOCK_FRAMES))
    xyz, conf = [], []
    with tqdm(
        total=len(blocks) * len(persons), desc="label", unit=f"{_BLOCK_FRAMES} frames", delay=2, disable=None
    ) as bar:
        for person in persons:
            observed = observe(poses, rig, person=person)
            parts = []
            for block in blocks:
                seen = observed.frames(block)
                parts.append(triangulated(seen, rig, poses.skeleton, gate, min_parallax_deg, smoothness=smoothness))
                bar.update()
            xyz.append(torch.cat([part[0] for part in parts]))
            conf.append(torch.cat([part[1] for part in parts]))
    world = torch.stack(xyz, 1).float(), torch.stack(conf, 1).float()
    return Poses3D(*world, poses.skeleton, "world", rig.metric).mapped_to(skeleton or poses.skeleton)


_BLOCK_FRAMES = 500  # frames at a time, or somewhat more, so that memory does not grow with the length of the clip


def triangulated(
    observed: Observations,
    rig: Rig,
    skeleton: Skeleton,
    gate: float = GATE,
    min_parallax_deg: float = MIN_PARALLAX_DEG,
    constant_bones: bool = True,
    smoothness: float | None = None,
) -> tuple[Float[Tensor, "frame joint 3"], Float[Tensor, "frame joint"]]:
    """One person's joints in the world, in the joints of the observations, and their confidence (see `label_poses`).

    Each joint is triangulated for itself first. Its error is largest along the viewing direction; that of the other end
    of a bone has another direction, and all frames together fix the bone's length better than one does. So all joints
    are adjusted once more, cameras held, with bones that keep their length as far as they are seen to
    (``constant_bones``).
    """
    camera = rig.camera.to(torch.float64)
    observed, _ = correct_swaps(observed, camera.R, camera.t, skeleton.flip)
    points = gated(camera.R, camera.t, *observed.per_point(), gate, math.radians(min_parallax_deg))
    conf = points.confidence
    if constant_bones and bool((conf > 0).any()):
        inlier = (points.inlier & (conf > 0)[..., None]).movedim(-1, 0)
        problem = BundleProblem(
            observed.x,
            observed.weight * inlier,
            observed.noise,
            skeleton.bones,
            Free(poses=False),
            Priors(symmetric=skeleton.bone_flip, smoothness=smoothness),
        )
        xyz = bundle_adjust(problem, camera.R, camera.t, points.xyz, steps=15).xyz
    else:
        xyz = points.xyz
    return torch.where((conf > 0)[..., None], xyz, torch.zeros_like(xyz)), conf
