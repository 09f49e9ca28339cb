"""Measurement of the evidence: a refined rig and the observations behind it, as the plain numbers of `Evidence`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.calibration.evidence import Evidence
from epipose.calibration.initial_rig import InitialRig
from epipose.calibration.refine_rig import RefinedRig
from epipose.calibration.result import CameraReport, PairReport
from epipose.calibration.subject_evidence import subject_evidence, trunk_joints
from epipose.calibration.suspect_view import FITTING_SHARE, suspect_view
from epipose.geometry.left_right import undecided_swaps
from epipose.geometry.robust import MAD_TO_SIGMA, MEDIAN_OF_RAYLEIGH
from epipose.poses import Poses2D, shown_joints
from epipose.reconstruction.anatomy import handedness
from epipose.reconstruction.world_frame import stature
from epipose.skeleton import Skeleton

_LEGS = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in ("knee", "ankle"))
_LEG_BONES, _ARM_BONES = (("hip", "knee"), ("knee", "ankle")), (("shoulder", "elbow"), ("elbow", "wrist"))


@dataclass(frozen=True)
class Assessed:
    """What the evidence is measured from: the rig with its observations, and the points that it gives of them."""

    poses: Poses2D
    found: RefinedRig
    first: InitialRig | None
    xyz: Float[Tensor, "frame joint 3"]
    residual: Float[Tensor, "view frame joint"]  # in expected errors
    counted: Bool[Tensor, "view frame joint"]


def measured_evidence(
    of: Assessed, cameras: Sequence[CameraReport], pairs: Sequence[PairReport], roaming: Float[Tensor, "3"]
) -> Evidence:
    """The evidence of one calibration; ``roaming``: range of the person's middle, in the unit of the points."""
    found, first, skeleton = of.found, of.first, of.poses.skeleton
    camera, frames = found.rig.camera, found.observed.x.shape[1]
    medians = [float(of.residual[view][of.counted[view]].median()) for view in range(len(cameras))]
    undecided = int(undecided_swaps(found.observed, camera.R, camera.t, skeleton.flip).sum())
    worst = min(cameras, key=lambda report: report.inlier_share)
    evidence = Evidence(
        cameras=len(cameras),
        worst_camera=worst.name,
        worst_mrad=max(report.median_mrad for report in cameras),
        usual_mrad=sorted(report.median_mrad for report in cameras)[(len(cameras) - 1) // 2],
        worst_error=max(medians),
        worst_inlier_share=worst.inlier_share,
        usual_inlier_share=sorted(report.inlier_share for report in cameras)[len(cameras) // 2],
        worst_sigma_deg=float(torch.rad2deg(found.sigma.between.max())),
        agreed_share=float(found.agreed[of.counted.any(0)].mean()),
        outvoted_share=sum(pair.outvoted for pair in pairs) / max(len(pairs), 1),
        roaming=float(roaming.norm()) / stature(of.xyz, found.agreed, skeleton),
        least_coverage=min(report.image_coverage for report in cameras),
        bone_spread=_bone_spread(of.xyz, found.agreed, skeleton),
        focal_doubt_pct=_significant_change(found.doubt.focal),
        worst_drift_mrad=max(report.drift_mrad for report in cameras),
        drifting_camera=max(cameras, key=lambda report: report.drift_mrad).name,
        worst_lag_frames=float(found.rig.lag.abs().max()),
        mirror_cost=None if first is None else _finite(first.mirror_cost),
        handedness=_significant_handedness(of.xyz, found.agreed, skeleton),
        undecided_share=undecided / frames,
        swapped_views=0 if first is None else int(first.swapped.sum()),
        mirrored_video=None if first is None else _finite(first.mirrored_video),
        focal_sigma_pct=100 * float(found.sigma.focal.max()),
        culprit=worst.name,
        culprit_inlier_share=worst.inlier_share,
        aspect_doubt_pct=_significant_change(found.doubt.aspect),
        center_doubt_pct=_significant_change(found.doubt.center),
        noise=sorted(medians)[(len(medians) - 1) // 2] / MEDIAN_OF_RAYLEIGH,
    )
    return _with_subject(evidence, of)


def _with_subject(evidence: Evidence, of: Assessed) -> Evidence:
    """The evidence with what the images alone say of the subject."""
    subject = subject_evidence(of.poses, of.found.rig.camera)
    legs = [number for number, name in enumerate(of.poses.skeleton.joints) if name in _LEGS]
    return replace(
        evidence,
        reach=subject.reach,
        reach_factor=1 / max(subject.reach, 1e-9),
        sitting=subject.sitting,
        path=subject.path,
        upper_body=not bool(subject.shown[legs].any()),
    )


def examined(evidence: Evidence, of: Assessed) -> Evidence:
    """The evidence with what the other views say of the one that they agree best without."""
    if of.first is None:
        return evidence
    suspect = suspect_view(of.poses, of.found.rig, of.first)
    if suspect is None or (suspect.as_it_is > FITTING_SHARE and suspect.finding == "as it is"):
        return replace(evidence, culprit_finding="as it is")
    return replace(
        evidence,
        culprit=suspect.name,
        culprit_inlier_share=suspect.as_it_is,
        culprit_finding=suspect.finding,
        culprit_found_share=suspect.found,
        culprit_lag_frames=suspect.lag,
        culprit_rate=suspect.rate,
        culprit_moved_at=suspect.moved_at,
    )


def roaming_range(
    xyz: Float[Tensor, "frame joint 3"], agreed: Float[Tensor, "frame joint"], skeleton: Skeleton
) -> Float[Tensor, "3"]:
    """Range of the person's middle along each axis, from the 5th to the 95th percentile; 0 where unseen.

    The middle of the hips, of the shoulders where those are hidden, of all joints where both are.
    """
    joints = trunk_joints(skeleton, shown_joints(agreed))
    there = (agreed[:, joints] > 0).all(-1)
    if not joints or not bool(there.any()):
        return xyz.new_zeros(3)
    middle = xyz[there][:, joints].mean(1)
    return middle.quantile(0.95, 0) - middle.quantile(0.05, 0)


def _significant_handedness(xyz: Tensor, agreed: Tensor, skeleton: Skeleton) -> float | None:
    hand = handedness(xyz, agreed, skeleton)
    return hand.score if hand.significant else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _bone_spread(xyz: Tensor, agreed: Tensor, skeleton: Skeleton) -> float:
    """By what share the length of a bone varies over the frames (robust): the median over thighs and shanks.

    Over upper arms and forearms where legs are hidden.
    """
    for bones in (_LEG_BONES, _ARM_BONES):
        spreads = []
        for above, below in [(f"{s}_{a}", f"{s}_{b}") for s in ("left", "right") for a, b in bones]:
            if not {above, below} <= set(skeleton.joints):
                continue
            i, j = skeleton.index(above), skeleton.index(below)
            length = (xyz[:, i] - xyz[:, j]).norm(dim=-1)[(agreed[:, i] > 0) & (agreed[:, j] > 0)]
            if len(length) >= 10:
                spreads.append(MAD_TO_SIGMA * float((length - length.median()).abs().median() / length.median()))
        if spreads:
            return sorted(spreads)[len(spreads) // 2]
    return 1.0


def _significant_change(doubt: Float[Tensor, "view 2"]) -> float:
    """The largest change that the footage asks for by more than three standard deviations, in per cent."""
    change, sigma = doubt.abs().unbind(-1)
    return 100 * float(torch.where(change > 3 * sigma, change, torch.zeros_like(change)).max())
