"""Hopeless footage: how long calibration takes until it says so.

A seated man, 57 frames, four webcams of unknown intrinsics, three times the detector's errors: no cameras come from
that, and nobody should wait for it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from benchmarks.geometry.methods import cpu_seconds
from benchmarks.geometry.options import Options, Result, in_processes, noise_options
from benchmarks.geometry.simulation import Noise, Simulated, detected, simulate
from benchmarks.geometry.uncertainty_rows import calibrated
from epipose.errors import EpiposeError
from epipose.experiments.errors import camera_errors
from epipose.motion.postures import posture_motion

_FRAMES, _FPS, _LEVEL, _CLIPS = 57, 30.0, 3.0, 5


def hopeless_part(options: Options) -> Result:
    """The longest of five clips, in seconds of one thread."""
    runs = list(in_processes(_run, [(seed, options) for seed in options.seed_range(_CLIPS)], 1))
    return {"hopeless_seconds": max(run["seconds"] for run in runs), "hopeless": {"frames": _FRAMES, "runs": runs}}


def seated_clip(seed: int, frames: int = _FRAMES, level: float = _LEVEL) -> Simulated:
    """A person on a chair in the middle of a drawn rig of four cameras of one model."""
    rng = np.random.default_rng([seed, frames])
    motion = posture_motion(rng, frames / _FPS, _FPS, "sitting on a chair")
    xyz = torch.from_numpy(motion.xyz)
    clip = simulate(seed, frames=frames, layout="one model", fps=_FPS)
    noise = Noise(**noise_options("detector", level))
    xy, conf = detected(clip.rig, xyz.expand(len(clip.rig.names), *xyz.shape), _FPS, noise, rng)
    poses = replace(clip.poses, xy=xy[:, :, None], conf=conf[:, :, None])
    return replace(clip, poses=poses, xyz=xyz, motion=motion.name, noise=noise)


def _run(job: tuple[int, Options]) -> Result:
    seed, _ = job
    clip, record = seated_clip(seed), Result()

    def calibrate() -> None:
        try:
            found = calibrated(clip, given=False)
        except EpiposeError as error:
            record.update(verdict="refused", reason=str(error))
            return
        worst = camera_errors(found.rig, clip.rig).rotation_deg_max
        record.update(verdict=found.verdict.word, reason=(*found.verdict.reasons, "")[0], rotation_deg_max=worst)

    seconds, cpu = cpu_seconds(calibrate)
    return {"seed": seed, "seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), **record}
