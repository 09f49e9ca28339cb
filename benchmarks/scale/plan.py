"""Cost of very many clips, from what a clip was measured to take and from prices that are given.

    python -m benchmarks.scale.plan --clips 1000000 --core-hour PRICE [--gigabyte-month PRICE] [--request PRICE]

Reads benchmarks/results/scale.json; prices are arguments, because every provider and every laboratory has its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.scale.cost import SCALE
from epipose.errors import InputError
from epipose.io.files import read_json

CLIP_FRAMES = 1000  # of four views: what the costs of one clip are of
RESULT_FILES = 12  # of a clip folder, each an object
REPEATED = 0.02  # share of the work that is done again: workers that are taken away, disks that fill
STAGES = ("detect", "calibrate", "label")


@dataclass(frozen=True)
class Plan:
    """What clips take: core hours by stage, gigabytes of results, and objects written."""

    clips: int
    core_hours: Mapping[str, float]
    result_gb: float
    objects: int

    @property
    def total_hours(self) -> float:
        """Core hours of all stages, with what is done again."""
        return (1 + REPEATED) * sum(self.core_hours.values())


def plan(found: Mapping[str, Any], clips: int, *, known_rig: bool = False) -> Plan:
    """The plan for clips of four views and `CLIP_FRAMES` frames; ``known_rig``: cameras are not calibrated again.

    Raises InputError where a stage was not measured.
    """
    row = next((row for row in found.get("growth_frames", {}).get("rows", ()) if row["frames"] == CLIP_FRAMES), {})
    detected = found.get("detect")
    seconds = {
        "detect": detected and detected["cpu_s"]["now"] * CLIP_FRAMES / detected["frames"],
        "calibrate": 0.0 if known_rig else row.get("calibrate_cpu_s"),
        "label": row.get("label_cpu_s"),
    }
    missing = [stage for stage in STAGES if seconds[stage] is None]
    if missing or "folder_mb" not in row:
        raise InputError(f"{SCALE} does not say what {', '.join(missing) or 'a folder'} takes. Measure that part.")
    hours = {stage: clips * float(seconds[stage] or 0.0) / 3600 for stage in STAGES}
    return Plan(clips, hours, clips * row["folder_mb"] / 1024, clips * RESULT_FILES)


def main() -> None:
    """Print the plan and its price."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--core-hour", type=float, required=True, help="price of an hour of one core")
    parser.add_argument("--gigabyte-month", type=float, default=0.0, help="price of a gigabyte of storage for a month")
    parser.add_argument("--request", type=float, default=0.0, help="price of writing one object")
    parser.add_argument("--known-rig", action="store_true", help="the cameras are calibrated once, not in every clip")
    options = parser.parse_args()
    found = plan(read_json(SCALE), options.clips, known_rig=options.known_rig)
    for stage, hours in found.core_hours.items():
        print(f"{stage}: {hours:,.0f} core hours")
    print(
        f"with {REPEATED:.0%} done again: {found.total_hours:,.0f} core hours, {found.total_hours * options.core_hour:,.0f}"
    )
    print(f"results: {found.result_gb:,.0f} GB, {found.result_gb * options.gigabyte_month:,.0f} a month")
    print(f"objects: {found.objects:,}, {found.objects * options.request:,.0f}")


if __name__ == "__main__":
    main()
