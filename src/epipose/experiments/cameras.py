"""Number and choice of cameras: labels and recovered cameras from two adjacent, two opposite, three and four views.

The keypoints are the detector's, the same for all; only views are left out. "Adjacent" are the two cameras with the
least angle between their optical axes, "opposite" those with the largest; three and four are those that are spread
most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.experiments.labels import LabelledClip, ground_truth_rig, label_errors, recovered
from epipose.experiments.rows import LabelRow, Outcome
from epipose.poses import Poses2D
from epipose.reconstruction.label import label_poses

_MAX_CAMERAS = 4  # in a choice


def camera_rows(clips: Sequence[Path]) -> dict[str, LabelRow]:
    """Errors of labels by the choice of views over detected clips, with recovered and with ground-truth cameras.

    The errors are those of clips that calibration does not reject; the verdicts are those of all clips.
    """
    rows: dict[str, LabelRow] = {}
    choices = {clip: chosen_views(ground_truth_rig(clip)) for clip in clips}
    for choice in dict.fromkeys(name for chosen in choices.values() for name in chosen):
        ours, known, angles = [], [], []
        verdicts: list[Outcome] = []
        for clip in (clip for clip in clips if choice in choices[clip]):
            names = choices[clip][choice]
            poses, rig = (
                views_of(Poses2D.load(clip / "poses2d.npz").subject(), names),
                ground_truth_rig(clip).select(names),
            )
            angles.append(float(axis_angles(rig).max()))
            found = recovered(clip, poses)
            verdicts.append("refused" if found is None else found.verdict)
            if found is not None and found.verdict != "reject":
                ours.append(LabelledClip(clip, label_poses(found.poses, found.rig, smooth=False), found.rig))
                known.append(LabelledClip(clip, label_poses(poses, rig, smooth=False), rig))
        row, angle = label_errors(ours), sum(angles) / len(angles)
        rows[choice] = replace(row, angle_deg=angle, verdicts=dict(Counter(verdicts)))
        rows[f"{choice}, true cameras"] = label_errors(known)
    return rows


def chosen_views(rig: Rig) -> dict[str, tuple[str, ...]]:
    """The choices that a rig allows: name -> its views, in the rig's order."""
    angles = axis_angles(rig)
    everyone = range(len(rig.names))

    def least(cameras: tuple[int, ...]) -> float:
        return min(float(angles[pair]) for pair in combinations(cameras, 2))

    choices = {"2 adjacent": min(combinations(everyone, 2), key=least)}
    if len(everyone) > 2:
        choices["2 opposite"] = max(combinations(everyone, 2), key=least)
    choices |= {
        f"{n}": max(combinations(everyone, n), key=least) for n in range(3, min(_MAX_CAMERAS, len(everyone)) + 1)
    }
    return {name: tuple(rig.names[i] for i in chosen) for name, chosen in choices.items()}


def axis_angles(rig: Rig) -> Float[Tensor, "camera camera"]:
    """Degrees between the optical axes of all pairs of cameras."""
    axis = rig.camera.R[:, 2].double()
    return torch.rad2deg(torch.acos((axis @ axis.mT).clamp(-1, 1)))


def views_of(poses: Poses2D, names: tuple[str, ...]) -> Poses2D:
    """Some views of 2D poses."""
    rows = [poses.views.index(name) for name in names]
    xyz = None if poses.xyz is None else poses.xyz[rows]
    return replace(poses, xy=poses.xy[rows], conf=poses.conf[rows], views=names, xyz=xyz)
