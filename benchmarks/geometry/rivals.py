"""Rival methods: cameras from the same 2D poses and intrinsics, each a function (poses, intrinsics) -> Rig or None.

- the paper's recipe: F from one frame's joints, E = K^T F K (Kocabas et al., CVPR 2019); of all frames' answers the one
  nearest to all others is taken, which is kinder than the paper;
- OpenCV alone: five-point RANSAC on pooled joints, recoverPose, triangulatePoints, solvePnPRansac;
- PoseLib: its robust relative and absolute pose, each with its own non-linear refinement;
- pycolmap: Ceres' bundle adjustment (Cauchy loss) started where ours starts;
- humancalib: see humancalib_rival.py; caliscope: see caliscope_rival.py (each in a Python of its own).

All see keypoints of confidence 0.3 and more, all frames, without distortion (caliscope takes it away itself), and those
that take a threshold get the error we expect of a keypoint. None is given the ground truth.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from benchmarks.geometry.ceres import ceres_bundle
from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.experiments.paper_recipe import (
    Pooled,
    Pose,
    keypoints_on_plane,
    paper_recipe,
    pooled,
    pooled_rig,
    triangulate_pooled,
)
from epipose.geometry.observations import Observations, observe
from epipose.geometry.relative_pose import RelativePose, relative_pose
from epipose.geometry.view_graph import reconstruct, triangulate_views
from epipose.poses import Poses2D


class TimedRig(NamedTuple):
    """A rig (None where the method gave up), its seconds, and those of all CPU cores."""

    rig: Rig | None
    seconds: float
    cpu_seconds: float


# One that runs in another process has a clock of its own, which does not count that process's start.
Rival = Callable[[Poses2D, Rig], Rig | TimedRig | None]


def timed(rival: Rival, poses: Poses2D, intrinsics: Rig) -> TimedRig:
    """The rival's rig and its seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        found = rival(poses, intrinsics)
    except (EpiposeError, cv2.error) as error:
        print(f"{getattr(rival, '__name__', rival)}: {error}")
        found = None
    if isinstance(found, TimedRig):
        return found
    return TimedRig(found, time.perf_counter() - wall, time.process_time() - cpu)


def opencv_alone(poses: Poses2D, intrinsics: Rig) -> Rig | None:
    """findEssentialMat and recoverPose on pooled joints, triangulatePoints, solvePnPRansac for the other views."""
    p = pooled(poses, intrinsics)

    def relative(a: int, b: int, both: Tensor) -> tuple[Pose, int] | None:
        x_a, x_b = (keypoints_on_plane(p, view, both) for view in (a, b))
        threshold = p.error / float(intrinsics.camera.focal.mean())
        E, inlier = cv2.findEssentialMat(x_a, x_b, np.eye(3), cv2.USAC_MAGSAC, 0.9999, threshold)
        if E is None or E.shape != (3, 3):
            return None
        count, R, t, _ = cv2.recoverPose(E, x_a, x_b, np.eye(3), mask=inlier)
        return (R, t[:, 0]), int(count)

    def absolute(view: int, points: np.ndarray, index: Tensor) -> Pose | None:
        pixels = np.ascontiguousarray(p.pixels[view, index].numpy())
        found, rotation, t, _ = cv2.solvePnPRansac(
            points, pixels, p.K[view].numpy(), np.zeros(4), reprojectionError=2 * p.error
        )
        return (cv2.Rodrigues(rotation)[0], t[:, 0]) if found else None

    return _grown(p, relative, absolute)


