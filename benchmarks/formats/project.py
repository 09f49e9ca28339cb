"""The sample clip inside an unmodified Pose2Sim project, with our cameras and with the lab's wand calibration.

The same 2D keypoints each time. Pose2Sim triangulates, filters and solves joint angles; its markers and angles with our
cameras are compared with those with the wand calibration, after a similarity (our scale is nominal and our world is
another). The wand calibration is read twice: by Pose2Sim's own converter, and by `epipose.datasets.sample`, which knows
how two of the videos were scaled and padded.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.formats.environment import run_script
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.geometry.align import similarity_between
from epipose.pipeline.export import export
from epipose.poses import Poses2D

OURS, WAND, WAND_CONVERTED = "epipose", "wand", "wand, Pose2Sim's converter"
_ANGLES = ("hip_flexion", "hip_adduction", "knee_angle", "ankle_angle", "arm_flex", "arm_add", "elbow_flex")


class Solved(NamedTuple):
    """Markers in metres (frame marker 3), joint angles in degrees (frame angle), and the errors of their solution."""

    markers: tuple[str, ...]
    xyz: Float[np.ndarray, "frame marker 3"]
    angle_names: tuple[str, ...]
    angles: Float[np.ndarray, "frame angle"]
    ik_rms_mm: Float[np.ndarray, " frame"]


def project_part(python: Path, clip: Path) -> dict[str, Any]:
    """Run the three projects; rows of differences from the one with the wand calibration as we read it."""
    sample = clip.parent / "sample"
    with TemporaryDirectory() as folder:
        place = Path(folder)
        poses, fps = Poses2D.load(clip / "poses2d.npz"), Clip.load(clip).fps
        keypoints = place / "keypoints.npz"
        np.savez(keypoints, xy=poses.xy[:, :, 0].numpy(), conf=poses.conf[:, :, 0].numpy(), views=poses.views, fps=fps)
        cameras = {
            OURS: _toml(Rig.load(clip / "rig.json"), place / "ours" / "Calib.toml"),
            WAND: _toml(Rig.load(sample / "reference" / "rig.json"), place / "wand" / "Calib.toml"),
            WAND_CONVERTED: sample / "reference" / "Calib.qca.txt",
        }
        solved = {name: _solved(python, keypoints, path, place / "result.npz") for name, path in cameras.items()}
    rows = [{"cameras": name, **compared(solved[name], solved[WAND])} for name in solved]
    ours = rows[0]
    return {
        "project_marker_difference_mm": ours["marker_mm_mean"],
        "project_angle_difference_deg": ours["angle_deg_mean"],
        "project_frames": len(solved[OURS].xyz),
        "project_table": rows,
    }


def _toml(rig: Rig, path: Path) -> Path:
    export(rig, path)
    return path


def _solved(python: Path, keypoints: Path, cameras: Path, result: Path) -> Solved:
    run_script(python, "pose2sim_project", [keypoints, cameras, result])
    with np.load(result) as file:
        names, angle_names = (tuple(map(str, file[key])) for key in ("markers", "angle_names"))
        rms = file["ik_rms_mm"] if "ik_rms_mm" in file.files else np.full(len(file["xyz"]), np.nan)
        return Solved(names, file["xyz"], angle_names, file["angles"], rms)


def compared(found: Solved, reference: Solved) -> dict[str, float]:
    """Differences of markers (mean and 95th percentile, after a similarity) and of the limbs' angles."""
    frames = min(len(found.xyz), len(reference.xyz))
    a, b = found.xyz[:frames].reshape(-1, 3), reference.xyz[:frames].reshape(-1, 3)
    known = np.isfinite(a).all(-1) & np.isfinite(b).all(-1)
    a, b = torch.from_numpy(a[known]), torch.from_numpy(b[known])
    moved = similarity_between(a, b)
    apart = 1000 * np.linalg.norm((moved.apply(a) - b).numpy(), axis=-1)
    columns = [i for i, name in enumerate(found.angle_names) if name.rpartition("_")[0] in _ANGLES]
    frames = min(len(found.angles), len(reference.angles))
    turned = np.abs(found.angles[:frames, columns] - reference.angles[:frames, columns])
    return {
        "marker_mm_mean": float(apart.mean()),
        "marker_mm_95": float(np.percentile(apart, 95)),
        "angle_deg_mean": float(turned.mean()),
        "angle_deg_95": float(np.percentile(turned, 95)),
        "ik_rms_mm": float(np.sqrt(np.mean(found.ik_rms_mm**2))),
    }
