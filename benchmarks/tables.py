"""Write the tables of README.md and docs/ from the JSON in benchmarks/results/, so that no figure is typed by hand.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; --check only says whether all are up to date.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from epipose.files import read_json

_ROOT = Path(__file__).resolve().parent.parent
_PAGES = ("README.md", "docs/benchmarks.md", "docs/log.md")


def main() -> int:
    """Rewrite the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for page in _PAGES:
        text = (_ROOT / page).read_text(encoding="utf-8")
        new = with_tables(text)
        if new != text:
            stale.append(page)
            if not check:
                (_ROOT / page).write_text(new, encoding="utf-8")
    print(f"{'out of date' if check else 'rewritten'}: {', '.join(stale) or 'none'}")
    return 1 if check and stale else 0


def with_tables(text: str) -> str:
    """The page with every marked table made anew."""

    def table(match: re.Match[str]) -> str:
        return f"<!-- table: {match[1]} -->\n{_TABLES[match[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", table, text, flags=re.DOTALL)


def _markdown(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headers, ["---"] + ["---:"] * (len(headers) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _results(name: str) -> dict[str, Any]:
    return read_json(_ROOT / "benchmarks" / "results" / f"{name}.json")


def _demo_cameras() -> str:
    demo = _results("demo")
    rows = [
        _camera_row("epipose, BlazePose full", demo, demo["label_pmpjpe_mm"]),
        _camera_row("epipose, BlazePose heavy", demo["heavy"], demo["heavy"]["label_pmpjpe_mm"]),
    ]
    for name, errors in (("full", demo), ("heavy", demo["heavy"])):
        recipe = errors["paper_recipe"]
        rows.append(
            [
                f"the paper's recipe (F from one frame), BlazePose {name}",
                f"{recipe['rotation_deg_median']:.1f}",
                f"{recipe['rotation_deg_max']:.1f}",
                "-",
                "-",
            ]
        )
    headers = ("cameras from", "rotation, median deg", "rotation, worst pair", "centres, mean mm", "labels, PMPJPE mm")
    return _markdown(headers, rows)


def _camera_row(name: str, errors: dict[str, Any], labels: float) -> list[str]:
    return [
        name,
        f"{errors['rotation_deg_median']:.2f}",
        f"{errors['rotation_deg_max']:.2f}",
        f"{errors['center_mm_mean']:.0f}",
        f"{labels:.1f}",
    ]


def _demo_network() -> str:
    names = {
        "epipose": "epipose, trained on frames 0-69 of this clip",
        "blazepose_world_landmarks": "BlazePose full, world landmarks",
        "mean_training_pose": "each camera's mean training pose (no looking)",
    }
    network = _results("demo")["network"]
    rows = [
        [names[key], *(f"{network[key][metric]:.0f}" for metric in ("pmpjpe_mm", "nmpjpe_mm", "mpjpe_mm"))]
        for key in names
    ]
    return _markdown(("single picture, frames 80-99", "PMPJPE mm", "NMPJPE mm", "MPJPE mm"), rows)


def _demo_cost() -> str:
    demo = _results("demo")
    rows = [[step, f"{seconds:.0f}"] for step, seconds in demo["seconds"].items()]
    rows.append(["all that counts", f"{demo['demo_seconds']:.0f}"])
    return _markdown(("step", "seconds"), rows) + f"\n\nPeak memory {demo['peak_rss_mb']} MB."


def _ablation() -> str:
    result = _results("ablation")
    rows = [
        [f"{detector}: {name}", *(f"{row[key]:.{digits}f}" for key, digits in _ABLATION_COLUMNS.items())]
        for detector, variants in result.items()
        for name, row in variants.items()
    ]
    headers = ("BlazePose", "rotation, median deg", "rotation, worst pair", "centres, mean mm", "labels, PMPJPE mm")
    return _markdown(headers, rows)


_ABLATION_COLUMNS = {"rotation_deg_median": 2, "rotation_deg_max": 2, "center_mm_mean": 0, "label_pmpjpe_mm": 1}


def _letterbox() -> str:
    result = _results("sample_letterbox")
    models = next(iter(result.values()))["rms_residual_px"]
    rows = [[model, *(f"{camera['rms_residual_px'][model]:.2f}" for camera in result.values())] for model in models]
    return _markdown(("the video's picture is", *(f"{name}, rms px" for name in result)), rows)


_TABLES = {
    "demo_cameras": _demo_cameras,
    "demo_network": _demo_network,
    "demo_cost": _demo_cost,
    "ablation": _ablation,
    "letterbox": _letterbox,
}

if __name__ == "__main__":
    sys.exit(main())
