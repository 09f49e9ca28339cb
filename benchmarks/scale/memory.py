"""Peak memory of calibrate and label on recordings of four cameras and one person; its part of scale.json.

    python -m benchmarks.scale.memory --mocap DIR --rigs FILE [--before TREE]

Every stage runs in a fresh process of its own, and the peak is that of the whole process, libraries included. With
--before, a source tree of an earlier version, that one runs on the same keypoints beside it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.network.studio_results import merge_results
from benchmarks.scale.cost import SCALE, Stage, cost_of
from benchmarks.scale.recordings import recording

_STAGES: tuple[Stage, ...] = ("calibrate", "label")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, help="folder of motion capture; a generated walk without")
    parser.add_argument("--rigs", type=Path, help="the rigs of Human3.6M as JSON")
    parser.add_argument("--before", type=Path, help="source tree of an earlier version")
    parser.add_argument("--frames", type=int, default=36_000)
    parser.add_argument("--out", type=Path, default=SCALE)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        clip = Path(folder) / "clip"
        recording(1, frames=options.frames, mocap=options.mocap, rigs=options.rigs).save(clip)
        found = measured(clip, options.frames)
        if options.before is not None:
            earlier = measured(clip, options.frames, options.before)
            found |= {f"{key}_before": value for key, value in earlier.items()}
    merge_results(options.out, found)


def measured(clip: Path, frames: int, *source: Path) -> dict[str, Any]:
    """Peaks in MiB and CPU seconds of every stage."""
    found: dict[str, Any] = {}
    for stage in _STAGES:
        cost = cost_of(stage, clip, *source)
        found[f"{stage}_peak_mb_{frames}"] = round(cost.peak_mb)
        found[f"{stage}_cpu_s_{frames}"] = round(cost.cpu_seconds, 1)
    return found


if __name__ == "__main__":
    main()
