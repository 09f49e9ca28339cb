"""Other ways to cameras from the same 2D poses and intrinsics, each as one function: (poses, intrinsics) -> Rig or None.

- the paper's recipe: F from one frame's joints, E = K^T F K (Kocabas et al., CVPR 2019); of all frames' answers the one
  nearest to all others is taken, which is kinder than the paper;
- OpenCV alone: five-point RANSAC on pooled joints, recoverPose, triangulatePoints, solvePnPRansac;
- PoseLib: its robust relative and absolute pose, each with its own non-linear refinement;
- pycolmap: Ceres' bundle adjustment (Cauchy loss) started where ours starts;
- humancalib: see humancalib_rival.py.

All see joints of confidence 0.3 and more, all frames, without distortion, and the error we expect of a joint as their
threshold. Nobody gets the truth.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.geometry.relative_pose import RelativePose, relative_pose, relative_pose_from_one_frame
from epipose.geometry.rotation import angle_between
from epipose.geometry.view_graph import reconstruct, triangulate_views
from epipose.observations import NOISE_SHARE, Observations, observe, person_size
from epipose.poses import Poses2D

from ceres import ceres_bundle

Rival = Callable[[Poses2D, Rig], Rig | None]
_MIN_CONF = 0.3
_PAPER_FRAMES = 60  # the paper's recipe is tried on so many: its answers differ by tens of degrees anyway
_Pose = tuple[np.ndarray, np.ndarray]  # R (3, 3), t (3,) of b_from_a


class Pooled(NamedTuple):
    """All joints of all frames in a row, as pixels of lenses without distortion."""

    pixels: Float[Tensor, "view point 2"]
    seen: Bool[Tensor, "view point"]
    K: Float[Tensor, "view 3 3"]
    error: float  # expected of a joint, in pixels
    rig: Rig


def pooled(poses: Poses2D, intrinsics: Rig) -> Pooled:
    """What every rival starts from."""
    camera = intrinsics.camera.to(torch.float64)
    pixels = camera.spread(2).undistort(poses.xy[:, :, 0].double())
    seen = (poses.conf[:, :, 0] >= _MIN_CONF) & pixels.isfinite().all(-1) & (pixels.abs() < 1e5).all(-1)
    error = NOISE_SHARE * float(person_size(pixels, seen.double()).median())
    return Pooled(pixels.flatten(1, 2), seen.flatten(1), camera.K, error, intrinsics)


def timed(rival: Rival, poses: Poses2D, intrinsics: Rig) -> tuple[Rig | None, float]:
    """The rival's rig (None where it gives up) and its seconds."""
    started = time.perf_counter()
    try:
        rig = rival(poses, intrinsics)
    except (EpiposeError, cv2.error) as error:
        print(f"{getattr(rival, '__name__', rival)}: {error}")
        rig = None
    return rig, time.perf_counter() - started


