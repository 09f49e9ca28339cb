"""How good labels are before anything is trained on them: by where the 2D comes from, and how the cameras are known.

The paper's table of label quality: true 2D or a detector's, with true cameras, with recovered ones, and with those that
the paper's own recipe finds (F from a single frame). Every row is over all clips, and again over those whose cameras
calibration does not reject, which are the ones that are labelled in practice. Beside it: what gates, smoothing and
confidence are worth. Confidence is worth something if it is low where the error is high: the mean weighted by it is
then below the plain one, and the rank correlation of the two is negative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

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
from epipose.geometry.align import similarity_between
from epipose.poses import Poses2D, Poses3D, in_camera_frames, poses_that_count
from epipose.reconstruction.label import GATE, label_poses
from epipose.skeletons import H36M17

NO_GATE = 1e6  # lets everything pass
_GATES = (1.5, 4.0, NO_GATE)  # beside the default of `label`
_SMOOTHNESS = (0.1, 0.03, 0.01)  # metres a frame squared
_SOURCES = {"true 2D": Path("truth") / "poses2d.npz", "detector": Path("poses2d.npz")}


class Made(NamedTuple):
    """Labels of one clip, and the rig that they were made with."""

    clip: Path
    labels: Poses3D
    rig: Rig


class Recovered(NamedTuple):
    """Cameras of one clip from its joints, the joints as calibration put them right, and the verdict."""

    rig: Rig
    poses: Poses2D
    verdict: str


def label_rows(clips: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Errors of labels by 2D source and cameras, over clips that are detected."""
    rows: dict[str, dict[str, Any]] = {}
    made: dict[str, list[Made]] = {}
    verdicts: dict[str, list[str]] = {}
    kept: dict[Path, Recovered] = {}
    for source, file in _SOURCES.items():
        poses = {clip: Poses2D.load(clip / file).subject() for clip in clips}
        found = {clip: recovered(clip, some) for clip, some in poses.items()}
        recipe = {clip: paper_recipe(some, lenses(clip, some.views)) for clip, some in poses.items()}
        rigs = {clip: true_rig(clip).select(some.views) for clip, some in poses.items()}
        made[f"{source}, true cameras"] = [Made(clip, label_poses(poses[clip], rig), rig) for clip, rig in rigs.items()]
        made[f"{source}, recovered"] = [_labelled(clip, one) for clip, one in found.items() if one is not None]
        made[f"{source}, paper's recipe"] = [  # the paper has no gate
            Made(clip, label_poses(poses[clip], rig, gate=NO_GATE), rig)
            for clip, rig in recipe.items()
            if rig is not None
        ]
        verdicts[f"{source}, recovered"] = ["refused" if one is None else one.verdict for one in found.values()]
        if source == "detector":
            kept = {clip: one for clip, one in found.items() if one is not None and one.verdict != "reject"}
    for name, some in made.items():
        more = {"verdicts": dict(Counter(verdicts[name]))} if name in verdicts else {}
        rows[name] = {**label_errors(some), **more}
        rows[f"{name}, not rejected"] = label_errors([one for one in some if one.clip in kept])
    for gate in _GATES:
        rows[f"gate {gate:g}"] = label_errors([_labelled(clip, one, gate=gate) for clip, one in kept.items()])
    for smooth in _SMOOTHNESS:
        some = [_labelled(clip, one, smoothness=smooth) for clip, one in kept.items()]
        rows[f"smoothness {smooth:g}"] = label_errors(some)
    return rows


def recovered(clip: Path, poses: Poses2D) -> Recovered | None:
    """Calibration of a clip from these joints, given the lenses; None where it finds no cameras."""
    try:
        found = calibrate_rig(poses, lenses(clip, poses.views), fps=Clip.load(clip).fps)
    except EpiposeError as error:
        print(f"{clip.name}: {error}", flush=True)
        return None
    swapped = torch.tensor([camera.swapped_throughout for camera in found.cameras])
    return Recovered(found.rig, poses.with_sides_swapped(swapped), found.verdict.word)


