"""What is compared when poses are evaluated: predictions and truth of the same frames, in the same axes.

Both may be files of poses, or folders of clips. Poses in the world are looked at through their own cameras, labels through
the recovered ones, the truth through the true ones: nothing has to be aligned beforehand, and labels, predictions and
other people's results are compared alike.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.files import read_json
from epipose.label import in_camera_frames
from epipose.poses import Poses3D
from epipose.skeleton import Skeleton
from epipose.skeletons import H36M17


@dataclass(frozen=True)
class Recording:
    """One view of one take: root-relative comparison wants both in the axes of one camera. Metres; weight 0: missing.

    ``every``: how many frames of the original lie between two of these. ``actions``: what is done, frame by frame.
    ``sizes``: whether the truth has people's true sizes or a dataset's universal one. ``made_with``: what the predictions
    say about themselves.
    """

    take: str
    view: str
    subject: str
    actions: tuple[str, ...]
    predicted: Float[Tensor, "frame joint 3"]
    true: Float[Tensor, "frame joint 3"]
    weight: Float[Tensor, "frame joint"]
    annotated: Float[Tensor, "frame joint"]
    metric: bool
    every: int = 1
    sizes: str = "not stated"
    skeleton: Skeleton = H36M17
    made_with: dict[str, str] = field(default_factory=dict)

    def thinned(self, step: int) -> Recording:
        """Every ``step``-th frame."""
        fields = ("actions", "predicted", "true", "weight", "annotated")
        return replace(self, every=self.every * step, **{name: getattr(self, name)[::step] for name in fields})


def recordings(predicted: Path, truth: Path, skeleton: Skeleton = H36M17) -> list[Recording]:
    """Everything that can be compared, in order of names.

    ``truth``: poses (.npz), a clip folder with ``truth/``, or a folder of such folders. ``predicted``: poses; or a clip
    folder's labels (poses3d.npz, rig.json) or predictions (VIEW/predictions.npz), or a folder of such folders under the
    names of the clips. Raises EpiposeError that says what is missing, and for other numbers of frames.
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
    missing = [clip.name for clip in clips if not (predicted / clip.name).exists()]
    if len(missing) == len(clips):
        raise EpiposeError(f"{predicted} has no folder for any clip of {truth} ({', '.join(missing[:5])}, ...).")
    return [
        one for clip in clips if clip.name not in missing for one in _of_clip(predicted / clip.name, clip, skeleton)
    ]


def _of_files(predicted: Path, truth: Path, skeleton: Skeleton) -> Recording:
    p, q = (Poses3D.load(path).mapped_to(skeleton) for path in (predicted, truth))
    if p.space != q.space:
        raise EpiposeError(
            f"{predicted} holds poses in the axes of '{p.space}', {truth} in those of '{q.space}'. Compare poses in the "
            "same axes, or give the clip folders, which have the cameras."
        )
    _check_frames(predicted, len(p.xyz), truth, len(q.xyz))
    return _recording(p, p.xyz[:, 0], q, q.xyz[:, 0], "", ("",) * len(q.xyz), truth.stem, made_with(predicted))


def _of_clip(predicted: Path, clip: Path, skeleton: Skeleton) -> list[Recording]:
    """All views of a clip that something was predicted for."""
    truth, rig = Poses3D.load(clip / "truth" / "poses3d.npz").mapped_to(skeleton), Rig.load(clip / "truth" / "rig.json")
    true = dict(zip(rig.names, in_camera_frames(truth, rig)[:, :, 0], strict=True))
    about, actions = _about(clip, len(truth.xyz))
    found = []
    for view, poses, xyz, how in _views_of(predicted, rig.names, skeleton):
        _check_frames(predicted, len(xyz), clip, len(true[view]))
        one = _recording(poses, xyz, truth, true[view], view, actions, clip.name, how)
        sizes = {None: "not stated", True: "true", False: "universal"}[about.get("true_scale")]
        found.append(replace(one, subject=about.get("subject", ""), every=about.get("every", 1), sizes=sizes))
    return found


def _views_of(
    predicted: Path, views: tuple[str, ...], skeleton: Skeleton
) -> list[tuple[str, Poses3D, Float[Tensor, "frame joint 3"], dict[str, str]]]:
    """View, poses, their joints in its axes, and how they were made."""
    if predicted.is_file():
        if len(views) > 1:
            raise EpiposeError(
                f"{predicted} is one file of poses; the truth has the views {', '.join(views)}. Give a folder."
            )
        poses = Poses3D.load(predicted).mapped_to(skeleton)
        return [(view, poses, poses.xyz[:, 0], made_with(predicted)) for view in views]
    files = {view: predicted / view / "predictions.npz" for view in views}
    read = {view: path for view, path in files.items() if path.exists()}
    if read:
        poses = {view: Poses3D.load(path).mapped_to(skeleton) for view, path in read.items()}
        return [(view, poses[view], poses[view].xyz[:, 0], made_with(path)) for view, path in read.items()]
    if (predicted / "poses3d.npz").exists() and (predicted / "rig.json").exists():
        labels, rig = Poses3D.load(predicted / "poses3d.npz").mapped_to(skeleton), Rig.load(predicted / "rig.json")
        how = {"made by": "triangulation (epipose label)", "boxes": "none", "intrinsics": "those of its rig.json"}
        seen = zip(rig.names, in_camera_frames(labels, rig)[:, :, 0], strict=True)
        return [(view, labels, xyz, how) for view, xyz in seen if view in views]
    raise EpiposeError(
        f"{predicted} holds nothing to evaluate: expected VIEW/predictions.npz for a view of {', '.join(views)} (epipose "
        "predict CLIP writes them), or poses3d.npz and rig.json (epipose label)."
    )


def _recording(
    p: Poses3D,
    xyz: Tensor,
    q: Poses3D,
    true: Tensor,
    view: str,
    actions: tuple[str, ...],
    take: str,
    how: dict[str, str],
) -> Recording:
    annotated = (q.conf[:, 0] > 0).float()
    weight = annotated * (p.conf[:, 0] > 0)
    return Recording(
        take, view, "", actions, xyz.float(), true.float(), weight, annotated, p.metric and q.metric, made_with=how
    )


def _about(clip: Path, frames: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What take.json says of a clip, and the action of every frame."""
    record = read_json(clip / "take.json") if (clip / "take.json").exists() else {"options": {}}
    about = record["options"]
    actions = record.get("frame_actions") or [about.get("action", "")] * frames
    if len(actions) != frames:
        raise EpiposeError(f"{clip / 'take.json'} names the actions of {len(actions)} frames; its truth has {frames}.")
    return about, tuple(actions)


def _check_frames(predicted: Path, has: int, truth: Path, wanted: int) -> None:
    if has != wanted:
        raise EpiposeError(
            f"{predicted} has {has} frames, the truth in {truth} {wanted}. Predict every frame of the clip, in order; a "
            "frame without an answer has confidence 0."
        )


def made_with(path: Path) -> dict[str, str]:
    """What a file of predictions says about how it was made: who found the boxes, where the intrinsics came from."""
    with np.load(path, allow_pickle=False) as file:
        return json.loads(str(file["made_with"])) if "made_with" in file.files else {}


def joint_weights(skeleton: Skeleton, joints: tuple[str, ...]) -> Float[Tensor, "joint"]:
    """1 for the joints that count, all where none are named."""
    chosen = [skeleton.index(joint) for joint in joints] if joints else range(len(skeleton.joints))
    return torch.zeros(len(skeleton.joints)).index_fill(0, torch.tensor(list(chosen)), 1.0)
