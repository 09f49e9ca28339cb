"""The protocols that papers report by, each written down whole: which frames, which joints, which alignment, which metric.

A figure without these says nothing, and papers differ in every one of them. What a protocol leaves open is decided here
and said with every table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from epipose import metrics
from epipose.datasets.mpi_inf_3dhp_test import PCK_JOINTS
from epipose.skeleton import Skeleton

ProtocolName = Literal["h36m-p1", "h36m-p2", "3dhp", "mpii", "free"]


@dataclass(frozen=True)
class Protocol:
    """``measures`` are names of ``MEASURES``; the first is the one that joints are listed by.

    ``subjects``: those that count (empty: all). ``every``: one frame in so many of the recording. ``joints``: those that
    count, by name (empty: all).
    """

    words: str
    measures: tuple[str, ...]
    subjects: tuple[str, ...] = ()
    every: int = 1
    joints: tuple[str, ...] = ()


PROTOCOLS: dict[ProtocolName, Protocol] = {
    "h36m-p1": Protocol("Human3.6M, protocol 1", ("mpjpe_mm", "nmpjpe_mm"), ("S9", "S11"), 64),
    "h36m-p2": Protocol("Human3.6M, protocol 2", ("pmpjpe_mm",), ("S9", "S11"), 64),
    "3dhp": Protocol("MPI-INF-3DHP", ("pck_150", "npck_150", "auc", "mpjpe_mm"), joints=PCK_JOINTS),
    "free": Protocol(
        "free: every metric, every frame",
        (
            "mpjpe_mm", "nmpjpe_mm", "pmpjpe_mm", "pck_150", "npck_150", "auc", "cps", "mpjve_mm", "bone_length_error_mm",
            "symmetry_error_mm",
        ),
    ),
}  # fmt: skip


def _before(weight: Float[Tensor, "frame joint"]) -> Float[Tensor, "frame joint"]:
    """Weights of a frame and the one before together."""
    return torch.minimum(weight, torch.nn.functional.pad(weight[:-1], (0, 0, 1, 0)))


def _alone(weight: Float[Tensor, "frame joint"]) -> Float[Tensor, "frame joint"]:
    return weight


@dataclass(frozen=True)
class Measure:
    """A metric of poses in words, the alignment it allows itself, and how it is computed: a value per pose.

    ``per_joint``: the same for each joint alone, where that means something. Both take predicted and true poses of one
    recording (metres, frame joint 3), weights, and the skeleton. ``frames``: what of the weights a frame's value rests on.
    """

    words: str
    alignment: str
    per_pose: Callable[[Tensor, Tensor, Tensor, Skeleton], Tensor]
    per_joint: Callable[[Tensor, Tensor, Tensor, Skeleton], Tensor] | None = None
    frames: Callable[[Float[Tensor, "frame joint"]], Float[Tensor, "frame joint"]] = _alone


def _distance(alignment: metrics.Alignment) -> Callable[[Tensor, Tensor, Tensor, Skeleton], Tensor]:
    return lambda p, q, w, skeleton: metrics.distances_mm(p, q, skeleton.root, alignment, w)


def _mean(alignment: metrics.Alignment) -> Callable[[Tensor, Tensor, Tensor, Skeleton], Tensor]:
    return lambda p, q, w, skeleton: metrics.mean_over_joints(_distance(alignment)(p, q, w, skeleton), w)


def _within(alignment: metrics.Alignment) -> Callable[[Tensor, Tensor, Tensor, Skeleton], Tensor]:
    return lambda p, q, w, skeleton: (_distance(alignment)(p, q, w, skeleton) <= metrics.PCK_MM).to(p)


def _velocity(p: Tensor, q: Tensor, w: Tensor, skeleton: Skeleton) -> Float[Tensor, "frame"]:
    """Of each frame against the one before; the first, which has none, does not count."""
    if len(p) < 2:
        return p.new_zeros(len(p))
    return torch.nn.functional.pad(metrics.mpjve_mm(p, q, skeleton.root, w), (1, 0))


_ROOT, _SCALE, _SIMILARITY = (
    "roots at the origin",
    "roots at the origin, scaled to the truth",
    "best similarity (Procrustes)",
)
MEASURES: dict[str, Measure] = {
    "mpjpe_mm": Measure("MPJPE mm", _ROOT, _mean("root"), _distance("root")),
    "nmpjpe_mm": Measure("NMPJPE mm", _SCALE, _mean("scale"), _distance("scale")),
    "pmpjpe_mm": Measure("PMPJPE mm", _SIMILARITY, _mean("similarity"), _distance("similarity")),
    "pck_150": Measure(
        "PCK@150mm", _ROOT, lambda p, q, w, s: metrics.pck(_distance("root")(p, q, w, s), w), _within("root")
    ),
    "npck_150": Measure(
        "NPCK@150mm", _SCALE, lambda p, q, w, s: metrics.pck(_distance("scale")(p, q, w, s), w), _within("scale")
    ),
    "auc": Measure("AUC", _ROOT, lambda p, q, w, s: metrics.auc(_distance("root")(p, q, w, s), w)),
    "cps": Measure("CPS", _SIMILARITY, lambda p, q, w, s: metrics.cps(_distance("similarity")(p, q, w, s), w)),
    "mpjve_mm": Measure("MPJVE mm/frame", _ROOT, _velocity, frames=_before),
    "bone_length_error_mm": Measure(
        "bone length mm", "none", lambda p, q, w, s: metrics.bone_length_error_mm(p, q, s, w)
    ),
    "symmetry_error_mm": Measure("symmetry mm", "none", lambda p, _, w, s: metrics.symmetry_error_mm(p, s, w)),
}
