"""Metrics of every pose of an evaluation, and their means over all poses, actions and joints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.errors import InputError
from epipose.evaluation.bootstrap import bootstrap_mean
from epipose.evaluation.options import Group
from epipose.evaluation.pairs import PairedView
from epipose.evaluation.protocols import METRICS, MIN_JOINTS, ComparedPoses
from epipose.evaluation.result import MetricIntervals, MetricMeans
from epipose.evaluation.structure_score import PoseStructureScore

_FRAMES_AT_A_TIME = 50_000  # that are compared, which bounds the memory


class PoseMetrics:
    """Every metric of every pose, and its means over whatever is asked for.

    ``joint_weight``: 1 for joints that count, else 0. ``names``: of ``METRICS``. ``structure`` adds the Pose Structure
    Score. Raises InputError where no pose counts, and for centres of another skeleton.
    """

    def __init__(
        self,
        chosen: Sequence[PairedView],
        joint_weight: Float[Tensor, " joint"],
        names: Sequence[str],
        structure: PoseStructureScore | None = None,
    ) -> None:
        self.chosen, self.joint_weight, self.skeleton = chosen, joint_weight, chosen[0].skeleton
        if structure is not None and structure.skeleton != self.skeleton:
            raise InputError(f"The centres are of {structure.skeleton.name}, the poses of {self.skeleton.name}.")
        columns = [*names, *([f"pss_{len(structure.centres)}"] if structure is not None else [])]
        parts: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in columns}
        sums = {
            name: torch.zeros(2, len(self.skeleton.joints), dtype=torch.float64)
            for name in names
            if METRICS[name].per_joint is not None
        }
        for compared, part, skip in self._compared():
            for name in names:
                counted = METRICS[name].counted(compared).float()
                parts[name].append((METRICS[name].per_pose(compared)[skip:], counted[skip:]))
                if (per_joint := METRICS[name].per_joint) is not None:
                    weight = (compared.weight * counted[:, None])[skip:].double()
                    sums[name] += torch.stack([(weight * per_joint(compared)[skip:]).sum(0), weight.sum(0)])
            if structure is not None:
                whole = (part.weight > 0).all(-1)
                same = structure.score(compared.predicted, compared.true).float()
                parts[columns[-1]].append((same[skip:], whole[skip:].float()))
        self.value = {name: torch.cat([value for value, _ in some]) for name, some in parts.items()}
        self.weight = {name: torch.cat([weight for _, weight in some]) for name, some in parts.items()}
        if not any(bool(weight.any()) for weight in self.weight.values()):
            raise InputError(
                f"There is nothing to compare: no frame has {MIN_JOINTS} joints both in the prediction and in the ground "
                "truth."
            )
        self.joints = self._joint_means(sums)

    def _compared(self) -> Iterator[tuple[ComparedPoses, PairedView, int]]:
        """All views in parts of bounded size, and how many frames of a part belong to the one before."""
        for one in self.chosen:
            for start in range(0, len(one.weight), _FRAMES_AT_A_TIME):
                skip = min(start, 1)
                part = one.rows(slice(start - skip, start + _FRAMES_AT_A_TIME))
                rooted = part.weight[:, self.skeleton.root] > 0
                weight = part.weight * self.joint_weight
                yield ComparedPoses(part.predicted, part.true, weight, rooted, self.skeleton), part, skip

    def _joint_means(self, sums: dict[str, Tensor]) -> dict[str, MetricMeans]:
        """Means of each joint over all poses, for the metrics that have them."""
        table: dict[str, dict[str, float | None]] = {joint: {} for joint in self.skeleton.joints}
        for name, (totals, counts) in sums.items():
            for joint, total, count in zip(self.skeleton.joints, totals.tolist(), counts.tolist(), strict=True):
                table[joint][name] = total / count if count else None
        return {joint: MetricMeans(means) for joint, means in table.items()}

    def counts(self) -> dict[str, int]:
        """Number of poses that each metric is a mean of."""
        return {name: int(weight.sum()) for name, weight in self.weight.items()}

    def means(self, wanted: Sequence[bool] | None = None) -> MetricMeans:
        """Means over some poses (None: all)."""
        of = torch.ones(()) if wanted is None else torch.tensor(wanted, dtype=torch.float32)
        means: dict[str, float | None] = {}
        for name, value in self.value.items():
            weight = (self.weight[name] * of).double()
            means[name] = float((weight * value).sum() / weight.sum()) if bool(weight.any()) else None
        first = self.weight[next(iter(self.value))]
        return MetricMeans(means, int((first * of).sum()))

    def intervals(self, by: Group) -> MetricIntervals:
        """The range of the means, had other takes (or subjects) been recorded; None for a single one."""
        names = [getattr(one, by) for one in self.chosen]
        if by == "subject" and "" in names:
            raise InputError("The recordings do not name their subjects: draw takes anew, --interval take.")
        number = {name: i for i, name in enumerate(dict.fromkeys(names))}
        group = torch.cat(
            [torch.full((len(one.weight),), number[n]) for one, n in zip(self.chosen, names, strict=True)]
        )
        ranges: dict[str, tuple[float, float] | None] = {}
        for name, value in self.value.items():
            if bool(self.weight[name].any()):
                found = bootstrap_mean(value, group, self.weight[name])
                ranges[name] = (found.low, found.high) if found.groups > 1 else None
        return MetricIntervals(0.95, by, len(number), ranges)
