"""Rows of the experiments' tables: errors of cameras, of labels and of networks.

In JSON a field that is None is not there: lengths in millimetres, where a rig has no scale, or what only some rows of a
table have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from epipose.io.records import from_fields, without_absent

Outcome = Literal["trust", "check", "reject", "refused"]  # verdicts of a calibration, or that it found no cameras


@dataclass(frozen=True)
class CameraErrors:
    """Rotation errors of pairs ("cam1-cam2") in degrees, and errors of camera centres in mm after a similarity."""

    rotation_deg: dict[str, float]
    rotation_deg_median: float
    rotation_deg_max: float
    center_mm: dict[str, float]
    center_mm_mean: float


@dataclass(frozen=True, kw_only=True)
class PoseErrors:
    """Mean errors over ``poses`` poses, in mm; MPJPE is None where the prediction is not metric."""

    mpjpe_mm: float | None = None
    nmpjpe_mm: float
    pmpjpe_mm: float
    poses: int

    def _as_json(self) -> dict[str, object]:
        return without_absent(self)


@dataclass(frozen=True)
class LabelRow:
    """Labels of some clips against the ground truth, and the cameras that they were made with.

    ``mpjpe_mm`` (where the rig is metric), ``nmpjpe_mm``, ``pmpjpe_mm``: over poses with the root and ten joints, in
    every camera's axes, which is what the network learns. ``joint_mm``: mean over labelled joints after a similarity of
    each pose, also ``joint_mm_weighted`` by confidence. ``rank_correlation``: Spearman's, of error and confidence.
    ``joint_share``: of the joints with ground truth, the share that is labelled. None where no pose has enough joints.
    ``angle_deg``: widest angle between optical axes, mean over clips. ``verdicts``: number of clips by outcome.
    """

    clips: int
    rotation_deg_median: float | None = None
    rotation_deg_worst: float | None = None
    mpjpe_mm: float | None = None
    nmpjpe_mm: float | None = None
    pmpjpe_mm: float | None = None
    poses: int | None = None
    joint_mm: float | None = None
    joint_mm_weighted: float | None = None
    rank_correlation: float | None = None
    joint_share: float = 0.0
    angle_deg: float | None = None
    verdicts: dict[Outcome, int] | None = None

    def _as_json(self) -> dict[str, object]:
        return without_absent(self)


@dataclass(frozen=True, kw_only=True)
class NetworkRow:
    """Errors of a network on the test images.

    ``pss``: Pose Structure Score of ``pss_kinds`` clusters (None where no pose is complete). ``nmpjpe_interval_mm``: 95
    %, by clip. ``found_share``: of the test images, the share in which the detector found the person.
    ``ratio_to_full``: NMPJPE over that of the network trained on ground truth. ``spread`` and ``loss``: of every epoch
    of training.
    """

    mpjpe_mm: float | None = None
    nmpjpe_mm: float
    pmpjpe_mm: float
    poses: int
    npck_150: float
    pss: float | None
    pss_kinds: int
    found_share: float
    pck_150: float | None = None
    nmpjpe_interval_mm: tuple[float, float] | None = None
    ratio_to_full: float | None = None
    spread: tuple[float, ...] | None = None
    loss: tuple[float, ...] | None = None

    def _as_json(self) -> dict[str, object]:
        """As the fields, but the score under the name that papers use: ``pss_50``."""
        content = without_absent(self)
        del content["pss_kinds"]
        content.pop("pss", None)
        return {**content, f"pss_{self.pss_kinds}": self.pss}

    @classmethod
    def _from_json(cls, content: Any) -> NetworkRow:
        score = next(name for name in content if name.startswith("pss_"))
        plain = {**content, "pss": content[score], "pss_kinds": int(score.removeprefix("pss_"))}
        return from_fields(cls, plain)


@dataclass(frozen=True)
class EpochLog:
    """Mean loss of one epoch of training, and the spread of the predicted joints in it."""

    loss: float
    spread: float