def paper_recipe(poses: Poses2D, intrinsics: Rig) -> Rig | None:
    """F from one frame at a time; consecutive cameras chained, distances from the joints both pairs see."""
    p = pooled(poses, intrinsics)
    frames, joints = poses.xy.shape[1], poses.xy.shape[3]
    pixels, seen = p.pixels.reshape(-1, frames, joints, 2), p.seen.reshape(-1, frames, joints)
    found: list[_Pose] = []
    for a, b in zip(range(len(pixels) - 1), range(1, len(pixels)), strict=True):
        answers = []
        for frame in range(0, frames, max(1, frames // _PAPER_FRAMES)):
            both = seen[a, frame] & seen[b, frame]
            answer = relative_pose_from_one_frame(pixels[a, frame, both], pixels[b, frame, both], p.K[a], p.K[b])
            if answer is not None:
                answers.append(answer)
        if not answers:
            return None
        R = torch.stack([answer[0] for answer in answers])
        medoid = int(angle_between(R[:, None], R[None]).sum(1).argmin())
        found.append((answers[medoid][0].numpy(), answers[medoid][1].numpy()))
    return _chained(p, found)


def _chained(p: Pooled, pairs: list[_Pose]) -> Rig | None:
    """Consecutive relative poses as one rig; each distance such that joints keep their depth."""
    R, t = [np.eye(3)], [np.zeros(3)]
    depths: dict[int, float] = {}
    for b, (R_ba, t_ba) in enumerate(pairs, 1):
        a = b - 1
        points, both = _triangulated(p, a, b, (np.eye(3), np.zeros(3)), (R_ba, t_ba))
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
    return _rig(p, R, t)


def opencv_alone(poses: Poses2D, intrinsics: Rig) -> Rig | None:
    """findEssentialMat and recoverPose on pooled joints, triangulatePoints, solvePnPRansac for the other views."""
    p = pooled(poses, intrinsics)

    def relative(a: int, b: int, both: Tensor) -> tuple[_Pose, int] | None:
        x_a, x_b = (_normalised(p, view, both) for view in (a, b))
        threshold = p.error / float(intrinsics.camera.focal.mean())
        E, inlier = cv2.findEssentialMat(x_a, x_b, np.eye(3), cv2.USAC_MAGSAC, 0.9999, threshold)
        if E is None or E.shape != (3, 3):
            return None
        count, R, t, _ = cv2.recoverPose(E, x_a, x_b, np.eye(3), mask=inlier)
        return (R, t[:, 0]), int(count)

    def absolute(view: int, points: np.ndarray, index: Tensor) -> _Pose | None:
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

    def relative(a: int, b: int, both: Tensor) -> tuple[_Pose, int] | None:
        x_a, x_b = (p.pixels[view, both].numpy() for view in (a, b))
        pose, info = poselib.estimate_relative_pose(
            x_a, x_b, cameras[a], cameras[b], {"max_epipolar_error": p.error}, {"loss_type": "CAUCHY"}
        )
        return (np.array(pose.R), np.array(pose.t)), int(info["num_inliers"])

    def absolute(view: int, points: np.ndarray, index: Tensor) -> _Pose | None:
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
    relative: Callable[[int, int, Tensor], tuple[_Pose, int] | None],
    absolute: Callable[[int, np.ndarray, Tensor], _Pose | None],
) -> Rig | None:
    """The textbook chain: the pair with most inliers, its points, and every other view placed on them."""
    best: tuple[int, int, int, _Pose] | None = None
    for a, b in combinations(range(len(p.K)), 2):
        both = (p.seen[a] & p.seen[b]).nonzero()[:, 0]
        answer = relative(a, b, both) if len(both) >= 8 else None
        if answer is not None and (best is None or answer[1] > best[0]):
            best = (answer[1], a, b, answer[0])
    if best is None:
        return None
    _, a, b, pose = best
    placed: dict[int, _Pose] = {a: (np.eye(3), np.zeros(3)), b: pose}
    points, index = _triangulated(p, a, b, placed[a], pose)
    for view in range(len(p.K)):
        if view not in placed:
            known = p.seen[view, index]
            answer = absolute(view, points[known.numpy()], index[known]) if int(known.sum()) >= 8 else None
            if answer is None:
                return None
            placed[view] = answer
    return _rig(p, [placed[view][0] for view in range(len(p.K))], [placed[view][1] for view in range(len(p.K))])


def pycolmap_bundle(poses: Poses2D, intrinsics: Rig) -> Rig | None:
    """Ceres' bundle adjustment as COLMAP runs it, from the start our own adjustment gets."""
    observed = observe(poses, intrinsics).weighted(poses.skeleton.votes)
    some = observed.frames(torch.linspace(0, poses.xy.shape[1] - 1, 60).round().long().unique())
    start = reconstruct(some, _pairs(observed))
    xyz, trust = triangulate_views(observed, start.R, start.t)
    found = ceres_bundle(start.R, start.t, xyz, observed.x, observed.weight * trust, observed.noise)
    return Rig(poses.views, intrinsics.camera.to(torch.float64).with_pose(found.R, found.t))


def _pairs(observed: Observations) -> dict[tuple[int, int], RelativePose]:
    pairs = {}
    for i, j in combinations(range(len(observed.x)), 2):
        weight = (observed.weight[i] * observed.weight[j]).sqrt().flatten()
        noise = float((observed.noise[i].median() + observed.noise[j].median()) / 2)
        if int((weight > 0).sum()) >= 50:
            pairs[i, j] = relative_pose(observed.x[i].reshape(-1, 2), observed.x[j].reshape(-1, 2), weight, noise)
    return pairs


def _normalised(p: Pooled, view: int, index: Tensor) -> np.ndarray:
    pixels = torch.nn.functional.pad(p.pixels[view, index], (0, 1), value=1.0)
    return np.ascontiguousarray(torch.linalg.solve(p.K[view], pixels.mT).mT[:, :2].numpy())


def _triangulated(p: Pooled, a: int, b: int, pose_a: _Pose, pose_b: _Pose) -> tuple[np.ndarray, Tensor]:
    """Points in front of both cameras by OpenCV's linear method, and which joints they are."""
    both = (p.seen[a] & p.seen[b]).nonzero()[:, 0]
    P_a, P_b = (np.column_stack(pose) for pose in (pose_a, pose_b))
    points = cv2.triangulatePoints(P_a, P_b, _normalised(p, a, both).T, _normalised(p, b, both).T)
    points = (points[:3] / points[3]).T
    depths = [points @ R[2] + t[2] for R, t in (pose_a, pose_b)]
    good = np.isfinite(points).all(1) & (depths[0] > 0) & (depths[1] > 0)
    return np.ascontiguousarray(points[good]), both[torch.from_numpy(good)]


def _rig(p: Pooled, R: list[np.ndarray], t: list[np.ndarray]) -> Rig:
    rotations, translations = torch.from_numpy(np.stack(R)), torch.from_numpy(np.stack(t))
    return Rig(p.rig.names, p.rig.camera.to(torch.float64).with_pose(rotations, translations))


RIVALS: dict[str, Rival] = {
    "the paper's recipe": paper_recipe,
    "OpenCV alone": opencv_alone,
    "PoseLib": poselib_alone,
    "pycolmap bundle": pycolmap_bundle,
}
