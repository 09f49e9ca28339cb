"""Who stood where: the cameras of a clip from the motion of the person all of them filmed.

Pairs of views give relative poses from the pooled joints (relative_pose.py); the view graph turns them into one rig
even when a pair is wrong (view_graph.py); bundle adjustment makes all views and all frames agree (bundle.py). What
comes out is right up to one common scale, which is set so that the person is about 1.7 m tall, and is not metric.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.geometry.bundle import bundle_adjust
from epipose.geometry.relative_pose import RelativePose, relative_pose
from epipose.geometry.rotation import angle_between
from epipose.geometry.swaps import unswapped
from epipose.geometry.triangulate import triangulate_robust
from epipose.geometry.view_graph import reconstruct, triangulate_views
from epipose.observations import Observations, observe
from epipose.poses import Poses2D
from epipose.skeleton import Skeleton

# Limb chain shoulder-hip-knee-ankle of a person 1.7 m tall: 0.288 + 0.245 + 0.246 of the height (Winter, Biomechanics
# and Motor Control of Human Movement, figure 4.1, after Drillis & Contini 1966).
_NOMINAL_CHAIN = (0.288 + 0.245 + 0.246) * 1.7
_START_FRAMES = 60  # enough to find the rig; the final adjustment uses max_frames


@dataclass(frozen=True)
class CameraReport:
    """How well one camera agrees with the rest: reprojection errors of the subject's joints."""

    name: str
    median_px: float
    median_mrad: float
    p90_px: float
    inlier_share: float  # observations within two expected errors
    swapped_frames: int  # frames in which the detector took left for right, repaired


@dataclass(frozen=True)
class PairReport:
    """What one pair of views said on its own, and how far that was from the final rig."""

    views: tuple[str, str]
    correspondences: int
    inlier_share: float
    in_front_share: float
    rotation_from_rig_deg: float
    outvoted: bool


@dataclass(frozen=True)
class Calibration:
    """The rig (camera 0 is the world frame), and the report on it."""

    rig: Rig
    cameras: tuple[CameraReport, ...]
    pairs: tuple[PairReport, ...]
    frames_used: int
    warnings: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """The report as JSON-ready content."""
        content = asdict(self)
        content.pop("rig")
        return content


def calibrate(
    poses: Poses2D, intrinsics: Rig, *, constant_bones: bool = True, max_frames: int = 500, seed: int = 0
) -> Calibration:
    """Recover the cameras' poses from one person's joints.

    ``intrinsics``: the cameras' K, distortion and size in the order of ``poses.views``; their R and t are ignored.
    Raises EpiposeError when views share too few joints or agree on no rig.
    """
    observed = observe(poses, intrinsics)
    _check_everyone_is_seen(observed, poses.views)
    observed = observed.frames(_evenly(observed.x.shape[1], max_frames)).weighted(poses.skeleton.votes)
    start_frames = observed.frames(_evenly(observed.x.shape[1], _START_FRAMES))
    with tqdm(total=3, desc="calibrate", unit="step", delay=2, disable=None) as progress:
        pairs = relative_poses(observed, poses.views, seed)
        progress.update()
        start = reconstruct(start_frames, pairs, seed)
        progress.update()
        observed, swapped = unswapped(observed, start.R, start.t, poses.skeleton.flip)
        R, t, xyz = adjust(observed, start.R, start.t, poses.skeleton if constant_bones else None)
        progress.update()
    scale = _NOMINAL_CHAIN / limb_chain(xyz, poses.skeleton)
    t, R = t - (R @ R[0].mT @ t[0]), R @ R[0].mT
    rig = Rig(poses.views, intrinsics.camera.to(torch.float64).with_pose(R, scale * t), metric=False)
    return _with_report(rig, observed, pairs, swapped)


def check_rig(poses: Poses2D, rig: Rig, *, max_frames: int = 500) -> Calibration:
    """The report on cameras that are known already: what they make of the subject's joints."""
    observed = observe(poses, rig)
    _check_everyone_is_seen(observed, poses.views)
    observed = observed.frames(_evenly(observed.x.shape[1], max_frames))
    camera = rig.camera.to(torch.float64)
    observed, swapped = unswapped(observed, camera.R, camera.t, poses.skeleton.flip)
    return _with_report(Rig(rig.names, camera, rig.metric), observed, {}, swapped)


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
            pairs[i, j] = relative_pose(a, b, weight, noise, seed)
    if not pairs:
        raise EpiposeError("No two views see the same joints at the same time. Check that the videos are synchronised.")
    return pairs