def _labelled(clip: Path, found: Recovered, gate: float = GATE, smoothness: float | None = None) -> Made:
    return Made(clip, label_poses(found.poses, found.rig, gate=gate, smoothness=smoothness), found.rig)


def lenses(clip: Path, views: tuple[str, ...]) -> Rig:
    """The intrinsics of a clip, without places."""
    return Rig.load(clip / "intrinsics.json", intrinsics_only=True).select(views)


def label_errors(made: Sequence[Made]) -> dict[str, float | int | None]:
    """Labels against the truth, and the cameras they rest on.

    ``joint_mm``: mean over labelled joints after a similarity of each pose, also ``_weighted`` by confidence;
    ``joint_share`` of the joints that have a truth are labelled. ``pmpjpe_mm``, ``nmpjpe_mm``, ``mpjpe_mm`` (where the
    rig is metric) over poses with the root and ten joints, in every camera's frame, which is what the network learns.
    None of these where no pose has so much.
    """
    parts = [_against_truth(one) for one in made]
    row: dict[str, float | int | None] = {"clips": len(made)}
    if made:
        cameras = [camera_errors(one.rig, true_rig(one.clip).select(one.rig.names)) for one in made]
        row["rotation_deg_median"] = median(camera["rotation_deg_median"] for camera in cameras)
        row["rotation_deg_worst"] = max(camera["rotation_deg_max"] for camera in cameras)
    if not any(bool(poses_that_count(part.weight, H36M17.root, MIN_JOINTS).any()) for part in parts):
        return {**row, "joint_share": 0.0}
    p, q, w = (torch.cat(field) for field in list(zip(*parts, strict=True))[:3])
    errors = pose_errors(p, q, w, H36M17.root)
    if not all(one.rig.metric for one in made):
        errors.pop("mpjpe_mm")
    e, c = torch.cat([part.error for part in parts]), torch.cat([part.conf for part in parts])
    return {
        **row,
        **errors,
        "joint_mm": float(e.mean()),
        "joint_mm_weighted": float((c * e).sum() / c.sum()),
        "rank_correlation": _rank_correlation(e, c),
        "joint_share": sum(float(part.weight.sum()) for part in parts) / sum(part.known for part in parts),
    }


class _Part(NamedTuple):
    """One clip: poses as every camera sees them, and joint by joint the error after a similarity and the confidence."""

    said: Float[Tensor, "image joint 3"]
    true: Float[Tensor, "image joint 3"]
    weight: Float[Tensor, "image joint"]
    error: Float[Tensor, " some"]
    conf: Float[Tensor, " some"]
    known: float  # joints that have a truth, in all views


def _against_truth(one: Made) -> _Part:
    truth = Poses3D.load(one.clip / "truth" / "poses3d.npz").mapped_to(H36M17)
    known = (truth.conf[:, 0] > 0).float()
    weight = (one.labels.conf[:, 0] > 0) * known
    enough = weight.sum(-1) >= MIN_JOINTS
    p, q, w = one.labels.xyz[enough, 0].float(), truth.xyz[enough, 0].float(), weight[enough]
    error = 1000 * (similarity_between(p, q, w).apply(p) - q).norm(dim=-1)[w > 0]
    said = in_camera_frames(one.labels, one.rig)[:, :, 0].flatten(0, 1)
    true = in_camera_frames(truth, true_rig(one.clip).select(one.rig.names))[:, :, 0].flatten(0, 1).to(said)
    views = len(one.rig.names)
    conf = one.labels.conf[enough, 0][w > 0]
    return _Part(said, true, weight.repeat(views, 1), error, conf, views * float(known.sum()))


def true_rig(clip: Path) -> Rig:
    """The true cameras of a clip folder."""
    return Rig.load(clip / "truth" / "rig.json")


def _rank_correlation(a: Float[Tensor, " joint"], b: Float[Tensor, " joint"]) -> float | None:
    """Spearman's, ties in the order they come; None where there is nothing to rank."""
    if len(a) < 2:
        return None
    ranks = torch.stack([x.argsort().argsort().double() for x in (a, b)])
    return float(torch.corrcoef(ranks)[0, 1])
