"""The table of live prediction in benchmarks/results/scale.json, as Markdown."""

from __future__ import annotations

from typing import Any

from epipose.experiments.tables import markdown

_COLUMNS = {
    "fps": ("lines a second", 1),
    "latency_ms_median": ("latency, median ms", 0),
    "latency_ms_p95": ("latency, 95 % within ms", 0),
    "cpu_ms_per_line": ("processor, ms a line", 0),
}


def live(result: dict[str, Any]) -> str:
    """Rate, latency and cost by cameras and network, and the difference from predict."""
    rows = []
    for name, row in result["live"]["rows"].items():
        far = row.get("from_predict_m")
        numbers = [f"{row[key]:.{digits}f}" for key, (_, digits) in _COLUMNS.items()]
        rows.append(
            [name, *numbers, f"{100 * row['dropped_share']:.0f} %", "-" if far is None else f"{1000 * far:.3f}"]
        )
    heads = [words for words, _ in _COLUMNS.values()]
    return markdown(("BlazePose", *heads, "dropped", "largest difference from predict, mm"), rows)
