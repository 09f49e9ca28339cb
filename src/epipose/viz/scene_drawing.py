"""Drawing of a scene without a browser: the 3D scene from any side, and skeletons over images, with OpenCV.

It looks like the page (``web/scene.js``) and takes the same data, so that a video shows what the viewer shows.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import UInt8

from epipose.viz.scene_cameras import FIELD_OF_VIEW, Viewpoint
from epipose.viz.scene_data import MISSING, UV_UNIT, SceneData

SIDES = ((38, 139, 255), (255, 122, 26), (232, 232, 238))  # left, right, middle
PEOPLE = (
    (77, 163, 255), (255, 176, 0), (62, 207, 142), (226, 111, 210),
    (255, 107, 107), (140, 125, 255), (200, 214, 75), (75, 214, 214),
)  # fmt: skip
BACKGROUND, _OUTLINE, _INK = (22, 24, 29), (13, 14, 17), (211, 215, 224)
_GRID, _AXIS, _PATH, _SHADOW, _FRUSTUM = (43, 47, 56), (74, 80, 96), (140, 113, 44), (12, 13, 16), (154, 162, 177)
_NEAR = 0.05  # metres
_BITS = 4  # OpenCV takes fixed-point pixels
_FINER = 2  # a scene is drawn so many times larger, and shrunk
_NEARER = 0.85  # than the page begins: people may be larger where all cameras come into sight one after the other
_HEAD, _NECK = 0.085, 0.025  # radii, metres


def person_color(data: SceneData, person: int, side: int) -> tuple[int, int, int]:
    """The RGB colour of a bone: by side where there is one person, else one colour for each."""
    return PEOPLE[person % len(PEOPLE)] if len(data.people) > 1 else SIDES[side]


def draw_scene(
    data: SceneData, step: int, azimuth: float, width: int, height: int
) -> UInt8[np.ndarray, "height width 3"]:
    """The scene at a step as an RGB image, seen from ``azimuth`` (radians) and else from the data's viewpoint."""
    canvas = _Canvas(data.viewpoint, azimuth, _FINER * width, _FINER * height)
    if data.floor:
        _floor(canvas, data)
    if len(data.people):
        _people(canvas, data, step)
    for camera in data.cameras:
        _camera(canvas, np.array(camera.position), data.frustum * np.array(camera.corners))
    image = cv2.resize(canvas.image, (width, height), interpolation=cv2.INTER_AREA)
    for camera in data.cameras:
        place = canvas.pixel(np.array(camera.position) + np.array([0, 0, 0.35 * data.frustum]))
        if place is not None:
            _name(image, camera.name, place / _FINER)
    return image


def draw_skeletons(
    image: UInt8[np.ndarray, "height width 3"], data: SceneData, camera: int, step: int
) -> UInt8[np.ndarray, "height width 3"]:
    """A copy of an image of a camera (by index), of any size, with everybody's skeleton at a step over it."""
    canvas, (height, width) = image.copy(), image.shape[:2]
    if not data.uv.numel():
        return canvas
    uv = data.uv[camera, step].numpy()
    places = np.round(uv * (np.array([width, height]) / UV_UNIT) * 2**_BITS - 2 ** (_BITS - 1)).astype(int)
    thick = max(1, round(min(width, height) / 110))
    for person in range(uv.shape[0]):
        shown = [bone for bone in data.bones if all(uv[person, joint, 0] != MISSING for joint in bone[:2])]
        for around in (2, 0):
            for parent, child, side, _ in shown:
                color = _OUTLINE if around else person_color(data, person, side)
                first, last = places[person, parent].tolist(), places[person, child].tolist()
                cv2.line(canvas, first, last, color, thick + around, cv2.LINE_AA, _BITS)
    return canvas


