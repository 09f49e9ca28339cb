"""Result of an experiment: rows, settings, seed and published numbers, in one JSON file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from epipose.experiments.options import Experiment
from epipose.experiments.rows import LabelRow, NetworkRow
from epipose.io.files import AnyPath
from epipose.io.records import as_json, checked, from_fields, from_json, read_dataclass, without_absent, write_dataclass
from epipose.io.summary import html_table, one_line


@dataclass(frozen=True)
class FootageSource:
    """Origin of the clips, for the record of an experiment. None: does not apply to the studio, or to a dataset."""

    footage: str
    motions: str | None = None
    training_subjects: tuple[str, ...] | None = None
    test_subjects: tuple[str, ...] | None = None
    every: int | None = None
    test_every: int | None = None
    not_imported: tuple[str, ...] | None = None

    def _as_json(self) -> dict[str, object]:
        return without_absent(self)


@dataclass(frozen=True)
class ExperimentConfig:
    """Footage and settings of an experiment; ``settings`` are those of the training, its weights and its test images.

    In JSON the settings, and the fields of ``source``, stand beside the other fields.
    """

    epipose: str
    source: FootageSource
    detector: str
    seed: int
    quick: bool
    clips_made: int
    clips: int
    left_out: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    def _as_json(self) -> dict[str, object]:
        content = without_absent(self)
        del content["settings"], content["source"]
        return {**as_json(self.source), **content, **as_json(self.settings)}

    @classmethod
    def _from_json(cls, content: Any) -> ExperimentConfig:
        known = {each.name for kind in (cls, FootageSource) for each in fields(kind)}
        settings = {name: value for name, value in content.items() if name not in known}
        return from_fields(cls, {**content, "source": content, "settings": settings})


@dataclass(frozen=True)
class PublishedResults:
    """Results of the paper beside those of an experiment: metrics in mm by row, and notes by row."""

    source: str
    rows: dict[str, dict[str, float]]
    notes: dict[str, str]


@dataclass(frozen=True)
class ExperimentResult:
    """One experiment: its rows by name, in the order of its table, and what they rest on.

    ``label_rows``: of the experiments labels and cameras; ``network_rows``: of self and collapse. In JSON both are
    ``rows``, numbers rounded to four decimals.
    """

    bench: Experiment
    config: ExperimentConfig
    label_rows: dict[str, LabelRow] = field(default_factory=dict)
    network_rows: dict[str, NetworkRow] = field(default_factory=dict)
    published: PublishedResults | None = None

    def rounded(self) -> ExperimentResult:
        """The result as its file has it: numbers to four decimals."""
        return from_json(ExperimentResult, rounded(as_json(self)), "the result")

    def save(self, path: AnyPath) -> None:
        """Write it as JSON."""
        write_dataclass(path, self.rounded())

    @classmethod
    def load(cls, path: AnyPath) -> ExperimentResult:
        """Read what `save` wrote. Raises DamagedFileError for another file."""
        return read_dataclass(cls, path)

    def __repr__(self) -> str:
        errors = {name: row.nmpjpe_mm for name, row in self._rows().items() if row.nmpjpe_mm is not None}
        ends = [
            f"{errors[name]:.1f} ({name})" for name in sorted(errors, key=errors.__getitem__)[:: len(errors) - 1 or 1]
        ]
        facts = {"clips": str(self.config.clips), "rows": str(len(self._rows())), "NMPJPE mm": " to ".join(ends) or "-"}
        return one_line("ExperimentResult", {"": self.bench, **facts, **self._warning()})

    def _repr_html_(self) -> str:
        errors = {name: "-" if row.nmpjpe_mm is None else f"{row.nmpjpe_mm:.1f}" for name, row in self._rows().items()}
        return html_table(f"ExperimentResult: {self.bench}, NMPJPE mm", {**self._warning(), **errors})

    def _rows(self) -> dict[str, LabelRow | NetworkRow]:
        return {**self.label_rows, **self.network_rows}

    def _warning(self) -> dict[str, str]:
        return {"smoke run:": "its results mean nothing"} if self.config.quick else {}

    def _as_json(self) -> dict[str, object]:
        rows = as_json(self._rows())
        published = {} if self.published is None else {"published": as_json(self.published)}
        return {"bench": self.bench, "config": as_json(self.config), "rows": rows, **published}

    @classmethod
    def _from_json(cls, content: Any) -> ExperimentResult:
        bench = checked(content["bench"], Experiment)
        kind = "label_rows" if bench in ("labels", "cameras") else "network_rows"
        return from_fields(cls, {**content, kind: content["rows"]})


def rounded(value: Any) -> Any:
    """JSON content with all numbers to four decimals."""
    if isinstance(value, Mapping):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return round(value, 4) if isinstance(value, float) else value
