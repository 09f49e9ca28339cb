"""Relative pose of two cameras from pooled keypoints: robust start, refinement, covariance.

One frame's 17 joints say almost nothing about the cameras: they lie within a person's width, and the detector errs
by several pixels. The joints of ALL frames, pooled, fill the space the person moved through, and there the answer
is sharp. So: pool; find a robust start with the five-point method on calibrated points; then refine the five degrees
of freedom on every correspondence, because RANSAC's answer rests on five points and the refined one on thousands.
The robust cost has several minima, hence several starts: each is refined on some of the points, and the best of
them on all. The spread of the residuals gives the covariance, in the first order round this minimum; whether it is the
right minimum is for the diagnosis (degeneracy.py), the other views and the cheirality check to say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from epipose.errors import CalibrationError
from epipose.geometry.degeneracy import PairFinding, diagnose
from epipose.geometry.epipolar import (
    essential_from_pose,
    homogeneous,
    most_in_front,
    poses_from_essential,
    sampson,
    sampson_distance,
    tangent_plane,
    with_equal_singular_values,
)
from epipose.geometry.robust import mean_robust_cost, robust_weight
from epipose.geometry.rotation import exp, hat

_MAX_START_POINTS = 4000  # RANSAC gains nothing from more, nor does the choice between its answers
_START_STEPS = 4  # of refinement, after which the best start is clear
_MAX_SIGMA = math.pi  # radians, of an angle
_MIN_GAIN = 1e-9  # of a step, as a share of the cost
_MIN_NOISE_RATIO = 0.1  # of a detector's error over the expected one


@dataclass(frozen=True)
class RelativePose:
    """b_from_a with |t| = 1, the correspondences that are its inliers, and its covariance.

    ``covariance``: of (w, s), radians, where the real pose is exp(w) R and normalize(t + s @ tangent_plane(t)): a
    rotation in camera b's frame and a move of the direction t. ``diagnosis``: what makes poses uncertain in ways that
    a covariance does not show, each with its number, its threshold and plain words.
    """

    R: Float[Tensor, "3 3"]
    t: Float[Tensor, "3"]
    inlier: Bool[Tensor, " point"]
    cost: float  # mean robust cost; 0 is perfect, log 2 is a residual of one expected error everywhere
    in_front: float  # share of the inliers' weight that lies in front of both cameras
    covariance: Float[Tensor, "5 5"] | None = None  # None: not estimated (a pose from elsewhere)
    diagnosis: tuple[PairFinding, ...] = ()

    @property
    def rotation_sigma(self) -> float:
        """Expected angle (root mean square, radians) between this rotation and the real one."""
        return math.inf if self.covariance is None else float(self.covariance[:3, :3].trace()) ** 0.5

    @property
    def translation_sigma(self) -> float:
        """Expected angle (root mean square, radians) between this direction of t and the real one."""
        return math.inf if self.covariance is None else float(self.covariance[3:, 3:].trace()) ** 0.5

    @property
    def warnings(self) -> tuple[str, ...]:
        """The measures of degeneracy that crossed their threshold, in words."""
        return tuple(finding.words for finding in self.diagnosis if finding.bad)


def relative_pose(
    a: Float[Tensor, "point 2"],
    b: Float[Tensor, "point 2"],
    weight: Float[Tensor, " point"],
    noise: float,
    seed: int = 0,
    group: Int[Tensor, " point"] | None = None,
) -> RelativePose:
    """Robust, refined relative pose from pooled correspondences, with its covariance and diagnosis.

    ``a``, ``b``: undistorted coordinates on z = 1 (float64). ``weight``: confidence, 0 = ignore. ``noise``: expected
    error in the same unit (pixels / focal length). ``group``: index of each correspondence's stretch of frames; the
    errors within a stretch may depend on each other (a detector repeats its errors from frame to frame), those of two
    stretches may not. Without it all errors count as independent, which is overconfident about real video. Raises
    CalibrationError with fewer than 8 usable correspondences or when no start can be found.
    """
    usable = weight > 0
    if int(usable.sum()) < 8:
        raise CalibrationError(
            f"{int(usable.sum())} keypoints are seen by both cameras; at least 8 are needed, better hundreds."
        )
    points = (a[usable], b[usable], weight[usable])
    some = torch.randperm(len(points[0]), generator=torch.Generator().manual_seed(seed))[:_MAX_START_POINTS]
    few = (points[0][some], points[1][some], points[2][some])
    starts = [refine_relative_pose(R, t, *few, noise, _START_STEPS) for R, t in _starts(*points, noise, seed)]
    if not starts:
        raise CalibrationError(
            "No relative pose fits the joints of these two views; they may not show the same person."
        )
    R, t, _ = min(starts, key=lambda start: start[2])
    R, t, cost = refine_relative_pose(R, t, *points, noise)
    E = essential_from_pose(R, t)
    inlier = usable & (sampson_distance(E, a, b).abs() < 2 * noise)
    Rs, ts = poses_from_essential(E)
    index, share = most_in_front(Rs, ts, a, b, weight * inlier)
    R, t = Rs[index], ts[index]
    covariance = pose_covariance(R, t, *points, noise, None if group is None else group[usable])
    diagnosis = diagnose(R, t, a[inlier], b[inlier], noise, None if group is None else group[inlier])
    return RelativePose(R, t, inlier, cost, float(share[index]), covariance, diagnosis)


def _starts(a: Tensor, b: Tensor, weight: Tensor, noise: float, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Five-point RANSAC at several thresholds on the most confident points, drawn evenly when there are many."""
    generator = torch.Generator().manual_seed(seed)
    confident = (weight >= weight.median()).nonzero()[:, 0]
    chosen = confident[torch.randperm(len(confident), generator=generator)[:_MAX_START_POINTS]]
    chosen_a, chosen_b = (np.ascontiguousarray(points[chosen].numpy()) for points in (a, b))
    starts = []
    for factor in (0.25, 0.5, 1.0):
        try:
            E, _ = cv2.findEssentialMat(chosen_a, chosen_b, np.eye(3), cv2.USAC_MAGSAC, 0.9999, factor * noise)
        except cv2.error:  # degenerate input: all joints at one place, say
            continue
        if E is None or E.shape != (3, 3) or not np.isfinite(E).all():
            continue
        R, t = poses_from_essential(torch.from_numpy(E))
        index, _ = most_in_front(R, t, a[chosen], b[chosen], weight[chosen])
        starts.append((R[index], t[index]))
    return starts


