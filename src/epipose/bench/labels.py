"""How good labels are before anything is trained on them: by where the 2D comes from, and how the cameras are known.

The paper's table of label quality: true 2D or a detector's, with true cameras, with recovered ones, and with those that
the paper's own recipe finds (F from a single frame). Beside it: what gates, smoothing and confidence are worth.
Confidence is worth something if it is low where the error is high: the mean weighted by it is then below the plain one,
and the rank correlation of the two is negative.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.bench.errors import camera_errors, pose_errors
from epipose.bench.paper_recipe import paper_recipe
from epipose.calibrate import calibrate
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.errors import EpiposeError
from epipose.geometry.align import similarity_between
from epipose.label import in_camera_frames, label
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17

_NO_GATE = 1e6  # lets everything pass
_GATES = (1.5, 4.0, _NO_GATE)  # beside the default of `label`
_SMOOTHNESS = (0.1, 0.03, 0.01)  # metres a frame squared
_LEAST_JOINTS = 8  # of a pose that is aligned


class Made(NamedTuple):
    """Labels of one clip and the rig that they were made with."""

    labels: Poses3D
    rig: Rig


def label_rows(clips: list[Path]) -> dict[str, dict[str, Any]]:
    """Errors of labels by 2D source and cameras, over clips that are detected, calibrated and labelled."""
    rows = {f"{source}, {cameras}": _row(clips, source, cameras) for source in _SOURCES for cameras in _CAMERAS}
    found = [(Poses2D.load(clip / "poses2d.npz"), Rig.load(clip / "rig.json")) for clip in clips]
    for gate in _GATES:
        rows[f"gate {gate:g}"] = label_errors(clips, [Made(label(poses, rig, gate=gate), rig) for poses, rig in found])
    for smooth in _SMOOTHNESS:
        made = [Made(label(poses, rig, smoothness=smooth), rig) for poses, rig in found]
        rows[f"smoothness {smooth:g}"] = label_errors(clips, made)
    return rows


def _row(clips: list[Path], source: str, cameras: str) -> dict[str, Any]:
    answered, made = [], []
    for clip in clips:
        poses = Poses2D.load(clip / _SOURCES[source]).subject()
        one = _CAMERAS[cameras](clip, poses)
        if one is not None:
            answered.append(clip)
            made.append(one)
    return {**label_errors(answered, made), "clips_without_cameras": len(clips) - len(made)}


def _with_true_cameras(clip: Path, poses: Poses2D) -> Made:
    rig = true_rig(clip)
    return Made(label(poses, rig), rig)


def _with_recovered_cameras(clip: Path, poses: Poses2D) -> Made | None:
    try:
        rig = calibrate(poses, _lenses(clip, poses.views), fps=Clip.load(clip).fps).rig
    except EpiposeError as error:
        print(f"{clip.name}: {error}", flush=True)
        return None
    return Made(label(poses, rig), rig)


def _by_the_papers_recipe(clip: Path, poses: Poses2D) -> Made | None:
    rig = paper_recipe(poses, _lenses(clip, poses.views))
    return None if rig is None else Made(label(poses, rig, gate=_NO_GATE), rig)  # the paper has no gate


def _lenses(clip: Path, views: tuple[str, ...]) -> Rig:
    return Rig.load(clip / "intrinsics.json", intrinsics_only=True).select(views)


_SOURCES = {"true 2D": Path("truth") / "poses2d.npz", "detector": Path("poses2d.npz")}
_CAMERAS: dict[str, Callable[[Path, Poses2D], Made | None]] = {
    "true cameras": _with_true_cameras,
    "recovered": _with_recovered_cameras,
    "paper's recipe": _by_the_papers_recipe,
}


def label_errors(clips: list[Path], made: list[Made]) -> dict[str, float]:
    """Labels against the truth, and the cameras they rest on.

    ``joint_mm``: mean over labelled joints after a similarity of each pose, also ``_weighted`` by confidence;
    ``joint_share`` of the joints labelled. ``pmpjpe_mm``, ``nmpjpe_mm``, ``mpjpe_mm`` (where the rig is metric) over poses
    with the root and ten joints, in every camera's frame, which is what the network learns.
    """
    if not made:
        return {"joint_share": 0.0}
    error, conf, total = [], [], 0
    seen, true, counted = [], [], []
    for clip, (labels, rig) in zip(clips, made, strict=True):
        truth = Poses3D.load(clip / "truth" / "poses3d.npz").mapped_to(H36M17)
        weight = ((labels.conf[:, 0] > 0) & (truth.conf[:, 0] > 0)).float()
        enough = weight.sum(-1) >= _LEAST_JOINTS
        p, q, w = labels.xyz[enough, 0].float(), truth.xyz[enough, 0].float(), weight[enough]
        error.append(1000 * (similarity_between(p, q, w).apply(p) - q).norm(dim=-1)[w > 0])
        conf.append(labels.conf[enough, 0][w > 0])
        total += weight.numel()
        seen.append(in_camera_frames(labels, rig)[:, :, 0].flatten(0, 1))
        true.append(in_camera_frames(truth, true_rig(clip).select(rig.names))[:, :, 0].flatten(0, 1).to(seen[-1]))
        counted.append(weight.repeat(len(rig.names), 1))
    e, c = torch.cat(error), torch.cat(conf)
    errors = pose_errors(torch.cat(seen), torch.cat(true), torch.cat(counted), H36M17.root)
    if not all(rig.metric for _, rig in made):
        errors.pop("mpjpe_mm")
    cameras = [camera_errors(rig, true_rig(clip).select(rig.names)) for clip, (_, rig) in zip(clips, made, strict=True)]
    return {
        **errors,
        "joint_mm": float(e.mean()),
        "joint_mm_weighted": float((c * e).sum() / c.sum()),
        "rank_correlation": _rank_correlation(e, c),
        "joint_share": len(e) / total,
        "rotation_deg_median": median(camera["rotation_deg_median"] for camera in cameras),
        "rotation_deg_worst": max(camera["rotation_deg_max"] for camera in cameras),
    }


def true_rig(clip: Path) -> Rig:
    """The true cameras of a clip folder."""
    return Rig.load(clip / "truth" / "rig.json")


def _rank_correlation(a: Float[Tensor, "joint"], b: Float[Tensor, "joint"]) -> float:
    """Spearman's, ties in the order they come."""
    ranks = torch.stack([x.argsort().argsort().double() for x in (a, b)])
    return float(torch.corrcoef(ranks)[0, 1])
