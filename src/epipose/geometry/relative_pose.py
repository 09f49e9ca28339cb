"""Where one camera stood relative to another, from the joints both saw.

One frame's 17 joints say almost nothing about the cameras: they lie within a person's width, and the detector errs
by several pixels. The joints of ALL frames, pooled, fill the space the person moved through, and there the answer
is sharp. So: pool; find a robust start with the five-point method on calibrated points; then refine the five degrees
of freedom on every correspondence, because RANSAC's answer rests on five points and the refined one on thousands.
The robust cost has several minima, hence several starts, and the refined pose of least cost is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.errors import EpiposeError
from epipose.geometry.epipolar import (
    essential_from_pose,
    homogeneous,
    most_in_front,
    poses_from_essential,
    sampson,
    with_equal_singular_values,
)
from epipose.geometry.rotation import exp, hat

_MOST_START_POINTS = 4000  # RANSAC gains nothing from more


@dataclass(frozen=True)
class RelativePose:
    """b_from_a with |t| = 1, and how well the correspondences support it."""

    R: Float[Tensor, "3 3"]
    t: Float[Tensor, "3"]
    inlier: Bool[Tensor, "point"]
    cost: float  # mean robust cost per unit of weight; 0 is perfect, 1 is a residual of one noise scale everywhere
    in_front: float  # share of the inliers' weight that lies in front of both cameras


def relative_pose(
    a: Float[Tensor, "point 2"],
    b: Float[Tensor, "point 2"],
    weight: Float[Tensor, "point"],
    noise: float,
    seed: int = 0,
) -> RelativePose:
    """Robust, refined relative pose from pooled correspondences.

    ``a``, ``b``: undistorted coordinates on z = 1 (float64). ``weight``: confidence, 0 = ignore. ``noise``: expected
    error in the same unit (pixels / focal length). Raises EpiposeError with fewer than 8 usable correspondences or
    when no start can be found.
    """
    usable = weight > 0
    if int(usable.sum()) < 8:
        raise EpiposeError(
            f"{int(usable.sum())} joints are seen by both cameras; at least 8 are needed, better hundreds."
        )
    points = (a[usable], b[usable], weight[usable])
    best: tuple[float, Tensor, Tensor] | None = None
    for R, t in _starts(*points, noise, seed):
        R, t, cost = refine(R, t, *points, noise)
        if best is None or cost < best[0]:
            best = (cost, R, t)
    if best is None:
        raise EpiposeError("No relative pose fits the joints of these two views; they may not show the same person.")
    cost, R, t = best
    E = essential_from_pose(R, t)
    inlier = usable & (sampson(E, a, b).distance.abs() < 2 * noise)
    index, share = most_in_front(*poses_from_essential(E), a, b, weight * inlier)
    R, t = (candidates[index] for candidates in poses_from_essential(E))
    return RelativePose(R, t, inlier, cost, float(share[index]))


def _starts(a: Tensor, b: Tensor, weight: Tensor, noise: float, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Five-point RANSAC at several thresholds on the most confident points, drawn evenly when there are many."""
    generator = torch.Generator().manual_seed(seed)
    confident = (weight >= weight.median()).nonzero()[:, 0]
    chosen = confident[torch.randperm(len(confident), generator=generator)[:_MOST_START_POINTS]]
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
        index, _ = most_in_front(R, t, a, b, weight)
        starts.append((R[index], t[index]))
    return starts


def refine(
    R: Float[Tensor, "3 3"],
    t: Float[Tensor, "3"],
    a: Float[Tensor, "point 2"],
    b: Float[Tensor, "point 2"],
    weight: Float[Tensor, "point"],
    noise: float,
    steps: int = 50,
) -> tuple[Float[Tensor, "3 3"], Float[Tensor, "3"], float]:
    """Minimise the Cauchy cost of the Sampson distances over the five degrees of freedom (Levenberg-Marquardt).

    R moves by exp(w) R; t moves on the unit sphere along the two directions orthogonal to it. Returns R, t and the
    mean cost in units of noise^2.
    """

    def residual(R: Tensor, t: Tensor) -> tuple[Tensor, Tensor, float]:
        distance, by_E = sampson(essential_from_pose(R, t), a, b)
        r = distance / noise
        return r, by_E / noise, float((weight * torch.log1p(r * r)).sum() / weight.sum())

    damping = 1e-3
    r, by_E, cost = residual(R, t)
    for _ in range(steps):
        tangent = torch.linalg.svd(t[None]).Vh[1:]  # two unit vectors orthogonal to t
        basis = torch.eye(3, dtype=t.dtype)
        by_rotation = hat(t) @ hat(basis) @ R  # d([t]x exp(w) R) / dw_i
        by_translation = hat(tangent) @ R
        J = by_E @ torch.cat([by_rotation, by_translation]).flatten(1).mT
        w = weight / (1 + r * r)
        H, g = J.mT @ (w[:, None] * J), J.mT @ (w * r)
        step = -torch.linalg.solve(H + damping * torch.diag(H.diagonal()) + 1e-12 * torch.eye(5, dtype=t.dtype), g)
        new_R, new_t = exp(step[:3]) @ R, t + step[3:] @ tangent
        new_t = new_t / new_t.norm()
        new_r, new_by_E, new_cost = residual(new_R, new_t)
        if new_cost > cost:
            damping *= 10
            if damping > 1e6:
                break
            continue
        gain = cost - new_cost
        R, t, r, by_E, cost, damping = new_R, new_t, new_r, new_by_E, new_cost, max(damping / 10, 1e-12)
        if gain <= 1e-12 * cost and float(step.norm()) < 1e-10:
            break
    return R, t, cost


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
