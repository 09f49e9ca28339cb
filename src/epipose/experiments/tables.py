"""Markdown tables of the experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from epipose.experiments import published
from epipose.experiments.result import ExperimentResult
from epipose.experiments.rows import LabelRow, NetworkRow, Outcome


def markdown(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, numbers to the right."""
    lines = [headers, ["---"] + ["---:"] * (len(headers) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | int | None, digits: int) -> str:
    """A number with so many decimals; a dash where there is none."""
    return "-" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: no minus before zeros


def table(result: ExperimentResult) -> str:
    """The Markdown table of a result."""
    if result.bench == "labels":
        return label_table(result.label_rows)
    if result.bench == "cameras":
        return camera_table(result.label_rows)
    return self_table(result.network_rows) if result.bench == "self" else collapse_table(result.network_rows)


def label_table(rows: Mapping[str, LabelRow]) -> str:
    """Labels by source of keypoints and cameras: over all clips, and over those that calibration does not reject."""
    columns = {"clips": 0, "mpjpe_mm": 1, "nmpjpe_mm": 1, "pmpjpe_mm": 1, "joint_share": 3, **_ROTATION}
    words = {
        f"{source}, {cameras}{which}": f"{_TERMS.get(source, source)}, {_TERMS.get(cameras, cameras)}{which}"
        for which in ("", ", not rejected")
        for source in ("true 2D", "detector")
        for cameras in ("true cameras", "recovered", "paper's recipe")
    }
    headers = ("clips", "MPJPE mm", "NMPJPE mm", "PMPJPE mm", "joints labelled", "rotation, median deg", "worst deg")
    return markdown(("2D, cameras", *headers), _lines(rows, words, columns))


def option_table(rows: Mapping[str, LabelRow]) -> str:
    """The effect of gates, smoothing and confidence, for the detector's keypoints and recovered cameras."""
    columns = {"joint_mm": 1, "joint_mm_weighted": 1, "rank_correlation": 2, "joint_share": 3}
    words = {
        "detector, recovered, not rejected": "default: gate 2.5, no smoothing",
        **{key: key if key != "gate 1e+06" else "no gate" for key in rows if key.startswith(("gate", "smoothness"))},
    }
    headers = (
        "joint error mm",
        "weighted by confidence",
        "rank correlation with confidence",
        "share of joints labelled",
    )
    return markdown(("labels", *headers), _lines(rows, words, columns))


def self_table(rows: Mapping[str, NetworkRow]) -> str:
    """Every supervision; the last column is the paper's, on another dataset."""
    columns = {"mpjpe_mm": 0, "nmpjpe_mm": 0, "pmpjpe_mm": 0, "npck_150": 3, "pss": 3, "ratio_to_full": 3}
    lines = [
        [*line, _published(key)]
        for key, line in zip((k for k in _SELF if k in rows), _lines(rows, _SELF, columns), strict=True)
    ]
    headers = ("MPJPE mm", "NMPJPE mm", "PMPJPE mm", "NPCK@150", "PSS@50", "NMPJPE over full's")
    return markdown(("labels from", *headers, "published, Human3.6M"), lines)


def collapse_table(rows: Mapping[str, NetworkRow]) -> str:
    """The 2D branch frozen and unfrozen."""
    words = {
        "frozen": "frozen: a detector's keypoints",
        "unfrozen": "not frozen: the network's own keypoints, in every step",
    }
    lines = [
        [words[key], *(number(value, 0) for value in (row.mpjpe_mm, row.nmpjpe_mm, row.pmpjpe_mm)),
         number(row.spread[0], 4), number(row.spread[-1], 4)]
        for key, row in rows.items() if row.spread
    ]  # fmt: skip
    headers = ("MPJPE mm", "NMPJPE mm", "PMPJPE mm", "spread, first epoch", "spread, last epoch")
    return markdown(("keypoints that labels come from", *headers), lines)


def camera_table(rows: Mapping[str, LabelRow]) -> str:
    """Number and choice of cameras; beside the recovered ones the results of ground-truth cameras."""
    lines = []
    for key, row in rows.items():
        if key.endswith("true cameras"):
            continue
        known, verdicts = rows[f"{key}, true cameras"], row.verdicts or {}
        columns = {"angle_deg": 0, "clips": 0, **_ROTATION}
        lines.append(
            [key, *(number(getattr(row, column), digits) for column, digits in columns.items())]
            + [number(of.nmpjpe_mm, 1) for of in (row, known)]
            + [number(of.joint_share, 3) for of in (row, known)]
            + [" / ".join(str(verdicts.get(word, 0)) for word in get_args(Outcome))]
        )
    headers = (
        "cameras", "widest angle deg", "clips not rejected", "rotation, median deg", "worst deg", "labels, NMPJPE mm",
        "with ground-truth cameras", "joints labelled", "with ground-truth cameras", "trust / check / reject / refused",
    )  # fmt: skip
    return markdown(headers, lines)


def _lines(
    rows: Mapping[str, LabelRow] | Mapping[str, NetworkRow], words: Mapping[str, str], columns: Mapping[str, int]
) -> list[list[str]]:
    return [
        [words[key], *(number(getattr(rows[key], column), digits) for column, digits in columns.items())]
        for key in words
        if key in rows
    ]


def _published(row: str) -> str:
    known = published.SELF.get(row, {})
    text = ", ".join(f"{key.removesuffix('_mm').upper()} {value:g}" for key, value in known.items())
    return f"{text} ({published.NOTES[row]})" if row in published.NOTES else text or "-"


# Parts of row keys whose term in a table is another.
_TERMS = {"true 2D": "ground-truth 2D", "true cameras": "ground-truth cameras", "recovered": "recovered cameras"}
_ROTATION = {"rotation_deg_median": 2, "rotation_deg_worst": 1}
_SELF = {
    "full": "ground-truth 3D (`full`)",
    "true2d": "ground-truth 2D and cameras (`true2d`)",
    "self+rig": "detector, ground-truth cameras (`self+rig`)",
    "self": "detector, recovered cameras (`self`)",
    "self, unweighted": "- every label with the same weight",
    "self, one subject": "- one subject only, as many steps",
    "self, refined": "- with a refiner, from these labels and motion capture",
    "full, refined": "ground-truth 3D, with a refiner",
    "paper's recipe": "detector, the paper's recipe for cameras",
    "mean pose": "mean pose of the training clips, for every image",
    "pretrained": "for comparison: the pretrained network",
    "pretrained, alone": "- without its refiner",
    "detector's own 3D": "the detector's own 3D",
}