def refine_relative_pose(
    R: Float[Tensor, "3 3"],
    t: Float[Tensor, "3"],
    a: Float[Tensor, "point 2"],
    b: Float[Tensor, "point 2"],
    weight: Float[Tensor, " point"],
    noise: float,
    steps: int = 50,
) -> tuple[Float[Tensor, "3 3"], Float[Tensor, "3"], float]:
    """Minimise the Cauchy cost of the Sampson distances over the five degrees of freedom (Levenberg-Marquardt).

    R moves by exp(w) R; t moves on the unit sphere along the two directions orthogonal to it. Returns R, t and the
    mean cost in units of noise^2.
    """

    def cost_of(R: Tensor, t: Tensor) -> float:
        r = sampson_distance(essential_from_pose(R, t), a, b) / noise
        return float(mean_robust_cost(r * r, weight))

    damping, cost, system = 1e-3, cost_of(R, t), None
    for _ in range(steps):
        H, g = system = system or _normal_equations(R, t, a, b, weight, noise)
        damped = H + damping * torch.diag(H.diagonal()) + 1e-12 * H.trace() * torch.eye(5, dtype=t.dtype)
        step, bad = torch.linalg.solve_ex(damped, -g)
        new_R, new_t = exp(step[:3]) @ R, torch.nn.functional.normalize(t + step[3:] @ tangent_plane(t), dim=0)
        new_cost = cost_of(new_R, new_t) if not bool(bad) else math.inf
        if not new_cost <= cost:
            damping *= 10
            if damping > 1e6:
                break
            continue
        gain = cost - new_cost
        R, t, cost, damping, system = new_R, new_t, new_cost, max(damping / 10, 1e-12), None
        if gain <= _MIN_GAIN * cost:
            break
    return R, t, cost


def sampson_jacobian(
    R: Float[Tensor, "3 3"], t: Float[Tensor, "3"], a: Float[Tensor, "point 2"], b: Float[Tensor, "point 2"]
) -> tuple[Float[Tensor, " point"], Float[Tensor, "point 5"]]:
    """Sampson distances and their derivatives by w in exp(w) R and by s in normalize(t + s @ tangent_plane(t))."""
    by_rotation = hat(t) @ hat(torch.eye(3, dtype=t.dtype)) @ R  # d([t]x exp(w) R) / dw_i
    by_translation = hat(tangent_plane(t)) @ R
    distance, by_E = sampson(essential_from_pose(R, t), a, b)
    return distance, by_E @ torch.cat([by_rotation, by_translation]).flatten(1).mT


