"""Evaluation of 3D poses against ground truth by a protocol that is stated in full with every table.

Nothing is aligned, skipped or chosen in silence: what the numbers rest on is part of the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.errors import InputError
from epipose.evaluation.bare_arrays import BareArrays
from epipose.evaluation.oddities import Oddities, oddities
from epipose.evaluation.options import EvaluateOptions
from epipose.evaluation.pairs import PairedView, paired_views
from epipose.evaluation.pckh import evaluate_2d
from epipose.evaluation.pose_metrics import PoseMetrics
from epipose.evaluation.protocols import METRICS, MIN_JOINTS, PROTOCOLS, EvaluationProtocol
from epipose.evaluation.result import Evaluation, LeftOut, MetricMeans, Statement
from epipose.evaluation.structure_score import PoseStructureScore
from epipose.io.files import AnyPath
from epipose.io.options import with_changes
from epipose.skeleton import Skeleton

# Metrics that need the prediction in metres.
_METRIC_SCALE = {"mpjpe_mm", "pck_150", "auc", "mpjve_mm", "bone_length_error_mm", "symmetry_error_mm"}


def evaluate(
    predicted: AnyPath, ground_truth: AnyPath, options: EvaluateOptions | None = None, **changes: Any
) -> Evaluation:
    """Compare poses with the ground truth (see `paired_views` for what both may be; `evaluate_2d` for protocol mpii).

    ``changes`` are fields of `EvaluateOptions`: ``evaluate(p, q, protocol="h36m-p1")``. Intervals are 95 %, drawn by
    take or subject. ``structure``: centres of the Pose Structure Score (`PoseStructureScore.save`), for PSS. Raises
    InputError where nothing can be compared, and for a ground truth that cannot be metres.
    """
    options = with_changes(options or EvaluateOptions(), changes)
    if options.protocol == "mpii":
        return evaluate_2d(predicted, ground_truth, options)
    rules = PROTOCOLS[options.protocol]
    bare = BareArrays(options.skeleton, options.unit)
    chosen = _chosen(paired_views(Path(predicted), Path(ground_truth), bare=bare), rules, Path(predicted))
    odd = oddities(chosen)
    metric = all(one.metric for one in chosen) and not odd.other_unit
    names = [name for name in rules.metrics if metric or name not in _METRIC_SCALE]
    structure = None if options.structure is None else PoseStructureScore.load(Path(options.structure))
    measured = PoseMetrics(chosen, _joint_weights(chosen[0].skeleton, rules.joints), names, structure)
    labels = sorted({action for one in chosen for action in one.actions if action})
    actions = {label: measured.means([a == label for one in chosen for a in one.actions]) for label in labels}
    return Evaluation(
        options,
        all=measured.means(),
        joints=measured.joints,
        statement=_statement(rules, chosen, names, _scale(metric, odd), _pss_statement(structure, options.structure)),
        left_out=_left_out(chosen, measured.joint_weight),
        actions=actions,
        mean_of_actions=_mean_of(list(actions.values())),
        counts=measured.counts(),
        intervals=measured.intervals(options.interval),
        warnings=odd.warnings,
    )


def _scale(metric: bool, odd: Oddities) -> str:
    """What the scale of the prediction allows, in words."""
    if metric:
        return "metric"
    why = "no metres, although it says so" if odd.other_unit else "not metric"
    return f"{why}: metrics that need millimetres of the prediction are left out"


def _chosen(found: Sequence[PairedView], rules: EvaluationProtocol, predicted: Path) -> list[PairedView]:
    """The views and frames of the protocol's subjects; InputError where there is no prediction for any of them."""
    chosen = [
        subsampled(one, rules.every) for one in found if not rules.subjects or one.subject in ("", *rules.subjects)
    ]
    if not any(one.has_prediction for one in chosen):
        raise InputError(
            f"Nothing in {predicted} is of the subjects {', '.join(rules.subjects)}, which {rules.label} is about; there "
            f"are {', '.join(sorted({one.subject for one in found if one.has_prediction}))}. Another protocol: --protocol "
            "free."
        )
    return chosen


