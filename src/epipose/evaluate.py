"""From poses and truth to the numbers that papers report, by a protocol that is said in full with every table.

Nothing is aligned, skipped or chosen in silence: what the figures rest on is part of the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.bootstrap import bootstrap_mean
from epipose.errors import EpiposeError
from epipose.protocols import MEASURES, PROTOCOLS, Measure, Protocol, ProtocolName
from epipose.recordings import Recording, joint_weights, recordings
from epipose.structure_score import PoseStructureScore

Group = Literal["take", "subject"]
_SCALED = {"mpjpe_mm", "pck_150", "auc", "mpjve_mm", "bone_length_error_mm", "symmetry_error_mm"}  # want metres


def evaluate(
    predicted: Path,
    truth: Path,
    protocol: ProtocolName = "free",
    *,
    structure: Path | None = None,
    interval: Group = "take",
) -> dict[str, Any]:
    """Compare poses with the truth (see `recordings` for what both may be) by a protocol.

    The result has "all", "actions" and "joints" (rows of figures), "intervals" (95 %, drawn by take or subject),
    "states" (what the figures rest on, in words) and "left_out" (counts). ``structure``: centres of the Pose Structure
    Score (`PoseStructureScore.save`), for PSS. Raises EpiposeError where nothing can be compared.
    """
    rules = PROTOCOLS[protocol]
    found = recordings(predicted, truth)
    chosen = [
        thinned_to(one, rules.every) for one in found if not rules.subjects or one.subject in ("", *rules.subjects)
    ]
    if not chosen:
        raise EpiposeError(
            f"No recording of {truth} is of the subjects {', '.join(rules.subjects)}, which {rules.words} is about; there "
            f"are {', '.join(sorted({one.subject for one in found}))}. Another protocol: --protocol free."
        )
    metric = all(one.metric for one in chosen)
    names = [name for name in rules.measures if metric or name not in _SCALED]
    figures = _Figures(chosen, joint_weights(chosen[0].skeleton, rules.joints), names)
    if structure is not None:
        figures.add_structure(PoseStructureScore.load(structure))
    actions = sorted({action for one in chosen for action in one.actions if action})
    rows = {action: figures.row([a == action for one in chosen for a in one.actions]) for action in actions}
    return {
        "protocol": protocol,
        "all": figures.row(None),
        "actions": rows,
        "mean_of_actions": _mean_of(list(rows.values())),
        "joints": figures.joints(),
        "intervals": figures.intervals(interval),
        "left_out": _left_out(chosen, figures.joint_weight),
        "states": _states(rules, chosen, names, metric),
    }


def thinned_to(one: Recording, every: int) -> Recording:
    """A recording with one frame in ``every`` of the original; EpiposeError where it has other frames."""
    if every % one.every:
        raise EpiposeError(
            f"{one.take} has every {one.every}th frame of the original; the protocol wants every {every}th. Import it with "
            f"a step that divides {every}."
        )
    return one.thinned(every // one.every)


class _Figures:
    """Every metric of every pose, and its means over whatever is asked for."""

    def __init__(self, chosen: Sequence[Recording], joint_weight: Float[Tensor, "joint"], names: Sequence[str]) -> None:
        self.chosen, self.joint_weight, self.skeleton = chosen, joint_weight, chosen[0].skeleton
        self.measures: dict[str, Measure] = {name: MEASURES[name] for name in names}
        self.value: dict[str, Tensor] = {}
        self.weight: dict[str, Tensor] = {}
        for name, measure in self.measures.items():
            parts = [self._measured(measure, one) for one in chosen]
            self.value[name], self.weight[name] = (torch.cat(part) for part in zip(*parts, strict=True))
        if not any(bool(weight.any()) for weight in self.weight.values()):
            raise EpiposeError("There is nothing to compare: no frame has both a prediction and a truth.")

    def _measured(self, measure: Measure, one: Recording) -> tuple[Tensor, Tensor]:
        """Values and weights (0 or 1) of the poses of a recording."""
        weight = one.weight * self.joint_weight
        rooted = one.weight[:, self.skeleton.root] > 0
        needs_root = measure.alignment.startswith("root")
        counted = (measure.frames(weight) > 0).any(-1) & (rooted if needs_root else torch.ones_like(rooted))
        return measure.per_pose(one.predicted, one.true, weight, self.skeleton), counted.to(weight)

    def add_structure(self, score: PoseStructureScore) -> None:
        """PSS, over poses that are whole."""
        if score.skeleton != self.skeleton:
            raise EpiposeError(f"The centres are of {score.skeleton.name}, the poses of {self.skeleton.name}.")
        name = f"pss_{len(score.centres)}"
        self.value[name] = torch.cat([score.score(one.predicted, one.true).float() for one in self.chosen])
        self.weight[name] = torch.cat([(one.weight > 0).all(-1).float() for one in self.chosen])

    def row(self, wanted: Sequence[bool] | None) -> dict[str, float | None]:
        """Means over some poses (None: all), and how many poses count."""
        of = torch.ones(()) if wanted is None else torch.tensor(wanted, dtype=torch.float32)
        row: dict[str, float | None] = {}
        for name, value in self.value.items():
            weight = self.weight[name] * of
            row[name] = float((weight * value).sum() / weight.sum()) if bool(weight.any()) else None
        first = self.weight[next(iter(self.value))]
        return {**row, "poses": int((first * of).sum())}

    def joints(self) -> dict[str, dict[str, float | None]]:
        """Means of each joint over all poses, for the metrics that have them."""
        table: dict[str, dict[str, float | None]] = {joint: {} for joint in self.skeleton.joints}
        for name, measure in self.measures.items():
            if measure.per_joint is None:
                continue
            sums = torch.zeros(2, len(self.skeleton.joints), dtype=torch.float64)
            for one in self.chosen:
                _, counted = self._measured(measure, one)
                weight = (one.weight * self.joint_weight * counted[:, None]).double()
                value = measure.per_joint(one.predicted, one.true, one.weight * self.joint_weight, self.skeleton)
                sums += torch.stack([(weight * value).sum(0), weight.sum(0)])
            for joint, total, count in zip(self.skeleton.joints, *sums.tolist(), strict=True):
                table[joint][name] = total / count if count else None
        return table

    def intervals(self, by: Group) -> dict[str, Any]:
        """Where the means would fall if other takes (or subjects) had been recorded; None for a single one."""
        names = [getattr(one, by) for one in self.chosen]
        number = {name: i for i, name in enumerate(dict.fromkeys(names))}
        group = torch.cat(
            [torch.full((len(one.weight),), number[n]) for one, n in zip(self.chosen, names, strict=True)]
        )
        table: dict[str, Any] = {}
        for name, value in self.value.items():
            if bool(self.weight[name].any()):
                found = bootstrap_mean(value, group, self.weight[name])
                table[name] = [found.low, found.high] if found.groups > 1 else None
        return {"level": 0.95, "by": by, "groups": len(number), **table}


def _mean_of(rows: list[dict[str, float | None]]) -> dict[str, float | None]:
    """The mean of the actions' means, which some papers report instead of the mean over all frames."""
    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else {}) if name != "poses"}
    return {
        name: None if None in values else sum(value for value in values if value is not None) / len(values)
        for name, values in columns.items()
    }


