"""caliscope (PyPI, BSD-2) on our 2D poses: its own start from epipolar geometry, optimise, filter, optimise.

It runs in a Python of its own, because it needs opencv-python, which must not stand beside our OpenCV: python -m venv
DIR && DIR/bin/pip install caliscope==0.11.8, then --caliscope DIR/bin/python. It gets the same keypoints (confidence
0.3 and more), the same intrinsics with their distortion, all frames, one thread.

Two ways to call it: "steps" as its scripting documentation has it (bootstrap, optimize, filter_by_percentile_error of
2.5 %, optimize), and "whole", its one call calibrate_extrinsics, which has a robust pass between.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from benchmarks.geometry.rivals import Rival, TimedRig
from epipose.camera import Rig
from epipose.geometry.observations import MIN_CONFIDENCE
from epipose.poses import Poses2D

_WORKER = Path(__file__).with_name("caliscope_worker.py")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_DISTORTION = 5  # numbers that its adjustment takes; the rigs here have no others
Steps = Literal["steps", "whole"]


def caliscope(python: Path, steps: Steps = "steps", timeout: float = 900.0) -> Rival:
    """The rival, given a Python that has the package; its clock counts neither the process's start nor imports."""

    def run(poses: Poses2D, intrinsics: Rig) -> TimedRig | None:
        camera = intrinsics.camera.to(torch.float64)
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "keypoints.npz", Path(folder) / "rig.npz"
            np.savez(
                source,
                xy=poses.xy[:, :, 0].double().numpy(),
                seen=(poses.conf[:, :, 0] >= MIN_CONFIDENCE).numpy(),
                K=camera.K.numpy(),
                distortion=camera.distortion[:, :_DISTORTION].numpy(),
                size=camera.size.numpy(),
            )
            command = [str(python), str(_WORKER), str(source), str(target), steps]
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=timeout, env={**os.environ, **_ONE_THREAD}
                )
            except subprocess.TimeoutExpired:
                print(f"caliscope: not done after {timeout:.0f} s")
                return None
            if not target.exists():
                print(f"caliscope: {done.stderr[-500:]}")
                return None
            with np.load(target) as answer:
                R, t = (torch.from_numpy(answer[name].astype(float)) for name in ("R", "t"))
                seconds, cpu_seconds = (float(answer[name]) for name in ("seconds", "cpu_seconds"))
        return TimedRig(Rig(poses.views, camera.with_pose(R, t.reshape(-1, 3))), seconds, cpu_seconds)

    return run
