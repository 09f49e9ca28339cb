"""Label quality by source of the keypoints and of the cameras, before anything is trained on the labels.

The paper's table: ground-truth 2D or a detector's, with ground-truth cameras, with recovered ones, and with
those that the paper's own recipe finds (F from a single frame). Every row is over all clips, and again over those whose
cameras calibration does not reject, which are the ones that are labelled in practice. Beside it: the effect of gates,
smoothing and confidence. Confidence is of use if it is low where the error is high: the mean weighted by it is then
below the plain one, and the rank correlation of the two is negative.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.calibration.calibrate import calibrate_rig
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.errors import EpiposeError
from epipose.evaluation.protocols import MIN_JOINTS
from epipose.experiments.errors import camera_errors, pose_errors
from epipose.experiments.paper_recipe import paper_recipe
from epipose.experiments.rows import LabelRow, Outcome
from epipose.geometry.align import similarity_between
from epipose.poses import Poses2D, Poses3D, in_camera_frames, poses_that_count
from epipose.reconstruction.label import GATE, label_poses
from epipose.skeletons import H36M17

_LOG = logging.getLogger(__name__)

NO_GATE = 1e6  # lets everything pass
_GATES = (1.5, 4.0, NO_GATE)  # beside the default of `label`
_SMOOTHNESS = (0.1, 0.03, 0.01)  # metres a frame squared
_SOURCES = {"true 2D": Path("truth") / "poses2d.npz", "detector": Path("poses2d.npz")}


class LabelledClip(NamedTuple):
    """Labels of one clip, and the rig that they were made with."""

    clip: Path
    labels: Poses3D
    rig: Rig


class RecoveredCameras(NamedTuple):
    """Cameras of one clip from its keypoints, the keypoints with left-right swaps undone, and the verdict."""

    rig: Rig
    poses: Poses2D
    verdict: Outcome


def label_rows(clips: Sequence[Path]) -> dict[str, LabelRow]:
    """Errors of labels by 2D source and cameras, over clips that are detected."""
    rows: dict[str, LabelRow] = {}
    labelled: dict[str, list[LabelledClip]] = {}
    verdicts: dict[str, list[Outcome]] = {}
    kept: dict[Path, RecoveredCameras] = {}
    for source, file in _SOURCES.items():
        poses = {clip: Poses2D.load(clip / file).subject() for clip in clips}
        found = {clip: recovered(clip, some) for clip, some in poses.items()}
        recipe = {clip: paper_recipe(some, intrinsics_of(clip, some.views)) for clip, some in poses.items()}
        rigs = {clip: ground_truth_rig(clip).select(some.views) for clip, some in poses.items()}
        labelled[f"{source}, true cameras"] = [
            LabelledClip(clip, label_poses(poses[clip], rig, smooth=False), rig) for clip, rig in rigs.items()
        ]
        labelled[f"{source}, recovered"] = [_labelled(clip, one) for clip, one in found.items() if one is not None]
        labelled[f"{source}, paper's recipe"] = [  # the paper has no gate
            LabelledClip(clip, label_poses(poses[clip], rig, gate=NO_GATE, smooth=False), rig)
            for clip, rig in recipe.items()
            if rig is not None
        ]
        verdicts[f"{source}, recovered"] = ["refused" if one is None else one.verdict for one in found.values()]
        if source == "detector":
            kept = {clip: one for clip, one in found.items() if one is not None and one.verdict != "reject"}
    for name, some in labelled.items():
        outcomes = dict(Counter(verdicts[name])) if name in verdicts else None
        rows[name] = replace(label_errors(some), verdicts=outcomes)
        rows[f"{name}, not rejected"] = label_errors([one for one in some if one.clip in kept])
    for gate in _GATES:
        rows[f"gate {gate:g}"] = label_errors([_labelled(clip, one, gate=gate) for clip, one in kept.items()])
    for smooth in _SMOOTHNESS:
        some = [_labelled(clip, one, smoothness=smooth) for clip, one in kept.items()]
        rows[f"smoothness {smooth:g}"] = label_errors(some)
    return rows


def recovered(clip: Path, poses: Poses2D) -> RecoveredCameras | None:
    """Calibration of a clip from these keypoints, given the intrinsics; None where it finds no cameras."""
    try:
        found = calibrate_rig(poses, intrinsics_of(clip, poses.views), fps=Clip.load(clip).fps)
    except EpiposeError as error:
        _LOG.info("%s: %s", clip.name, error)
        return None
    swapped = torch.tensor([camera.swapped_throughout for camera in found.cameras])
    return RecoveredCameras(found.rig, poses.with_sides_swapped(swapped), found.verdict.word)


def _labelled(clip: Path, found: RecoveredCameras, gate: float = GATE, smoothness: float | None = None) -> LabelledClip:
    return LabelledClip(
        clip, label_poses(found.poses, found.rig, gate=gate, smoothness=smoothness, smooth=False), found.rig
    )


def intrinsics_of(clip: Path, views: tuple[str, ...]) -> Rig:
    """The intrinsics of a clip, without extrinsics."""
    return Rig.load(clip / "intrinsics.json", intrinsics_only=True).select(views)


def label_errors(labelled: Sequence[LabelledClip]) -> LabelRow:
    """Labels against the ground truth, and the cameras they were made with."""
    parts = [_against_ground_truth(one) for one in labelled]
    row = LabelRow(len(labelled))
    if labelled:
        cameras = [camera_errors(one.rig, ground_truth_rig(one.clip).select(one.rig.names)) for one in labelled]
        row = replace(
            row,
            rotation_deg_median=median(camera.rotation_deg_median for camera in cameras),
            rotation_deg_worst=max(camera.rotation_deg_max for camera in cameras),
        )
    if not any(bool(poses_that_count(part.weight, H36M17.root, MIN_JOINTS).any()) for part in parts):
        return row
    p, q, w = (torch.cat(field) for field in list(zip(*parts, strict=True))[:3])
    errors = pose_errors(p, q, w, H36M17.root)
    e, c = torch.cat([part.error for part in parts]), torch.cat([part.conf for part in parts])
    return replace(
        row,
        mpjpe_mm=errors.mpjpe_mm if all(one.rig.metric for one in labelled) else None,
        nmpjpe_mm=errors.nmpjpe_mm,
        pmpjpe_mm=errors.pmpjpe_mm,
        poses=errors.poses,
        joint_mm=float(e.mean()),
        joint_mm_weighted=float((c * e).sum() / c.sum()),
        rank_correlation=_rank_correlation(e, c),
        joint_share=sum(float(part.weight.sum()) for part in parts) / sum(part.known for part in parts),
    )


class _LabelComparison(NamedTuple):
    """One clip: poses in every camera's axes, and of each joint the error after a similarity and the confidence."""

    labels: Float[Tensor, "image joint 3"]
    true: Float[Tensor, "image joint 3"]
    weight: Float[Tensor, "image joint"]
    error: Float[Tensor, " some"]
    conf: Float[Tensor, " some"]
    known: float  # joints with ground truth, in all views


