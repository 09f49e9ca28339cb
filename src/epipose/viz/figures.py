"""Figures of results with matplotlib, for notebooks and papers: skeletons, rigs, errors. Public as ``epipose.plot``.

Every function draws into the axes that it is given, or into a figure of its own, and returns the axes. All need the
extra ``plot``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import InputError, optional
from epipose.evaluation.protocols import formatted, metric_label
from epipose.evaluation.result import Evaluation
from epipose.poses import Poses3D
from epipose.viz.plots import SIDE_COLORS, drawn_bones

if TYPE_CHECKING:
    import matplotlib.axes
    import mpl_toolkits.mplot3d

_COLOURS = {side: tuple(value / 255 for value in rgb) for side, rgb in SIDE_COLORS.items()} | {
    "middle": (0.3, 0.3, 0.35)
}
_FRUSTUM = 0.12  # length of a camera's frustum, of the extent of all cameras
_MARGIN = 0.05  # of the extent of what is shown
# World axes of a figure from those of a camera: x right, z (depth) away, y up.
_FIGURE_FROM_CAMERA = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=torch.float64)


def skeleton(
    labels: Poses3D, frame: int = 0, ax: mpl_toolkits.mplot3d.Axes3D | None = None
) -> mpl_toolkits.mplot3d.Axes3D:
    """Everybody in one frame, in 3D: left blue, right orange, as in the viewer; missing joints are left out.

    Poses in a camera's axes are shown as the camera sees them, upright. Raises InputError for a frame that is not there,
    MissingExtraError without matplotlib.
    """
    frames = len(labels.xyz)
    if not -frames <= frame < frames:
        raise InputError(f"There is no frame {frame}; the poses have {frames}, from 0 on.")
    ax = ax or _axes_3d()
    turn = torch.eye(3, dtype=torch.float64) if labels.space == "world" else _FIGURE_FROM_CAMERA
    xyz, seen = labels.xyz[frame].double() @ turn.mT, labels.conf[frame] > 0
    for points, there in zip(xyz, seen, strict=True):
        for parent, child, side in drawn_bones(labels.skeleton):
            if there[parent] and there[child]:
                ax.plot(*points[[parent, child]].mT.tolist(), color=_COLOURS[side], linewidth=2)
        x, y, z = points[there].mT.tolist()
        ax.scatter(x, y, zs=z, s=8, color="black", depthshade=False)
    when = "" if labels.times is None else f", {float(labels.times[frame]):.2f} s"
    ax.set_title(f"frame {frame % frames}{when}")
    _same_scale(ax, xyz[seen])
    _name_axes(ax, labels.space, labels.metric)
    return ax


def rig(
    cameras: Rig, labels: Poses3D | None = None, ax: mpl_toolkits.mplot3d.Axes3D | None = None
) -> mpl_toolkits.mplot3d.Axes3D:
    """The cameras of a rig with their frusta and names, and the path of the subject's root where there are labels.

    A rig that is not upright is shown as its first camera sees it. Raises MissingExtraError without matplotlib.
    """
    ax = ax or _axes_3d()
    turn = torch.eye(3, dtype=torch.float64) if cameras.upright else _FIGURE_FROM_CAMERA
    camera = cameras.camera.to(torch.float64)
    center = camera.center @ turn.mT
    corners = _corners(cameras, _FRUSTUM * _extent(center)) @ turn.mT
    for name, tip, base in zip(cameras.names, center, corners, strict=True):
        outline = torch.stack([base[0], base[1], base[2], base[3], base[0]])
        ax.plot(*outline.mT.tolist(), color=_COLOURS["left"], linewidth=1)
        for corner in base:
            ax.plot(*torch.stack([tip, corner]).mT.tolist(), color=_COLOURS["left"], linewidth=1)
        x, y, z = tip.tolist()
        ax.text(x, y, z, f" {name}", fontsize=8)
    shown = [center, corners.flatten(0, 1)]
    if labels is not None:
        root = labels.skeleton.root
        path = labels.xyz[:, 0, root][labels.conf[:, 0, root] > 0].double() @ turn.mT
        ax.plot(*path.mT.tolist(), color=_COLOURS["right"], linewidth=1.5)
        shown.append(path)
    _same_scale(ax, torch.cat(shown))
    _name_axes(ax, "world" if cameras.upright else cameras.names[0], cameras.metric)
    return ax


def errors(
    evaluation: Evaluation, metric: str | None = None, ax: matplotlib.axes.Axes | None = None
) -> matplotlib.axes.Axes:
    """A metric joint by joint as bars, with its mean over all poses as a line.

    ``metric``: the name of one that is measured per joint, such as "mpjpe_mm"; None: the first there is. Raises
    InputError where it was not measured, MissingExtraError without matplotlib.
    """
    measured = list(next(iter(evaluation.joints.values()), ()))
    if not measured or (metric is not None and metric not in measured):
        raise InputError(f"There is no {metric or 'metric'} by joint; there are: {', '.join(measured) or 'none'}.")
    metric = metric or measured[0]
    ax = ax or optional("matplotlib.pyplot", "plot").subplots(layout="constrained")[1]
    assert ax is not None
    values = {joint: means[metric] for joint, means in evaluation.joints.items()}
    known = [(joint.replace("_", " "), value) for joint, value in values.items() if value is not None]
    ax.barh([joint for joint, _ in known], [value for _, value in known], color=_COLOURS["left"])
    ax.invert_yaxis()
    mean = evaluation.all.values.get(metric)
    if mean is not None:
        ax.axvline(mean, color=_COLOURS["right"])
        ax.set_title(f"mean over poses (line): {formatted(metric, mean)}", fontsize="medium")
    ax.set_xlabel(metric_label(metric))
    return ax


def _axes_3d() -> mpl_toolkits.mplot3d.Axes3D:
    """Empty axes in a figure of their own."""
    return optional("matplotlib.pyplot", "plot").subplots(subplot_kw={"projection": "3d"}, layout="constrained")[1]


def _corners(cameras: Rig, length: float) -> Float[Tensor, "view 4 3"]:
    """Corners of every image, so far before its camera, in the world."""
    camera = cameras.camera.to(torch.float64)
    width, height = camera.size[:, 0].double() - 1, camera.size[:, 1].double() - 1
    nothing = torch.zeros_like(width)
    pixels = torch.stack([
        torch.stack([nothing, nothing], -1), torch.stack([width, nothing], -1),
        torch.stack([width, height], -1), torch.stack([nothing, height], -1),
    ], -2)  # fmt: skip
    homogeneous = torch.cat([pixels, torch.ones_like(pixels[..., :1])], -1)
    rays = length * homogeneous @ torch.linalg.inv(camera.K).mT  # lens distortion is too small to be seen here
    return (rays - camera.t[:, None]) @ camera.R


def _extent(points: Float[Tensor, "point 3"]) -> float:
    """The longest side of the box round points; 1 for a single point or none."""
    if not len(points):
        return 1.0
    return float((points.amax(0) - points.amin(0)).max()) or 1.0


def _same_scale(ax: mpl_toolkits.mplot3d.Axes3D, points: Float[Tensor, "point 3"]) -> None:
    """Limits round the points, equally long along all axes."""
    middle = (points.amax(0) + points.amin(0)) / 2 if len(points) else torch.zeros(3)
    half = (0.5 + _MARGIN) * _extent(points)
    for name, value in zip("xyz", middle.tolist(), strict=True):
        ax.set(**{f"{name}lim": (value - half, value + half)})
    ax.set_box_aspect((1, 1, 1))


def _name_axes(ax: mpl_toolkits.mplot3d.Axes3D, space: str, metric: bool) -> None:
    unit = " (m)" if metric else ""
    names = ("x", "y", "z") if space == "world" else ("x", "depth", "up")
    ax.set(**{f"{axis}label": f"{name}{unit}" for axis, name in zip("xyz", names, strict=True)})
