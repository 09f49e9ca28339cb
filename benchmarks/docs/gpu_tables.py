"""The tables of benchmarks/results/gpu.json, as Markdown: a training run on one graphics card, and the heads it compared.

The JSON is the log of `benchmarks.network.gpu`, to which ``travels_mb`` was added: what the machine was given.
"""

from __future__ import annotations

import statistics
from typing import Any

from epipose.experiments.tables import markdown, number

Result = dict[str, Any]

# Of held-out scenes; a network of another name comes after them under its own.
NETWORKS = {
    "own_full": "BlazePose full, its own keypoints and depth",
    "own_heavy": "BlazePose heavy, its own keypoints and depth",
    "full": "token head on full",
    "heavy": "token head on heavy",
    "full_token_wide": "token head on full",
    "full_token_answers": "- without features",
    "heavy_token_wide": "token head on heavy",
    "refiner_full": "the refiner, on full and its token head",
    "refiner_heavy": "the refiner, on heavy and its token head",
    "full_volume": "volume head on full",
    "full_volume_wide": "- with dense convolutions",
    "full_volume_features": "- and without BlazePose's answers",
    "heavy_volume_wide": "volume head on heavy, with dense convolutions",
}
_TRAVELS = {"body": "body file", "motions": "motions", "blazepose": "BlazePose", "rest": "code and the rest"}


def run(result: Result) -> str:
    """How fast the parts of the run were, and what it took."""
    first, last = result["curve"][0], result["curve"][-1]
    drawn_per_s = (last["drawn"] - first["drawn"]) / (last["s"] - first["s"])
    speed = result["resnet50_images_per_s"]
    travels = result["travels_mb"]
    parts = ", ".join(f"{words} {travels[key]:g}" for key, words in _TRAVELS.items())
    rows = [
        ["steps, of images each", f"{result['steps']}, {result['batch']}"],
        ["images a second, drawn", number(drawn_per_s, 0)],
        ["images drawn", f"{result['drawn']}"],
        [
            "images a second, trained on (median)",
            number(statistics.median(r["images_per_s"] for r in result["curve"]), 0),
        ],
        ["a step is recorded as a CUDA graph", "yes" if result["recorded"] else "no"],
        ["seconds until the first step", number(result["first_step_after_s"], 0)],
        ["seconds until all was trained, measured and stored", number(result["stored_after_s"], 0)],
        ["memory of the card, GB", number(result["memory_gb"], 1)],
        ["ResNet-50, images a second, trained on in bf16", number(speed["bf16"], 0)],
        ["ResNet-50, images a second, trained on in fp32", number(speed["fp32"], 0)],
        [f"what the machine is given, MB ({parts})", number(sum(travels.values()), 0)],
    ]
    return markdown((result["device"], "measured"), rows)


def heads(result: Result) -> str:
    """The error of every network on held-out scenes, and its training loss near the beginning and at the end."""
    first, last = result["curve"][0], result["curve"][-1]
    errors = result["held_out"]
    rows = [
        [NETWORKS.get(name, name), number(errors[name], 1), *(_loss(row, name) for row in (first, last))]
        for name in [*(key for key in NETWORKS if key in errors), *(key for key in errors if key not in NETWORKS)]
    ]
    headers = ("held-out scenes", "PMPJPE, about mm", f"loss to step {first['step']}", f"loss to step {last['step']}")
    return markdown(headers, rows)


def _loss(row: Result, name: str) -> str:
    """Of one network; the refiner has one loss for all that it is given."""
    return number(row.get("refiner" if name.startswith("refiner") else name), 4)
