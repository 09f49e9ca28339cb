"""Time offset of two views by epipolar consistency, for every lag at once.

At the right lag one fundamental matrix F explains all frames: x_a(k)^T F x_b(k - lag) = 0 for every joint. The
eight-point method asks for the smallest eigenvalue of the 9 x 9 matrix of moments of the products x_a x_b^T, summed
over joints and frames. Those sums, for all lags at once, are cross-correlations of the second-order monomials of
the two views: 36 of them, by FFT. So every lag of a clip of minutes is tried in a fraction of a second, exactly. It
is not robust and its residual is algebraic; near the best lags F is fitted again, robustly, to the Sampson distance.
(Longuet-Higgins 1981; Hartley 1997; the sums by FFT are elementary.)
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

_PARAMETERS = 8  # degrees of freedom of F by the eight-point method
_STEPS_FIRST, _STEPS = 10, 4  # of reweighting: at the likely lag, and from there at every lag
_SYMMETRIC = torch.tensor([[0, 1, 2], [1, 3, 4], [2, 4, 5]])


def epipolar_scan(
    a: Float[Tensor, "frame_a joint 2"],
    conf_a: Float[Tensor, "frame_a joint"],
    b: Float[Tensor, "frame_b joint 2"],
    conf_b: Float[Tensor, "frame_b joint"],
    most: int,
    poses_per_frame: float = 0.1,
) -> tuple[Float[Tensor, " lag"], Float[Tensor, " lag"]]:
    """Mean squared algebraic residual for every lag in -most..most, and how many frames overlap.

    At lag l frame k + l of ``a`` is the moment of frame k of ``b``. Residuals of few frames are small because F can
    adapt to them: they are divided by the share of freedom left, counting ``poses_per_frame`` independent poses.
    """
    x, y = _normalised(a, conf_a), _normalised(b, conf_b)
    length = 1 << max(len(a) + len(b), 2 * most).bit_length()
    spectrum_a = torch.fft.rfft(_monomials(x, conf_a), length, dim=0)
    spectrum_b = torch.fft.rfft(_monomials(y, conf_b), length, dim=0).conj()
    sums = torch.fft.irfft(torch.einsum("fjp,fjq->fpq", spectrum_a, spectrum_b), length, dim=0)
    sums = torch.cat([sums[length - most :], sums[: most + 1]])
    weight = sums[:, 5, 5].clamp_min(0)
    moments = sums[:, _SYMMETRIC[:, None, :, None], _SYMMETRIC[None, :, None, :]].reshape(-1, 9, 9)
    moments = moments / weight.clamp_min(1e-9)[:, None, None]
    eye = torch.eye(9, dtype=moments.dtype)
    usable = weight > 9
    residual = torch.linalg.eigvalsh(torch.where(usable[:, None, None], moments, eye))[:, 0].clamp_min(1e-12)
    frames = weight / (_per_frame(conf_a) * _per_frame(conf_b) / a.shape[1]).clamp_min(1e-9)
    # a pose has several independent joints, but consecutive frames show nearly the same pose
    freedom = (1 - _PARAMETERS / (6 * poses_per_frame * frames).clamp_min(1e-9)).clamp_min(1e-3)
    return residual / freedom, frames * usable


def robust_costs(
    a: Float[Tensor, "frame_a joint 2"],
    conf_a: Float[Tensor, "frame_a joint"],
    b: Float[Tensor, "frame_b joint 2"],
    conf_b: Float[Tensor, "frame_b joint"],
    lags: Int[Tensor, " lag"],
    frames: Int[Tensor, " frame"],
    likely: int,
) -> tuple[Float[Tensor, "lag frame"], Float[Tensor, "lag frame"]]:
    """Per lag and frame (numbers of frames of ``a``) the summed Cauchy cost after fitting F, and the summed weights.

    F minimises the Cauchy cost of the Sampson distances by iterated reweighting of the eight-point equations. The scale
    of the noise is that of the fit at the ``likely`` lag, for all lags: only so do their costs compare. A frame that
    has no counterpart at a lag has cost and weight 0.
    """
    x, y = _normalised(a, conf_a)[frames], _normalised(b, conf_b)
    p, q, weight = _paired(x, conf_a[frames], y, conf_b, frames - likely)
    share, sigma = torch.ones_like(weight), torch.ones((), dtype=a.dtype)
    for _ in range(_STEPS_FIRST):
        distance, gradient = _sampson(_eight_point(p, q, weight * share), p, q)
        sigma = (1.4826 * _weighted_median(distance.abs(), weight)).clamp_min(1e-9)
        share = 1 / gradient.clamp_min(1e-12) / (1 + (distance / (2 * sigma)) ** 2)
    costs, weights = [], []
    for lag in lags.tolist():  # one by one: together they would not fit into a processor's cache
        p, q, weight = _paired(x, conf_a[frames], y, conf_b, frames - lag)
        relative, again = weight, share
        for _ in range(_STEPS):
            distance, gradient = _sampson(_eight_point(p, q, weight * again), p, q)
            relative = (distance / (2 * sigma)) ** 2
            again = 1 / gradient.clamp_min(1e-12) / (1 + relative)
        costs.append((weight * torch.log1p(relative)).reshape(len(frames), -1).sum(-1))
        weights.append(weight.reshape(len(frames), -1).sum(-1))
    return torch.stack(costs), torch.stack(weights)


def _paired(x: Tensor, conf_x: Tensor, y: Tensor, conf_y: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Homogeneous points of both views and their weights (frame x joint); ``index`` are the frames of the second."""
    inside = (index >= 0) & (index < len(y))
    index = index.clamp(0, len(y) - 1)
    weight = conf_x * conf_y[index] * inside[:, None]
    p, q = (torch.nn.functional.pad(points, (0, 1), value=1.0).flatten(0, 1) for points in (x, y[index]))
    return p, q, weight.flatten()


