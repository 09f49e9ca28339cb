"""Write the tables of README.md and docs/ from the JSON in benchmarks/results/, so that no figure is typed by hand.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; --check only says whether all are up to date.
Where a result is missing, its tables stay as they are, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from epipose.errors import EpiposeError
from epipose.files import read_json

import geometry_tables
from geometry_tables import markdown

_ROOT = Path(__file__).resolve().parent.parent
_PAGES = ("README.md", "docs/benchmarks.md", "docs/log.md")


def main() -> int:
    """Rewrite the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale, missing = [], []
    for page in _PAGES:
        text = (_ROOT / page).read_text(encoding="utf-8")
        new, without = with_tables(text)
        missing += [f"{page}: {reason}" for reason in without]
        if new != text:
            stale.append(page)
            if not check:
                (_ROOT / page).write_text(new, encoding="utf-8")
    print(f"{'out of date' if check else 'rewritten'}: {', '.join(stale) or 'none'}")
    for reason in missing:
        print(reason)
    return 1 if missing or (check and stale) else 0


def with_tables(text: str) -> tuple[str, list[str]]:
    """The page with every marked table made anew, and for each that cannot be made the reason."""
    missing = []

    def table(match: re.Match[str]) -> str:
        name = match[1]
        if name not in _TABLES:
            missing.append(f"there is no table '{name}'; there are {', '.join(_TABLES)}.")
            return match[0]
        try:
            return f"<!-- table: {name} -->\n{_TABLES[name]()}\n<!-- end -->"
        except EpiposeError as error:
            missing.append(f"table '{name}' was left as it is. {error} docs/benchmarks.md says which script makes it.")
        except KeyError as key:
            missing.append(f"table '{name}' was left as it is: its result has no {key}. Measure that part again.")
        return match[0]

    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", table, text, flags=re.DOTALL), missing


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
    return markdown(headers, rows)


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
    return markdown(("single picture, frames 80-99", "PMPJPE mm", "NMPJPE mm", "MPJPE mm"), rows)


def _demo_cost() -> str:
    demo = _results("demo")
    rows = [[step, f"{seconds:.0f}"] for step, seconds in demo["seconds"].items()]
    rows.append(["all that counts", f"{demo['demo_seconds']:.0f}"])
    return markdown(("step", "seconds"), rows) + f"\n\nPeak memory {demo['peak_rss_mb']} MB."


def _ablation() -> str:
    result = _results("ablation")
    rows = [
        [f"{detector}: {name}", *(f"{row[key]:.{digits}f}" for key, digits in _ABLATION_COLUMNS.items())]
        for detector, variants in result.items()
        for name, row in variants.items()
    ]
    headers = ("BlazePose", "rotation, median deg", "rotation, worst pair", "centres, mean mm", "labels, PMPJPE mm")
    return markdown(headers, rows)


_ABLATION_COLUMNS = {"rotation_deg_median": 2, "rotation_deg_max": 2, "center_mm_mean": 0, "label_pmpjpe_mm": 1}


def _letterbox() -> str:
    result = _results("sample_letterbox")
    models = next(iter(result.values()))["rms_residual_px"]
    rows = [[model, *(f"{camera['rms_residual_px'][model]:.2f}" for camera in result.values())] for model in models]
    return markdown(("the video's picture is", *(f"{name}, rms px" for name in result)), rows)


def _geometry(table: Callable[[dict[str, Any]], str]) -> Callable[[], str]:
    return lambda: table(_results("geometry"))


_TABLES: dict[str, Callable[[], str]] = {
    "demo_cameras": _demo_cameras,
    "demo_network": _demo_network,
    "demo_cost": _demo_cost,
    "ablation": _ablation,
    "letterbox": _letterbox,
    "geometry_figures": _geometry(geometry_tables.figures),
    "geometry_short": _geometry(geometry_tables.short),
    "geometry_simulation": _geometry(geometry_tables.simulation),
    "geometry_sample": _geometry(geometry_tables.sample),
    "geometry_unknowns": _geometry(geometry_tables.unknowns),
    "geometry_verdict": _geometry(geometry_tables.verdict),
    "geometry_speed": _geometry(geometry_tables.speed),
}

if __name__ == "__main__":
    sys.exit(main())
