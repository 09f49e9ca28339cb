"""What is compared when poses are evaluated: predictions and truth of the same frames, in the same axes.

Both may be files of poses, or folders of clips. Poses in the world are looked at through their own cameras, labels
through the recovered ones, the truth through the true ones: nothing has to be aligned beforehand, and labels,
predictions and other people's results are compared alike. What the truth has and nobody predicted is there, too, as
missing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.io.files import read_json
from epipose.poses import Poses3D, in_camera_frames
from epipose.skeleton import Skeleton
from epipose.skeletons import H36M17


@dataclass(frozen=True)
class Recording:
    """One view of one take: root-relative comparison wants both in the axes of one camera. Metres; weight 0: missing.

    ``answered``: whether there is a prediction at all; ``metric``: whether its lengths are metres. ``every``: how many
    frames of the original lie between two of these, None where nobody says. ``actions``: what is done, frame by frame.
    ``sizes``: whether the truth has people's true sizes or a dataset's universal one. ``made_with``: what the
    predictions say about themselves.
    """

    take: str
    view: str
    subject: str
    actions: tuple[str, ...]
    predicted: Float[Tensor, "frame joint 3"]
    true: Float[Tensor, "frame joint 3"]
    weight: Float[Tensor, "frame joint"]
    annotated: Float[Tensor, "frame joint"]
    answered: bool
    metric: bool
    every: int | None = None
    sizes: str = "not stated"
    axes: str = "each view's camera"
    skeleton: Skeleton = H36M17
    made_with: dict[str, str] = field(default_factory=dict)

    def rows(self, chosen: slice) -> Recording:
        """Some of the frames."""
        fields = ("actions", "predicted", "true", "weight", "annotated")
        return replace(self, **{name: getattr(self, name)[chosen] for name in fields})


class _Said(NamedTuple):
    """Predictions for one view: joints in its axes, their confidence, whether they are metres, how they were made."""

    xyz: Float[Tensor, "frame joint 3"]
    conf: Float[Tensor, "frame joint"]
    metric: bool
    made_with: dict[str, str]


def recordings(predicted: Path, truth: Path, skeleton: Skeleton = H36M17) -> list[Recording]:
    """Everything that the truth has, in order of names, with what was predicted for it.

    ``truth``: poses (.npz), a clip folder with ``truth/``, or a folder of such folders. ``predicted``: poses; or a clip
    folder's labels (poses3d.npz, rig.json) or predictions (VIEW/predictions.npz), or a folder of such folders under the
    names of the clips. Raises EpiposeError where nothing is predicted, for other numbers of frames or other axes, and
    for a truth that is not metric.
    """
    for path in (predicted, truth):
        if not path.exists():
            raise EpiposeError(f"There is no file or folder {path}.")
    if truth.is_file():
        if not predicted.is_file():
            raise EpiposeError(f"{truth} is one file of poses; {predicted} must be one, too.")
        return [_of_files(predicted, truth, skeleton)]
    if (truth / "truth" / "poses3d.npz").exists():
        return _of_clip(predicted, truth, skeleton)
    clips = sorted(path for path in truth.iterdir() if (path / "truth" / "poses3d.npz").exists())
    if not clips:
        raise EpiposeError(
            f"{truth} holds no truth: expected poses (.npz), or clip folders with truth/poses3d.npz, as epipose datasets "
            "import and epipose studio write them."
        )
    folders = {clip: predicted / clip.name if (predicted / clip.name).exists() else None for clip in clips}
    if not any(folders.values()):
        names = ", ".join(clip.name for clip in clips[:5])
        raise EpiposeError(f"{predicted} has no folder for any clip of {truth} ({names}, ...).")
    return [one for clip, folder in folders.items() for one in _of_clip(folder, clip, skeleton)]


def _of_files(predicted: Path, truth: Path, skeleton: Skeleton) -> Recording:
    p, q = _first_person(predicted, skeleton), _true(truth, skeleton)
    if p.space != q.space:
        raise EpiposeError(
            f"{predicted} holds poses in the axes of '{p.space}', {truth} in those of '{q.space}'. Compare poses in the "
            "same axes, or give the clip folders, which have the cameras."
        )
    said = _Said(p.xyz[:, 0], p.conf[:, 0], p.metric, _made_with(predicted))
    _check_frames(predicted, said, truth, len(q.xyz))
    one = _recording(said, q.xyz[:, 0], q.conf[:, 0], truth.stem, "", ("",) * len(q.xyz))
    return replace(one, axes=f"'{p.space}' in both files, taken to be the same")


def _of_clip(predicted: Path | None, clip: Path, skeleton: Skeleton) -> list[Recording]:
    """All views of a clip; those that nothing was predicted for are missing as a whole."""
    truth, rig = _true(clip / "truth" / "poses3d.npz", skeleton), Rig.load(clip / "truth" / "rig.json")
    about, actions = _about(clip, len(truth.xyz))
    said = {} if predicted is None else _predictions(predicted, rig.names, skeleton)
    sizes = {None: "not stated", True: "true", False: "universal"}.get(about.get("true_scale"), "not stated")
    found = []
    for view, true in zip(rig.names, in_camera_frames(truth, rig)[:, :, 0], strict=True):
        if view in said and predicted is not None:
            _check_frames(predicted, said[view], clip, len(true))
        one = _recording(said.get(view), true, truth.conf[:, 0], clip.name, view, actions)
        found.append(replace(one, subject=about.get("subject", ""), every=about.get("every"), sizes=sizes))
    return found


def _predictions(predicted: Path, views: tuple[str, ...], skeleton: Skeleton) -> dict[str, _Said]:
    """What was predicted for each view."""
    if predicted.is_file():
        if len(views) > 1:
            raise EpiposeError(
                f"{predicted} is one file of poses; the truth has the views {', '.join(views)}. Give a folder."
            )
        return {view: _of_view(predicted, view, skeleton) for view in views}
    files = {view: predicted / view / "predictions.npz" for view in views}
    if any(path.exists() for path in files.values()):
        return {view: _of_view(path, view, skeleton) for view, path in files.items() if path.exists()}
    if (predicted / "poses3d.npz").exists() and (predicted / "rig.json").exists():
        labels, rig = _first_person(predicted / "poses3d.npz", skeleton), Rig.load(predicted / "rig.json")
        how = {"made by": "triangulation", "boxes": "none", "intrinsics": "those of its rig.json"}
        seen = zip(rig.names, in_camera_frames(labels, rig)[:, :, 0], strict=True)
        made = {view: _Said(xyz, labels.conf[:, 0], labels.metric, how) for view, xyz in seen if view in views}
        if made:
            return made
    raise EpiposeError(
        f"{predicted} holds nothing to evaluate: expected VIEW/predictions.npz for a view of {', '.join(views)} (epipose "
        "predict CLIP writes them), or poses3d.npz and rig.json with these views (epipose label)."
    )


def _of_view(path: Path, view: str, skeleton: Skeleton) -> _Said:
    poses = _first_person(path, skeleton)
    if poses.space not in ("camera", view):
        raise EpiposeError(
            f"{path} holds poses in the axes of '{poses.space}'; expected those of the camera, as epipose predict writes."
        )
    return _Said(poses.xyz[:, 0], poses.conf[:, 0], poses.metric, _made_with(path))


def _recording(
    said: _Said | None, true: Tensor, conf: Tensor, take: str, view: str, actions: tuple[str, ...]
) -> Recording:
    annotated = (conf > 0).float()
    if said is None:
        nothing = torch.zeros_like(annotated)
        return Recording(take, view, "", actions, true.float() * 0, true.float(), nothing, annotated, False, True)
    weight = annotated * (said.conf > 0)
    xyz = said.xyz.float()
    return Recording(
        take, view, "", actions, xyz, true.float(), weight, annotated, True, said.metric, made_with=said.made_with
    )


def _first_person(path: Path, skeleton: Skeleton) -> Poses3D:
    """Poses of a file, of which the first person is compared."""
    poses = Poses3D.load(path).mapped_to(skeleton)
    if poses.xyz.shape[1] == 0:
        raise EpiposeError(f"{path} holds nobody: xyz has shape {tuple(poses.xyz.shape)} (frame, person, joint, 3).")
    return poses


def _true(path: Path, skeleton: Skeleton) -> Poses3D:
    poses = _first_person(path, skeleton)
    if not poses.metric:
        raise EpiposeError(f"{path} is not metric: a truth must be in metres (metric=True).")
    return poses


def _about(clip: Path, frames: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What take.json says of a clip, and the action of every frame."""
    path = clip / "take.json"
    record = read_json(path) if path.exists() else {"options": {}}
    if not isinstance(record, dict) or not isinstance(record.get("options"), dict):
        raise EpiposeError(f"{path} is damaged: expected what epipose datasets import writes. Import the take again.")
    about = record["options"]
    actions = record.get("frame_actions") or [about.get("action", "")] * frames
    if len(actions) != frames:
        raise EpiposeError(f"{path} names the actions of {len(actions)} frames; the truth beside it has {frames}.")
    return about, tuple(actions)


def _check_frames(predicted: Path, said: _Said, truth: Path, wanted: int) -> None:
    if len(said.xyz) != wanted:
        raise EpiposeError(
            f"{predicted} has {len(said.xyz)} frames, the truth in {truth} {wanted}. Predict every frame of the clip, in "
            "order; a frame without an answer has confidence 0."
        )


def _made_with(path: Path) -> dict[str, str]:
    """What a file of predictions says about how it was made: who found the boxes, where the intrinsics came from."""
    with np.load(path, allow_pickle=False) as file:
        text = str(file["made_with"]) if "made_with" in file.files else "{}"
    try:
        return {str(key): str(value) for key, value in json.loads(text).items()}
    except (json.JSONDecodeError, AttributeError) as error:
        raise EpiposeError(f"{path}: made_with must be a JSON object of texts, got '{text[:60]}'.") from error
