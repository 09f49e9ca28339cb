"""Extrinsics by the paper's recipe: F from a single frame, E = K^T F K (Kocabas et al., CVPR 2019, section 3.2).

It stands beside our own in every comparison of labels. Of all frames' solutions the medoid is taken, which is kinder
than the paper. The input of other methods is here, too: the keypoints of all frames in a row.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.camera import Rig
from epipose.geometry.observations import NOISE_SHARE
from epipose.geometry.person_size import person_size
from epipose.geometry.relative_pose import relative_pose_from_one_frame
from epipose.geometry.rotation import angle_between
from epipose.geometry.sampling import stride_for
from epipose.poses import Poses2D

MIN_CONF = 0.3
_MAX_FRAMES = 60  # that the recipe is tried on: its solutions differ by tens of degrees anyway
Pose = tuple[np.ndarray, np.ndarray]  # R (3, 3), t (3,) of b_from_a


class Pooled(NamedTuple):
    """Keypoints of all frames in a row, as pixels without lens distortion."""

    pixels: Float[Tensor, "view point 2"]
    seen: Bool[Tensor, "view point"]
    K: Float[Tensor, "view 3 3"]
    error: float  # expected of a keypoint, in pixels
    rig: Rig


def pooled(poses: Poses2D, intrinsics: Rig) -> Pooled:
    """The input of the recipe and of the methods that it is compared with."""
    camera = intrinsics.camera.to(torch.float64)
    pixels = camera.spread(2).undistort(poses.xy[:, :, 0].double())
    seen = (poses.conf[:, :, 0] >= MIN_CONF) & pixels.isfinite().all(-1) & (pixels.abs() < 1e5).all(-1)
    error = NOISE_SHARE * float(person_size(pixels, seen.double()).median())
    return Pooled(pixels.flatten(1, 2), seen.flatten(1), camera.K, error, intrinsics)


def paper_recipe(poses: Poses2D, intrinsics: Rig) -> Rig | None:
    """The rig by F from one frame at a time: consecutive cameras chained, scales from the joints that both pairs see.

    None where a pair has no solution.
    """
    p = pooled(poses, intrinsics)
    frames, joints = poses.xy.shape[1], poses.xy.shape[3]
    pixels, seen = p.pixels.reshape(-1, frames, joints, 2), p.seen.reshape(-1, frames, joints)
    found: list[Pose] = []
    for a, b in zip(range(len(pixels) - 1), range(1, len(pixels)), strict=True):
        solutions = []
        for frame in range(0, frames, stride_for(frames, _MAX_FRAMES)):
            both = seen[a, frame] & seen[b, frame]
            solution = relative_pose_from_one_frame(pixels[a, frame, both], pixels[b, frame, both], p.K[a], p.K[b])
            if solution is not None:
                solutions.append(solution)
        if not solutions:
            return None
        R = torch.stack([solution[0] for solution in solutions])
        every = R.expand(len(R), *R.shape)
        medoid = int(angle_between(every.transpose(0, 1), every).sum(1).argmin())
        found.append((solutions[medoid][0].numpy(), solutions[medoid][1].numpy()))
    return _chained(p, found)


def _chained(p: Pooled, pairs: list[Pose]) -> Rig | None:
    """Consecutive relative poses as one rig; each baseline such that joints keep their depth."""
    R, t = [np.eye(3)], [np.zeros(3)]
    depths: dict[int, float] = {}
    for b, (R_ba, t_ba) in enumerate(pairs, 1):
        a = b - 1
        points, both = triangulate_pooled(p, a, b, (np.eye(3), np.zeros(3)), (R_ba, t_ba))
        scale = 1.0
        shared = [i for i in both.tolist() if i in depths]
        z = dict(zip(both.tolist(), points[:, 2].tolist(), strict=True))
        if b > 1:
            ratios = [depths[i] / z[i] for i in shared if z[i] > 1e-9 and depths[i] > 0]
            if not ratios:
                return None
            scale = float(np.median(ratios))
        in_b = points @ R_ba.T + t_ba
        depths = dict(zip(both.tolist(), (scale * in_b[:, 2]).tolist(), strict=True))
        R.append(R_ba @ R[a])
        t.append(R_ba @ t[a] + scale * t_ba)
    return pooled_rig(p, R, t)


def keypoints_on_plane(p: Pooled, view: int, index: Tensor) -> np.ndarray:
    """Keypoints of a view on the plane z = 1, one a row."""
    pixels = torch.nn.functional.pad(p.pixels[view, index], (0, 1), value=1.0)
    return np.ascontiguousarray(torch.linalg.solve(p.K[view], pixels.mT).mT[:, :2].numpy())


def triangulate_pooled(p: Pooled, a: int, b: int, pose_a: Pose, pose_b: Pose) -> tuple[np.ndarray, Tensor]:
    """Points in front of both cameras by OpenCV's linear method, and the indices of their keypoints."""
    both = (p.seen[a] & p.seen[b]).nonzero()[:, 0]
    P_a, P_b = (np.column_stack(pose) for pose in (pose_a, pose_b))
    points = cv2.triangulatePoints(P_a, P_b, keypoints_on_plane(p, a, both).T, keypoints_on_plane(p, b, both).T)
    points = (points[:3] / points[3]).T
    depths = [points @ R[2] + t[2] for R, t in (pose_a, pose_b)]
    good = np.isfinite(points).all(1) & (depths[0] > 0) & (depths[1] > 0)
    return np.ascontiguousarray(points[good]), both[torch.from_numpy(good)]


def pooled_rig(p: Pooled, R: list[np.ndarray], t: list[np.ndarray]) -> Rig:
    """The rig of these poses, cam_from_world."""
    rotations, translations = torch.from_numpy(np.stack(R)), torch.from_numpy(np.stack(t))
    return Rig(p.rig.names, p.rig.camera.to(torch.float64).with_pose(rotations, translations))