def subsampled(one: PairedView, every: int | None) -> PairedView:
    """One frame in ``every`` of the original recording, where both steps are known; InputError if one is no divisor."""
    if every is None or one.every is None:
        return one
    if every % one.every:
        raise InputError(
            f"{one.take} has every {one.every}th frame of the original; the protocol wants every {every}th. Import it with "
            f"a step that divides {every}."
        )
    return one.rows(slice(None, None, every // one.every))


def _joint_weights(skeleton: Skeleton, joints: tuple[str, ...]) -> Float[Tensor, " joint"]:
    """1 for the joints that count, all where none are named."""
    chosen = [skeleton.index(joint) for joint in joints] if joints else range(len(skeleton.joints))
    return torch.zeros(len(skeleton.joints)).index_fill(0, torch.tensor(list(chosen)), 1.0)


def _mean_of(rows: Sequence[MetricMeans]) -> MetricMeans:
    """The mean of the actions' means, which some papers report instead of the mean over all frames."""
    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    return MetricMeans(
        {
            name: None if None in values else sum(value for value in values if value is not None) / len(values)
            for name, values in columns.items()
        }
    )


def _left_out(chosen: Sequence[PairedView], joint_weight: Float[Tensor, " joint"]) -> LeftOut:
    """Share of the ground truth without prediction, and number of poses with too few joints to count."""
    root = chosen[0].skeleton.root
    annotated = torch.cat([one.annotated * joint_weight for one in chosen])
    weight = torch.cat([one.weight * joint_weight for one in chosen])
    there, some = (annotated > 0).any(-1), (weight > 0).any(-1)
    rooted = torch.cat([one.weight[:, root] for one in chosen]) > 0
    takes = {one.take for one in chosen} - {one.take for one in chosen if one.has_prediction}
    return LeftOut(
        takes_without_prediction=len(takes),
        views_without_prediction=sum(not one.has_prediction for one in chosen),
        annotated_poses=int(there.sum()),
        poses_without_prediction=int((there & ~some).sum()),
        poses_with_too_few_joints=int((some & ((weight > 0).sum(-1) < MIN_JOINTS)).sum()),
        poses_without_root=int((some & ~rooted).sum()),
        annotated_joints=int(annotated.sum()),
        joints_without_prediction=int((annotated * (weight == 0)).sum()),
    )


def _statement(
    rules: EvaluationProtocol, chosen: Sequence[PairedView], names: Sequence[str], scale: str, pss: str | None
) -> Statement:
    """Basis of the results, in words."""
    skeleton, with_prediction = chosen[0].skeleton, [one for one in chosen if one.has_prediction]
    joints, root = rules.joints or skeleton.joints, skeleton.joints[skeleton.root]

    def stated(key: str) -> str:
        return ", ".join(sorted({one.made_with.get(key, "not stated") for one in with_prediction}))

    return Statement(
        protocol=rules.label,
        joints=f"{len(joints)} of {skeleton.name}: {', '.join(joints)}",
        root=f"{root}, which {'counts' if root in joints else 'does not count'} as a joint",
        alignment="; ".join(f"{METRICS[name].label}: {METRICS[name].alignment}" for name in names),
        axes=", ".join(sorted({one.axes for one in with_prediction})),
        frames=f"{sum(len(one.weight) for one in chosen)}; {_steps(chosen, rules.every)}",
        views=f"{len(with_prediction)} of {len(chosen)}, of {len({one.take for one in with_prediction})} takes",
        subjects=", ".join(sorted({one.subject for one in chosen if one.subject})) or "not stated",
        body_sizes=f"{', '.join(sorted({one.sizes for one in chosen}))} (of the ground truth)",
        means=f"per pose, then over poses with {MIN_JOINTS} joints or more; joints without prediction or ground truth are "
        "left out of them, and counted",
        crop=f"boxes from: {stated('boxes')}",
        ground_truth_used_for=f"position of the pose: aligned (root or similarity); intrinsics: {stated('intrinsics')}",
        scale=scale,
        pss=pss,
    )


def _steps(chosen: Sequence[PairedView], every: int | None) -> str:
    """Frames of the recordings that are compared, in words."""
    return " and ".join(
        sorted(
            {
                "frames as they are in the files"
                if one.every is None
                else f"one in {every or one.every} of the recording (of its images, where they come in uneven steps)"
                for one in chosen
            }
        )
    )


def _pss_statement(structure: PoseStructureScore | None, path: Path | None) -> str | None:
    """Basis of the Pose Structure Score, in words; None where it is not measured."""
    if structure is None or path is None:
        return None
    return (
        f"share of poses of the same kind, of {len(structure.centres)} kinds fitted to {structure.poses} poses (seed "
        f"{structure.seed}, {structure.starts} starts; {Path(path).name}); position and size normalised; only poses with "
        "every joint on both sides"
    )
