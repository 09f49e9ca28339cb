"""The tables of benchmarks/results/demo.json, as Markdown. Each function takes the whole JSON and returns one table."""

from __future__ import annotations

from typing import Any

from epipose.experiments.tables import markdown, number

Result = dict[str, Any]

_BLAZEPOSE = "blazepose_world_landmarks"
# What predicts the pose in an image; the keys are those of `demo_network.network_results`.
ANSWERS = {
    "pretrained": "the pretrained network",
    "pretrained_alone": "- without its refiner",
    "adapted": "the same, adapted to this footage",
    "adapted_alone": "- without its refiner",
    _BLAZEPOSE: "BlazePose full, world landmarks",
    "mean_training_pose": "mean pose of the training frames, for every image",
}
_METRICS = {"pmpjpe_mm": "PMPJPE mm", "nmpjpe_mm": "NMPJPE mm", "mpjpe_mm": "MPJPE mm"}


def cameras(result: Result) -> str:
    """Recovered cameras and the paper's recipe against the reference."""
    found = {"full": result, "heavy": result["heavy"]}
    rows = [[f"epipose, BlazePose {name}", *_camera_errors(errors)] for name, errors in found.items()]
    for name, errors in found.items():
        recipe = errors["paper_recipe"]
        degrees = [number(recipe[key], 1) for key in ("rotation_deg_median", "rotation_deg_max")]
        rows.append([f"the paper's recipe (F from one frame), BlazePose {name}", *degrees, "-", "-"])
    headers = ("cameras from", "rotation, median deg", "rotation, worst pair", "centres, mean mm", "labels, PMPJPE mm")
    return markdown(headers, rows)


def short_cameras(result: Result) -> str:
    """The README's rows: both detectors and the paper's recipe."""
    head, rule, full, heavy, recipe, *_ = cameras(result).splitlines()
    return "\n".join([head, rule, full, heavy, recipe])


def _camera_errors(errors: Result) -> list[str]:
    columns = {"rotation_deg_median": 2, "rotation_deg_max": 2, "center_mm_mean": 0, "label_pmpjpe_mm": 1}
    return [number(errors[key], digits) for key, digits in columns.items()]


def network(result: Result) -> str:
    """Errors on the four cameras' held-out frames, before and after adaptation."""
    found = result["network"].get("four_cameras", {})
    rows = [[words, *_errors(found.get(key, {}))] for key, words in ANSWERS.items()]
    return markdown(("single image, frames 80-99", *_METRICS.values()), rows)


def held_out(result: Result) -> str:
    """The same on the camera that training never saw: its frames 80-99, and all its frames."""
    found = result["network"].get("held_out_camera", {})
    parts = {"frames 80-99": found.get("new_frames", {}), "all frames": found.get("all_frames", {})}
    rows = [
        [words, *(cell for part in parts.values() for cell in _errors(part.get(key, {})))]
        for key, words in ANSWERS.items()
    ]
    headers = [f"{frames}: {metric}" for frames in parts for metric in _METRICS.values()]
    return markdown(("single image, camera held out", *headers), rows)


def short_held_out(result: Result) -> str:
    """The README's rows: the camera that training never saw, in frames after those of the training."""
    found = result["network"].get("held_out_camera", {}).get("new_frames", {})
    rows = [[ANSWERS[key], *_errors(found.get(key, {}))] for key in ("pretrained", "adapted", _BLAZEPOSE)]
    return markdown(("single image: another camera, later frames", *_METRICS.values()), rows)


def _errors(row: Result) -> list[str]:
    return [number(row.get(metric), 0) for metric in _METRICS]


def cost(result: Result) -> str:
    """Seconds of every step, and memory."""
    rows = [[step, number(seconds, 0)] for step, seconds in result["seconds"].items()]
    rows.append(["total", number(result["demo_seconds"], 0)])
    return markdown(("step", "seconds"), rows) + f"\n\nPeak memory {result['peak_rss_mb']} MB."
