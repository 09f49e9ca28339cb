"""Clocks of the sample's cameras: whether cam03 was filmed a frame late, or only looks so.

Synchronisation and calibration find camera cam03 of the sample about one frame late in every cut. Here the cameras are
given (the laboratory's own calibration), and one view is compared with the points of the OTHER views in two ways.
Read later by some frames (`shifted_costs`), it fits best unshifted if it was synchronised and its keypoints had no
bias. And its residuals are regressed on its keypoints' velocity (`regressed_delay`), after the slow part of both has
been taken out: a delay shows in fast movements as much as in slow ones, whereas a detector's bias, which changes slowly
with the posture, shows in the slow part alone.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.geometry.observations import observe
from epipose.geometry.reprojection import reproject
from epipose.geometry.robust import mean_robust_cost, robust_weight
from epipose.geometry.triangulate import triangulate_robust
from epipose.poses import Poses2D

SHIFTS = torch.arange(-8, 9, dtype=torch.float64) / 4  # frames
WINDOWS = (201, 61, 31)  # frames: the whole clip, a second, half a second
_STRETCHES = 10


def shifted_costs(poses: Poses2D, rig: Rig, view: int) -> Float[Tensor, " shift"]:
    """Mean robust cost of a view against the points of the others, when it is read later by each of `SHIFTS`."""
    costs = []
    for shift in SHIFTS.tolist():
        lag = torch.zeros(len(rig.names), dtype=torch.float64)
        lag[view] = shift
        residual, weight, _ = _residual(poses, replace(rig, lag=lag), view)
        costs.append(mean_robust_cost(residual.square().sum(-1), weight))
    return torch.stack(costs)


def best_shift(costs: Float[Tensor, " shift"]) -> float:
    """The shift of least cost, by a parabola through it and its neighbours."""
    least = int(costs[1:-1].argmin()) + 1
    before, here, after = costs[least - 1 : least + 2].tolist()
    step = float(SHIFTS[1] - SHIFTS[0])
    return float(SHIFTS[least]) + step * (before - after) / (2 * max(before - 2 * here + after, 1e-12))


def regressed_delay(poses: Poses2D, rig: Rig, view: int, window: int) -> tuple[float, float]:
    """Frames by which a view is late according to its residuals' regression on velocity, and the standard error.

    Of both, each joint's mean over ``window`` frames is taken out first. The error is a jackknife over stretches of time.
    """
    residual, weight, velocity = _residual(poses, rig, view)
    weight = robust_weight(residual.square().sum(-1), weight)[..., None]
    residual, velocity = (of - _moving_mean(of, weight, window) for of in (residual, velocity))
    weight = robust_weight(residual.square().sum(-1, keepdim=True), weight)
    block = torch.arange(len(weight)) * _STRETCHES // len(weight)
    both, square = (
        torch.zeros(_STRETCHES, dtype=torch.float64).index_add(0, block, (weight * velocity * of).sum((1, 2)))
        for of in (residual, velocity)
    )
    left_out = (both.sum() - both) / (square.sum() - square)
    error = ((_STRETCHES - 1) / _STRETCHES * (left_out - left_out.mean()).square().sum()).sqrt()
    return float(both.sum() / square.sum()), float(error)


def _moving_mean(values: Tensor, weight: Tensor, window: int) -> Tensor:
    """Weighted mean over the frames within half a window."""
    frames = torch.arange(len(values))
    near = ((frames[:, None] - frames).abs() <= window // 2).to(values)
    total, norm = (torch.einsum("fg,gjc->fjc", near, of) for of in (weight * values, weight))
    return total / norm.clamp(min=1e-9)


def _bias(poses: Poses2D, rig: Rig, view: int) -> float:
    """Root mean square over the joints of their mean residual."""
    residual, weight, _ = _residual(poses, rig, view)
    mean = (weight[..., None] * residual).sum(0) / weight.sum(0)[:, None].clamp(min=1e-9)
    return float(mean.square().sum(-1).mean().sqrt())


def _residual(poses: Poses2D, rig: Rig, view: int) -> tuple[Tensor, Tensor, Tensor]:
    """Points of the other views less keypoints of the view, weights, velocity; in units of the expected error."""
    observed, camera = observe(poses, rig), rig.camera.to(torch.float64)
    others = [other for other in range(len(rig.names)) if other != view]
    x, weight, noise = observed.views(others).per_point()
    points = triangulate_robust(camera.R[others], camera.t[others], x, weight, noise)
    agreed = ((weight > 0) & (points.residual < 3)).sum(-1) >= 2
    scale = observed.noise[view][..., None]
    residual = (reproject(camera.R[view], camera.t[view], points.xyz).x - observed.x[view]) / scale
    assert observed.velocity is not None
    return residual, observed.weight[view] * agreed, observed.velocity[view] / scale


def sample_clocks(demo: Path) -> dict[str, Any]:
    """Per detector and view: best shift, bias, and delay (with its error) for the windows of `WINDOWS` frames."""
    reference = Rig.load(demo / "sample/reference/rig.json")
    table: dict[str, Any] = {}
    for detector in ("full", "heavy"):
        path = demo / detector / "poses2d.npz"
        if path.exists():
            poses = Poses2D.load(path)
            table[detector] = {name: _clock(poses, reference, view) for view, name in enumerate(poses.views)}
    return table


def _clock(poses: Poses2D, rig: Rig, view: int) -> dict[str, Any]:
    costs = shifted_costs(poses, rig, view)
    return {
        "best_shift_frames": best_shift(costs),
        "bias_in_expected_errors": _bias(poses, rig, view),
        "costs": dict(zip(SHIFTS.tolist(), costs.tolist(), strict=True)),
        "delay_frames": {window: regressed_delay(poses, rig, view, window) for window in WINDOWS},
    }


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path("demo"))
    print(json.dumps(sample_clocks(parser.parse_args().demo), indent=2))


if __name__ == "__main__":
    main()