class _Canvas:
    """An image that is looked at from one place: lines between points of the world."""

    def __init__(self, view: Viewpoint, azimuth: float, width: int, height: int) -> None:
        self.image = np.full((height, width, 3), BACKGROUND, np.uint8)
        away = np.array(
            [
                math.cos(view.elevation) * math.cos(azimuth),
                math.cos(view.elevation) * math.sin(azimuth),
                math.sin(view.elevation),
            ]
        )
        right = np.array([-math.sin(azimuth), math.cos(azimuth), 0.0])
        self._axes = np.stack([right, np.cross(right, -away), -away])
        self._eye = np.array(view.target) + _NEARER * view.distance * away
        self.scale = min(height, 0.8 * width) / 2 / math.tan(FIELD_OF_VIEW / 2)
        self._middle = np.array([width, height]) / 2

    def seen(self, point: np.ndarray) -> np.ndarray:
        """A point in the axes of the eye: right, up, ahead."""
        return self._axes @ (point - self._eye)

    def pixel(self, point: np.ndarray) -> np.ndarray | None:
        """Where a point is in the image; None behind the eye."""
        seen = self.seen(point)
        return None if seen[2] < _NEAR else self._flat(seen)

    def line(self, a: np.ndarray, b: np.ndarray, color: tuple[int, int, int], width: int | float = 1) -> None:
        """A line, ``width`` pixels thick, cut where it passes the eye."""
        p, q = self.seen(a), self.seen(b)
        if max(p[2], q[2]) < _NEAR:
            return
        if p[2] < _NEAR:
            p = p + (_NEAR - p[2]) / (q[2] - p[2]) * (q - p)
        if q[2] < _NEAR:
            q = q + (_NEAR - q[2]) / (p[2] - q[2]) * (p - q)
        first, last = (np.clip(self._flat(end) * 2**_BITS, -1e6, 1e6).astype(int).tolist() for end in (p, q))
        cv2.line(self.image, first, last, color, max(1, round(width)), cv2.LINE_AA, _BITS)

    def _flat(self, seen: np.ndarray) -> np.ndarray:
        return self._middle + self.scale / seen[2] * seen[:2] * [1, -1]


def _floor(canvas: _Canvas, data: SceneData) -> None:
    n = data.floor
    for i in range(-n, n + 1):
        color = _GRID if i else _AXIS
        canvas.line(np.array([i, -n, 0]), np.array([i, n, 0]), color, _FINER)
        canvas.line(np.array([-n, i, 0]), np.array([n, i, 0]), color, _FINER)
    for a, b in zip(data.path, data.path[1:], strict=False):
        canvas.line(np.array(a), np.array(b), _PATH, _FINER)


def _people(canvas: _Canvas, data: SceneData, step: int) -> None:
    """Shadows, then bones as thick as they are near, the far ones first."""
    limbs = [limb for person in range(len(data.people)) for limb in _limbs(data, step, person)]
    deep = [(float(canvas.seen((a + b) / 2)[2]), a, b, radius, color) for a, b, radius, color in limbs]
    before = sorted((limb for limb in deep if limb[0] > _NEAR), key=lambda limb: -limb[0])
    if data.floor:
        for depth, a, b, radius, _ in before:
            canvas.line(a * [1, 1, 0], b * [1, 1, 0], _SHADOW, 2 * radius * canvas.scale / depth)
    for depth, a, b, radius, color in before:
        thick = max(1.5 * _FINER, 2 * radius * canvas.scale / depth)
        canvas.line(a, b, _OUTLINE, thick + 2 * _FINER)
        canvas.line(a, b, color, thick)


def _limbs(data: SceneData, step: int, person: int) -> list[tuple[np.ndarray, np.ndarray, float, tuple[int, int, int]]]:
    """Both ends, radius and colour of everything that is drawn of a person: bones, neck and head."""
    xyz, seen = data.xyz[step, person].numpy() * data.unit, data.xyz[step, person, :, 0].numpy() != MISSING
    limbs = [
        (xyz[parent], xyz[child], radius, person_color(data, person, side))
        for parent, child, side, radius in data.bones
        if seen[parent] and seen[child]
    ]
    if data.head and seen[list(data.head)].all():
        head, color = xyz[list(data.head)].mean(0), person_color(data, person, 2)
        if data.neck and seen[list(data.neck)].all():
            limbs.append((xyz[list(data.neck)].mean(0), head, _NECK, color))
        limbs.append((head, head, _HEAD, color))
    return limbs


def _camera(canvas: _Canvas, position: np.ndarray, corners: np.ndarray) -> None:
    for index, corner in enumerate(corners):
        canvas.line(position, position + corner, _FRUSTUM, _FINER)
        canvas.line(position + corner, position + corners[(index + 1) % 4], _FRUSTUM, _FINER)


def _name(image: np.ndarray, name: str, place: np.ndarray) -> None:
    size = 0.28 + image.shape[0] / 3000
    (width, _), _ = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    corner = (round(float(place[0])) - width // 2, round(float(place[1])))
    cv2.putText(image, name, corner, cv2.FONT_HERSHEY_SIMPLEX, size, _INK, 1, cv2.LINE_AA)
