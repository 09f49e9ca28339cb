"""Figures of docs/method.md; guide_figures.py writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from benchmarks.docs.figure_style import BLUE, GREEN, GREY, INK, ORANGE, RED, finished
from benchmarks.geometry.options import WALKS, noise_options
from benchmarks.geometry.pooling import FIVE_POINT, RANSAC, REFINED, Pair, shared_keypoints
from benchmarks.geometry.simulation import Simulated, simulate
from epipose.geometry.epipolar import essential_from_pose, homogeneous
from epipose.geometry.relative_pose import relative_pose
from epipose.skeletons import H36M17

Result = Mapping[str, Any]
_COLOURS = {RANSAC: RED, FIVE_POINT: ORANGE, REFINED: BLUE}
_SEED, _VIEWS, _FRAME = 5000, (0, 1), 150  # of the clip whose epipolar lines are drawn, and of F
_MOMENTS = (20, _FRAME, 260)  # whose wrists' lines are drawn


def pooling(result: Result) -> Figure:
    """Rotation error by the number of frames, with quartiles, for each method."""
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    frames = [row["frames"] for row in result["methods"][REFINED]]
    for name, rows in result["methods"].items():
        axes.plot(frames, [row["median_deg"] for row in rows], "o-", color=_COLOURS[name], label=name)
        lower, upper = ([row[key] for row in rows] for key in ("lower_deg", "upper_deg"))
        axes.fill_between(frames, lower, upper, color=_COLOURS[name], alpha=0.13, lw=0)
    axes.set(xscale="log", yscale="log", xlabel="frames whose keypoints are pooled", ylabel="rotation error, degrees")
    axes.set_xticks(frames, [str(count) for count in frames])
    axes.set_yticks((0.3, 1, 3, 10, 30), ("0.3", "1", "3", "10", "30"))
    axes.minorticks_off()
    axes.legend()
    return finished(figure)


def robust() -> Figure:
    """Cauchy's loss beside the square, and the weight of a residual in a step; drawn from the formula."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.0, 2.8))
    r = np.linspace(-6, 6, 400)
    left.plot(r, r**2, color=GREY, label=r"$r^2$")
    left.plot(r, np.log1p(r**2), color=BLUE, label=r"$\log(1 + r^2)$")
    left.set(ylim=(0, 8), xlabel="residual in expected errors", ylabel="cost")
    left.legend(loc="upper center")
    right.plot(r, np.ones_like(r), color=GREY)
    right.plot(r, 1 / (1 + r**2), color=BLUE)
    right.set(ylim=(0, 1.1), xlabel="residual in expected errors", ylabel="weight in a step")
    return finished(figure)


def ablation(result: Result) -> Figure:
    """Median rotation error on the sample with one part left out, for both detectors."""
    names = list(next(iter(result.values())))
    figure, axes = plt.subplots(figsize=(8.0, 0.34 * len(names) + 1.0))
    place, height = np.arange(len(names)), 0.8 / len(result)
    for number, ((detector, rows), colour) in enumerate(zip(result.items(), (BLUE, ORANGE), strict=False)):
        errors = [rows[name]["rotation_deg_median"] for name in names]
        axes.barh(place + number * height, errors, height, color=colour, label=f"BlazePose {detector}")
    axes.set_yticks(place + height / 2, names)
    axes.invert_yaxis()
    axes.set(xlabel="rotation, median pair, degrees")
    axes.grid(False, axis="y")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)
    return finished(figure)


