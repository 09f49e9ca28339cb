"""The tables of benchmarks/results/studio.json, as Markdown; several scripts put their part there.

Each function takes the whole JSON and returns one table, with a dash for what has not been measured.
"""

from __future__ import annotations

from typing import Any

from epipose.experiments.tables import markdown, number

Result = dict[str, Any]


def footage(result: Result) -> str:
    """Speed of the studio, and the share of its people that a detector finds (benchmarks/network/studio_footage.py)."""
    rows = [
        [f"{words} (`{key}`)", number(result.get(key), digits), goal]
        for key, words, digits, goal in (
            ("studio_images_per_s", "images per second, 256 x 256, all cores", 1, ">= 60"),
            ("studio_images_per_processor_s", "images per second of processor time, one process", 1, "-"),
            ("detector_found_share", "share of people that BlazePose finds", 3, ">= 0.95"),
            ("detector_found_share_upright", "the same, upright people only", 3, "-"),
            ("detector_px_median", "error of its keypoints, pixels at 384 x 384, median", 2, "<= 4"),
            ("detector_px_p90", "error of its keypoints, pixels, 90th percentile", 2, "-"),
        )
    ]
    return markdown(("the studio's images", "measured", "goal"), rows)


def finder(result: Result) -> str:
    """Detections and false alarms of the pretrained network by the minimum score (benchmarks/network/finder.py)."""
    found = result.get("finder", {})
    parts = [found.get(name, {}) for name in ("studio", "clip")]
    limits = list(parts[0].get("found", {}))
    rows = [
        [limit, *(number(part.get(key, {}).get(limit), 3) for part in parts for key in ("found", "false_alarms"))]
        for limit in limits
    ]
    headers = [f"{words}: {what}" for words in ("synthetic", "real clip") for what in ("found", "false alarms")]
    return markdown(("minimum score", *headers), rows)


def inference(result: Result) -> str:
    """Images per second of the pretrained network beside one of the paper's size (benchmarks/network/inference.py)."""
    rows = [
        [f"{words}, {program}", *(number(result.get(f"inference_{name}{runtime}{key}"), 1) for key in ending)]
        for name, ending, words in (
            ("", _RATES, "the pretrained network"),
            ("resnet50_", _RATES, "ResNet-50, 256 x 256, 64 x 64 x 64"),
            ("", _RATIOS, "times as fast as that ResNet-50"),
        )
        for runtime, program in (("torch", "PyTorch"), ("onnx", "ONNX Runtime"))
    ]
    return markdown(("inference", "images per second, one at a time", "images per second, batches of 16"), rows)


_RATES = ("_per_s_batch1", "_per_s")
_RATIOS = ("_over_resnet50_batch1", "_over_resnet50")