def poselib_alone(poses: Poses2D, intrinsics: Rig) -> Rig | None:
    """PoseLib's relative pose for the best pair, its absolute pose for the other views."""
    import poselib  # pyright: ignore[reportMissingImports]  # of the extra bench

    p = pooled(poses, intrinsics)
    cameras = [
        {
            "model": "PINHOLE",
            "width": int(size[0]),
            "height": int(size[1]),
            "params": [float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])],
        }
        for K, size in zip(p.K, intrinsics.camera.size, strict=True)
    ]

    def relative(a: int, b: int, both: Tensor) -> tuple[Pose, int] | None:
        x_a, x_b = (p.pixels[view, both].numpy() for view in (a, b))
        pose, info = poselib.estimate_relative_pose(
            x_a, x_b, cameras[a], cameras[b], {"max_epipolar_error": p.error}, {"loss_type": "CAUCHY"}
        )
        return (np.array(pose.R), np.array(pose.t)), int(info["num_inliers"])

    def absolute(view: int, points: np.ndarray, index: Tensor) -> Pose | None:
        pose, info = poselib.estimate_absolute_pose(
            p.pixels[view, index].numpy(),
            points,
            cameras[view],
            {"max_reproj_error": 2 * p.error},
            {"loss_type": "CAUCHY"},
        )
        return (np.array(pose.R), np.array(pose.t)) if info["num_inliers"] >= 8 else None

    return _grown(p, relative, absolute)


def _grown(
    p: Pooled,
    relative: Callable[[int, int, Tensor], tuple[Pose, int] | None],
    absolute: Callable[[int, np.ndarray, Tensor], Pose | None],
) -> Rig | None:
    """The textbook chain: the pair with most inliers, its points, and every other view placed on them."""
    best: tuple[int, int, int, Pose] | None = None
    for a, b in combinations(range(len(p.K)), 2):
        both = (p.seen[a] & p.seen[b]).nonzero()[:, 0]
        answer = relative(a, b, both) if len(both) >= 8 else None
        if answer is not None and (best is None or answer[1] > best[0]):
            best = (answer[1], a, b, answer[0])
    if best is None:
        return None
    _, a, b, pose = best
    placed: dict[int, Pose] = {a: (np.eye(3), np.zeros(3)), b: pose}
    points, index = triangulate_pooled(p, a, b, placed[a], pose)
    for view in range(len(p.K)):
        if view not in placed:
            known = p.seen[view, index]
            answer = absolute(view, points[known.numpy()], index[known]) if int(known.sum()) >= 8 else None
            if answer is None:
                return None
            placed[view] = answer
    return pooled_rig(p, [placed[view][0] for view in range(len(p.K))], [placed[view][1] for view in range(len(p.K))])


def pycolmap_bundle(poses: Poses2D, intrinsics: Rig) -> Rig | None:
    """Ceres' bundle adjustment as COLMAP runs it, from the start our own adjustment gets."""
    observed = observe(poses, intrinsics).weighted(poses.skeleton.evidence_weights)
    some = observed.frames(torch.linspace(0, poses.xy.shape[1] - 1, 60).round().long().unique())
    start = reconstruct(some, _pairs(observed))
    xyz, robust_weight = triangulate_views(observed, start.R, start.t)
    found = ceres_bundle(start.R, start.t, xyz, observed.x, observed.weight * robust_weight, observed.noise)
    return Rig(poses.views, intrinsics.camera.to(torch.float64).with_pose(found.R, found.t))


def _pairs(observed: Observations) -> dict[tuple[int, int], RelativePose]:
    pairs = {}
    for i, j in combinations(range(len(observed.x)), 2):
        weight = (observed.weight[i] * observed.weight[j]).sqrt().flatten()
        noise = float((observed.noise[i].median() + observed.noise[j].median()) / 2)
        if int((weight > 0).sum()) >= 50:
            pairs[i, j] = relative_pose(observed.x[i].reshape(-1, 2), observed.x[j].reshape(-1, 2), weight, noise)
    return pairs


RIVALS: dict[str, Rival] = {
    "the paper's recipe": paper_recipe,
    "OpenCV alone": opencv_alone,
    "PoseLib": poselib_alone,
    "pycolmap bundle": pycolmap_bundle,
}
