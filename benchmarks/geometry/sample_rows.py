"""The real clip against its wand calibration: both detectors' keypoints, every method, and CPU time beside caliscope's.

Times are of one thread, without the start of processes and without imports. What is timed of ours is all that
`calibrate` does once it has keypoints, the verdict included; caliscope returns cameras without one.
"""

from __future__ import annotations

from contextlib import suppress
from statistics import median

from benchmarks.geometry.against_reference import frame_by_frame, label_errors
from benchmarks.geometry.caliscope_rival import caliscope
from benchmarks.geometry.methods import OURS, methods, ours
from benchmarks.geometry.options import Options, Result, one_thread
from benchmarks.geometry.rivals import Rival, timed
from epipose.camera import Camera, Rig
from epipose.errors import EpiposeError
from epipose.experiments.errors import camera_errors
from epipose.io.records import as_json
from epipose.poses import Poses2D

_COLUMNS = ("rotation_deg_median", "rotation_deg_max", "center_mm_mean", "label_pmpjpe_mm", "seconds", "cpu_seconds")
_ROUNDS = 3  # of the comparison of times, in turns


def sample_part(options: Options) -> Result:
    """Errors of every method, full keypoints quoted; ours heavy too; and the ratio of CPU times."""
    one_thread()
    reference = Rig.load(options.demo / "sample/reference/rig.json")
    camera = reference.camera
    given = Rig(reference.names, Camera.from_intrinsics(camera.K, camera.distortion, camera.size))
    table: dict[str, dict[str, Result]] = {}
    result: Result = {}
    for detector in ("full", "heavy"):
        path = options.demo / detector / "poses2d.npz"
        if not path.exists():
            continue
        poses = Poses2D.load(path)
        table[detector] = _rows(poses, given, reference, methods(options))
        prefix = "sample" if detector == "full" else f"sample_{detector}"
        mine = table[detector][OURS]
        result |= {f"{prefix}_{key}": mine[key] for key in _COLUMNS[:3]}
        if detector == "full" and options.caliscope:
            result |= _times(poses, given, caliscope(options.caliscope), 1 if options.quick else _ROUNDS)
    return {**result, "sample": table}


def _rows(poses: Poses2D, given: Rig, reference: Rig, everyone: dict[str, Rival]) -> dict[str, Result]:
    reference_labels, rows = frame_by_frame(poses, reference), {}
    for name, method in everyone.items():
        rig, seconds, cpu_seconds = timed(method, poses, given)
        row: Result = {"found": rig is not None, "seconds": round(seconds, 2), "cpu_seconds": round(cpu_seconds, 2)}
        if rig is not None:
            row |= as_json(camera_errors(rig, reference))
            with suppress(EpiposeError):  # cameras so wrong that no label survives
                row |= label_errors(frame_by_frame(poses, rig), reference_labels)
        rows[name] = row
        print(name, {key: row.get(key) for key in _COLUMNS}, flush=True)
    return rows


def _times(poses: Poses2D, given: Rig, rival: Rival, rounds: int) -> Result:
    """CPU seconds of ours over the rival's, medians of runs in turns; ours has run before, as the rival's imports."""
    runs = [(timed(ours, poses, given).cpu_seconds, timed(rival, poses, given).cpu_seconds) for _ in range(rounds)]
    mine, theirs = (median(of) for of in zip(*runs, strict=True))
    return {"calibrate_cpu_over_caliscope": mine / theirs, "sample_cpu_seconds": {"epipose": mine, "caliscope": theirs}}