def methods(geometry: Result) -> Figure:
    """Median rotation error by method: simulated, and on the sample."""
    table = geometry["simulation"]["table"]
    simulated = {
        row["method"]: row["rotation_deg_median"]
        for row in table
        if (row["noise"], row["amount"], row["rigs"]) == ("detector", 1.0, "h36m") and "bones" not in row["method"]
    }
    sample = {name: row["rotation_deg_median"] for name, row in geometry["sample"]["full"].items()}
    figure, both = plt.subplots(1, 2, figsize=(9.0, 2.8))
    titles = ("simulated, a detector's errors", "the real sample, BlazePose full")
    for axes, errors, title in zip(both, (simulated, sample), titles, strict=True):
        ordered = sorted(errors, key=lambda name: -errors[name])
        values = [errors[name] for name in ordered]
        axes.barh(ordered, values, color=[BLUE if name == "epipose" else GREY for name in ordered])
        for place, value in enumerate(values):
            axes.text(value * 1.06, place, f"{value:.2g}", va="center", fontsize=8)
        axes.set(xscale="log", xlabel="rotation, median pair, degrees", title=title, xlim=(None, max(values) * 2))
        axes.grid(False, axis="y")
    return finished(figure)


def epipolar_lines() -> Figure:
    """Epipolar lines of a wrist at three moments, by the true cameras, by F of one of them, and by E of all frames."""
    clip = simulate(_SEED, frames=300, roam=WALKS, **noise_options("detector", 1.0))
    one = shared_keypoints(clip, *_VIEWS, torch.tensor([_FRAME]))
    every = shared_keypoints(clip, *_VIEWS, torch.arange(300))
    wrist = clip.poses.xy[:, :, 0, H36M17.index("left_wrist")].double()
    lines = {
        "true cameras": (_true_fundamental(clip, one), GREEN, "-"),
        "F by RANSAC from the joints of one frame (black)": (_ransac(one), RED, "--"),
        "E, refined on all frames": (_refined(every), BLUE, ":"),
    }
    figure, axes = plt.subplots(figsize=(5.6, 5.0))
    axes.plot(*every.pixels_b[::7].T, ".", color=GREY, ms=1.5, alpha=0.5)
    axes.plot(*one.pixels_b.T, ".", color=INK, ms=6)
    for name, (F, colour, style) in lines.items():
        for moment in _MOMENTS:
            _line(axes, F @ homogeneous(wrist[_VIEWS[0], moment]), colour, style, name if moment == _FRAME else "_")
    for moment in _MOMENTS:
        axes.plot(*wrist[_VIEWS[1], moment].tolist(), "o", mfc="none", mec=INK, ms=11, mew=1.5)
    axes.set(xlim=(150, 850), ylim=(750, 150), aspect="equal", xlabel="pixels", ylabel="pixels")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return finished(figure)


def _line(axes: Axes, line: Tensor, colour: str, style: str, name: str) -> None:
    """A line a x + b y + c = 0 across the image."""
    a, b, c = line.tolist()
    if abs(b) > abs(a):
        axes.axline((0, -c / b), slope=-a / b, color=colour, ls=style, lw=1.6, label=name)
    else:
        axes.axline((-c / a, 0), (-(b + c) / a, 1), color=colour, ls=style, lw=1.6, label=name)


def _fundamental(E: Tensor, pair: Pair) -> Tensor:
    """F of undistorted pixels for an essential matrix."""
    return torch.linalg.inv(pair.K_b).mT @ E @ torch.linalg.inv(pair.K_a)


def _true_fundamental(clip: Simulated, pair: Pair) -> Tensor:
    camera, (a, b) = clip.rig.camera, _VIEWS
    R = camera.R[b] @ camera.R[a].mT
    return _fundamental(essential_from_pose(R, camera.t[b] - R @ camera.t[a]), pair)


def _ransac(pair: Pair) -> Tensor:
    F, _ = cv2.findFundamentalMat(pair.pixels_a.numpy(), pair.pixels_b.numpy(), cv2.FM_RANSAC, 3.0, 0.999)
    return torch.from_numpy(F)


def _refined(pair: Pair) -> Tensor:
    found = relative_pose(pair.a, pair.b, pair.weight, pair.noise)
    return _fundamental(essential_from_pose(found.R, found.t), pair)
