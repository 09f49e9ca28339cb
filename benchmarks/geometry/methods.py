"""Methods of the comparison, ours and the rivals', and what is measured of each on a clip."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from benchmarks.geometry.against_reference import truth_error
from benchmarks.geometry.caliscope_rival import caliscope
from benchmarks.geometry.humancalib_rival import humancalib
from benchmarks.geometry.options import Options, Result
from benchmarks.geometry.rivals import RIVALS, Rival, timed
from benchmarks.geometry.simulation import Simulated
from epipose.calibration.calibrate import calibrate_rig
from epipose.calibration.rig_options import RigOptions
from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.experiments.errors import camera_errors
from epipose.poses import Poses2D

OURS, NO_BONES = "epipose", "epipose without bones"
CALISCOPE, CERES = "caliscope", "pycolmap bundle"
_NUMBERS = ("rotation_deg_median", "rotation_deg_max", "center_mm_mean")


def ours(poses: Poses2D, intrinsics: Rig) -> Rig | None:
    """This library, as anybody calls it."""
    return calibrate_rig(poses, intrinsics, fps=50.0).rig


def without_bones(poses: Poses2D, intrinsics: Rig) -> Rig | None:
    """The same with bones free to change length, to see what their prior brings or costs; no rival."""
    return calibrate_rig(poses, intrinsics, RigOptions(constant_bones=False), fps=50.0).rig


def methods(options: Options) -> dict[str, Rival]:
    """Ours and every rival that can run here."""
    found: dict[str, Rival] = {OURS: ours, **RIVALS}
    if options.humancalib:
        found["humancalib"] = humancalib(options.humancalib)
    if options.caliscope:
        found[CALISCOPE] = caliscope(options.caliscope)
        if options.whole:
            found[f"{CALISCOPE}, robust"] = caliscope(options.caliscope, "whole")
    return found


def measured(method: Rival, poses: Poses2D, clip: Simulated, true_labels: float | None = None) -> Result:
    """Errors and seconds of one method; with ``true_labels`` (error of the true cameras' labels) those of its labels."""
    rig, seconds, cpu_seconds = timed(method, poses, clip.given())
    times = {"seconds": round(seconds, 2), "cpu_seconds": round(cpu_seconds, 2)}
    if rig is None:
        return {"found": False, **times}
    errors = camera_errors(rig, clip.rig)
    result: Result = {"found": True, **times, **{key: getattr(errors, key) for key in _NUMBERS}}
    if true_labels is not None:
        try:
            result["label_pmpjpe_mm"] = truth_error(clip.poses, rig, clip.xyz)
            result["label_gap_mm"] = result["label_pmpjpe_mm"] - true_labels
        except EpiposeError:  # cameras so wrong that no label survives
            result["label_pmpjpe_mm"] = None
    return result


def best_rival(medians: Mapping[str, float | None]) -> tuple[str, float]:
    """The rival with the smallest error, and that; raises ValueError where no rival has one."""
    found = {name: error for name, error in medians.items() if error is not None and name not in (OURS, NO_BONES)}
    name = min(found, key=lambda name: found[name])
    return name, found[name]


def cpu_seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall and of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu
