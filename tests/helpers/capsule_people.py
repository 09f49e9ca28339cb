"""A small person made of capsules, one per bone: what the studio renders where the body model is not installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from epipose.skeletons import H36M17
from epipose.studio.actor import Actor, MotionShares, centred_actor
from epipose.studio.appearance import random_look
from epipose.studio.bodies import REGIONS, Body
from tests.helpers.synthetic import moving_skeleton

# Standing at the origin, facing -y, arms hanging obliquely; metres, order of H36M17.
REST = np.array(
    [
        [0, 0, 0.93], [-0.1, 0, 0.92], [-0.11, 0, 0.5], [-0.12, 0, 0.08], [0.1, 0, 0.92], [0.11, 0, 0.5],
        [0.12, 0, 0.08], [0, 0, 1.17], [0, 0, 1.41], [0, -0.06, 1.52], [0, 0, 1.66], [0.18, 0, 1.39], [0.38, 0, 1.2],
        [0.56, 0, 1.03], [-0.18, 0, 1.39], [-0.38, 0, 1.2], [-0.56, 0, 1.03],
    ]
)  # fmt: skip

_RADIUS = {"head": 0.1, "thorax": 0.14, "spine": 0.14, "hip": 0.09, "knee": 0.075, "ankle": 0.055, "wrist": 0.035}
_REGION = {
    "head": "head", "neck_nose": "neck", "thorax": "torso", "spine": "hips", "hip": "hips", "knee": "thigh",
    "ankle": "shank", "shoulder": "torso", "elbow": "upper_arm", "wrist": "forearm",
}  # fmt: skip


def capsule_body(rest: np.ndarray = REST) -> Body:
    """One capsule per bone of a pose (17 joints), each moved by one bone."""
    vertices, normals, faces, region, index = [], [], [], [], []
    for bone, (parent, child) in enumerate(H36M17.bones):
        kind = H36M17.joints[child].removeprefix("left_").removeprefix("right_")
        points, outward, triangles = _capsule(rest[parent], rest[child], _RADIUS.get(kind, 0.045))
        faces.append(triangles + sum(map(len, vertices)))
        vertices.append(points)
        normals.append(outward)
        region += [REGIONS.index(_REGION[kind])] * len(points)
        index += [bone] * len(points)
    frames = np.tile(np.eye(4), (len(H36M17.bones), 1, 1))
    frames[:, :3, 3] = rest[[parent for parent, _ in H36M17.bones]]
    carrier = {child: H36M17.joints[child] for _, child in H36M17.bones}
    carrier[H36M17.root] = H36M17.joints[H36M17.bones[0][1]]
    landmarks = {name: (carrier[joint], rest[joint].astype(float)) for joint, name in enumerate(H36M17.joints)}
    weights = np.zeros((len(index), 4), np.float32)
    weights[:, 0] = 1
    return Body(
        vertices=np.concatenate(vertices).astype(np.float32),
        normals=np.concatenate(normals).astype(np.float32),
        faces=np.concatenate(faces).astype(np.int32),
        uv=np.zeros((len(index), 2), np.float32),
        region=np.array(region, np.uint8),
        bone_index=np.array(index, np.int32)[:, None] * np.array([1, 0, 0, 0], np.int32),
        bone_weight=weights,
        bones=tuple(H36M17.joints[child] for _, child in H36M17.bones),
        parents=np.full(len(frames), -1, np.int32),
        rest=frames,
        landmarks=landmarks,
        height=1.7,
        sex=0.5,
        age=30.0,
        muscle=0.5,
        weight=0.5,
    )


def skinning(rest: np.ndarray, xyz: np.ndarray) -> np.ndarray:
    """The transforms that take every bone of ``rest`` (17, 3) to the poses (frame, 17, 3) by the shortest turn."""
    parents, children = (list(ends) for ends in zip(*H36M17.bones, strict=True))
    before, after = rest[children] - rest[parents], xyz[:, children] - xyz[:, parents]
    a = torch.from_numpy(before / np.linalg.norm(before, axis=-1, keepdims=True)).expand(len(xyz), -1, -1)
    b = torch.from_numpy(after / np.linalg.norm(after, axis=-1, keepdims=True))
    axis, cosine = torch.linalg.cross(a, b), (a * b).sum(-1)[..., None, None]
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    R = (torch.eye(3, dtype=x.dtype) + cross + cross @ cross / (1 + cosine)).numpy()
    t = xyz[:, parents] - np.einsum("fbij,bj->fbi", R, rest[parents])
    return np.concatenate([R, t[..., None]], -1).astype(np.float32)


def _capsule(start: np.ndarray, end: np.ndarray, radius: float, around: int = 10, rings: int = 8):
    """Points, unit normals and triangles of a capsule between two points."""
    axis = (end - start) / np.linalg.norm(end - start)
    side = np.cross(axis, [1.0, 0, 0] if abs(axis[0]) < 0.8 else [0, 1.0, 0])
    side /= np.linalg.norm(side)
    turn = np.linspace(0, 2 * np.pi, around, endpoint=False)
    rim = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * np.cross(axis, side)
    outward, points = [], []
    for ring in range(rings):
        tilt = np.pi * ring / (rings - 1) - np.pi / 2
        outward.append(np.cos(tilt) * rim + np.sin(tilt) * axis)
        points.append((start if ring < rings // 2 else end) + radius * outward[-1])
    first = (np.arange(rings - 1)[:, None] * around + np.arange(around)).reshape(-1)
    after = (np.arange(rings - 1)[:, None] * around + (np.arange(around) + 1) % around).reshape(-1)
    triangles = np.stack([first, after, first + around, after, after + around, first + around], -1).reshape(-1, 3)
    return np.concatenate(points), np.concatenate(outward), triangles


def capsule_actor(
    rng: np.random.Generator,
    motions: Sequence[Path],
    frames: int,
    fps: float,
    full_chance_s: float,
    shares: MotionShares,
) -> Actor:
    """Somebody made of capsules who walks about; takes the place of `random_actor`."""
    xyz = moving_skeleton(frames, seed=int(rng.integers(1000)), roam=0.8).numpy()
    return centred_actor(Actor(capsule_body(), random_look(rng), skinning(REST, xyz), xyz, "capsules"))
