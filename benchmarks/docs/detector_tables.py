"""Tables of docs/detectors.md: from the registry of detectors, the list of known files, detector_gpu.json and card.json."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from epipose.detection.factory_options import described
from epipose.detection.registry import DETECTORS
from epipose.experiments.tables import markdown, number
from epipose.network.known_models import KNOWN


def detectors() -> str:
    """Every detector of the package: the first sentence of its factory, and the options with their defaults."""
    rows = []
    for name, place in DETECTORS.items():
        module, _, function = place.partition(":")
        factory = getattr(importlib.import_module(module), function)
        summary = (inspect.getdoc(factory) or "").splitlines()[0].rstrip(".")
        rows.append([f"`{name}`", summary, described(factory)])
    return markdown(("`--detector`", "what", "options, with their defaults"), rows)


def known_models() -> str:
    """Every published file that has a short name."""
    rows = [
        [
            f"`{detector}:{name}`",
            model.skeleton,
            model.input,
            f"{model.megabytes}",
            model.licence,
            f"[file]({model.url})",
        ]
        for detector, models in KNOWN.items()
        for name, model in models.items()
    ]
    return markdown(("`--detector`", "skeleton", "input", "MB", "licence of the weights", "where"), rows)


def on_a_card(result: dict[str, Any]) -> str:
    """Detection on a processor and on a graphics card, by the number of views."""
    rows = [
        [
            str(row["views"]),
            number(row["processor"], 0),
            number(row["card"], 0),
            number(row["ratio"], 2),
            number(row["median_px"], 2),
            number(row["largest_px"], 1),
        ]
        for row in result["detection"]
    ]
    head = (
        "views",
        "processor, frames/s",
        "card, frames/s",
        "card over processor",
        "keypoints apart, median px",
        "largest",
    )
    return markdown(head, rows)


def predict_on_a_card(result: dict[str, Any]) -> str:
    """`predict` and a stream on a processor and on a graphics card."""
    rows = [
        [
            row["variant"],
            result["card"] if row["device"] == "cuda" else f"{result['cores']} processor cores",
            number(row["video_fps"], 0),
            number(row["stream_ms"], 1),
            number(row["stream_ms_p95"], 0),
        ]
        for row in result["rows"]
    ]
    head = ("network", "device", "a video, frames/s", "one image in a stream, median ms", "95th percentile")
    return markdown(head, rows)