def _against_ground_truth(one: LabelledClip) -> _LabelComparison:
    known_poses = Poses3D.load(one.clip / "truth" / "poses3d.npz").mapped_to(H36M17)
    known = (known_poses.conf[:, 0] > 0).float()
    weight = (one.labels.conf[:, 0] > 0) * known
    enough = weight.sum(-1) >= MIN_JOINTS
    p, q, w = one.labels.xyz[enough, 0].float(), known_poses.xyz[enough, 0].float(), weight[enough]
    error = 1000 * (similarity_between(p, q, w).apply(p) - q).norm(dim=-1)[w > 0]
    labels = in_camera_frames(one.labels, one.rig)[:, :, 0].flatten(0, 1)
    true = (
        in_camera_frames(known_poses, ground_truth_rig(one.clip).select(one.rig.names))[:, :, 0]
        .flatten(0, 1)
        .to(labels)
    )
    views = len(one.rig.names)
    conf = one.labels.conf[enough, 0][w > 0]
    return _LabelComparison(labels, true, weight.repeat(views, 1), error, conf, views * float(known.sum()))


def ground_truth_rig(clip: Path) -> Rig:
    """The ground truth of a clip folder's cameras."""
    return Rig.load(clip / "truth" / "rig.json")


def _rank_correlation(a: Float[Tensor, " joint"], b: Float[Tensor, " joint"]) -> float | None:
    """Spearman's, ties in the order they come; None where there is nothing to rank."""
    if len(a) < 2:
        return None
    ranks = torch.stack([x.argsort().argsort().double() for x in (a, b)])
    return float(torch.corrcoef(ranks)[0, 1])
