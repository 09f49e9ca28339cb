"""The tables of benchmarks/results/studio.json, as Markdown; several scripts put their part of the figures there.

Each function takes the whole JSON and returns one table, with a dash where a figure has not been measured.
"""

from __future__ import annotations

from typing import Any

from epipose.bench.result import markdown, number

Result = dict[str, Any]


def footage(result: Result) -> str:
    """Pictures per second of the studio, and what a real detector takes its people for (benchmarks/studio_footage.py)."""
    rows = [
        [f"{words} (`{key}`)", number(result.get(key), digits), goal]
        for key, words, digits, goal in (
            ("studio_images_per_s", "pictures per second, 256 x 256, all cores", 1, ">= 60"),
            ("studio_images_per_processor_s", "pictures per second of processor time, one process", 1, "-"),
            ("detector_found_share", "share of people that BlazePose finds", 3, ">= 0.95"),
            ("detector_found_share_upright", "the same of people who are upright", 3, "-"),
            ("detector_px_median", "its error, pixels at 384 x 384, median", 2, "<= 4"),
            ("detector_px_p90", "its error, pixels, nine in ten below", 2, "-"),
        )
    ]
    return markdown(("the studio's pictures", "measured", "goal"), rows)


def modes(result: Result) -> str:
    """What each way to supervise gives, on people, motions and cameras that no training has seen (benchmarks/modes.py)."""
    columns = {"mpjpe_mm": 0, "nmpjpe_mm": 0, "pmpjpe_mm": 0, "pck_150": 3, "ratio_to_full": 3, "spread": 3}
    rows = _rows(result.get("modes", {}), _SUPERVISED, columns)
    headers = ("MPJPE mm", "NMPJPE mm", "PMPJPE mm", "PCK@150", "NMPJPE over full's", "spread in training")
    return markdown(("labels from", *headers), rows)


def labels(result: Result) -> str:
    """The labels themselves against the truth, and what gates and smoothing change (benchmarks/label_worth.py)."""
    columns = {"pmpjpe_mm": 1, "pmpjpe_mm_weighted": 1, "rank_correlation": 2, "labelled_share": 3}
    rows = _rows(result.get("modes_labels", {}), _LABELS, columns)
    headers = ("error mm", "weighted by confidence", "rank correlation with confidence", "share of joints labelled")
    return markdown(("labels", *headers), rows)


def _rows(found: Result, names: dict[str, str], columns: dict[str, int]) -> list[list[str]]:
    """A row for every name (key -> words), with the figures of these columns (key -> digits)."""
    return [
        [words, *(number(found.get(key, {}).get(column), digits) for column, digits in columns.items())]
        for key, words in names.items()
    ]


_SUPERVISED = {
    "full": "true 3D (`full`)",
    "true2d": "true 2D, true cameras (`true2d`)",
    "self+rig": "BlazePose, true cameras (`self+rig`)",
    "self": "BlazePose, recovered cameras (`self`)",
    "self, unweighted": "the same, every label counted alike",
    "paper": "BlazePose, the paper's recipe for cameras",
    "unfrozen": "the network itself (`unfrozen`)",
    "mean pose": "no looking: the mean of all true training poses",
    "shipped": "for comparison: the network that comes with epipose",
    "shipped alone": "the same without its refiner",
    "blazepose": "BlazePose heavy, its own 3D",
}
_LABELS = {
    "true2d": "true 2D, true cameras",
    "self+rig": "BlazePose, true cameras",
    "self": "BlazePose, recovered cameras (gate 2.5, no smoothing)",
    "self, gate 1.5": "the same, gate 1.5",
    "self, gate 4": "the same, gate 4",
    "self, gate 1e+06": "the same, no gate",
    "self, smoothness 0.1": "the same, smoothness 0.1",
    "self, smoothness 0.03": "the same, smoothness 0.03",
    "self, smoothness 0.01": "the same, smoothness 0.01",
    "paper": "BlazePose, the paper's recipe for cameras, no gate",
}


def finder(result: Result) -> str:
    """How well the shipped network finds people, by the least score that counts (benchmarks/finder.py)."""
    found = result.get("finder", {})
    parts = [found.get(name, {}) for name in ("studio", "clip")]
    limits = list(parts[0].get("found", {}))
    rows = [
        [limit, *(number(part.get(key, {}).get(limit), 3) for part in parts for key in ("found", "false_alarms"))]
        for limit in limits
    ]
    headers = [f"{words}: {what}" for words in ("drawn", "real clip") for what in ("found", "somebody beside them")]
    return markdown(("least score", *headers), rows)


def inference(result: Result) -> str:
    """Pictures per second of the shipped network beside one of the paper's size (benchmarks/inference.py)."""
    rows = [
        [f"{words}, {program}", *(number(result.get(f"inference_{name}{runtime}{key}"), 1) for key in ending)]
        for name, ending, words in (
            ("", _RATES, "the network that comes with epipose"),
            ("resnet50_", _RATES, "ResNet-50, 256 x 256, 64 x 64 x 64"),
            ("", _RATIOS, "times as fast as that ResNet-50"),
        )
        for runtime, program in (("torch", "PyTorch"), ("onnx", "ONNX Runtime"))
    ]
    return markdown(("reading a crop", "one picture at a time, per second", "16 together, per second"), rows)


_RATES = ("_per_s_batch1", "_per_s")
_RATIOS = ("_over_resnet50_batch1", "_over_resnet50")
