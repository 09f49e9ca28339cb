"""Benchmark of the geometry: simulated clips and the real sample, ours beside every rival, in one run.

    python -m benchmarks.geometry.all_geometry --mocap DIR --rigs FILE --humancalib DIR/bin/python \
        --caliscope DIR/bin/python

writes benchmarks/results/geometry.json: the numbers that docs and tests quote at the top, full tables below them. Each
part can be measured again alone (--only sample); what the others found stays. Without --mocap and --rigs a generated
walk in one rig is used, and the JSON says so. The sample needs the demo's folder (make demo). Seeds begin at 5000:
those below 1000 are there to be tuned on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.geometry.bound import bound_part
from benchmarks.geometry.hopeless import hopeless_part
from benchmarks.geometry.many_cameras import many_cameras_part
from benchmarks.geometry.options import FIRST_SEED, WALKS, Options, Result
from benchmarks.geometry.pooled_rows import pooled_part
from benchmarks.geometry.sample_rows import sample_part
from benchmarks.geometry.simulated_rows import simulation_part
from benchmarks.geometry.speed import speeds
from benchmarks.geometry.uncertainty_rows import uncertainty_part
from benchmarks.geometry.unknowns import sample_unknowns, simulated_unknowns
from benchmarks.geometry.verdicts import read, summary
from epipose.camera import Rig
from epipose.io.files import read_json, write_json
from epipose.poses import Poses2D

_OFFSET_CLIPS = 20  # of 20 s each


def unknowns_part(options: Options) -> Result:
    """Focal lengths and offsets, simulated (6 px + 3 % outliers) and real (see unknowns.py)."""
    seeds, clips = options.seed_range(), 2 if options.quick else _OFFSET_CLIPS
    frames = 60 if options.quick else options.frames
    simulated = simulated_unknowns(
        seeds, range(FIRST_SEED, FIRST_SEED + clips), frames, roam=WALKS, **options.sources()
    )
    return {**simulated, **sample_unknowns(options.demo)}


def verdict_part(options: Options) -> Result:
    """False alarms and misses of the verdict: runs of failure_runs.py with seeds that chose no limit (see verdicts.py)."""
    if not options.failures:
        return {}
    found = summary(read(options.failures))
    quoted = ("verdict_gross_rejected_share", "verdict_good_rejected_share")
    trusted = {"trusted_worst_deg": found["worst_rotation_trusted_deg"]}
    return {**{key: found[key] for key in quoted}, **trusted, "verdicts": found}


def speed_part(options: Options) -> Result:
    """Ratios in one run (see speed.py)."""
    found = speeds(options.mocap, options.rigs, quick=options.quick)
    quoted = {
        "ba_speed_over_ceres": found["bundle"]["ba_speed_over_ceres"],
        "ba_cost_over_ceres": found["bundle"]["ba_cost_over_ceres"],
        "triangulation_speed_over_opencv": found["triangulation"]["triangulation_speed_over_opencv"],
        "calibrate_1000_frames_s": found["calibration"]["calibrate_1000_frames_s"],
    }
    return {**quoted, "speed": found}


def together(clips: Sequence[tuple[Poses2D, float]], intrinsics: Rig) -> Sequence[Rig]:
    """This library's calibration of several clips of the same cameras."""
    from epipose.calibration.pooled import ClipInput, calibrate_together  # pyright: ignore[reportMissingImports]

    inputs = [ClipInput(f"clip {number}", poses, fps) for number, (poses, fps) in enumerate(clips, 1)]
    return [found.rig for found in calibrate_together(inputs, intrinsics)]


def _pooled_part(options: Options) -> Result:
    """Clips of one rig together (see pooled_rows.py)."""
    return pooled_part(options, together)


# A part takes the options and returns top-level entries of the JSON: quoted numbers, then its table under its name.
PARTS: dict[str, Callable[[Options], Result]] = {
    "simulation": simulation_part,
    "bound": bound_part,
    "uncertainty": uncertainty_part,
    "many_cameras": many_cameras_part,
    "pooled": _pooled_part,
    "sample": sample_part,
    "unknowns": unknowns_part,
    "verdict": verdict_part,
    "hopeless": hopeless_part,
    "speed": speed_part,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, help="folder of CMU or DeepMimic motions")
    parser.add_argument("--rigs", type=Path, help="JSON of Human3.6M's cameras")
    parser.add_argument("--motions", default="*", help="pattern of the motions' names")
    parser.add_argument("--humancalib", type=Path, help="a Python that has humancalib")
    parser.add_argument("--caliscope", type=Path, help="a Python that has caliscope")
    parser.add_argument(
        "--whole", action="store_true", help="caliscope's robust pass as well: a minute of CPU per clip"
    )
    parser.add_argument("--demo", type=Path, default=Path("demo"))
    parser.add_argument(
        "--failures", type=Path, nargs="*", default=(), help="what failure_runs.py wrote for seeds >= 5000"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=20, help="clips per row")
    parser.add_argument("--frames", type=int, default=300, help="frames per clip")
    parser.add_argument("--quick", action="store_true", help="one seed, short clips: does it run")
    parser.add_argument("--only", choices=list(PARTS))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/geometry.json"))
    return parser


def main() -> None:
    """Measure all parts, or one, and write the JSON."""
    arguments = vars(_parser().parse_args())
    only, out = arguments.pop("only"), arguments.pop("out")
    options = Options(**arguments)
    result: Result = read_json(out) if only and out.exists() else {}
    for name, part in PARTS.items():
        if only in (None, name):
            started = time.perf_counter()
            result |= part(options)
            print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
    quoted = {key: value for key, value in result.items() if not isinstance(value, dict)}
    write_json(out, {**quoted, **result})
    for key, value in quoted.items():
        print(f"{key}: {value if value is None else format(value, '.4g')}")


if __name__ == "__main__":
    main()
