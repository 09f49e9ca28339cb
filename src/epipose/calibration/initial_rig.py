"""Initial rig from a few frames: relative poses, view graph, mirror ambiguity, and focal lengths where unknown.

Pairs of views give relative poses from the pooled keypoints (geometry/relative_pose.py); the view graph makes one rig
of them even when a pair is wrong (geometry/view_graph.py). The mirrored world, in which all depths are reversed,
explains the images nearly as well when the cameras are far away (geometry/mirror_ambiguity.py), and estimation may end
there: so it is tried, and the better of the two is kept. Where the focal lengths are not known either, the same is done
for several of them, and those that explain the images best are the start.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import CalibrationError, EpiposeError
from epipose.geometry.bundle import Bundle, BundleProblem, Priors, bundle_adjust
from epipose.geometry.degeneracy import MIN_OFF_PLANE, off_plane
from epipose.geometry.mirror_ambiguity import mirrored_world
from epipose.geometry.observation_source import ObservationSource
from epipose.geometry.observations import Observations
from epipose.geometry.relative_pose import RelativePose, relative_pose
from epipose.geometry.reprojection import reproject
from epipose.geometry.resection import resect
from epipose.geometry.robust import mean_robust_cost
from epipose.geometry.sampling import evenly, stretches
from epipose.geometry.view_graph import MAX_VIEWS_IN_ALL_PAIRS, chosen_pairs, reconstruct, triangulate_views
from epipose.reconstruction.anatomy import handedness
from epipose.skeleton import Skeleton

RECONSTRUCTION_FRAMES = 60  # enough to find a rig; the adjustment that follows uses more
# Focal lengths over the longer side of the image that are tried where nothing is known: from the wide lenses of
# action cameras (0.5, 90 degrees across) to a threefold zoom (1.8, 31 degrees).
FOCAL_RATIOS = (0.5, 0.65, 0.85, 1.1, 1.4, 1.8)
_FOCAL_VIEWS = 6
_EQUAL_FOCALS = 0.02  # share of the cost by which focal lengths must differ to be told apart
_MIN_SHARED = 50  # joints that both views see, for a relative pose
_PLANE_POINTS = 300  # by which the parallax of two views is judged before their pose is known
_CLEAR_COST_RATIO = 2.0  # of the two that need no further adjustment to be told apart
_EARLY_GAIN = 1e-2  # share of the cost: where the adjustment to see that ends
_MIRROR_ITERATIONS = 100  # of RANSAC: nearly all points agree with the right one of the two poses
_MIN_COST_DIFFERENCE = 0.02  # share, between a world and its mirror image, that tells them apart


@dataclass(frozen=True)
class InitialRig:
    """Cameras (cam_from_world), the relative poses behind them, and tests for swaps and mirrored videos."""

    rig: Rig
    pairs: dict[tuple[int, int], RelativePose]
    swapped: Bool[Tensor, " view"]  # views whose left and right are swapped throughout
    mirror_cost: float  # robust cost of the mirrored world over that of the one taken
    mirrored_video: float  # cost of a view taken as a mirrored video over its cost as it is; the least of all views
    cost: float  # mean robust cost per observation


def initial_rig(observed: Observations, intrinsics: Rig, skeleton: Skeleton, seed: int = 0) -> InitialRig:
    """Cameras from the subject's keypoints in some frames; the poses of ``intrinsics`` are ignored.

    Raises CalibrationError when views share too few keypoints or agree on no rig.
    """
    observed = observed.weighted(skeleton.evidence_weights)
    pairs = relative_poses(observed, intrinsics.names, seed)
    observed = observed.frames(evenly(observed.weight.shape[1], RECONSTRUCTION_FRAMES))
    found = reconstruct(observed, pairs, skeleton.flip)
    if bool(found.swapped.any()):
        observed = observed.swapped(found.swapped[:, None].expand(observed.weight.shape[:2]), skeleton.flip)
    R, t, mirror_cost = _unmirrored(observed, found.R, found.t, skeleton)
    rig = replace(intrinsics, camera=intrinsics.camera.to(torch.float64).with_pose(R, t))
    mirrored_video = min(
        _mirrored_video(observed, R, t, view, None if bool(found.swapped[view]) else skeleton.flip)
        for view in range(len(R))
    )
    return InitialRig(rig, pairs, found.swapped, mirror_cost, mirrored_video, found.cost)


def with_likely_focal(
    source: ObservationSource, frames: Tensor, focal_sigma: Sequence[float | None], seed: int = 0
) -> Rig:
    """The intrinsics with the focal lengths that explain the images best, out of a few; of equals the most likely.

    Two cameras hardly tell focal lengths apart. Of those that explain the images as well as the best one, but for
    `_EQUAL_FOCALS` of its cost, the one nearest to the given or assumed focal lengths is taken.

    ``focal_sigma``: per view the relative uncertainty of the focal length in ``intrinsics``, None where it is
    assumed. Where every view has one, that is the range that is searched; else all of `FOCAL_RATIOS` are tried, the
    same field of view for all that were assumed. Of many views `_FOCAL_VIEWS` that share most decide.
    """
    frames = frames[evenly(len(frames), RECONSTRUCTION_FRAMES)]
    poses, intrinsics = source.poses, source.rig
    camera = intrinsics.camera.to(torch.float64)
    if all(sigma is not None for sigma in focal_sigma):
        widest = max(sigma or 0.0 for sigma in focal_sigma)
        focals = [camera.focal * math.exp(step * widest) for step in (-1.5, 0.0, 1.5)]
    else:
        stated = torch.tensor([sigma is not None for sigma in focal_sigma])
        focals = [torch.where(stated, camera.focal, camera.size.max(-1).values * ratio) for ratio in FOCAL_RATIOS]
    tried: list[tuple[float, Rig, float]] = []
    deciding = _sharing_most(source.at(frames, velocity=False), _FOCAL_VIEWS)
    names = tuple(poses.views[view] for view in deciding)
    for focal in focals:
        K = camera.K.clone()
        K[:, :2, :2] *= (focal / camera.focal)[:, None, None]
        candidate = replace(intrinsics, camera=replace(camera, K=K))
        with suppress(EpiposeError):  # a focal length with which nothing fits
            observed = source.through(candidate).at(frames, velocity=False).views(deciding)
            cost = _cost_with(observed, candidate.select(names), poses.skeleton, seed)
            tried.append((cost, candidate, float((focal / camera.focal).log().square().sum())))
    if not tried:
        raise CalibrationError(
            "No focal length makes the views agree on a rig. Check that all cameras show the same person at the same "
            "moment, or give the cameras' intrinsics."
        )
    enough = (1 + _EQUAL_FOCALS) * min(cost for cost, *_ in tried)
    return min((one for one in tried if one[0] <= enough), key=lambda one: one[2])[1]


def _cost_with(observed: Observations, intrinsics: Rig, skeleton: Skeleton, seed: int) -> float:
    """Mean robust cost of the best reconstruction with these intrinsics; errors as those of `initial_rig`."""
    observed = observed.weighted(skeleton.evidence_weights)
    return reconstruct(observed, relative_poses(observed, intrinsics.names, seed), skeleton.flip).cost


def relative_poses(
    observed: Observations, names: tuple[str, ...], seed: int = 0
) -> dict[tuple[int, int], RelativePose]:
    """The relative poses of pairs of views: all that share enough joints, of many views those worth most."""
    frames, joints = observed.weight.shape[1:]
    stretch = stretches(frames)[:, None].expand(frames, joints).flatten()
    pairs = {}
    for i, j in chosen_pairs(_worth(observed)):
        weight = (observed.weight[i] * observed.weight[j]).sqrt().flatten()
        noise = float((observed.noise[i].median() + observed.noise[j].median()) / 2)
        a, b = observed.x[i].reshape(-1, 2), observed.x[j].reshape(-1, 2)
        with suppress(EpiposeError):  # a pair without an answer is left out; the others decide
            pairs[i, j] = relative_pose(a, b, weight, noise, seed, stretch)
    if not pairs:
        raise CalibrationError(
            "No two views see the same keypoints at the same time, or none gives a relative pose. Check that the "
            "videos are synchronised and show the same person."
        )
    return pairs


def _sharing_most(observed: Observations, count: int) -> list[int]:
    """At most ``count`` views, in order: two that share the most joints, then one by one what shares most with them."""
    seen = (observed.weight > 0).flatten(1).double()
    if len(seen) <= count:
        return list(range(len(seen)))
    shared = (seen @ seen.mT).fill_diagonal_(-1)
    chosen = list(divmod(int(shared.argmax()), len(seen)))
    while len(chosen) < count:
        among = shared[chosen].sum(0)
        among[chosen] = -math.inf
        chosen.append(int(among.argmax()))
    return sorted(chosen)


def _worth(observed: Observations) -> Float[Tensor, "view view"]:
    """What every pair of views is worth: the joints they share, less where one homography explains both images.

    0 where they share too few. Views side by side say little about each other; how far apart they are shows in their
    images before any pose is known.
    """
    seen = (observed.weight > 0).flatten(1)
    shared = (seen[:, None] & seen).sum(-1)
    worth = torch.where(shared >= _MIN_SHARED, shared, torch.zeros_like(shared)).double()
    if len(worth) <= MAX_VIEWS_IN_ALL_PAIRS:  # all are taken anyway
        return worth
    noise = observed.noise.flatten(1).median(1).values
    for i, j in worth.triu(1).nonzero().tolist():
        both = (seen[i] & seen[j]).nonzero()[:, 0]
        both = both[evenly(len(both), _PLANE_POINTS)]
        a, b = (observed.x[view].reshape(-1, 2)[both] for view in (i, j))
        parallax = off_plane(a, b) / float(noise[i] + noise[j]) * 2
        worth[i, j] *= min(parallax / (2 * MIN_OFF_PLANE), 1.0)
    return worth


def _mirrored_video(
    observed: Observations,
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    view: int,
    flip: Sequence[int] | None,
) -> float:
    """Cost of a view, resected by the other views' points, with its image mirrored, over its cost as it is.

    In a mirrored video a detector takes left for right: ``flip`` undoes that, None where it was undone already. Where
    the image is not mirrored and left and right are swapped all the same, it is taken with that undone. A mirrored
    image looks nearly like one taken from behind; perspective tells, as for the mirrored world. With two views there
    is nothing to compare with, and the answer is infinite.
    """
    if len(R) < 3:
        return math.inf
    others = [other for other in range(len(R)) if other != view]
    xyz, agreed = triangulate_views(observed.views(others), R[others], t[others])
    x, confidence, noise = observed.x[view], observed.weight[view], observed.noise[view]

    def cost(x: Tensor, confidence: Tensor) -> float:
        weight = confidence * agreed
        pose = resect(xyz, x, weight, float(noise.median()), _MIRROR_ITERATIONS)
        if pose is None:
            return math.inf
        r = (reproject(*pose, xyz).x - x) / noise[..., None]
        return float(mean_robust_cost(r.square().sum(-1), weight))

    plain = cost(x, confidence)
    if flip is not None:
        x, confidence = x[:, list(flip)], confidence[:, list(flip)]
    mirrored = cost(x * x.new_tensor([-1.0, 1.0]), confidence)
    if flip is not None and mirrored < plain:  # or is it left and right alone?
        plain = min(plain, cost(x, confidence))
    if not math.isfinite(plain):
        return 0.0 if math.isfinite(mirrored) else math.inf  # neither way: nothing to compare
    return mirrored / max(plain, 1e-12)


def _unmirrored(
    observed: Observations, R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"], skeleton: Skeleton
) -> tuple[Tensor, Tensor, float]:
    """The better of a rig and its mirrored world, both adjusted, and the cost of the other over its own."""
    xyz, agreed = triangulate_views(observed, R, t)
    if not bool(agreed.any()):
        return R, t, math.inf
    problem = BundleProblem(
        observed.x,
        observed.weight * agreed,
        observed.noise,
        skeleton.bones,
        priors=Priors(symmetric=skeleton.bone_flip),
    )

    def adjusted(min_gain: float) -> tuple[list[Bundle], float]:
        starts = ((R, t, xyz), mirrored_world(R, t, xyz, agreed))
        worlds = [bundle_adjust(problem, *start, steps=15, min_gain=min_gain) for start in starts]
        worlds.sort(key=lambda world: world.cost)
        return worlds, worlds[1].cost / max(worlds[0].cost, 1e-12)

    worlds, ratio = adjusted(_EARLY_GAIN)
    if ratio < _CLEAR_COST_RATIO:
        worlds, ratio = adjusted(1e-6)
    if ratio < 1 + _MIN_COST_DIFFERENCE:
        person = [handedness(world.xyz, agreed, skeleton) for world in worlds]
        if person[0].significant and person[0].score < 0 < person[1].score:
            worlds.reverse()
            ratio = 1 / ratio
    return worlds[0].R, worlds[0].t, ratio
