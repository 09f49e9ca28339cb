"""Speed of `epipose predict` on a video, and how often a frame is decoded; its part of scale.json.

The call is timed in a fresh process each, with the files that it writes, after the imports: this code, and where a
folder is given, the code there, in turn, so that both meet the same machine. Repeats are compared pair by pair, and the
median of the ratios counts. Both networks are measured: the one in the package, which works without a download, and the
one on BlazePose heavy where the cache has it.

    python -m benchmarks.scale.predict VIDEO --before OTHER_CHECKOUT
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.network.studio_results import merge_results
from benchmarks.scale.cost import ROOT, SCALE, one_thread

CORES = 2

# Run by either code, so it knows of both: what decodes, and where the networks are.
_WORKER = """
import json, sys, time
from collections import Counter
from pathlib import Path
import epipose.io.video as video
from epipose.inference.predict import predict
from epipose.network.pretrained import pretrained_model

name = "decoded_frames" if hasattr(video, "decoded_frames") else "_decoded"
decode, times, frames = getattr(video, name), Counter(), Counter()

def counted(*given, **options):
    for number, frame in enumerate(decode(*given, **options)):
        times[number] += 1
        yield frame

setattr(video, name, counted)
source, variant, out = sys.argv[1:4]
wall, cpu = time.perf_counter(), time.process_time()
made = predict(source, pretrained_model(variant), out)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps({"wall_s": wall, "cpu_s": cpu, "frames": len(made.xyz), "times": list(times.values())}))
"""


def run(checkout: Path, video: Path, variant: str) -> dict[str, Any]:
    """Seconds of one call in a process of its own, and how often each frame of the video was decoded."""
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run(
            [sys.executable, "-c", _WORKER, str(video), variant, out],
            env=one_thread(checkout), cwd=out, check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def rows(video: Path, before: Path | None, variants: Sequence[str], repeats: int) -> dict[str, Any]:
    """The keys of scale.json: seconds of each variant and code, their ratios, and how often frames are decoded."""
    speed: dict[str, Any] = {}
    decodes: list[float] = []
    for variant in variants:
        runs = list(_in_turn(video, before, variant, repeats))
        now = [after for after, _ in runs]
        decodes.append(_times_decoded(now[0]["times"]))
        row = {"frames": now[0]["frames"], **_medians(now), "repeats": repeats}
        others = [other for _, other in runs if other is not None]
        if others:
            ratios = {
                f"{kind}_ratio": round(
                    median(old[f"{kind}_s"] / new[f"{kind}_s"] for new, old in zip(now, others, strict=True)), 3
                )
                for kind in ("wall", "cpu")
            }
            row |= {f"before_{key}": value for key, value in _medians(others).items()}
            row |= {**ratios, "before_decodes": _times_decoded(others[0]["times"])}
        speed[variant] = row
    keys = {"predict_speed": {**speed, "cores": CORES, "video": video.name}, "predict_decodes": max(decodes)}
    if before is not None:
        keys |= {"predict_speedup": speed["full"]["wall_ratio"]}
    return keys


def _in_turn(
    video: Path, before: Path | None, variant: str, repeats: int
) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Pairs of runs one after the other, every second pair in the other order."""
    for number in range(repeats):
        if number % 2:
            old = None if before is None else run(before, video, variant)
            yield run(ROOT, video, variant), old
        else:
            new = run(ROOT, video, variant)
            yield new, None if before is None else run(before, video, variant)


def _medians(runs: Sequence[dict[str, Any]]) -> dict[str, float]:
    return {key: round(median(each[key] for each in runs), 3) for key in ("wall_s", "cpu_s")}


def _times_decoded(times: Sequence[int]) -> int:
    """How often the frames behind the first were decoded; the first alone is also looked at for its size."""
    return Counter(times[1:]).most_common(1)[0][0]


def main() -> None:
    """Measure, and write the keys into scale.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path, help="a video of a person, such as one of the sample's")
    parser.add_argument("--before", type=Path, help="a checkout of the code to compare with")
    parser.add_argument("--variants", nargs="+", default=["full", "heavy"], choices=["full", "heavy"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--result", type=Path, default=SCALE)
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    keys = rows(given.video.resolve(), given.before and given.before.resolve(), given.variants, given.repeats)
    merge_results(given.result, keys)
    print(json.dumps(keys, indent=2))


if __name__ == "__main__":
    main()
