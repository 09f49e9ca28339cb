"""Headline numbers of the single-image networks, from the rows of benchmarks/results/network.json.

    python -m benchmarks.network.headline

Those without an ending are of the network on BlazePose heavy, with "_full" of that on full. ``people_over_detector``:
its PMPJPE over that of the same BlazePose's own 3D, on all images of both people of the two-person demo.
``full_pmpjpe_mm``, ``ratio_self_full``: of `epipose bench self` with heads on the landmark network, the error of the one
that learned from ground truth, and the NMPJPE of the one that learned from its own labels over that one's.
``temporal_gain``, ``jitter_over_detector``: of the centred temporal refiner on the network's poses in simulated videos.
``held_out_adapted_pmpjpe_mm``: of the demo, frames 80-99. ``pretrained_mb``: all files of the pretrained networks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.network.rows import NETWORK
from benchmarks.network.studio_results import merge_results
from epipose.experiments.result import ExperimentResult
from epipose.io.files import read_json
from epipose.network.pretrained import PRETRAINED

ROWS = {
    "studio_pmpjpe_mm": ("studio", ""),
    "studio_alone_pmpjpe_mm": ("studio", "_alone"),
    "sample_pmpjpe_mm": ("sample", ""),
    "sample_alone_pmpjpe_mm": ("sample", "_alone"),
    "sample_frames_80_99_pmpjpe_mm": ("sample_frames_80_99", ""),
    "sample_alone_frames_80_99_pmpjpe_mm": ("sample_frames_80_99", "_alone"),
    "held_out_pretrained_pmpjpe_mm": ("held_out_camera_frames_80_99", ""),
    "held_out_pretrained_alone_pmpjpe_mm": ("held_out_camera_frames_80_99", "_alone"),
}
PEOPLE = ("two_people_man", "two_people_woman")


def headline(found: dict[str, Any]) -> dict[str, float]:
    """The headline numbers of both networks."""
    numbers = {}
    for variant, ending in (("heavy", ""), ("full", "_full")):
        for name, (group, how) in ROWS.items():
            numbers[name + ending] = found[group]["rows"][f"pretrained_{variant}{how}"]["pmpjpe_mm"]
        ours, theirs = (
            sum(found[group]["images"] * found[group]["rows"][row]["pmpjpe_mm"] for group in PEOPLE)
            for row in (f"pretrained_{variant}", f"blazepose_{variant}")
        )
        numbers[f"people_over_detector{ending}"] = round(ours / theirs, 3)
    return numbers


def supervision(result: ExperimentResult) -> dict[str, float]:
    """The headline numbers of `epipose bench self` with heads on the landmark network."""
    full, own = (result.network_rows[name] for name in ("full", "self"))
    return {
        "full_pmpjpe_mm": round(full.pmpjpe_mm, 2),
        "ratio_self_full": round(own.nmpjpe_mm / full.nmpjpe_mm, 4),
    }


def elsewhere(results: Path) -> dict[str, float]:
    """The headline numbers that other scripts left in their own JSON, and the size of what ships."""
    demo = read_json(results / "demo.json")
    video = read_json(results / "temporal.json")["simulated"]["reading, 25 frames/s"][
        "temporal, centred, constant bones"
    ]
    files = [path for path in PRETRAINED.rglob("*") if path.is_file()]
    return {
        "held_out_adapted_pmpjpe_mm": round(demo["adapted_pmpjpe_mm"], 2),
        "held_out_alone_pmpjpe_mm": round(demo["adapted_alone_pmpjpe_mm"], 2),
        **{name: video[name] for name in ("temporal_gain", "jitter_over_detector")},
        "pretrained_mb": round(sum(path.stat().st_size for path in files) / 1e6, 1),
    }


if __name__ == "__main__":
    merge_results(NETWORK, headline(read_json(NETWORK)))
    merge_results(NETWORK, supervision(ExperimentResult.load(NETWORK.with_name("bench_self_landmarks.json"))))
    merge_results(NETWORK, elsewhere(NETWORK.parent))
