"""What a calibration is: the rig, and the report on it. assess.py measures it, verdict.py turns it into one word."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from epipose.calibration.verdict import Evidence, Verdict
from epipose.camera import Rig
from epipose.reconstruction.scale import Scale


@dataclass(frozen=True)
class CameraReport:
    """One camera: how well it agrees with the rest (reprojection errors of the subject's joints), how sure it is."""

    name: str
    median_px: float
    median_mrad: float
    p90_px: float
    inlier_share: float  # observations within two expected errors
    swapped_frames: int  # frames in which the detector took left for right, repaired
    swapped_throughout: bool  # left and right were wrong in this view from beginning to end, and swapped
    rotation_sigma_deg: float  # one standard deviation, after the best alignment of the whole rig
    center_sigma_mm: float
    image_coverage: float  # share of a 10 x 10 grid over the image in which joints were seen
    focal_px: float
    focal_sigma_pct: float  # 0 where the focal length was given
    focal_doubt_pct: float  # by how much the footage would change a focal length that was given,
    focal_doubt_sigma_pct: float  # and how sure that is
    distortion: tuple[float, ...]
    lens: str  # "given", or what was estimated of it
    drift_mrad: float  # by how much the first half of the clip places the joints elsewhere than the second half
    lag_frames: float  # by how much the view is late
    lag_sigma_frames: float


@dataclass(frozen=True)
class PairReport:
    """What one pair of views said on its own, and how far that was from the final rig."""

    views: tuple[str, str]
    correspondences: int
    inlier_share: float
    in_front_share: float
    rotation_from_rig_deg: float
    rotation_sigma_deg: float  # of the pair on its own
    sigma_in_rig_deg: float  # of the same rotation in the final rig
    outvoted: bool
    findings: tuple[str, ...]  # what makes this pair a weak one


@dataclass(frozen=True)
class Calibration:
    """The rig, the report on it, and the verdict. ``scale`` None: nominal, a person 1.7 m tall."""

    rig: Rig
    verdict: Verdict
    evidence: Evidence
    cameras: tuple[CameraReport, ...]
    pairs: tuple[PairReport, ...]
    frames_used: int
    roaming_m: tuple[float, float, float]  # how far the hips moved along the axes of the world, 5th to 95th percentile
    undecided_swaps: int  # frames in which left and right contradict each other and no majority decides
    up_sigma_deg: float | None = None
    scale: Scale | None = None
    repairs: dict[str, Any] | None = None

    def notes(self) -> list[str]:
        """What was assumed, measured and repaired, in plain words."""
        scale = (
            ["The scale is nominal: the person was made 1.7 m tall. Give --height for metres."]
            if self.scale is None and not self.rig.metric
            else []
        )
        if self.scale is not None:
            scale = [*self.scale.words, *self.scale.warnings]
        repaired = [
            f"{view}: the subject had been taken for somebody else in part of the video; that was put right."
            for view in self.repairs or {}
        ]
        swapped = [
            f"{camera.name}: the detector had left and right swapped throughout (or the video is mirrored); put right."
            for camera in self.cameras
            if camera.swapped_throughout
        ]
        late = [
            f"{camera.name} is late by {camera.lag_frames:.2f} frames (to within {camera.lag_sigma_frames:.2f}); labels "
            "make up for it."
            for camera in self.cameras
            if camera.lag_frames
        ]
        return [*scale, *repaired, *swapped, *late]

    def report(self) -> dict[str, Any]:
        """The report as JSON-ready content."""
        content = asdict(self)
        content.pop("rig")
        content["scale"] = None if self.scale is None else self.scale._asdict()
        return content
