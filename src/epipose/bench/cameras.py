"""How many cameras, and which: labels and recovered cameras from two neighbours, two that face each other, three, four.

The joints are the detector's, the same for all; only views are left out. Cameras are in order of their direction from the
person, so that "adjacent" are the two with the least angle between their optical axes, "opposite" those with the largest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import torch

from epipose.bench.labels import Made, label_errors, true_rig
from epipose.calibrate import calibrate
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.errors import EpiposeError
from epipose.label import label
from epipose.poses import Poses2D


def camera_rows(clips: list[Path]) -> dict[str, dict[str, Any]]:
    """Errors of labels and cameras by the choice of views, over detected clips; with true cameras, too."""
    rows: dict[str, dict[str, Any]] = {}
    choices = {clip: chosen_views(true_rig(clip)) for clip in clips}
    for choice in dict.fromkeys(name for chosen in choices.values() for name in chosen):
        having = [clip for clip in clips if choice in choices[clip]]
        recovered, known, verdicts, angles = [], [], [], []
        for clip in having:
            names = choices[clip][choice]
            poses = views_of(Poses2D.load(clip / "poses2d.npz").subject(), names)
            angles.append(widest_deg(true_rig(clip).select(names)))
            rig = true_rig(clip).select(names)
            known.append((clip, Made(label(poses, rig), rig)))
            try:
                lenses = Rig.load(clip / "intrinsics.json", intrinsics_only=True).select(names)
                found = calibrate(poses, lenses, fps=Clip.load(clip).fps)
            except EpiposeError as error:
                verdicts.append("refused")
                print(f"{clip.name}, {choice}: {error}", flush=True)
                continue
            verdicts.append(found.verdict.word)
            recovered.append((clip, Made(label(poses, found.rig), found.rig)))
        about = {"clips": len(having), "angle_deg": sum(angles) / len(angles)}
        rows[choice] = {**_errors(recovered), **about, "verdicts": dict(Counter(verdicts))}
        rows[f"{choice}, true cameras"] = {**_errors(known), **about}
    return rows


def _errors(made: list[tuple[Path, Made]]) -> dict[str, float]:
    return label_errors([clip for clip, _ in made], [one for _, one in made])


def chosen_views(rig: Rig) -> dict[str, tuple[str, ...]]:
    """The choices that a rig allows: name -> its views, in the rig's order."""
    pairs = {pair: float(axis_angles(rig)[pair]) for pair in combinations(range(len(rig.names)), 2)}
    choices: dict[str, tuple[int, ...]] = {"2 adjacent": min(pairs, key=pairs.__getitem__)}
    if len(rig.names) > 2:
        choices["2 opposite"] = max(pairs, key=pairs.__getitem__)
    around = _round_the_person(rig)
    for count in range(3, len(around) + 1):
        choices[f"{count}"] = tuple(sorted(around[:count]))
    return {name: tuple(rig.names[i] for i in index) for name, index in choices.items()}


def axis_angles(rig: Rig) -> torch.Tensor:
    """Degrees between the optical axes of all pairs of cameras."""
    axis = rig.camera.R[:, 2].double()
    return torch.rad2deg(torch.acos((axis @ axis.mT).clamp(-1, 1)))


def widest_deg(rig: Rig) -> float:
    """The largest angle between two optical axes, in degrees."""
    return float(axis_angles(rig).max())


def _round_the_person(rig: Rig) -> list[int]:
    """Cameras in order of their direction from the middle between them, beginning with the first."""
    away = rig.camera.center - rig.camera.center.mean(0)
    turn = torch.atan2(away[:, 1], away[:, 0])
    return ((turn - turn[0]) % (2 * torch.pi)).argsort().tolist()


def views_of(poses: Poses2D, names: tuple[str, ...]) -> Poses2D:
    """Some views of 2D poses."""
    rows = [poses.views.index(name) for name in names]
    xyz = None if poses.xyz is None else poses.xyz[rows]
    return replace(poses, xy=poses.xy[rows], conf=poses.conf[rows], views=names, xyz=xyz)
