"""Growth of time and memory with frames, cameras and people, with fitted exponents; its part of scale.json.

    python -m benchmarks.scale.growth --mocap DIR --rigs FILE [--only frames|cameras|people ...]

One thing grows at a time: frames of four cameras and one person, cameras at 500 frames of one person, people at 500
frames of four cameras. Calibrate, label, and association (where there are several people) each run in a fresh process;
calibration, which is of one person, is left out where people grow.
An exponent is the slope of a straight line through the logarithms: cost grows with that power. Fixed costs make it
small where all sizes count, so the one of the frames is fitted to recordings of 10 000 frames and more.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.network.studio_results import merge_results
from benchmarks.scale.cost import SCALE, Cost, Stage, cost_of
from benchmarks.scale.recordings import Recording, recording

_FRAMES = (1000, 3000, 10_000, 30_000, 100_000)
_CAMERAS = (2, 4, 8, 16, 31)
_PEOPLE = (1, 2, 3, 4, 5)
_LONG = 10_000  # frames from which the exponent of the frames is fitted
_OTHER_FRAMES = 500
Row = dict[str, Any]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, help="folder of motion capture; a generated walk without")
    parser.add_argument("--rigs", type=Path, help="the rigs of Human3.6M as JSON")
    parser.add_argument("--only", nargs="+", choices=("frames", "cameras", "people"))
    parser.add_argument("--out", type=Path, default=SCALE)
    options = parser.parse_args()

    def made(frames: int, views: int, people: int) -> Recording:
        return recording(2, frames=frames, views=views, people=people, mocap=options.mocap, rigs=options.rigs)

    parts: dict[str, tuple[Sequence[int], Callable[[int], Recording]]] = {
        "frames": (_FRAMES, lambda count: made(count, 4, 1)),
        "cameras": (_CAMERAS, lambda count: made(_OTHER_FRAMES, count, 1)),
        "people": (_PEOPLE, lambda count: made(_OTHER_FRAMES, 4, count)),
    }
    for part in options.only or parts:
        sizes, of = parts[part]
        rows = [_row(part, size, of(size)) for size in sizes]
        found: dict[str, Any] = {f"growth_{part}": {"rows": rows, "exponents": exponents(part, rows)}}
        if part == "frames":
            long = exponents(part, [row for row in rows if row[part] >= _LONG])
            found["growth_frames"]["exponents_long"] = long
            found["frames_exponent"] = max(value for key, value in long.items() if key.endswith("cpu_s"))
        merge_results(options.out, found)


def _row(part: str, size: int, clip: Recording) -> Row:
    """Costs of every stage on one recording. Labels are those of the true cameras: the stages are apart."""
    row: Row = {part: size}
    stages: tuple[Stage, ...] = ("label", "associate") if part == "people" else ("calibrate", "label")
    with TemporaryDirectory() as folder:
        for stage in stages[: 1 if part == "people" and size == 1 else 2]:
            place = Path(folder) / stage
            clip.save(place, with_rig=stage != "calibrate")
            row |= _named(stage, cost_of(stage, place))
        if part == "frames":
            written = sum(file.stat().st_size for file in Path(folder, "label").iterdir())
            row["folder_mb"] = round(written / 2**20, 2)
    print(row, flush=True)
    return row


def _named(stage: Stage, cost: Cost) -> Row:
    return {f"{stage}_cpu_s": round(cost.cpu_seconds, 2), f"{stage}_peak_mb": round(cost.peak_mb)}


def exponents(part: str, rows: Sequence[Row]) -> dict[str, float]:
    """The power of the size with which each cost grows, least squares on logarithms."""
    found = {}
    for key in dict.fromkeys(key for row in rows for key in row if key != part):
        points = [(math.log(row[part]), math.log(row[key])) for row in rows if key in row]
        if len(points) >= 2:
            size, cost = zip(*points, strict=True)
            found[key] = round(float(np.polyfit(size, cost, 1)[0]), 3)
    return found


if __name__ == "__main__":
    main()