def adjust(
    observed: Observations, R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"], skeleton: Skeleton | None
) -> tuple[Float[Tensor, "view 3 3"], Float[Tensor, "view 3"], Float[Tensor, "frame joint 3"]]:
    """Bundle adjustment, twice: the second time with the joints that only the better cameras could place."""
    xyz = torch.zeros(*observed.x.shape[1:3], 3, dtype=torch.float64)
    for _ in range(2):
        xyz, trust = triangulate_views(observed, R, t)
        bundle = bundle_adjust(
            R, t, xyz, observed.x, observed.weight * trust, observed.noise, skeleton.bones if skeleton else ()
        )
        R, t, xyz = bundle.R, bundle.t, bundle.xyz
    return R, t, xyz


def limb_chain(xyz: Float[Tensor, "frame joint 3"], skeleton: Skeleton) -> float:
    """Median length of shoulder line to hip line, plus thigh, plus shank (mean of left and right)."""

    def at(joint: str) -> Tensor:
        return xyz[:, skeleton.index(joint)]

    trunk = (at("left_shoulder") + at("right_shoulder") - at("left_hip") - at("right_hip")).norm(dim=-1) / 2
    legs = [
        (at(f"{side}_{a}") - at(f"{side}_{b}")).norm(dim=-1)
        for side in ("left", "right")
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    ]
    return float(trunk.median() + sum(float(bone.median()) for bone in legs) / 2)


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


def _with_report(
    rig: Rig, observed: Observations, pairs: dict[tuple[int, int], RelativePose], swapped: Tensor
) -> Calibration:
    camera = rig.camera
    points = triangulate_robust(camera.R, camera.t, *observed.per_point())
    enough = (observed.weight > 0).sum(0) >= 2
    cameras = []
    for view, name in enumerate(rig.names):
        counted = (observed.weight[view] > 0) & enough
        residual = points.residual[..., view][counted]
        angle = residual * observed.noise[view][counted]
        cameras.append(
            CameraReport(
                name=name,
                median_px=float(angle.median() * camera.focal[view]),
                median_mrad=float(angle.median() * 1000),
                p90_px=float(angle.quantile(0.9) * camera.focal[view]),
                inlier_share=float((residual < 2).double().mean()),
                swapped_frames=int(swapped[view].sum()),
            )
        )
    pair_reports = tuple(_pair_report(rig, observed, i, j, pair) for (i, j), pair in pairs.items())
    return Calibration(rig, tuple(cameras), pair_reports, observed.x.shape[1], _warnings(cameras, pair_reports))


def _pair_report(rig: Rig, observed: Observations, i: int, j: int, pair: RelativePose) -> PairReport:
    usable = int(((observed.weight[i] > 0) & (observed.weight[j] > 0)).sum())
    off = torch.rad2deg(angle_between(pair.R, rig.camera.R[j] @ rig.camera.R[i].mT)).item()
    return PairReport(
        views=(rig.names[i], rig.names[j]),
        correspondences=usable,
        inlier_share=float(pair.inlier.sum()) / usable,
        in_front_share=pair.in_front,
        rotation_from_rig_deg=off,
        outvoted=off > 10,
    )


def _warnings(cameras: list[CameraReport], pairs: tuple[PairReport, ...]) -> tuple[str, ...]:
    """Plain words for what a user should look at before trusting the result."""
    warnings = []
    usual = sorted(camera.median_mrad for camera in cameras)[len(cameras) // 2]
    for camera in cameras:
        if camera.median_mrad > 15 or camera.median_mrad > 3.5 * usual:
            warnings.append(
                f"{camera.name} errs by {camera.median_mrad:.1f} mrad ({camera.median_px:.1f} px); the usual camera "
                f"here by {usual:.1f}. Its picture may be of another person, out of sync, or its intrinsics wrong."
            )
    for pair in pairs:
        if pair.outvoted:
            warnings.append(
                f"{pair.views[0]} and {pair.views[1]} alone disagreed with all others by "
                f"{pair.rotation_from_rig_deg:.0f} degrees and were outvoted."
            )
    if len(cameras) == 2:
        warnings.append(
            "Two cameras cannot check each other: nothing here would reveal a wrong result. Use three or more."
        )
    return tuple(warnings)
