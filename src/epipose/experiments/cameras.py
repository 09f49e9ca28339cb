"""How many cameras, and which: labels and recovered cameras from two neighbours, two that face each other, three, four.

The joints are the detector's, the same for all; only views are left out. "Adjacent" are the two cameras with the least
angle between their optical axes, "opposite" those with the largest; three and four are those that are spread most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.experiments.labels import Made, label_errors, recovered, true_rig
from epipose.poses import Poses2D
from epipose.reconstruction.label import label_poses

_MOST = 4  # cameras in a choice


def camera_rows(clips: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Errors by the choice of views over detected clips: of those not rejected, with recovered and with true cameras.

    The verdicts are those of all clips.
    """
    rows: dict[str, dict[str, Any]] = {}
    choices = {clip: chosen_views(true_rig(clip)) for clip in clips}
    for choice in dict.fromkeys(name for chosen in choices.values() for name in chosen):
        ours, known, verdicts, angles = [], [], [], []
        for clip in (clip for clip in clips if choice in choices[clip]):
            names = choices[clip][choice]
            poses, rig = views_of(Poses2D.load(clip / "poses2d.npz").subject(), names), true_rig(clip).select(names)
            angles.append(float(axis_angles(rig).max()))
            found = recovered(clip, poses)
            verdicts.append("refused" if found is None else found.verdict)
            if found is not None and found.verdict != "reject":
                ours.append(Made(clip, label_poses(found.poses, found.rig), found.rig))
                known.append(Made(clip, label_poses(poses, rig), rig))
        about = {"angle_deg": sum(angles) / len(angles), "verdicts": dict(Counter(verdicts))}
        rows[choice] = {**label_errors(ours), **about}
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
    choices |= {f"{n}": max(combinations(everyone, n), key=least) for n in range(3, min(_MOST, len(everyone)) + 1)}
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
