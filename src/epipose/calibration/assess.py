"""Assessment of a calibration: residuals, uncertainty, coverage and consistency, for people and for the verdict.

A small reprojection error is necessary for good cameras and does not prove them, so the report also measures what the
error cannot see: how uncertain every camera is, how much of the image and of the room the person covered, what each
pair of views gave on its own, whether a camera moved on the way, and whether the person came out mirrored.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.calibration.initial_rig import InitialRig
from epipose.calibration.measured_evidence import Assessed, examined, measured_evidence, roaming_range
from epipose.calibration.refine_rig import RefinedRig
from epipose.calibration.result import Calibration, CameraReport, PairReport
from epipose.calibration.supported_unknowns import IntrinsicsDoubt
from epipose.calibration.verdict import judge, wants_examination
from epipose.camera import Camera, Rig
from epipose.errors import CalibrationError
from epipose.geometry.bundle import Free
from epipose.geometry.observations import MIN_CONFIDENCE, Observations
from epipose.geometry.relative_pose import RelativePose
from epipose.geometry.reprojection import perspective
from epipose.geometry.rotation import angle_between
from epipose.geometry.triangulate import triangulate_robust
from epipose.geometry.uncertainty import Uncertainty
from epipose.geometry.view_graph import triangulate_views
from epipose.poses import Poses2D

_CELLS = 10  # the image is divided into 10 x 10 to say how much of it the person covered


def given_rig(rig: Rig, observed: Observations, swapped: Bool[Tensor, "view frame"]) -> RefinedRig:
    """A rig that was given rather than estimated, as a `RefinedRig` without uncertainty."""
    _, agreed = triangulate_views(observed, rig.camera.R, rig.camera.t)
    views = len(rig.names)
    none = agreed.new_zeros(views)
    two = agreed.new_zeros(views, 2)
    sigma = Uncertainty(none, none, agreed.new_zeros(views, views), none, two, two, none, none)
    return RefinedRig(rig, sigma, Free(), observed, swapped, agreed, IntrinsicsDoubt.none(views))


def assess(poses: Poses2D, found: RefinedRig, rig: Rig, first: InitialRig | None) -> Calibration:
    """Measure a refined rig against the observations it came from; ``rig`` is the same one, moved and scaled.

    ``first`` is the initial rig, None for a rig that was given. Raises CalibrationError for a view that never
    shows the subject at the same time as another.
    """
    camera, observed, views = found.rig.camera, found.observed, range(len(rig.names))
    points = triangulate_robust(camera.R, camera.t, *observed.per_point())
    residual = points.residual.movedim(-1, 0)
    counted = (observed.weight > 0) & ((observed.weight > 0).sum(0) >= 2)
    for name, any_counted in zip(rig.names, counted.flatten(1).any(1).tolist(), strict=True):
        if not any_counted:
            raise CalibrationError(
                f"View '{name}' never shows the subject at the same time as another view. Leave it out."
            )
    metres = _spread(rig.camera.center) / _spread(camera.center)
    expansion = camera.spread(2).expansion(observed.x)  # errors are reported in pixels, also off the axis of a fisheye
    shift = _signed_errors(observed, camera, points.xyz) / expansion[..., None]
    error = residual * observed.noise / expansion
    swapped = torch.zeros(len(rig.names), dtype=torch.bool) if first is None else first.swapped
    cameras = tuple(
        _camera_report(
            poses, found, view, residual[view], error[view], counted[view], shift[view], bool(swapped[view]), metres
        )
        for view in views
    )
    pairs = {} if first is None else first.pairs
    pair_reports = tuple(_pair_report(found, i, j, pair) for (i, j), pair in pairs.items())
    roaming = roaming_range(points.xyz @ camera.R[0].mT @ rig.camera.R[0], found.agreed, poses.skeleton)
    assessed = Assessed(poses, found, first, points.xyz, residual, counted)
    evidence = measured_evidence(assessed, cameras, pair_reports, roaming)
    if wants_examination(evidence):
        evidence = examined(evidence, assessed)
    undecided = round(evidence.undecided_share * observed.x.shape[1])
    return Calibration(
        rig=rig,
        verdict=judge(evidence),
        evidence=evidence,
        cameras=cameras,
        pairs=pair_reports,
        frames_used=observed.x.shape[1],
        roaming_m=tuple((metres * roaming).tolist()),  # type: ignore[arg-type]
        undecided_swaps=undecided,
    )


def _camera_report(
    poses: Poses2D,
    found: RefinedRig,
    view: int,
    residual: Float[Tensor, "frame joint"],
    error: Float[Tensor, "frame joint"],
    counted: Bool[Tensor, "frame joint"],
    shift: Float[Tensor, "frame joint 2"],
    swapped: bool,
    metres: float,
) -> CameraReport:
    camera, sigma = found.rig.camera[view], found.sigma
    error = error[counted]
    half = len(shift) // 2
    early, late = (
        shift[part][counted[part]].median(0).values if bool(counted[part].any()) else shift.new_zeros(2)
        for part in (slice(0, half), slice(half, None))
    )
    return CameraReport(
        name=found.rig.names[view],
        median_px=float(error.median() * camera.focal),
        median_mrad=float(error.median() * 1000),
        p90_px=float(error.quantile(0.9) * camera.focal),
        inlier_share=float((residual[counted] < 2).double().mean()),
        swapped_frames=int(found.swapped[view].sum()),
        swapped_throughout=swapped,
        rotation_sigma_deg=float(torch.rad2deg(sigma.rotation[view])),
        center_sigma_mm=1000 * metres * float(sigma.center[view]),
        image_coverage=_coverage(poses, view, camera),
        focal_px=float(camera.focal),
        focal_sigma_pct=100 * float(sigma.focal[view]),
        focal_doubt_pct=100 * float(found.doubt.focal[view, 0]),
        focal_doubt_sigma_pct=100 * float(found.doubt.focal[view, 1]),
        distortion=tuple(camera.distortion.tolist()),
        lens=lens_words(found.free),
        drift_mrad=1000 * float((late - early).norm()),
        lag_frames=float(found.rig.lag[view]),
        lag_sigma_frames=float(sigma.lag[view]),
    )


def _spread(center: Float[Tensor, "view 3"]) -> float:
    return max(float((center - center.mean(0)).norm()), 1e-12)


def lens_words(free: Free) -> str:
    """What was estimated of the lenses, for the report."""
    if free.focal == "known":
        return "given"
    whose = {"shared": "one for all cameras", "each": "each camera's own"}
    if free.radial == "known":
        return f"focal length estimated, {whose[free.focal]}"
    if free.radial == free.focal:
        return f"focal length and distortion estimated, {whose[free.focal]}"
    return f"focal length estimated, {whose[free.focal]}; distortion estimated, {whose[free.radial]}"


def _coverage(poses: Poses2D, view: int, camera: Camera) -> float:
    """Share of the cells of a grid over the image in which a joint of the subject was ever seen."""
    xy = poses.xy[view, :, 0][poses.conf[view, :, 0] >= MIN_CONFIDENCE]
    inside = ((xy >= 0) & (xy < camera.size)).all(-1)
    cell = (xy[inside] / camera.size * _CELLS).long()
    return len((cell[:, 0] * _CELLS + cell[:, 1]).unique()) / _CELLS**2


def _signed_errors(observed: Observations, camera: Camera, xyz: Tensor) -> Float[Tensor, "view frame joint 2"]:
    """Reprojected minus observed keypoints on z = 1."""
    return perspective(camera.spread(2).into_frame(xyz)) - observed.x


def _pair_report(found: RefinedRig, i: int, j: int, pair: RelativePose) -> PairReport:
    observed, camera = found.observed, found.rig.camera
    usable = int(((observed.weight[i] > 0) & (observed.weight[j] > 0)).sum())
    off = float(torch.rad2deg(angle_between(pair.R, camera.R[j] @ camera.R[i].mT)))
    own_sigma = float(torch.rad2deg(torch.tensor(pair.rotation_sigma)))
    return PairReport(
        views=(found.rig.names[i], found.rig.names[j]),
        correspondences=usable,
        inlier_share=float(pair.inlier.double().mean()),
        in_front_share=pair.in_front,
        rotation_from_rig_deg=off,
        rotation_sigma_deg=min(own_sigma, 180.0),
        sigma_in_rig_deg=float(torch.rad2deg(found.sigma.between[i, j])),
        outvoted=off > max(10.0, 3 * min(own_sigma, 30.0)),
        findings=pair.warnings,
    )
