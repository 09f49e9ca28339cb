"""Limbs of people as they are drawn: the thickness of bones, and the path of the first person over the floor."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.geometry.sampling import evenly
from epipose.poses import Poses3D
from epipose.viz.plots import drawn_bones

_MEASURED_FRAMES = 2000  # from which bones' usual lengths are taken
_FACE = ("eye", "ear", "mouth", "nose")  # bones between these are drawn as lines


def bone_radii(poses: Poses3D) -> Float[Tensor, " bone"]:
    """Radius of every drawn bone (`drawn_bones`), in the unit of the poses, which is metres on the stage.

    A bone is as thick as is usual for its median length over all people.
    """
    bones = drawn_bones(poses.skeleton)
    parent, child = [bone[0] for bone in bones], [bone[1] for bone in bones]
    some = evenly(len(poses.xyz), _MEASURED_FRAMES)
    xyz, seen = poses.xyz[some], poses.conf[some] > 0
    length = (xyz[..., child, :] - xyz[..., parent, :]).norm(dim=-1)
    known = torch.where(seen[..., parent] & seen[..., child], length, torch.nan).flatten(0, 1)
    radius = (0.1 * known.nanmedian(0).values.nan_to_num(0.05)).clamp(0.01, 0.035)
    names = poses.skeleton.joints
    face = [any(part in names[p] for part in _FACE) and any(part in names[c] for part in _FACE) for p, c, _ in bones]
    return torch.where(torch.tensor(face), 0.006, radius)


def ground_path(poses: Poses3D, steps: int) -> Float[Tensor, "step 2"]:
    """Places (x, y) of the first person's hips over the floor, in order, at most ``steps``; only where they are known."""
    some = evenly(len(poses.xyz), steps)
    xyz, seen = poses.xyz[some, 0], poses.conf[some, 0] > 0
    hips = [i for i, name in enumerate(poses.skeleton.joints) if name.endswith("hip")] or [0]
    return xyz[:, hips].mean(1)[seen[:, hips].all(-1), :2]
