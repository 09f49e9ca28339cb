"""Degeneracy of two-view geometry: when a relative pose may be wrong although it fits.

A covariance describes the neighbourhood of the answer that was found. It does not see that another answer far away
fits as well, and it takes the noise for the only trouble. Four situations are known to make that happen, each is
measured here with one number, and each number has a threshold:

- too little parallax: the cameras look from nearly the same direction, and depth hardly shows;
- cameras that face each other: the rays of a joint nearly coincide, and the joint can slide along them;
- joints close to a plane: a homography explains the images, and two poses obey every homography;
- a person who never moved: one body fills little space, and the detector's bias is the same in all frames.

The thresholds come from simulated pairs 5 m from a person (300 frames, 6 px of noise at 1147 px of focal length, 3 %
outliers, and per joint and view a bias of 3 px that never changes). 60 degrees apart, the direction of t errs by 0.3
degrees when the person walks about. It errs ten times as much below 10 degrees of parallax. Pairs failed by tens of
degrees when one homography explained the images to within 2 expected errors; a person who moved by less than a
third of their own size cost a factor of 3 to 4. Facing cameras did no harm there while the person walked about; they
are named because then the fault shows least in the residuals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epipose.geometry.epipolar import homogeneous, two_view_depths
from epipose.geometry.robust import robust_weight
from epipose.geometry.sampling import stride_for

MIN_RAY_ANGLE_DEG = 10.0
MAX_RAY_ANGLE_DEG = 165.0
MIN_OFF_PLANE = 2.2  # median distance from the best homography in expected errors
MIN_MOVEMENT = 0.35  # spread of the body's centre over the spread of the body
_MAX_POINTS = 2000


@dataclass(frozen=True)
class PairFinding:
    """One measure of degeneracy, its threshold, and what crossing it means in words."""

    name: str
    value: float
    threshold: float
    bad: bool
    words: str


def diagnose(
    R: Float[Tensor, "3 3"],
    t: Float[Tensor, "3"],
    a: Float[Tensor, "point 2"],
    b: Float[Tensor, "point 2"],
    noise: float,
    group: Int[Tensor, " point"] | None = None,
) -> tuple[PairFinding, ...]:
    """The measures for b_from_a = (R, t) and its inlier correspondences, those within their threshold too.

    ``group``: stretch of frames that each correspondence belongs to; without it movement is not measured. Fewer
    than 8 correspondences give no findings.
    """
    if len(a) < 8:
        return ()
    stride = stride_for(len(a), _MAX_POINTS)
    a, b, group = a[::stride], b[::stride], None if group is None else group[::stride]
    angle = math.degrees(median_ray_angle(R, a, b))
    plane = off_plane(a, b) / noise
    findings = [
        PairFinding(
            "parallax_deg",
            angle,
            MIN_RAY_ANGLE_DEG,
            angle < MIN_RAY_ANGLE_DEG,
            f"The two cameras see the joints from nearly the same side (median angle {angle:.1f} degrees).",
        ),
        PairFinding(
            "facing_deg",
            angle,
            MAX_RAY_ANGLE_DEG,
            angle > MAX_RAY_ANGLE_DEG,
            f"The two cameras face each other (median angle {angle:.0f} degrees), and joints between them can slide.",
        ),
        PairFinding(
            "off_plane",
            plane,
            MIN_OFF_PLANE,
            plane < MIN_OFF_PLANE,
            f"The joints lie close to one plane, or the cameras at one place (one homography explains both images "
            f"to within {plane:.1f} times the noise).",
        ),
    ]
    if group is not None:
        moved = movement(R, t, a, b, group)
        words = f"The person hardly moved (the body's centre by {moved:.2f} of the body's own spread)."
        findings.append(PairFinding("movement", moved, MIN_MOVEMENT, moved < MIN_MOVEMENT, words))
    return tuple(findings)


def median_ray_angle(R: Float[Tensor, "3 3"], a: Float[Tensor, "point 2"], b: Float[Tensor, "point 2"]) -> float:
    """Median angle (radians, 0 to pi) between the rays of the two cameras to a joint, for b_from_a rotation R."""
    ray_a, ray_b = homogeneous(a) @ R.mT, homogeneous(b)
    across = torch.linalg.cross(ray_a, ray_b).norm(dim=-1)
    return float(torch.atan2(across, (ray_a * ray_b).sum(-1)).median())


def off_plane(a: Float[Tensor, "point 2"], b: Float[Tensor, "point 2"], rounds: int = 5) -> float:
    """Median distance in the second image from the homography that explains most points.

    Direct linear transformation on normalised points (Hartley & Zisserman 2004, algorithm 4.2), reweighted by the
    distance itself over its median. 0 where all points coincide.
    """
    (a, _), (b, scale) = _normalised(a), _normalised(b)
    ah, bh, zero = homogeneous(a), homogeneous(b), torch.zeros(len(a), 3, dtype=a.dtype)
    rows = torch.stack([torch.cat([ah, zero, -bh[:, :1] * ah], 1), torch.cat([zero, ah, -bh[:, 1:2] * ah], 1)], 1)
    weight, distance = torch.ones_like(a[:, 0]), torch.zeros_like(a[:, 0])
    for _ in range(rounds):
        normal = torch.einsum("n,nki,nkj->ij", weight, rows, rows)
        H = torch.linalg.eigh(normal).eigenvectors[:, 0].reshape(3, 3)
        mapped = ah @ H.mT
        depth = torch.where(mapped[:, 2:].abs() < 1e-9, torch.full_like(mapped[:, 2:], 1e-9), mapped[:, 2:])
        distance = (mapped[:, :2] / depth - b).norm(dim=-1)
        # The algebraic error of a point is its distance times its depth; Cauchy's weight at the median distance.
        robust = robust_weight((distance / distance.median().clamp(min=1e-12)).square())
        weight = robust / depth[:, 0].square().clamp(min=1e-6)
    return float(distance.median()) * scale


def _normalised(x: Tensor) -> tuple[Tensor, float]:
    """Hartley's normalisation (mean 0, root mean square distance 1), and that distance before.

    Every point counts the same; tracks with missing keypoints are normalised with weights in time_offset.py.
    """
    centred = x - x.mean(0)
    scale = float(centred.square().sum(-1).mean().sqrt().clamp(min=1e-12))
    return centred / scale, scale


def movement(
    R: Float[Tensor, "3 3"],
    t: Float[Tensor, "3"],
    a: Float[Tensor, "point 2"],
    b: Float[Tensor, "point 2"],
    group: Int[Tensor, " point"],
) -> float:
    """Movement of the body's centre between groups of frames, over the spread of the points within a group.

    Both in space, by medians, from the two-view points in front of camera a. 0 where there is one group only.
    """
    depth = two_view_depths(R, t, a, b)[0]
    points, group = (depth[:, None] * homogeneous(a))[depth > 0], group[depth > 0]
    if len(points) == 0:
        return 0.0
    _, member = group.unique(return_inverse=True)
    groups = int(member.max()) + 1
    centre = torch.stack([points[member == index].median(0).values for index in range(groups)])
    within = (points - centre[member]).norm(dim=-1).median().clamp(min=1e-12)
    return float((centre - centre.median(0).values).norm(dim=-1).median() / within)
