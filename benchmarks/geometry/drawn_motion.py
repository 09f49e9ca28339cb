"""Drawn motions: stretches of motion capture, one after the other, all of one body, put in the middle of a rig.

Motion capture comes from many bodies, and in its files the trunk's bones change by centimetres, because joints are made
of markers. The first stretch of a clip says what body it is: every pose gets its median bone lengths along the tree,
each bone keeping its direction, and the path of the pelvis is scaled with the legs, so that feet stay on the floor.
Between two stretches the person jumps; no frame lies between the two poses.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from torch import Tensor

from epipose.errors import InputError
from epipose.geometry.rotation import exp
from epipose.motion import Motion, motion_files, motion_name, read_motion
from epipose.skeletons import H36M17
from tests.helpers.synthetic import moving_skeleton

_DENSE = 120.0  # frames a second at which motions are kept before they are sampled
_REACH = 2.2  # metres from the middle that all cameras of Human3.6M's rigs still see
_BENT = 0.003  # metres by which a bone between two samples may differ from its ends: more is a jump
_LEGS = [i for i, (_, child) in enumerate(H36M17.bones) if H36M17.joints[child].endswith(("knee", "ankle"))]
_TRUNK = [i for i, (_, c) in enumerate(H36M17.bones) if H36M17.joints[c] in ("spine", "thorax", "neck_nose", "head")]


@dataclass(frozen=True)
class Scene:
    """Sources of motions and rigs; None: a generated walk, the rig of Human3.6M's S1.

    ``supple``: the trunk's bones keep the changes of length they were captured with, scaled to the body.
    """

    mocap: Path | None = None
    rigs: Path | None = None
    motions: str = "*"  # pattern of the motions' names
    supple: bool = False


def random_motion(
    rng: np.random.Generator, seconds: float, scene: Scene, roam: float | None
) -> tuple[str, Float[Tensor, "dense joint 3"]]:
    """A random stretch of motion (several of one body, one after the other, where they are short), to be `sampled`.

    ``roam``: half the extent of every stretch's path in metres; None leaves it as captured, and a stretch that leaves
    the room is not taken. Raises InputError when no motion has such a name.
    """
    needed = int(np.ceil(seconds * _DENSE)) + 2
    if scene.mocap is None:
        times = np.arange(int(seconds * 50) + 3) / 50
        walk = moving_skeleton(len(times), int(rng.integers(2**31))).numpy()
        dense = torch.from_numpy(CubicSpline(times, walk)(np.arange(needed) / _DENSE))
        return "generated", _placed(on_body(dense, _lengths(dense)), rng, roam)
    files = [path for path in motion_files(scene.mocap) if fnmatch(motion_name(path), scene.motions)]
    if not files:
        raise InputError(f"No motion in {scene.mocap} is called {scene.motions}.")
    names, pieces, body = list[str](), list[Tensor](), None
    while sum(len(piece) for piece in pieces) < needed:
        motion = read_motion(files[int(rng.integers(len(files)))])
        piece = _stretch(motion, needed, rng)
        if roam is None and float(_extent(piece)) > _REACH:  # leaves the room: another one
            continue
        body = _lengths(piece) if body is None else body
        names.append(motion.name)
        pieces.append(_placed(on_body(piece, body, scene.supple), rng, roam))
    return "+".join(names), torch.cat(pieces)[:needed]


def on_body(
    xyz: Float[Tensor, "frame joint 3"], lengths: Float[Tensor, " bone"], supple: bool = False
) -> Float[Tensor, "frame joint 3"]:
    """The motion on a body with these bone lengths (metres, in the order of H36M17.bones).

    ``supple``: lengths are medians of the trunk's bones, which keep their changes.
    """
    own, median = H36M17.bone_lengths(xyz), _lengths(xyz)
    if supple:
        own[:, _TRUNK] = median[_TRUNK]
    share = lengths / own.clamp(min=1e-9)
    moved = torch.zeros_like(xyz)
    moved[:, H36M17.root] = xyz[:, H36M17.root] * (lengths[_LEGS].sum() / median[_LEGS].sum())
    for bone, (parent, child) in enumerate(H36M17.bones):
        moved[:, child] = moved[:, parent] + share[:, bone, None] * (xyz[:, child] - xyz[:, parent])
    return moved


def sampled(dense: Float[Tensor, "dense joint 3"], times: Float[Tensor, " frame"]) -> Float[Tensor, "frame joint 3"]:
    """A motion at moments in seconds: linear between its dense samples; the nearer one where the person jumps."""
    position = (times * _DENSE).clamp(0, len(dense) - 1.001)
    index = position.floor().long()
    share = (position - index)[:, None, None]
    before, after = dense[index], dense[index + 1]
    straight = (1 - share) * before + share * after
    middle = H36M17.bone_lengths((before + after) / 2)
    bent = ((H36M17.bone_lengths(before) + H36M17.bone_lengths(after)) / 2 - middle).abs().amax(-1) > _BENT
    return torch.where(bent[:, None, None], torch.where(share < 0.5, before, after), straight)


def _stretch(motion: Motion, needed: int, rng: np.random.Generator) -> Tensor:
    times = np.arange(len(motion.xyz)) / motion.fps
    dense = CubicSpline(times, motion.xyz)(np.arange(int(times[-1] * _DENSE)) / _DENSE)
    begin = int(rng.integers(max(len(dense) - needed, 0) + 1))
    return torch.from_numpy(dense[begin : begin + needed])


def _lengths(xyz: Tensor) -> Tensor:
    return H36M17.bone_lengths(xyz).median(0).values


def _extent(xyz: Tensor) -> Tensor:
    """Half the diagonal of the ground that the pelvis covers."""
    ground = xyz[:, H36M17.root, :2]
    return (ground.amax(0) - ground.amin(0)).norm() / 2


def _placed(xyz: Tensor, rng: np.random.Generator, roam: float | None) -> Tensor:
    """Turned by a random heading and put at a random place that keeps the path within reach."""
    xyz = xyz @ exp(torch.tensor([0.0, 0.0, rng.uniform(0, 2 * np.pi)], dtype=torch.float64)).mT
    ground = torch.nn.functional.pad(xyz[:, [H36M17.root], :2], (0, 1))
    middle = (ground.amax(0) + ground.amin(0)) / 2
    extent = float(_extent(xyz))
    if roam is not None:
        xyz = xyz + (roam / max(extent, 1e-6) - 1) * (ground - middle)
        extent = roam
    free = max(_REACH - extent, 0.0) * 0.5
    aside = torch.tensor([*rng.uniform(-free, free, 2), 0.0], dtype=torch.float64) / np.sqrt(2)
    return xyz - middle + aside