def _left_out(chosen: Sequence[Recording], joint_weight: Float[Tensor, "joint"]) -> dict[str, int]:
    """How much of the truth has no prediction."""
    annotated = torch.cat([one.annotated * joint_weight for one in chosen])
    missing = annotated * (torch.cat([one.weight for one in chosen]) == 0)
    return {
        "annotated_poses": int((annotated > 0).any(-1).sum()),
        "poses_without_prediction": int(((annotated > 0).any(-1) & (annotated == missing).all(-1)).sum()),
        "annotated_joints": int(annotated.sum()),
        "joints_without_prediction": int(missing.sum()),
    }


def _states(rules: Protocol, chosen: Sequence[Recording], names: Sequence[str], metric: bool) -> dict[str, str]:
    """What the figures rest on, in words."""
    skeleton = chosen[0].skeleton
    joints = rules.joints or skeleton.joints
    root = skeleton.joints[skeleton.root]
    frames = sum(len(one.weight) for one in chosen)
    steps = sorted({one.every for one in chosen})
    subjects = sorted({one.subject for one in chosen if one.subject})
    made = {key: sorted({one.made_with.get(key, "not stated") for one in chosen}) for key in ("boxes", "intrinsics")}
    return {
        "protocol": rules.words,
        "joints": f"{len(joints)} of {skeleton.name}: {', '.join(joints)}",
        "root": f"{root}, which {'counts' if root in joints else 'does not count'} as a joint",
        "alignment": "; ".join(f"{MEASURES[name].words}: {MEASURES[name].alignment}" for name in names),
        "frames": f"{frames}, of every {' and '.join(map(str, steps))} of the recordings as given",
        "subjects": ", ".join(subjects) or "not stated",
        "sizes of the truth": ", ".join(sorted({one.sizes for one in chosen})),
        "missing": "joints without prediction or truth are left out of every mean, and counted",
        "crop": f"boxes from: {', '.join(made['boxes'])}",
        "used of the truth": f"no root depth (poses are root-relative); intrinsics: {', '.join(made['intrinsics'])}",
        "scale": "metric" if metric else "not metric: metrics that need millimetres of the prediction are left out",
    }
