"""Files for other programs, read by these: writes benchmarks/results/formats.json.

make oracles, or python -m benchmarks.formats.oracles --oracles .oracles --clip demo/full

Every exporter's files are read by the program that they are for, or by another one that knows the format
(cameras.py, poses.py, animation.py); what is read here is tested on files of the other program's layout, by the test
that stands in the row. A check that fails is counted and named, and the others go on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.formats.animation import AnimationErrors, animation_errors
from benchmarks.formats.cameras import CameraCheck, heavy_checks, light_checks
from benchmarks.formats.environment import python_of, versions
from benchmarks.formats.poses import PoseCheck, marker_checks, models_of, opensim_check
from benchmarks.formats.readers import READ, READERS_ROOT
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.errors import EpiposeError
from epipose.exporters import EXPORTERS
from epipose.io.files import write_json
from epipose.pipeline.label import labels_of
from epipose.pipeline.options import LabelOptions
from epipose.poses import Poses2D, Poses3D

RESULT = Path(__file__).resolve().parents[1] / "results" / "formats.json"
LOST = {
    ".trc": "confidence, whether lengths are metres",
    ".c3d": "confidence, moments of single frames, whether lengths are metres",
    ".csv": "skeleton, whether lengths are metres",
    ".parquet": "whether lengths are metres, but for pandas",
    ".nc": "nothing",
    ".bvh": "confidence, changes of bone lengths, joints that the rig lacks",
    ".glb": "confidence, changes of bone lengths, joints that the rig lacks",
    ".toml": "lags, whether lengths are metres; by style shear or the third coefficient, with a warning",
    ".yml": "lags, whether lengths are metres",
    "colmap": "lags, whether lengths are metres",
    "easymocap": "lags, whether lengths are metres; fisheyes",
    ".qca.txt": "lags; fisheyes; k4 to k6 are fitted by k1 to k3",
    ".xcp": "lags; the lens is fitted by another model",
    "opensim": "confidence; markers that the model's set has not",
}
Row = dict[str, Any]
Check = Callable[[], Iterable[Row]]


def main() -> None:
    """Run every check and write the result; the exit code is 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oracles", type=Path, default=Path(".oracles"))
    parser.add_argument("--clip", type=Path, default=Path("demo/full"), help="the sample, detected and calibrated")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    result = measured(given.oracles, given.clip)
    write_json(given.out, result)
    print({key: value for key, value in result.items() if not isinstance(value, list | dict)})
    sys.exit(1 if result["oracle_failures"] else 0)


def measured(oracles: Path, clip: Path) -> dict[str, Any]:
    """Rows of everything that is written and read, and the quoted numbers."""
    python, blender = python_of(oracles, "main"), python_of(oracles, "blender")
    labels = labels_of_clip(clip)
    tools: dict[str, Path] = dict.fromkeys(("aniposelib", "pose2sim", "caliscope"), python)
    motion = dict[str, float]()

    def joint_angles() -> Iterator[Row]:
        check, found = opensim_check(python, models_of(python), labels)
        motion.update(found)
        yield pose_row(check)

    checks: list[tuple[str, Check]] = [
        *(("cameras", partial(camera_rows, check)) for check in (*light_checks(), *heavy_checks(tools))),
        ("3D poses", lambda: (pose_row(check) for check in marker_checks(python))),
        ("joint angles", joint_angles),
        ("animation", lambda: (animation_row(found) for found in animation_errors(labels, "sample", blender))),
    ]
    written, failures = [], list[str]()
    for name, check in checks:
        try:
            for row in check():
                print(row, flush=True)
                written.append(row)
        except (EpiposeError, subprocess.CalledProcessError) as error:
            failures.append(f"{name}: {getattr(error, 'stderr', None) or error}"[-600:])
            print(f"failed: {failures[-1]}", flush=True)
    read, failed_tests = tested()
    return _quoted(written, read, [*failures, *failed_tests], motion) | {"versions": versions(oracles)}


def _quoted(written: list[Row], read: list[Row], failures: list[str], motion: dict[str, float]) -> dict[str, Any]:
    toml = [row["error"] for row in written if row["format"] == ".toml" and row["oracle"] != "epipose"]
    bvh = [row["error"] for row in written if row["format"] == ".bvh" and row["oracle"] == "Blender"]
    checked = {row["format"] for row in written if row["oracle"] != "epipose"}
    return {
        "formats_written": len(checked & set(EXPORTERS)),
        "formats_read": len(read),
        "oracle_failures": len(failures),
        "failures": failures,
        "ik_rms_mm": motion.get("rms_mm"),
        "ik_worst_frame_mm": motion.get("worst_frame_rms_mm"),
        "bvh_median_mm": max(bvh, default=None),
        "toml_reprojection_px": max(toml, default=None),
        "written": written,
        "read": read,
    }


def labels_of_clip(clip: Path) -> Poses3D:
    """Labels of a detected and calibrated clip in the joints of the detector."""
    detected, rig = Poses2D.load(clip / "poses2d.npz"), Rig.load(clip / "rig.json")
    return replace(labels_of(Clip.load(clip), detected, rig, (), LabelOptions()).poses, metric=True)


def camera_rows(check: Callable[[], Iterable[CameraCheck]]) -> Iterator[Row]:
    """A row per file of cameras and program."""
    for one in check():
        style = f"{one.style}, {one.lens}" if one.style else one.lens
        yield _row(one.format, one.oracle, one.version, f"{one.compared}; {style}", one.error_px, "px")


def pose_row(check: PoseCheck) -> Row:
    """A row of a file of 3D poses."""
    return _row(check.format, check.oracle, check.version, check.compared, check.error_mm, "mm")


def animation_row(found: AnimationErrors) -> Row:
    """A row of an animation: the median, and the worst beside it."""
    compared = f"{found.joints} joints of the labels, median; worst {found.worst_mm:.1f} mm"
    return _row(found.format, found.oracle, found.version, compared, found.median_mm, "mm")


def _row(format: str, oracle: str, version: str, compared: str, error: float, unit: str) -> Row:
    about = {"oracle": oracle, "version": version, "compared": compared, "error": error, "unit": unit}
    return {"format": format, **about, "lost": LOST.get(format, "")}


def tested() -> tuple[list[Row], list[str]]:
    """What is read, by the tests of its reader: rows of those that pass, and the failures."""
    rows, failures, passed = [], [], dict[str, bool]()
    for name, what, test in READ:
        if test not in passed:
            command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-q", test]
            done = subprocess.run(command, cwd=READERS_ROOT, capture_output=True, text=True)
            passed[test] = done.returncode == 0
            if not passed[test]:
                failures.append(f"{test}: {done.stdout.strip()[-400:]}")
        if passed[test]:
            rows.append({"format": name, "holds": what, "test": test})
    return rows, failures


if __name__ == "__main__":
    main()
