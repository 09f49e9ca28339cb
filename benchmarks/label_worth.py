"""What labels are worth before anything is trained on them: their error against the truth, and what each option changes.

Confidence is worth something if it is low where the error is high: the mean error weighted by it is then below the plain
mean, and the rank correlation of the two is negative. A gate trades labels for exactness.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from epipose.bench.errors import camera_errors
from epipose.camera import Rig
from epipose.data.supervision import supervision
from epipose.geometry.align import similarity_between
from epipose.label import label
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17

_GATES = (1.5, 4.0, 1e6)  # beside the 2.5 that is the default of `label`; the last lets everything pass
_SMOOTHNESS = (0.1, 0.03, 0.01)  # metres a frame squared


def label_quality(clips: list[Path]) -> dict[str, Any]:
    """The labels themselves against the truth: PMPJPE and share by mode; what confidence, gates and smoothing change."""
    rows: dict[str, Any] = {
        mode: _against_truth(clips, mode) for mode in ("self", "self+rig", "true2d", "full", "paper")
    }
    found = [(Poses2D.load(clip / "poses2d.npz"), Rig.load(clip / "rig.json")) for clip in clips]
    truths = [Poses3D.load(clip / "truth" / "poses3d.npz") for clip in clips]
    for gate in _GATES:
        rows[f"self, gate {gate:g}"] = _errors([label(poses, rig, gate=gate) for poses, rig in found], truths)
    for smoothness in _SMOOTHNESS:
        labels = [label(poses, rig, smoothness=smoothness) for poses, rig in found]
        rows[f"self, smoothness {smoothness:g}"] = _errors(labels, truths)
    cameras = [camera_errors(Rig.load(c / "rig.json"), Rig.load(c / "truth" / "rig.json")) for c in clips]
    rows["rotation_deg_median"] = float(np.median([camera["rotation_deg_median"] for camera in cameras]))
    rows["rotation_deg_worst"] = float(np.max([camera["rotation_deg_max"] for camera in cameras]))
    return rows


def _against_truth(clips: list[Path], mode: str) -> dict[str, float]:
    where = [clip / "paper" if mode == "paper" else supervision(clip, mode).labels for clip in clips]  # type: ignore[arg-type]
    labels = [Poses3D.load(folder / "poses3d.npz") for folder in where]
    return _errors(labels, [Poses3D.load(clip / "truth" / "poses3d.npz") for clip in clips])


def _errors(labels: list[Poses3D], truths: list[Poses3D]) -> dict[str, float]:
    """Per joint after a similarity of the whole pose: mean, mean weighted by confidence, rank correlation, share."""
    error, conf = [], []
    for label_, truth in zip(labels, truths, strict=True):
        weight = (label_.conf[:, 0] > 0).float()
        enough = weight.sum(-1) >= 8
        p, q, w = label_.xyz[enough, 0].float(), truth.mapped_to(H36M17).xyz[enough, 0].float(), weight[enough]
        distance = 1000 * (similarity_between(p, q, w).apply(p) - q).norm(dim=-1)
        error.append(distance[w > 0])
        conf.append(label_.conf[enough, 0][w > 0])
    e, c = torch.cat(error), torch.cat(conf)
    rank = [x.argsort().argsort().double() for x in (e, c)]
    total = sum(label_.conf[:, 0].numel() for label_ in labels)
    return {
        "pmpjpe_mm": float(e.mean()),
        "pmpjpe_mm_weighted": float((c * e).sum() / c.sum()),
        "rank_correlation": float(torch.corrcoef(torch.stack(rank))[0, 1]),
        "labelled_share": len(e) / total,
    }
