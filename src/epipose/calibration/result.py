"""Calibration result: the rig, reprojection errors and uncertainty per camera and pair, and the verdict.

assess.py measures them, verdict.py judges them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from epipose.calibration.evidence import Evidence
from epipose.calibration.subject_repair import SubjectRepair
from epipose.calibration.verdict import Verdict
from epipose.camera import Rig
from epipose.errors import RejectedError
from epipose.io.files import AnyPath, read_json, write_json
from epipose.io.records import as_json, from_json
from epipose.io.staged import Staged, staged
from epipose.io.summary import html_table, one_line
from epipose.reconstruction.scale import Scale

_NOMINAL = "The scale is nominal: the person was made 1.7 m tall. Give --height for metres."
_NOT_METRIC = (
    "The cameras were taken as they are, and their lengths are not metres. Give --height, --bone or --camera-distance, "
    "which scale them."
)


@dataclass(frozen=True)
class CameraReport:
    """One camera: reprojection errors of the subject's joints, and standard deviations of the camera's parameters."""

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
    focal_doubt_pct: float  # change of a given focal length that the footage suggests,
    focal_doubt_sigma_pct: float  # and the standard deviation of that
    distortion: tuple[float, ...]
    lens: str  # "given", or what was estimated of it
    drift_mrad: float  # by how much the first half of the clip places the joints elsewhere than the second half
    lag_frames: float  # by how much the view is late
    lag_sigma_frames: float


@dataclass(frozen=True)
class PairReport:
    """Relative pose of one pair of views on its own, compared with the final rig."""

    views: tuple[str, str]
    correspondences: int
    inlier_share: float
    in_front_share: float
    rotation_from_rig_deg: float
    rotation_sigma_deg: float  # of the pair on its own
    sigma_in_rig_deg: float  # of the same rotation in the final rig
    outvoted: bool
    findings: tuple[str, ...]  # reasons why this pair is a weak one


@dataclass(frozen=True, kw_only=True)
class CalibrationReport:
    """Content of calibration.json. ``scale`` None: nominal, a person 1.7 m tall."""

    verdict: Verdict
    evidence: Evidence
    cameras: tuple[CameraReport, ...]
    pairs: tuple[PairReport, ...]
    frames_used: int
    roaming_m: tuple[float, float, float]  # range of the hips along the axes of the world, 5th to 95th percentile
    undecided_swaps: int  # frames in which left and right contradict each other and no majority decides
    up_sigma_deg: float | None = None
    scale: Scale | None = None
    repairs: dict[str, tuple[SubjectRepair, ...]] = field(default_factory=dict)  # of a view
    remarks: tuple[str, ...] = ()  # on what calibration was given: intrinsics, synchronisation, subject


@dataclass(frozen=True, kw_only=True, repr=False)
class Calibration(CalibrationReport):
    """A rig, and how far to trust it."""

    rig: Rig

    @property
    def swapped_throughout(self) -> tuple[str, ...]:
        """The views in which the detector has left and right swapped from beginning to end."""
        return tuple(camera.name for camera in self.cameras if camera.swapped_throughout)

    def notes(self) -> tuple[str, ...]:
        """Assumptions, measurements and repairs, in plain words."""
        scale: tuple[str, ...] = ()
        if self.scale is not None:
            scale = (*self.scale.words, *self.scale.warnings)
        elif not self.rig.metric:
            scale = (_NOMINAL if self.pairs else _NOT_METRIC,)
        if self.evidence.upper_body:
            scale = (
                *scale,
                "Only the upper body was ever seen: its size is by trunk and arms, to within a tenth, and the floor is put "
                "where the lowest joints are.",
            )
        repaired = [
            f"{view}: the subject had been taken for somebody else in part of the video; that was put right."
            for view in self.repairs
        ]
        swapped = [
            f"{view}: the detector had left and right swapped throughout (or the video is mirrored); put right."
            for view in self.swapped_throughout
        ]
        late = [
            f"{camera.name} is late by {camera.lag_frames:.2f} frames (to within {camera.lag_sigma_frames:.2f}); labels "
            "make up for it."
            for camera in self.cameras
            if camera.lag_frames
        ]
        return (*self.remarks, *scale, *repaired, *swapped, *late)

    def report(self) -> str:
        """The report in plain text: errors and uncertainty of every camera, notes, the verdict and its reasons."""
        return "\n".join(
            [
                *(self._camera_line(camera) for camera in self.cameras),
                *(f"  note: {note}" for note in self.notes()),
                f"verdict: {self.verdict.word}",
                *(f"  {reason}" for reason in self.verdict.reasons),
            ]
        )

    def _camera_line(self, camera: CameraReport) -> str:
        sigma = f"sigma {camera.rotation_sigma_deg:.2f} degrees and {camera.center_sigma_mm:.0f} mm"
        return (
            f"  {camera.name:12s} {camera.median_px:6.1f} px  {camera.median_mrad:5.1f} mrad  "
            f"{camera.inlier_share:4.0%} inliers  {sigma if self.pairs else 'given'}"
        )

    def save(self, folder: AnyPath) -> None:
        """Write ``calibration.json`` and ``rig.json`` as one set: the cameras never stand without the verdict on them.

        The record and the page of a calibration that was there before are removed, because they are of other cameras.
        """
        with staged(folder, removes=("calibrate.json", "calibration.html")) as stage:
            self.write_into(stage)

    def write_into(self, stage: Staged) -> None:
        """Write ``calibration.json`` and ``rig.json`` into a set of files."""
        content = as_json(self)
        del content["rig"]
        write_json(stage.path("calibration.json"), {**content, "notes": list(self.notes())})
        self.rig.save(stage.path("rig.json"))

    @staticmethod
    def load(folder: AnyPath) -> Calibration:
        """Read what `save` wrote. Raises InputError for a missing file, DamagedFileError for a damaged one."""
        path, rig = Path(folder) / "calibration.json", Rig.load(Path(folder) / "rig.json")
        return Calibration(rig=rig, **vars(from_json(CalibrationReport, read_json(path), path)))

    def __repr__(self) -> str:
        return one_line("Calibration", self._facts())

    def _repr_html_(self) -> str:
        return html_table("Calibration", self._facts())

    def _facts(self) -> dict[str, str]:
        worst = max(camera.median_px for camera in self.cameras)
        return {
            "verdict": self.verdict.word,
            "cameras": f"{len(self.cameras)} ({', '.join(self.rig.names)})",
            "worst median reprojection error": f"{worst:.1f} px",
            "pairwise sigma": f"{self.evidence.worst_sigma_deg:.2f} degrees",
            "frames": str(self.frames_used),
            "scale": "metric" if self.rig.metric else "not metric",
        }


def check_not_rejected(calibration: Calibration, force: bool = False, folder: Path | None = None) -> None:
    """Raise RejectedError where the verdict is "reject", unless ``force``; ``folder`` is where they were read."""
    if calibration.verdict.word == "reject" and not force:
        of, page = ("", "") if folder is None else (f" of {folder}", f" ({folder / 'calibration.html'} says more)")
        raise RejectedError(
            f"The cameras{of} are rejected: {' '.join(calibration.verdict.reasons)} Put that right and calibrate "
            f"again{page}, or give --force to use them as they are."
        )