def _eight_point(p: Tensor, q: Tensor, weight: Tensor) -> Tensor:
    """F with p^T F q = 0 in the least squares sense. Its rank is left alone: only the residuals matter."""
    design = (p[:, :, None] * q[:, None, :]).flatten(1)
    moments = (design * weight[:, None]).T @ design
    return torch.linalg.eigh(moments)[1][:, 0].unflatten(-1, (3, 3))


def _normalised(xy: Tensor, conf: Tensor) -> Tensor:
    """Hartley's normalisation (mean 0, mean squared coordinate 1) over the whole track; 0 where unseen.

    Weighted, so that missing keypoints do not count; the homography in degeneracy.py has none and takes the plain mean.
    """
    total = conf.sum().clamp_min(1e-9)
    mean = (conf[..., None] * xy).sum((0, 1)) / total
    scale = ((conf[..., None] * (xy - mean) ** 2).sum() / (2 * total)).sqrt().clamp_min(1e-9)
    return (xy - mean) / scale * (conf > 0)[..., None]


def _per_frame(conf: Tensor) -> Tensor:
    """Mean over the frames with anybody of the joints' summed confidence."""
    return conf.sum() / (conf.sum(-1) > 0).sum().clamp_min(1)


def _monomials(xy: Tensor, conf: Tensor) -> Tensor:
    """The six products of (x, y, 1) with itself, weighted."""
    x, y = xy.unbind(-1)
    one = torch.ones_like(x)
    return conf[..., None] * torch.stack([x * x, x * y, x, y * y, y, one], -1)


def _sampson(F: Tensor, p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    """Signed Sampson distance of p^T F q and the squared gradient it was divided by.

    That of epipolar.py again, on homogeneous rows: here the design matrix of the eight-point method needs those anyway,
    and the gradient is a weight of its equations.
    """
    line_a, line_b = q @ F.mT, p @ F
    gradient = (line_a[..., :2] ** 2).sum(-1) + (line_b[..., :2] ** 2).sum(-1)
    return (p * line_a).sum(-1) / gradient.clamp_min(1e-12).sqrt(), gradient


def _weighted_median(values: Tensor, weight: Tensor) -> Tensor:
    """Median over the last axis, kept; elements of weight 0 do not count."""
    order = values.argsort(-1)
    heaped = weight.gather(-1, order).cumsum(-1)
    middle = (heaped < heaped[..., -1:] / 2).sum(-1, keepdim=True).clamp(max=values.shape[-1] - 1)
    return values.gather(-1, order.gather(-1, middle))