def _normal_equations(
    R: Tensor, t: Tensor, a: Tensor, b: Tensor, weight: Tensor, noise: float
) -> tuple[Tensor, Tensor]:
    """Gauss-Newton matrix and gradient of the robust cost.

    The matrix with the weights 1 / (1 + r^2) is steeper than the cost, whose curvature the outliers bend down; scaled
    to the mean curvature it needs fewer steps (Huber 1981, section 7.8, calls it the modified weights).
    """
    distance, J = sampson_jacobian(R, t, a, b)
    r, J = distance / noise, J / noise
    w = robust_weight(r * r, weight)
    return _curvature(r, weight) * (J.mT @ (w[:, None] * J)), J.mT @ (w * r)


def _curvature(r: Tensor, weight: Tensor) -> float:
    """Mean second derivative of the Cauchy cost in units of its mean weight, kept positive."""
    w = robust_weight(r * r)
    return float(((weight * (2 * w * w - w)).sum() / (weight * w).sum()).clamp(min=0.2))


def pose_covariance(
    R: Float[Tensor, "3 3"],
    t: Float[Tensor, "3"],
    a: Float[Tensor, "point 2"],
    b: Float[Tensor, "point 2"],
    weight: Float[Tensor, " point"],
    noise: float,
    group: Int[Tensor, " point"] | None = None,
) -> Float[Tensor, "5 5"]:
    """Covariance (radians^2) of a refined pose, as in `RelativePose`, by the sandwich A^-1 B A^-1.

    A is the curvature of the robust cost, B the spread of its gradient, summed over groups before it is squared, so
    that neither heavy tails nor errors that repeat within a group make it too small (Huber 1967; Liang & Zeger,
    Biometrika 1986). With 10 groups or fewer B would be unreliable; then each group counts as one observation. No
    angle is less certain than pi, so undetermined poses have a large covariance, not an infinite one.
    """
    distance, J = sampson_jacobian(R, t, a, b)
    r, J = distance / noise, J / noise
    w = robust_weight(r * r, weight)
    A = _curvature(r, weight) * (J.mT @ (w[:, None] * J))
    score = (w * r)[:, None] * J
    inflation = len(score) / max(len(score) - 5, 1)
    if group is not None:
        _, member = group.unique(return_inverse=True)
        groups = int(member.max()) + 1
        if groups > 10:
            score = score.new_zeros(groups, 5).index_add(0, member, score)
            inflation = groups / (groups - 5)
        else:
            inflation = len(score) / groups
    B = inflation * (score.mT @ score)
    inverse = torch.linalg.inv(A + (1e-12 * A.trace() + 1e-12) * torch.eye(5, dtype=t.dtype))
    # Where nothing determines the pose, A and B both vanish: the noise is never below a tenth of what is expected.
    covariance = inverse @ B @ inverse + _MIN_NOISE_RATIO**2 * inverse
    value, axes = torch.linalg.eigh((covariance + covariance.mT) / 2)
    value = value.clamp(min=0)
    return (axes * (value * _MAX_SIGMA**2 / (value + _MAX_SIGMA**2))) @ axes.mT


def relative_pose_from_one_frame(
    pixels_a: Float[Tensor, "joint 2"],
    pixels_b: Float[Tensor, "joint 2"],
    K_a: Float[Tensor, "3 3"],
    K_b: Float[Tensor, "3 3"],
    threshold: float = 3.0,
) -> tuple[Float[Tensor, "3 3"], Float[Tensor, "3"]] | None:
    """The paper's own recipe, kept for comparison: F by RANSAC from one frame's joints, then E = K_b^T F K_a.

    Pixels are undistorted; ``threshold`` is RANSAC's, in pixels. None where no F is found (Kocabas et al., CVPR 2019,
    section 3.2).
    """
    if len(pixels_a) < 8:
        return None
    numpy_a, numpy_b = (np.ascontiguousarray(pixels.double().numpy()) for pixels in (pixels_a, pixels_b))
    F, _ = cv2.findFundamentalMat(numpy_a, numpy_b, cv2.FM_RANSAC, threshold, 0.999)
    if F is None or F.shape != (3, 3) or not np.isfinite(F).all():
        return None
    E = with_equal_singular_values(K_b.double().mT @ torch.from_numpy(F) @ K_a.double())
    R, t = poses_from_essential(E)
    a, b = (
        torch.linalg.solve(K.double(), homogeneous(pixels.double()).mT).mT[:, :2]
        for K, pixels in ((K_a, pixels_a), (K_b, pixels_b))
    )
    index, _ = most_in_front(R, t, a, b, torch.ones(len(a), dtype=torch.float64))
    return R[index], t[index]
