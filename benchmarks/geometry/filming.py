"""Filming by numbers: errors of cameras and labels by the number of cameras, their places, the path and the length.

    python -m benchmarks.geometry.filming --mocap DIR

writes benchmarks/results/filming.json. Simulated: cameras on a circle of 4.5 m radius at 1.5 m height, full HD, 50
frames a second, true intrinsics given; motion capture of one person (a generated walk without --mocap); a detector with
the errors of a real one (noise_model.py). One thing is varied at a time; the rest is four cameras all round, a path of
3 m, 6 seconds.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.geometry.against_reference import truth_error
from benchmarks.geometry.drawn_rigs import ring_rig
from benchmarks.geometry.options import WALKS, Options, Result, in_processes, median_of, noise_options
from benchmarks.geometry.simulation import Simulated, simulate
from epipose.calibration.calibrate import calibrate_rig
from epipose.errors import EpiposeError
from epipose.experiments.errors import camera_errors
from epipose.io.files import write_json

_OUT = Path(__file__).resolve().parents[1] / "results" / "filming.json"
_FPS, _FRAMES, _SEEDS = 50, 300, 8
_WORDS = ("trust", "check", "reject", "refused")
_COLUMNS = (
    "rotation_deg_median", "rotation_deg_max", "center_mm_mean", "label_pmpjpe_mm", "label_true_cameras_mm",
)  # fmt: skip


class Footage(NamedTuple):
    """What is filmed. ``angles``: directions of the cameras in degrees; ``roam``: half the extent of the path, metres."""

    angles: tuple[float, ...]
    roam: float = WALKS
    frames: int = _FRAMES


class Setting(NamedTuple):
    """A row: what is varied, its value, and the footage."""

    part: str
    value: float
    footage: Footage


def all_round(views: int) -> tuple[float, ...]:
    """Directions of cameras at equal distances on the circle; two of them 90 degrees apart, as opposite ones are bad."""
    return (0.0, 90.0) if views == 2 else tuple(360.0 * view / views for view in range(views))


def on_an_arc(views: int, degrees: float) -> tuple[float, ...]:
    """Directions of cameras that share an arc from end to end."""
    return tuple(degrees * view / (views - 1) for view in range(views))


def settings() -> Iterator[Setting]:
    """Every row of the result; some are of the same footage."""
    four = all_round(4)
    for views in (2, 3, 4, 6, 8):
        yield Setting("cameras", views, Footage(all_round(views)))
    for angle in (20, 40, 60, 90, 120, 150, 180):
        yield Setting("pair_deg", angle, Footage((0.0, float(angle))))
    for arc in (30, 60, 90, 180, 270):
        yield Setting("arc_deg", arc, Footage(on_an_arc(4, arc)))
    for roam in (0.0, 0.25, 0.5, 1.0, 1.5, 2.0):
        yield Setting("path_m", 2 * roam, Footage(four, roam=roam))
    for seconds in (1, 2, 4, 6, 12, 24):
        yield Setting("seconds", seconds, Footage(four, frames=_FPS * seconds))


def filming_part(options: Options) -> Result:
    """The rows by part: medians over the clips, and how often each verdict was given."""
    rows = [row for row in settings() if not options.quick or row.footage.frames <= _FRAMES]
    distinct = list(dict.fromkeys(row.footage for row in rows))
    jobs = [(footage, seed, options) for footage in distinct for seed in options.seed_range()]
    runs: dict[Footage, list[Result]] = {footage: [] for footage in distinct}
    for (footage, _, _), run in zip(jobs, in_processes(_run, jobs, options.workers), strict=True):
        runs[footage].append(run)
    parts: dict[str, list[Result]] = {}
    for row in rows:
        parts.setdefault(row.part, []).append({"value": row.value, **summary(runs[row.footage])})
    return {**parts, "runs": [{**footage._asdict(), "clips": found} for footage, found in runs.items()]}


def summary(runs: Sequence[Result]) -> Result:
    """Medians over the clips of one row, and the number of each verdict."""
    words = Counter(run["verdict"] for run in runs)
    counts = {word: words[word] for word in _WORDS}
    return {"clips": len(runs), **{key: median_of(runs, key) for key in _COLUMNS}, **counts}


def _run(job: tuple[Footage, int, Options]) -> Result:
    """One clip: errors of its cameras and of its labels, beside those of the true cameras' labels."""
    footage, seed, options = job
    clip = simulate(
        seed,
        frames=60 if options.quick else footage.frames,
        rig=ring_rig(footage.angles),
        roam=footage.roam,
        mocap=options.mocap,
        fps=float(_FPS),
        **noise_options("detector", 1.0),
    )
    return {"seed": seed, "motion": clip.motion, **_errors(clip)}


def _errors(clip: Simulated) -> Result:
    try:
        found = calibrate_rig(clip.poses, clip.given(), fps=clip.fps)
    except EpiposeError as error:
        return {"verdict": "refused", "refused": str(error)}
    errors = camera_errors(found.rig, clip.rig)
    result: Result = {
        "verdict": found.verdict.word,
        "rotation_deg_median": errors.rotation_deg_median,
        "rotation_deg_max": errors.rotation_deg_max,
        "center_mm_mean": errors.center_mm_mean,
    }
    for name, rig in (("label_pmpjpe_mm", found.rig), ("label_true_cameras_mm", clip.rig)):
        try:
            result[name] = truth_error(clip.poses, rig, clip.xyz)
        except EpiposeError:  # no joint that two views see at a sufficient angle
            result[name] = None
    return result


def main() -> None:
    """Measure everything and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, help="folder of CMU or DeepMimic motions")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=_SEEDS, help="clips per row")
    parser.add_argument("--quick", action="store_true", help="one seed, short clips: does it run")
    parser.add_argument("--out", type=Path, default=_OUT)
    arguments = vars(parser.parse_args())
    out, options, started = arguments.pop("out"), Options(**arguments), time.perf_counter()
    found = filming_part(options)
    sources = {"motion": "motion capture" if options.mocap else "generated walk", "fps": _FPS}
    write_json(out, {"clips": len(options.seed_range()), **sources, **found})
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
