"""Who stood where: the cameras of a clip from the motion of the person all of them filmed.

Pairs of views give relative poses from the pooled joints (relative_pose.py); the view graph turns them into one rig
even when a pair is wrong (view_graph.py); bundle adjustment makes all views and all frames agree (bundle.py). What
comes out is right up to one common scale, which is set so that the person is about 1.7 m tall, and is not metric.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import combinations
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from epipose.calibration import Calibration, assess, limb_chain
from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.geometry.bundle import bundle_adjust
from epipose.geometry.relative_pose import RelativePose, relative_pose
from epipose.geometry.swaps import unswapped
from epipose.geometry.view_graph import reconstruct, triangulate_views
from epipose.observations import Observations, observe
from epipose.poses import Poses2D
from epipose.skeleton import Skeleton

# Limb chain shoulder-hip-knee-ankle of a person 1.7 m tall: 0.288 + 0.245 + 0.246 of the height (Winter, Biomechanics
# and Motor Control of Human Movement, figure 4.1, after Drillis & Contini 1966).
_NOMINAL_CHAIN = (0.288 + 0.245 + 0.246) * 1.7
_START_FRAMES = 60  # enough to find the rig; the final adjustment uses max_frames


def calibrate(
    poses: Poses2D, intrinsics: Rig, *, constant_bones: bool = True, max_frames: int = 500, seed: int = 0
) -> Calibration:
    """Recover the cameras' poses from one person's joints.

    ``intrinsics``: the cameras' K, distortion and size in the order of ``poses.views``; their R and t are ignored.
    Raises EpiposeError when views share too few joints or agree on no rig.
    """
    observed = _chosen_frames(poses, intrinsics, max_frames)
    votes = poses.skeleton.votes
    with tqdm(total=3, desc="calibrate", unit="step", delay=2, disable=None) as progress:
        pairs = relative_poses(observed.weighted(votes), poses.views, seed)
        progress.update()
        start_frames = observed.frames(_evenly(observed.x.shape[1], _START_FRAMES))
        start = reconstruct(start_frames.weighted(votes), pairs)
        progress.update()
        observed, swapped = unswapped(observed, start.R, start.t, poses.skeleton.flip)
        found = adjust(observed.weighted(votes), start.R, start.t, poses.skeleton if constant_bones else None)
        progress.update()
    scale = _NOMINAL_CHAIN / limb_chain(found.xyz, found.trust, poses.skeleton)
    R = found.R @ found.R[0].mT
    t = scale * (found.t - (R @ found.t[0, :, None])[..., 0])
    rig = Rig(poses.views, intrinsics.camera.to(torch.float64).with_pose(R, t), metric=False)
    return assess(rig, observed, pairs, swapped, poses.skeleton)


def check_rig(poses: Poses2D, rig: Rig, *, max_frames: int = 500) -> Calibration:
    """The report on cameras that are known already: what they make of the subject's joints."""
    observed = _chosen_frames(poses, rig, max_frames)
    camera = rig.camera.to(torch.float64)
    observed, swapped = unswapped(observed, camera.R, camera.t, poses.skeleton.flip)
    return assess(Rig(rig.names, camera, rig.metric), observed, {}, swapped, poses.skeleton)


def relative_poses(
    observed: Observations, names: tuple[str, ...], seed: int = 0
) -> dict[tuple[int, int], RelativePose]:
    """The relative pose of every pair of views that share enough joints."""
    pairs = {}
    for i, j in combinations(range(len(names)), 2):
        weight = (observed.weight[i] * observed.weight[j]).sqrt().flatten()
        noise = float((observed.noise[i].median() + observed.noise[j].median()) / 2)
        if int((weight > 0).sum()) >= 50:
            a, b = observed.x[i].reshape(-1, 2), observed.x[j].reshape(-1, 2)
            with suppress(EpiposeError):  # a pair without an answer is left out; the others decide
                pairs[i, j] = relative_pose(a, b, weight, noise, seed)
    if not pairs:
        raise EpiposeError(
            "No two views see the same joints at the same time, or none gives a relative pose. Check that the videos "
            "are synchronised and show the same person."
        )
    return pairs


class Adjusted(NamedTuple):
    """Cameras and joints after bundle adjustment; ``trust`` is 1 where views agreed on a joint, else 0."""

    R: Float[Tensor, "view 3 3"]
    t: Float[Tensor, "view 3"]
    xyz: Float[Tensor, "frame joint 3"]
    trust: Float[Tensor, "frame joint"]


def adjust(
    observed: Observations, R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"], skeleton: Skeleton | None
) -> Adjusted:
    """Bundle adjustment, twice: the second time with the joints that only the better cameras could place."""
    xyz, trust = triangulate_views(observed, R, t)
    for _ in range(2):
        bundle = bundle_adjust(
            R, t, xyz, observed.x, observed.weight * trust, observed.noise, skeleton.bones if skeleton else ()
        )
        R, t = bundle.R, bundle.t
        xyz, trust = triangulate_views(observed, R, t)
    return Adjusted(R, t, xyz, trust)


def _chosen_frames(poses: Poses2D, rig: Rig, max_frames: int) -> Observations:
    """Observations of at most ``max_frames`` frames, evenly drawn from those that show the subject in two views."""
    if max_frames < 10:
        raise EpiposeError(f"max_frames is {max_frames}; at least 10 frames are needed, 500 are usual.")
    observed = observe(poses, rig)
    _check_everyone_is_seen(observed, poses.views)
    seen = observed.seen_frames()
    return observed.frames(seen[_evenly(len(seen), max_frames)])


def _check_everyone_is_seen(observed: Observations, names: tuple[str, ...]) -> None:
    for name, seen in zip(names, (observed.weight > 0).flatten(1).sum(1).tolist(), strict=True):
        if seen < 50:
            raise EpiposeError(
                f"View '{name}' shows only {seen} joints of the subject with confidence; at least 50 are needed. "
                "Check that the person is in the picture and large enough, or leave this view out."
            )


def _evenly(available: int, wanted: int) -> Tensor:
    """Indices of at most ``wanted`` frames, evenly spread."""
    count = min(available, wanted)
    return (torch.arange(count) * available) // count
