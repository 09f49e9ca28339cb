"""Unknown focal lengths and time offsets: what calibration and synchronisation find, against ground truth.

Simulated clips at 6 px + 3 % outliers, a person who walks about; and the real sample with its focal length hidden, and
with its videos cut at known places. Each number is an error of the result, not of a part: what unknown
intrinsics cost the labels is measured on the labels.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.geometry.against_reference import frame_by_frame, label_errors, truth_error
from benchmarks.geometry.simulation import Simulated, simulate
from epipose.calibration.calibrate import calibrate_rig
from epipose.calibration.rig_options import RigOptions
from epipose.camera import Rig, assumed_camera, stack_cameras
from epipose.experiments.errors import camera_errors
from epipose.poses import Poses2D
from epipose.sync.from_motion import offsets_from_motion

SAMPLE_FPS = 60.0


def without_lenses(rig: Rig) -> Rig:
    """Cameras of which only the size of the image is known."""
    return Rig(rig.names, stack_cameras([assumed_camera(*size) for size in rig.camera.size.tolist()]))


def focal_run(clip: Simulated) -> dict[str, float]:
    """One simulated clip with one focal length for all cameras, unknown: its error, and what it costs the labels."""
    found = calibrate_rig(clip.poses, without_lenses(clip.rig), RigOptions(focal="shared"), fps=clip.fps).rig
    return {"focal_error_pct": focal_error_pct(found, clip.rig), **_errors(found, clip)}


def _errors(found: Rig, clip: Simulated) -> dict[str, float]:
    of_found, of_true = (truth_error(clip.poses, rig, clip.xyz) for rig in (found, clip.rig))
    errors = camera_errors(found, clip.rig)
    return {
        "rotation_deg_median": errors.rotation_deg_median,
        "center_mm_mean": errors.center_mm_mean,
        "label_gap_mm": of_found - of_true,
    }


def focal_error_pct(found: Rig, true: Rig) -> float:
    """Mean over the cameras of by how many per cent the focal length is off."""
    return float(100 * (found.camera.focal / true.camera.focal - 1).abs().mean())


def whole_offsets_run(seed: int, **options: Any) -> list[bool]:
    """Videos of 20 s started up to 10 s apart by whole frames: whether each is found to the frame."""
    rng = np.random.default_rng([seed, 7])
    offsets = np.array([0, *rng.integers(-250, 251, 3)])
    clip = simulate(seed, frames=1000, offsets=tuple(offsets.astype(float)), **options)
    _, found = _offsets(clip.poses, clip.given(), clip.fps)
    return [bool(abs(error) < 0.5) for error in (found - offsets)[1:]]


def _offsets(poses: Poses2D, given: Rig, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Frames by which every view starts after view 0: by the motion alone, and with what calibration corrects."""
    times = [np.arange(poses.xy.shape[1]) / fps for _ in poses.views]
    starts = np.array(offsets_from_motion(poses, times).starts) * fps
    begin = np.round(starts.max() - starts).astype(int)  # what every view shows before the last one starts
    common = poses.xy.shape[1] - int(begin.max())
    xy, conf = (
        torch.stack([of[view, first : first + common] for view, first in enumerate(begin.tolist())])
        for of in (poses.xy, poses.conf)
    )
    lag = calibrate_rig(Poses2D(xy, conf, poses.skeleton, poses.views), given, fps=fps).rig.lag.numpy()
    return starts - starts[0], (starts - lag) - (starts - lag)[0]


def part_frames_run(seed: int, **options: Any) -> list[float]:
    """Views late by up to three frames and a part of one: error in frames of what calibration finds."""
    rng = np.random.default_rng([seed, 8])
    offsets = (0.0, *rng.uniform(-3, 3, 3))
    clip = simulate(seed, frames=500, offsets=offsets, **options)
    lag = calibrate_rig(clip.poses, clip.given(), fps=clip.fps).rig.lag
    return [abs(float(-late - true)) for late, true in zip(lag[1:], offsets[1:], strict=True)]


