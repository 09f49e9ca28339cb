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
