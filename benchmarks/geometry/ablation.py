"""Ablation of calibration on the sample: switch a part off, measure against the wand calibration.

Real footage, one clip: a difference of a tenth of a degree here means nothing elsewhere. Needs the demo's folder
(`make demo` first); uses the heavy weights as well when they are in the cache. Writes benchmarks/results/ablation.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.geometry.against_reference import frame_by_frame, label_errors
from epipose.calibration import adjustment
from epipose.calibration.calibrate import calibrate_rig
from epipose.calibration.rig_options import RigOptions
from epipose.camera import Rig
from epipose.experiments.errors import camera_errors
from epipose.formats.qualisys import read_qualisys
from epipose.geometry import observations
from epipose.io.files import write_json
from epipose.io.records import as_json
from epipose.poses import Poses2D

_COLUMNS = ("rotation_deg_median", "rotation_deg_max", "center_mm_mean", "label_pmpjpe_mm", "seconds")


def main() -> None:
    """Measure every variant with every set of 2D poses there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path("demo"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/ablation.json"))
    arguments = parser.parse_args()
    reference = Rig.load(arguments.demo / "sample/reference/rig.json")
    as_calibrated = read_qualisys(arguments.demo / "sample/reference/Calib.qca.txt")
    result: dict[str, dict[str, Any]] = {}
    for detector in ("full", "heavy"):
        path = arguments.demo / detector / "poses2d.npz"
        if path.exists():
            poses = Poses2D.load(path)
            result[detector] = {
                name: measured(name, poses, reference, as_calibrated) for name in ("default", *_VARIANTS, _LETTERBOX)
            }
    write_json(arguments.out, result)
    for detector, rows in result.items():
        print(f"\n{detector:44s}" + "".join(f"{column[:16]:>18s}" for column in _COLUMNS))
        for name, row in rows.items():
            print(f"{name:44s}" + "".join(f"{row[column]:18.2f}" for column in _COLUMNS))


_LETTERBOX = "letterbox of two videos ignored"
_VARIANTS: dict[str, RigOptions] = {
    "bones free to change length": RigOptions(constant_bones=False),
    "left and right bones of different length": RigOptions(symmetric=False),
    "smoothness prior (5 mm second difference)": RigOptions(smoothness=0.005),
    "lags not estimated": RigOptions(clocks=False),
    "every part of the body with the same weight": RigOptions(),
    "the expected noise in place of the measured one": RigOptions(),
    "no repair of left-right swaps during calibration": RigOptions(),
    "expected error 0.012 instead of 0.024": RigOptions(),
}


@contextmanager
def _switched(name: str) -> Iterator[None]:
    if name == "every part of the body with the same weight":
        with patch.object(adjustment, "part_weights", lambda problem, found, part: found.R.new_ones(len(part))):
            yield
    elif name == "the expected noise in place of the measured one":
        with patch.object(adjustment, "measured_noise", lambda observed, *_: observed):
            yield
    elif name == "no repair of left-right swaps during calibration":

        def none_found(observed: observations.Observations, *_: Any) -> Any:
            return observed, torch.zeros(observed.weight.shape[:2], dtype=torch.bool)

        with patch.object(adjustment, "correct_swaps", none_found):
            yield
    elif name == "expected error 0.012 instead of 0.024":
        with patch.object(observations, "NOISE_SHARE", 0.012):
            yield
    else:
        yield


def measured(name: str, poses: Poses2D, reference: Rig, as_calibrated: Rig) -> dict[str, float]:
    """One row: calibrate with the part switched off; labels always against those of the reference cameras."""
    intrinsics = reference
    if name == _LETTERBOX:
        intrinsics = dataclasses.replace(as_calibrated, names=reference.names)
    started = time.perf_counter()
    with _switched(name):
        rig = calibrate_rig(poses, intrinsics, _VARIANTS.get(name, RigOptions()), fps=60.0).rig
        seconds = time.perf_counter() - started
        labels = frame_by_frame(poses, rig), frame_by_frame(poses, reference)
    row = {**as_json(camera_errors(rig, reference)), **label_errors(*labels), "seconds": round(seconds, 1)}
    return {column: row[column] for column in _COLUMNS}


if __name__ == "__main__":
    main()