def sample_without_focal(poses: Poses2D, reference: Rig) -> dict[str, float]:
    """The real clip with all intrinsics unknown (one focal length for all, no distortion given)."""
    found = calibrate_rig(poses, without_lenses(reference), RigOptions(focal="shared"), fps=SAMPLE_FPS).rig
    errors = camera_errors(found, reference)
    labels = label_errors(frame_by_frame(poses, found), frame_by_frame(poses, reference))
    keys = ("rotation_deg_median", "rotation_deg_max", "center_mm_mean")
    return {
        **{key: getattr(errors, key) for key in keys},
        **labels,
        "focal_error_pct": focal_error_pct(found, reference),
    }


def sample_offsets(poses: Poses2D, given: Rig, cuts: int = 10) -> dict[str, Any]:
    """The real clip, every video cut by 0 to 20 frames at its start: largest and median error of the offsets found.

    ``synchronised``: by the motion alone, in whole frames. ``calibrated``: with the part of a frame (or more) that
    calibration corrects. Offsets are relative to the first view.
    """
    rng = np.random.default_rng(0)
    errors: dict[str, list[float]] = {"synchronised": [], "calibrated": []}
    for _ in range(cuts):
        cut = rng.integers(0, 21, len(poses.views))
        frames = poses.xy.shape[1] - 20
        xy, conf = (
            torch.stack([of[view, begin : begin + frames, :1] for view, begin in enumerate(cut.tolist())])
            for of in (poses.xy, poses.conf)
        )
        found = _offsets(Poses2D(xy, conf, poses.skeleton, poses.views), given, SAMPLE_FPS)
        for name, offsets in zip(errors, found, strict=True):
            errors[name] += np.abs(offsets - (cut - cut[0]))[1:].round(3).tolist()  # starts are kept in microseconds
    return {name: {"largest": max(of), "median": median(of)} for name, of in errors.items()}


def simulated_unknowns(seeds: Iterable[int], clips: Iterable[int], frames: int, **options: Any) -> dict[str, Any]:
    """The quoted numbers of simulated clips, and the runs behind them; ``clips``: seeds of those with whole offsets."""
    focal = [focal_run(simulate(seed, frames=frames, **options)) for seed in seeds]
    whole = [exact for seed in clips for exact in whole_offsets_run(seed, **options)]
    parts = [error for seed in seeds for error in part_frames_run(seed, **options)]
    return {
        "sim_focal_error_pct": median(run["focal_error_pct"] for run in focal),
        "sim_focal_label_gap_mm": median(run["label_gap_mm"] for run in focal),
        "sim_offset_exact_share": sum(whole) / len(whole),
        "sim_offset_error_frames": median(parts),
        "unknowns_simulated": {"focal": focal, "whole_offsets": len(whole), "part_offsets_frames": parts},
    }


def sample_unknowns(demo: Path) -> dict[str, Any]:
    """The same of the real clip, with both detectors where they were run; BlazePose full is quoted."""
    table: dict[str, Any] = {}
    for detector in ("full", "heavy"):
        path = demo / detector / "poses2d.npz"
        if path.exists():
            poses, reference = Poses2D.load(path), Rig.load(demo / "sample/reference/rig.json")
            hidden, offsets = sample_without_focal(poses, reference), sample_offsets(poses, reference)
            table[detector] = {"without_focal": hidden, "offsets": offsets}
            print(detector, table[detector], flush=True)
    quoted = table["full"]
    return {
        "sample_nofocal_rotation_deg_median": quoted["without_focal"]["rotation_deg_median"],
        "sample_nofocal_focal_error_pct": quoted["without_focal"]["focal_error_pct"],
        "sample_offset_error_frames": quoted["offsets"]["calibrated"]["largest"],
        "unknowns_sample": table,
    }
