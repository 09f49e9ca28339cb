"""Pairs of predictions and ground truth: the same frames of a view, in the same axes.

Both may be files of poses, or folders of clips. Poses in the world are brought into camera axes, labels with the
estimated extrinsics, the ground truth with its own: nothing has to be aligned beforehand, and labels, predictions and
results of other programs are compared alike. Ground truth without a prediction is there, too, as missing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import is_zipfile

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import DamagedFileError, InputError
from epipose.evaluation.bare_arrays import UNSTATED, BareArrays, poses_in
from epipose.io.files import read_json
from epipose.io.guard import reading
from epipose.io.npz import npz_arrays
from epipose.poses import Poses3D, in_camera_frames
from epipose.skeleton import Skeleton
from epipose.skeletons import H36M17


@dataclass(frozen=True)
class PairedView:
    """Predictions and ground truth of one view of one take, in the axes of its camera. Metres; weight 0: missing.

    ``has_prediction``: whether there is a prediction at all; ``metric``: whether its lengths are metres. ``every``: the
    step between frames in the original recording, None where it is unknown. ``actions``: of each frame. ``sizes``:
    whether the ground truth has people's true sizes or a dataset's universal one. ``made_with``: what the file of
    predictions states about detector and intrinsics.
    """

    take: str
    view: str
    subject: str
    actions: tuple[str, ...]
    predicted: Float[Tensor, "frame joint 3"]
    true: Float[Tensor, "frame joint 3"]
    weight: Float[Tensor, "frame joint"]
    annotated: Float[Tensor, "frame joint"]
    has_prediction: bool
    metric: bool
    every: int | None = None
    sizes: str = "not stated"
    axes: str = "each view's camera"
    skeleton: Skeleton = H36M17
    made_with: dict[str, str] = field(default_factory=dict)

    def rows(self, chosen: slice) -> PairedView:
        """Some of the frames."""
        fields = ("actions", "predicted", "true", "weight", "annotated")
        return replace(self, **{name: getattr(self, name)[chosen] for name in fields})


class _Predicted(NamedTuple):
    """Predictions for one view: joints in its axes, their confidence, whether metric, and how they were made."""

    xyz: Float[Tensor, "frame joint 3"]
    conf: Float[Tensor, "frame joint"]
    metric: bool
    made_with: dict[str, str]


def paired_views(
    predicted: Path, ground_truth: Path, skeleton: Skeleton = H36M17, bare: BareArrays = BareArrays()
) -> list[PairedView]:
    """Every view of the ground truth, in order of names, with its predictions.

    ``ground_truth``: poses, a clip folder with ``truth/``, or a folder of such folders. ``predicted``: poses; or a clip
    folder's labels (poses3d.npz, rig.json) or predictions (VIEW/predictions.npz), or a folder of such folders under the
    names of the clips. Files of poses may be bare arrays (see `poses_in`). Raises InputError where nothing is predicted,
    for other numbers of frames or other axes, and for a ground truth that is not metric.
    """
    for path in (predicted, ground_truth):
        if not path.exists():
            raise InputError(f"There is no file or folder {path}.")
    if ground_truth.is_file():
        if not predicted.is_file():
            raise InputError(f"{ground_truth} is one file of poses; {predicted} must be one, too.")
        return [_of_files(predicted, ground_truth, skeleton, bare)]
    if (ground_truth / "truth" / "poses3d.npz").exists():
        return _of_clip(predicted, ground_truth, skeleton, bare)
    clips = sorted(path for path in ground_truth.iterdir() if (path / "truth" / "poses3d.npz").exists())
    if not clips:
        raise InputError(
            f"{ground_truth} holds no ground truth: expected poses (.npz), or clip folders with truth/poses3d.npz, as "
            "epipose datasets import and epipose studio write them."
        )
    folders = {clip: predicted / clip.name if (predicted / clip.name).exists() else None for clip in clips}
    if not any(folders.values()):
        names = ", ".join(clip.name for clip in clips[:5])
        raise InputError(f"{predicted} has no folder for any clip of {ground_truth} ({names}, ...).")
    return [one for clip, folder in folders.items() for one in _of_clip(folder, clip, skeleton, bare)]


def _of_files(predicted: Path, ground_truth: Path, skeleton: Skeleton, bare: BareArrays) -> PairedView:
    p, q = _first_person(predicted, skeleton, bare), _ground_truth(ground_truth, skeleton, bare)
    if p.space != q.space and UNSTATED not in (p.space, q.space):
        raise InputError(
            f"{predicted} holds poses in the axes of '{p.space}', {ground_truth} in those of '{q.space}'. Compare "
            "poses in the same axes, or give the clip folders, which have the cameras."
        )
    found = _Predicted(p.xyz[:, 0], p.conf[:, 0], p.metric, _made_with(predicted))
    _check_frames(predicted, found, ground_truth, len(q.xyz))
    one = _paired(found, q.xyz[:, 0], q.conf[:, 0], ground_truth.stem, "", ("",) * len(q.xyz))
    stated = "not stated" if p.space == q.space == UNSTATED else f"'{q.space if p.space == UNSTATED else p.space}'"
    return replace(one, axes=f"{stated} in both files, taken to be the same")


def _of_clip(predicted: Path | None, clip: Path, skeleton: Skeleton, bare: BareArrays) -> list[PairedView]:
    """All views of a clip; those without predictions are missing as a whole."""
    known, rig = _ground_truth(clip / "truth" / "poses3d.npz", skeleton), Rig.load(clip / "truth" / "rig.json")
    about, actions = _about(clip, len(known.xyz))
    predictions = {} if predicted is None else _predictions(predicted, rig.names, skeleton, bare)
    sizes = {None: "not stated", True: "true", False: "universal"}.get(about.get("true_scale"), "not stated")
    found = []
    for view, true in zip(rig.names, in_camera_frames(known, rig)[:, :, 0], strict=True):
        if view in predictions and predicted is not None:
            _check_frames(predicted, predictions[view], clip, len(true))
        one = _paired(predictions.get(view), true, known.conf[:, 0], clip.name, view, actions)
        found.append(replace(one, subject=about.get("subject", ""), every=about.get("every"), sizes=sizes))
    return found


def _predictions(
    predicted: Path, views: tuple[str, ...], skeleton: Skeleton, bare: BareArrays
) -> dict[str, _Predicted]:
    """Predictions of each view that has any."""
    if predicted.is_file():
        if len(views) > 1:
            raise InputError(
                f"{predicted} is one file of poses; the ground truth has the views {', '.join(views)}. Give a folder."
            )
        return {view: _of_view(predicted, view, skeleton, bare) for view in views}
    files = {view: predicted / view / "predictions.npz" for view in views}
    if any(path.exists() for path in files.values()):
        return {view: _of_view(path, view, skeleton, bare) for view, path in files.items() if path.exists()}
    if (predicted / "poses3d.npz").exists() and (predicted / "rig.json").exists():
        labels, rig = _first_person(predicted / "poses3d.npz", skeleton), Rig.load(predicted / "rig.json")
        how = {"made by": "triangulation", "boxes": "none", "intrinsics": "those of its rig.json"}
        seen = zip(rig.names, in_camera_frames(labels, rig)[:, :, 0], strict=True)
        made = {view: _Predicted(xyz, labels.conf[:, 0], labels.metric, how) for view, xyz in seen if view in views}
        if made:
            return made
    raise InputError(
        f"{predicted} holds nothing to evaluate: expected VIEW/predictions.npz for a view of {', '.join(views)} (epipose "
        "predict CLIP writes them), or poses3d.npz and rig.json with these views (epipose label)."
    )


def _of_view(path: Path, view: str, skeleton: Skeleton, bare: BareArrays) -> _Predicted:
    poses = _first_person(path, skeleton, bare)
    if poses.space not in ("camera", view, UNSTATED):
        raise InputError(
            f"{path} holds poses in the axes of '{poses.space}'; expected those of the camera, as epipose predict writes."
        )
    return _Predicted(poses.xyz[:, 0], poses.conf[:, 0], poses.metric, _made_with(path))


def _paired(
    predicted: _Predicted | None, true: Tensor, conf: Tensor, take: str, view: str, actions: tuple[str, ...]
) -> PairedView:
    annotated = (conf > 0).float()
    if predicted is None:
        nothing = torch.zeros_like(annotated)
        return PairedView(take, view, "", actions, true.float() * 0, true.float(), nothing, annotated, False, True)
    weight = annotated * (predicted.conf > 0)
    return PairedView(
        take, view, "", actions, predicted.xyz.float(), true.float(), weight, annotated, True, predicted.metric,
        made_with=predicted.made_with,
    )  # fmt: skip


def _first_person(path: Path, skeleton: Skeleton, bare: BareArrays = BareArrays()) -> Poses3D:
    """Poses of a file, of which the first person is compared."""
    poses = poses_in(path, bare).mapped_to(skeleton)
    if poses.xyz.shape[1] == 0:
        raise InputError(f"{path} holds no person: xyz has shape {tuple(poses.xyz.shape)} (frame, person, joint, 3).")
    return poses


def _ground_truth(path: Path, skeleton: Skeleton, bare: BareArrays = BareArrays()) -> Poses3D:
    poses = _first_person(path, skeleton, bare)
    if not poses.metric:
        raise InputError(f"{path} is not metric: ground truth must be in metres (metric=True, or another --unit).")
    return poses


def _about(clip: Path, frames: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The options that a clip was imported with (take.json), and the action of every frame."""
    path = clip / "take.json"
    record = read_json(path) if path.exists() else {"options": {}}
    if not isinstance(record, dict) or not isinstance(record.get("options"), dict):
        raise DamagedFileError(
            f"{path} is damaged: expected what epipose datasets import writes. Import the take again."
        )
    about = record["options"]
    actions = record.get("frame_actions") or [about.get("action", "")] * frames
    if not isinstance(actions, list) or not all(isinstance(action, str) for action in actions):
        raise DamagedFileError(f"{path} has frame_actions that are no texts. Import the take again.")
    if len(actions) != frames:
        raise DamagedFileError(
            f"{path} names the actions of {len(actions)} frames; the ground truth beside it has {frames}."
        )
    return about, tuple(actions)


def _check_frames(predicted: Path, found: _Predicted, ground_truth: Path, wanted: int) -> None:
    if len(found.xyz) != wanted:
        raise InputError(
            f"{predicted} has {len(found.xyz)} frames, the ground truth in {ground_truth} {wanted}. Predict every frame of "
            "the clip, in order; a frame without a prediction has confidence 0."
        )


def _made_with(path: Path) -> dict[str, str]:
    """Statements of a file of predictions: the model, the source of the boxes, the source of the intrinsics."""
    with reading(path, "predictions whose made_with is a JSON object of texts"):
        found = npz_arrays(path, ("made_with",)) if is_zipfile(path) else {}
        text = str(found.get("made_with", "{}"))
        return {str(key): str(value) for key, value in json.loads(text).items()}
