"""Evaluation results: means over poses, actions and joints, their intervals, and what they rest on.

The JSON that `Evaluation.save` writes has the means as plain objects from metric to number; a metric that nothing
counts for is null.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from epipose.evaluation.options import EvaluateOptions, Group
from epipose.evaluation.protocols import formatted, metric_label
from epipose.io.files import AnyPath
from epipose.io.records import checked, read_dataclass, without_absent, write_dataclass
from epipose.io.summary import html_table, one_line


@dataclass(frozen=True)
class MetricMeans:
    """Means of metrics over some poses; ``poses`` is the number behind the first, where it is counted."""

    values: dict[str, float | None]
    poses: int | None = None

    def __getitem__(self, metric: str) -> float | None:
        """The mean of a metric; None where no pose counts. KeyError for a metric that was not measured."""
        return self.values[metric]

    def __contains__(self, metric: object) -> bool:
        """Whether the metric was measured."""
        return metric in self.values

    def __iter__(self) -> Iterator[str]:
        """The names of the metrics."""
        return iter(self.values)

    def _as_json(self) -> dict[str, float | int | None]:
        return self.values if self.poses is None else {**self.values, "poses": self.poses}

    @classmethod
    def _from_json(cls, content: Any) -> MetricMeans:
        values = {name: value for name, value in content.items() if name != "poses"}
        poses = content.get("poses")
        return cls(checked(values, dict[str, float | None]), checked(poses, int | None))


@dataclass(frozen=True)
class MetricIntervals:
    """Confidence intervals of the means by bootstrap over groups; None where a single group says nothing of others."""

    level: float
    by: Group
    groups: int
    values: dict[str, tuple[float, float] | None]

    def __getitem__(self, metric: str) -> tuple[float, float] | None:
        """Low and high end of a metric's interval."""
        return self.values[metric]

    def _as_json(self) -> dict[str, Any]:
        ranges = {name: None if ends is None else list(ends) for name, ends in self.values.items()}
        return {"level": self.level, "by": self.by, "groups": self.groups, **ranges}

    @classmethod
    def _from_json(cls, content: Any) -> MetricIntervals:
        about = ("level", "by", "groups")
        values = {name: ends for name, ends in content.items() if name not in about}
        ranges = checked(values, dict[str, tuple[float, float] | None])
        return cls(
            checked(content["level"], float), checked(content["by"], Group), checked(content["groups"], int), ranges
        )


@dataclass(frozen=True)
class LeftOut:
    """Counts of what does not enter the means. None: does not apply to the protocol."""

    takes_without_prediction: int | None = None
    views_without_prediction: int | None = None
    annotated_poses: int | None = None
    poses_without_prediction: int | None = None
    poses_with_too_few_joints: int | None = None
    poses_without_root: int | None = None
    annotated_joints: int | None = None
    joints_without_prediction: int | None = None
    people_without_head: int | None = None

    def _as_json(self) -> dict[str, object]:
        return without_absent(self)


@dataclass(frozen=True)
class Statement:
    """Basis of the results, in words: the protocol as it was carried out. None: does not apply to it."""

    protocol: str
    joints: str
    crop: str
    ground_truth_used_for: str
    root: str | None = None
    alignment: str | None = None
    axes: str | None = None
    frames: str | None = None
    views: str | None = None
    subjects: str | None = None
    body_sizes: str | None = None
    means: str | None = None
    scale: str | None = None
    limit: str | None = None
    missing: str | None = None
    pss: str | None = None

    def lines(self) -> list[str]:
        """One line of text for each, after its name."""
        return [
            f"{'PSS' if name == 'pss' else name.replace('_', ' ')}: {text}"
            for name, text in without_absent(self).items()
        ]

    def _as_json(self) -> dict[str, object]:
        return without_absent(self)


@dataclass(frozen=True)
class Evaluation:
    """Predictions against the ground truth by a protocol: means, their intervals, and what they rest on.

    ``counts``: the poses behind each mean. ``actions`` and ``joints``: means of each action and of each joint.
    ``mean_of_actions``: the mean of the actions' means, which some papers report instead of the mean over all frames.
    ``warnings``: what is odd about the two sides, such as another unit or other axes.
    """

    options: EvaluateOptions
    all: MetricMeans
    joints: dict[str, MetricMeans]
    statement: Statement
    left_out: LeftOut
    actions: dict[str, MetricMeans] = field(default_factory=dict)
    mean_of_actions: MetricMeans = field(default_factory=lambda: MetricMeans({}))
    counts: dict[str, int] = field(default_factory=dict)
    intervals: MetricIntervals | None = None
    warnings: tuple[str, ...] = ()

    def totals(self) -> dict[str, MetricMeans]:
        """The mean over all poses, and before it that of the actions' means where there are actions."""
        return ({"mean of actions": self.mean_of_actions} if self.actions else {}) | {"all": self.all}

    def save(self, path: AnyPath) -> None:
        """Write all of it as JSON; `write_evaluation` writes the tables beside it, too."""
        write_dataclass(path, self)

    @classmethod
    def load(cls, path: AnyPath) -> Evaluation:
        """Read what `save` wrote. Raises DamagedFileError for another file."""
        return read_dataclass(cls, path)

    def __repr__(self) -> str:
        return one_line("Evaluation", self._facts())

    def _repr_html_(self) -> str:
        return html_table("Evaluation", self._facts())

    def _facts(self) -> dict[str, str]:
        """The protocol, every mean with its interval, and how many poses they are of."""
        facts = {"protocol": self.options.protocol}
        for metric, mean in self.all.values.items():
            ends = self.intervals.values.get(metric) if self.intervals is not None else None
            range_ = "" if ends is None else f" ({formatted(metric, ends[0])} to {formatted(metric, ends[1])})"
            facts[metric_label(metric)] = formatted(metric, mean) + range_
        missing = self.left_out.poses_without_prediction or self.left_out.people_without_head
        facts["poses"] = f"{self.all.poses}{f' ({missing} left out)' if missing else ''}"
        return facts | {f"warning {number}": text for number, text in enumerate(self.warnings, start=1)}
