"""Evaluation protocols of the field: which frames, which joints, which alignment, which metrics.

A number without these says nothing, and papers differ in every one of them. What a protocol leaves open is decided here
and stated with every table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.datasets.mpi_inf_3dhp_testset import PCK_JOINTS
from epipose.evaluation import metrics
from epipose.skeleton import Skeleton

ProtocolName = Literal["h36m-p1", "h36m-p2", "3dhp", "free"]
MIN_JOINTS = 10  # that a pose must have to count: a similarity transform fits a few points whatever they are


@dataclass(frozen=True)
class EvaluationProtocol:
    """Metrics (names of ``METRICS``), and the frames, subjects and joints that count.

    ``subjects``: those that count (empty: all). ``every``: one frame in so many of the recording (None: those there
    are). ``joints``: those that count, by name (empty: all).
    """

    label: str
    metrics: tuple[str, ...]
    subjects: tuple[str, ...] = ()
    every: int | None = None
    joints: tuple[str, ...] = ()


PROTOCOLS: dict[ProtocolName, EvaluationProtocol] = {
    "h36m-p1": EvaluationProtocol("Human3.6M, protocol 1", ("mpjpe_mm", "nmpjpe_mm"), ("S9", "S11"), 64),
    "h36m-p2": EvaluationProtocol("Human3.6M, protocol 2", ("pmpjpe_mm",), ("S9", "S11"), 64),
    "3dhp": EvaluationProtocol("MPI-INF-3DHP", ("pck_150", "npck_150", "auc", "mpjpe_mm"), joints=PCK_JOINTS),
    "free": EvaluationProtocol(
        "free: every metric, every frame",
        (
            "mpjpe_mm", "nmpjpe_mm", "pmpjpe_mm", "pck_150", "npck_150", "auc", "cps", "mpjve_mm", "bone_length_error_mm",
            "symmetry_error_mm",
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class ComparedPoses:
    """Predictions and ground truth of consecutive frames, metres; every alignment is computed once for all metrics.

    ``weight`` 0: the joint is missing or does not count; ``rooted``: both sides have the root.
    """

    predicted: Float[Tensor, "frame joint 3"]
    true: Float[Tensor, "frame joint 3"]
    weight: Float[Tensor, "frame joint"]
    rooted: Bool[Tensor, " frame"]
    skeleton: Skeleton

    @cached_property
    def root(self) -> Float[Tensor, "frame joint"]:
        """Distances with the roots at the origin, mm."""
        return self._distances("root")

    @cached_property
    def scale(self) -> Float[Tensor, "frame joint"]:
        """Distances after root and scale are aligned, mm."""
        return self._distances("scale")

    @cached_property
    def similarity(self) -> Float[Tensor, "frame joint"]:
        """Distances after the best similarity (Procrustes), mm."""
        return self._distances("similarity")

    def _distances(self, alignment: metrics.Alignment) -> Tensor:
        return metrics.distances_mm(self.predicted, self.true, self.skeleton.root, alignment, self.weight)

    @cached_property
    def enough(self) -> Bool[Tensor, " frame"]:
        """Poses with `MIN_JOINTS` joints or more."""
        return (self.weight > 0).sum(-1) >= MIN_JOINTS

    @cached_property
    def rooted_enough(self) -> Bool[Tensor, " frame"]:
        """Poses with `MIN_JOINTS` joints or more and a root."""
        return self.enough & self.rooted

    @property
    def moving(self) -> Bool[Tensor, " frame"]:
        """Frames that have a root, as the one before, and share `MIN_JOINTS` joints or more with it."""
        both = ((self.weight[1:] > 0) & (self.weight[:-1] > 0)).sum(-1) >= MIN_JOINTS
        return torch.nn.functional.pad(both & self.rooted[1:] & self.rooted[:-1], (1, 0))

    @property
    def velocity(self) -> Float[Tensor, " frame"]:
        """MPJVE of each frame against the one before; 0 for the first, which does not count."""
        if len(self.predicted) < 2:
            return self.predicted.new_zeros(len(self.predicted))
        found = metrics.mpjve_mm(self.predicted, self.true, self.skeleton.root, self.weight)
        return torch.nn.functional.pad(found, (1, 0))

    @property
    def boned(self) -> Bool[Tensor, " frame"]:
        """Poses with a whole bone."""
        return self.enough & (self.skeleton.bone_weight(self.weight) > 0).any(-1)

    @property
    def paired(self) -> Bool[Tensor, " frame"]:
        """Poses with a bone whose partner on the other side is whole, too."""
        bones, partner = self.skeleton.bone_weight(self.weight) > 0, list(self.skeleton.bone_flip)
        sided = torch.tensor([bone != other for bone, other in enumerate(partner)])
        return self.enough & (bones & bones[:, partner] & sided).any(-1)


@dataclass(frozen=True)
class Metric:
    """A metric: its label, the alignment it is taken after, its value per pose, and the poses that have one.

    ``per_joint``: the same of each joint alone, where that means something.
    """

    label: str
    alignment: str
    per_pose: Callable[[ComparedPoses], Tensor]
    counted: Callable[[ComparedPoses], Tensor]
    per_joint: Callable[[ComparedPoses], Tensor] | None = None


def _rooted(c: ComparedPoses) -> Tensor:
    return c.rooted_enough


def _enough(c: ComparedPoses) -> Tensor:
    return c.enough


_ROOT, _SCALE = "roots at the origin", "roots at the origin, scaled to the ground truth"
_SIMILARITY, _NONE = "best similarity (Procrustes)", "none"
METRICS: dict[str, Metric] = {
    "mpjpe_mm": Metric(
        "MPJPE mm", _ROOT, lambda c: metrics.mean_over_joints(c.root, c.weight), _rooted, lambda c: c.root
    ),
    "nmpjpe_mm": Metric(
        "NMPJPE mm", _SCALE, lambda c: metrics.mean_over_joints(c.scale, c.weight), _rooted, lambda c: c.scale
    ),
    "pmpjpe_mm": Metric(
        "PMPJPE mm", _SIMILARITY, lambda c: metrics.mean_over_joints(c.similarity, c.weight), _enough,
        lambda c: c.similarity,
    ),
    "pck_150": Metric(
        "PCK@150mm", _ROOT, lambda c: metrics.pck(c.root, c.weight), _rooted,
        lambda c: (c.root <= metrics.PCK_MM).to(c.root),
    ),
    "npck_150": Metric(
        "NPCK@150mm", _SCALE, lambda c: metrics.pck(c.scale, c.weight), _rooted,
        lambda c: (c.scale <= metrics.PCK_MM).to(c.scale),
    ),
    "auc": Metric("AUC", _ROOT, lambda c: metrics.auc(c.root, c.weight), _rooted),
    "cps": Metric("CPS", _SIMILARITY, lambda c: metrics.cps(c.similarity, c.weight), _enough),
    "mpjve_mm": Metric("MPJVE mm/frame", _ROOT, lambda c: c.velocity, lambda c: c.moving),
    "bone_length_error_mm": Metric(
        "bone length mm", _NONE,
        lambda c: metrics.bone_length_error_mm(c.predicted, c.true, c.skeleton, c.weight), lambda c: c.boned,
    ),
    "symmetry_error_mm": Metric(
        "symmetry mm", _NONE, lambda c: metrics.symmetry_error_mm(c.predicted, c.skeleton, c.weight), lambda c: c.paired
    ),
}  # fmt: skip

_OTHER_LABELS = {"pckh_50": "PCKh@0.5"}  # beside those in METRICS; pss_K is PSS@K


def metric_label(name: str) -> str:
    """A metric's name as tables print it."""
    if name in METRICS:
        return METRICS[name].label
    return _OTHER_LABELS.get(name, name.upper().replace("_", "@"))


def formatted(name: str, value: float | None) -> str:
    """A metric's value with the digits that it deserves; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:.{1 if name.endswith('_mm') or name == 'cps' else 3}f}"
