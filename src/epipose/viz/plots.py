"""Drawings for reports: skeletons over video frames, the cameras from above, image coverage, and curves.

Raster images are NumPy RGB arrays drawn with OpenCV; diagrams are inline SVG text that takes its ink colour from
the page (``currentColor``), so that one drawing serves light and dark pages. No plotting library is needed.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import InputError
from epipose.geometry.rotation import rotation_to_z
from epipose.skeleton import Skeleton

# One colour per side everywhere (images, viewer, legends); tell apart with the common colour-vision deficiencies.
SIDE_COLORS = {"left": (38, 139, 255), "right": (255, 122, 26), "middle": (240, 240, 245)}
_BLUE, _ORANGE = "#268bff", "#ff7a1a"
_CURVES = (_BLUE, _ORANGE, "#2ba66a", "#b05cd6")
_Number = int | float


@lru_cache(maxsize=32)
def drawn_bones(skeleton: Skeleton) -> tuple[tuple[int, int, str], ...]:
    """(parent, child, side) of every line worth drawing; side is "left", "right" or "middle" (also between the sides).

    A bone without a mirror image is left out (some trees hang the head from one shoulder only, because a tree must),
    and the shoulders are joined where no neck or thorax lies between them.
    """
    flip, bones = skeleton.flip, set(skeleton.bones)
    mirrored = [(p, c) for p, c in skeleton.bones if bones & {(flip[p], flip[c]), (flip[c], flip[p])}]
    if not {"neck", "thorax"} & set(skeleton.joints) and {"left_shoulder", "right_shoulder"} <= set(skeleton.joints):
        mirrored.append((skeleton.index("left_shoulder"), skeleton.index("right_shoulder")))

    def side(*bone: int) -> str:
        prefixes = {skeleton.joints[joint].partition("_")[0] for joint in bone} & {"left", "right"}
        return prefixes.pop() if len(prefixes) == 1 else "middle"

    return tuple((parent, child, side(parent, child)) for parent, child in mirrored)


def draw_skeleton(
    image: UInt8[np.ndarray, "height width 3"],
    uv: Float[Tensor, "joint 2"],
    conf: Float[Tensor, " joint"],
    skeleton: Skeleton,
) -> UInt8[np.ndarray, "height width 3"]:
    """A copy of an RGB image with one skeleton over it: left blue, right orange, middle white.

    ``uv`` are pixels of this image; joints with ``conf`` 0, and the bones that end there, are left out. The line
    width follows the size of the person.
    """
    import cv2

    canvas = image.copy()
    seen = conf > 0
    if not bool(seen.any()):
        return canvas
    height, width = image.shape[:2]
    extent = torch.stack([uv[seen].amin(0), uv[seen].amax(0)]).clamp(torch.zeros(2), torch.tensor([width, height]))
    thickness = max(1, round(float((extent[1] - extent[0]).max()) / 90))
    bits = 4  # OpenCV takes fixed-point pixels; far outside the image they are clamped, not overflown
    points = [(int(x), int(y)) for x, y in (uv.clamp(-20_000, 20_000) * 2**bits).round().tolist()]
    shown = [(parent, child, side) for parent, child, side in drawn_bones(skeleton) if seen[parent] and seen[child]]
    for parent, child, _ in shown:
        cv2.line(canvas, points[parent], points[child], (20, 20, 24), thickness + 2, cv2.LINE_AA, bits)
    for parent, child, side in shown:
        cv2.line(canvas, points[parent], points[child], SIDE_COLORS[side], thickness, cv2.LINE_AA, bits)
    for joint in seen.nonzero()[:, 0].tolist():
        cv2.circle(canvas, points[joint], (thickness + 1) << bits, (20, 20, 24), -1, cv2.LINE_AA, bits)
        cv2.circle(canvas, points[joint], thickness << bits, (255, 255, 255), -1, cv2.LINE_AA, bits)
    return canvas


def skeleton_sheet(
    frames: Sequence[UInt8[np.ndarray, "_h _w 3"]],
    uv: Float[Tensor, "frame joint 2"],
    conf: Float[Tensor, "frame joint"],
    skeleton: Skeleton,
    columns: int = 4,
    height: int = 360,
) -> UInt8[np.ndarray, "sheet_height sheet_width 3"]:
    """Contact sheet: each RGB frame shrunk to ``height`` pixels, its skeleton over it, ``columns`` to a row.

    ``uv`` are pixels of the frames as given; frames may differ in size. Empty cells and margins are dark grey.
    """
    import cv2

    cells = []
    for frame, joints, seen in zip(frames, uv, conf, strict=True):
        scale = height / frame.shape[0]
        size = (max(1, round(frame.shape[1] * scale)), height)
        small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        cells.append(draw_skeleton(small, (joints + 0.5) * scale - 0.5, seen, skeleton))
    gap = 6
    width = max(cell.shape[1] for cell in cells) + gap
    columns = min(columns, len(cells))
    rows = math.ceil(len(cells) / columns)
    sheet = np.full((rows * (height + gap) + gap, columns * width + gap, 3), 40, dtype=np.uint8)
    for index, cell in enumerate(cells):
        top, left = gap + index // columns * (height + gap), gap + index % columns * width
        left += (width - gap - cell.shape[1]) // 2
        sheet[top : top + height, left : left + cell.shape[1]] = cell
    return sheet


def camera_map(
    rig: Rig, path: Float[Tensor, "step 3"], up: Float[Tensor, "3"], reference: Rig | None = None, size: int = 560
) -> str:
    """The cameras and a path seen from above (against ``up``), as inline SVG ``size`` units wide.

    All in one world: align ``reference``, drawn dashed, to ``rig`` first. ``path`` holds the person's places in order.
    A bar shows one metre where the rig is metric.
    """
    flat = rotation_to_z(up.double(), rig.camera.R[0, 0].double())[:2]
    rigs = [r for r in (reference, rig) if r is not None]
    ground = torch.cat([*(r.camera.center.double() @ flat.T for r in rigs), path.double() @ flat.T])
    low, high = ground.amin(0), ground.amax(0)
    span = max(1e-9, float((high - low).max()))
    scale = 0.74 * size / span
    height = round(float(high[1] - low[1]) * scale + 0.26 * size)

    def place(points: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 2"]:
        xy = (points.double() @ flat.T - (low + high) / 2) * scale
        return torch.stack([xy[..., 0] + size / 2, height / 2 - xy[..., 1]], -1)

    parts = [_polyline(place(path), f'stroke="{_ORANGE}" stroke-width="2.5" stroke-linejoin="round"')]
    if len(path):
        x, y = place(path)[0].tolist()
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{_ORANGE}"/>')
    for one in rigs:
        parts += _camera_marks(one, place, 0.085 * size / scale, known=one is reference)
    notes = [
        (_BLUE, "cameras" if reference is None else "estimated cameras"),
        (_ORANGE, "the person's path (dot: start)"),
    ]
    notes[1:1] = [("currentColor", "reference cameras")] if reference is not None else []
    parts += [
        f'<circle cx="14" cy="{16 + 20 * i}" r="5" fill="{color}"/>{_text(26, 20 + 20 * i, note)}'
        for i, (color, note) in enumerate(notes)
    ]
    if rig.metric:
        bar = size - 16 - scale
        parts.append(f'<path d="M{bar:.1f} {height - 12}h{scale:.1f}" stroke="currentColor" stroke-width="2"/>')
        parts.append(_text(bar, height - 20, "1 m"))
    return _svg(size, height, parts, "Cameras and the person's path from above")


def _camera_marks(rig: Rig, place: Callable[[Tensor], Tensor], reach: float, known: bool) -> list[str]:
    """For each camera a wedge as wide as its field of view; for estimated ones the name behind it, too."""
    camera, marks = rig.camera.to(torch.float64), []
    half = camera.size[:, 0].double() / camera.K[:, 0, 0] / 2
    one = torch.ones_like(half)
    for index, name in enumerate(rig.names):
        rays = torch.stack([-half[index] * one[:1], half[index] * one[:1], 0 * one[:1]])
        ends = torch.cat([rays, torch.zeros(3, 1), torch.ones(3, 1)], -1) * reach * torch.tensor([[1], [1], [-0.6]])
        corners = place(camera.center[index] + ends @ camera.R[index])
        tip = place(camera.center[index])
        outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in [tip.tolist(), *corners[:2].tolist()])
        style = (
            'fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="4 3"'
            if known
            else f'fill="{_BLUE}" fill-opacity="0.35" stroke="{_BLUE}" stroke-width="2"'
        )
        marks.append(f'<polygon points="{outline}" {style}/>')
        if not known:
            x, y = corners[2].tolist()
            marks.append(_text(x, y + 4, name, 'text-anchor="middle"'))
    return marks


def coverage_sheet(
    names: Sequence[str],
    size: Int[Tensor, "view 2"],
    xy: Float[Tensor, "view frame joint 2"],
    conf: Float[Tensor, "view frame joint"],
    cells: int = 10,
) -> str:
    """Coverage of each image by keypoints, as inline SVG: a grid of ``cells`` x ``cells``, fuller where more often.

    ``xy`` are pixels of images ``size`` (width, height) large; joints with ``conf`` 0 and those outside do not count.
    """
    columns, side, gap = min(4, len(names)), 132.0, 18
    parts, row_height = [], side + 2 * gap
    for index, name in enumerate(names):
        width, height = (side * size[index] / size[index].max()).tolist()
        left = index % columns * (side + gap) + (side - width) / 2
        top = index // columns * row_height + (side - height) / 2
        place = xy[index].double() / size[index] * cells
        inside = (conf[index] > 0) & ((place >= 0) & (place < cells)).all(-1)
        column, row = place[inside].long().unbind(-1)
        count = torch.bincount(row * cells + column, minlength=cells**2)
        shade = (0.25 + 0.75 * count.log1p() / count.max().log1p().clamp(min=1e-9)) * (count > 0)
        parts += [
            f'<rect x="{left + width * (cell % cells) / cells:.1f}" y="{top + height * (cell // cells) / cells:.1f}" '
            f'width="{width / cells:.1f}" height="{height / cells:.1f}" fill="{_BLUE}" fill-opacity="{opacity:.2f}"/>'
            for cell, opacity in enumerate(shade.tolist())
            if opacity
        ]
        parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="none" '
            'stroke="currentColor" stroke-opacity="0.5"/>'
        )
        parts.append(_text(left + width / 2, top + height + 16, name, 'text-anchor="middle"'))
    rows = math.ceil(len(names) / columns)
    total = round(columns * (side + gap) - gap), round(rows * row_height)
    return _svg(*total, parts, "Coverage of each image by keypoints of the person")


def line_chart(
    series: Mapping[str, Sequence[tuple[_Number, _Number]]],
    x_label: str,
    y_label: str,
    width: int = 640,
    height: int = 300,
) -> str:
    """Named (x, y) curves as inline SVG, the y axis from 0 (or from the least value where that is negative)."""
    points = [point for curve in series.values() for point in curve]
    if not points:
        raise InputError(f"The chart '{y_label}' got no points. Give at least one (x, y) pair.")
    xs, ys = _ticks(*_extent(x for x, _ in points)), _ticks(*_extent([0.0, *(y for _, y in points)]))
    left, right, top, bottom = 62, width - 14, 14, height - 46

    def at(x: _Number, y: _Number) -> tuple[float, float]:
        across, along = (x - xs[0]) / (xs[-1] - xs[0]), (y - ys[0]) / (ys[-1] - ys[0])
        return left + across * (right - left), bottom - along * (bottom - top)

    parts = []
    for y in ys:
        parts.append(f'<path d="M{left} {at(0, y)[1]:.1f}H{right}" stroke="currentColor" stroke-opacity="0.18"/>')
        parts.append(_text(left - 8, at(0, y)[1] + 4, f"{y:g}", 'text-anchor="end"'))
    parts += [_text(at(x, 0)[0], bottom + 18, f"{x:g}", 'text-anchor="middle"') for x in xs]
    parts.append(_text((left + right) / 2, height - 8, x_label, 'text-anchor="middle"'))
    middle = (top + bottom) / 2
    parts.append(_text(14, middle, y_label, f'text-anchor="middle" transform="rotate(-90 14 {middle})"'))
    for index, (name, curve) in enumerate(series.items()):
        color = _CURVES[index % len(_CURVES)]
        line = torch.tensor([at(*point) for point in curve], dtype=torch.float64).reshape(-1, 2)
        parts.append(_polyline(line, f'stroke="{color}" stroke-width="2" stroke-linejoin="round"'))
        parts.append(_text(right - 4, top + 14 + 18 * index, name, f'text-anchor="end" style="fill:{color}"'))
    return _svg(width, height, parts, f"{y_label} over {x_label}")


def _extent(values: Iterable[_Number]) -> tuple[_Number, _Number]:
    finite = [value for value in values if math.isfinite(value)]
    return min(finite), max(finite)


def _ticks(low: _Number, high: _Number) -> list[float]:
    """Four to eight round numbers that enclose low..high."""
    span = (high - low) or max(abs(high), 1.0)
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 6)
    first, last = math.floor(low / step + 1e-9), math.ceil((low + span) / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _polyline(points: Float[Tensor, "n 2"], style: str) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points.tolist())
    return f'<polyline points="{joined}" fill="none" {style}/>'


def _text(x: _Number, y: _Number, text: str, attributes: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{html.escape(text)}</text>'


def _svg(width: int, height: int, parts: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{html.escape(title)}" '
        'style="max-width:100%;height:auto;font:13px system-ui,sans-serif;fill:currentColor">'
        + "".join(parts)
        + "</svg>"
    )
