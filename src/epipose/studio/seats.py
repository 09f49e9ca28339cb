"""Seats for people who sit: stools, benches, chairs and boxes under a posed body, with a random texture.

A seat is made to fit: its top is where the body sits, it ends before the hollows of the knees, a box also before the
heels, a rider's is as narrow as the legs are apart, and a back stands behind the trunk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float64

from epipose.motion.rotations import unit
from epipose.skeletons import H36M17
from epipose.studio.bodies import Body, Skinning
from epipose.studio.grounding import lowest
from epipose.studio.patterns import Texture, random_pattern

_TEXTURE_SIZE = 64
_GIVE = 0.01  # metres that a seat and who sits on it give way
# Metres: who sits higher with a foot less ahead of the hips than this rides; whose feet are this far to the side, astride.
_RIDER_HEIGHT, _RIDER_AHEAD, _RIDER_APART = 0.75, 0.2, 0.12
_FACES = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


@dataclass(frozen=True)
class Seat:
    """Triangles in the world (metres), three corners each, with normals and texture coordinates."""

    corners: Float[np.ndarray, "corner 3"]
    normals: Float[np.ndarray, "corner 3"]
    uv: Float[np.ndarray, "corner 2"]
    texture: Texture

    def moved(self, offset: Float[np.ndarray, "3"]) -> Seat:
        """The same seat somewhere else."""
        return replace(self, corners=self.corners + offset)


def random_seat(
    rng: np.random.Generator, body: Body, skinning: Skinning, xyz: Float64[np.ndarray, "frame joint 3"]
) -> Seat:
    """A seat under a body that sits at one place in all frames; ``xyz`` are its joints of H36M17 in the world."""
    own = {name: xyz[:, i] for i, name in enumerate(H36M17.joints)}
    left = unit((own["left_hip"] - own["right_hip"]).mean(0) * [1, 1, 0])
    axes = np.stack([-left, np.cross(left, [0, 0, 1]), [0, 0, 1.0]])  # right, ahead, up in rows
    middle = own["pelvis"].mean(0) * [1, 1, 0]
    place = {name: (joint - middle) @ axes.T for name, joint in own.items()}
    top = float(lowest(body, skinning, seat=True).mean()) + _GIVE
    boxes = _boxes(rng, place, top)
    corners, normals, uv = (np.concatenate(part) for part in zip(*(_triangles(*box) for box in boxes), strict=True))
    scale = float(rng.uniform(0.7, 4))
    texture = random_pattern(rng, _TEXTURE_SIZE, plain=0.6)
    return Seat(corners @ axes + middle, normals @ axes, uv * scale, texture)


def _boxes(rng: np.random.Generator, place: dict[str, np.ndarray], top: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Lowest and highest corners of the boxes that the seat is made of, in (right, ahead, up) from the hips."""
    knees, ankles = (np.stack([place[f"{side}_{joint}"] for side in ("left", "right")]) for joint in ("knee", "ankle"))
    front = float(np.clip(knees[..., 1].min() - 0.1, 0.1, rng.uniform(0.25, 0.42)))
    half, back = float(rng.uniform(0.2, 0.32)), float(rng.uniform(0.16, 0.28))
    solid = rng.random() < 0.35 and ankles[..., 1].min() - 0.12 > 0.1
    if solid:
        front = min(front, float(ankles[..., 1].min()) - 0.12)
    rider = bool(ankles[..., 1].min() < _RIDER_AHEAD and top > _RIDER_HEIGHT)
    if rider and (apart := float(np.abs(ankles[..., 0]).min())) > _RIDER_APART:
        half, solid = apart - 0.09, True
    elif top > 0.6 and ankles[..., 1].min() < front:  # a bar stool
        half = back = front = min(0.18, front)
    boxes = []
    behind = -float(min(place[name][:, 1].min() for name in ("spine", "thorax", "head"))) + 0.13
    arms = -float(min(place[f"{side}_{name}"][:, 1].min() for side in ("left", "right") for name in ("elbow", "wrist")))
    if not rider and rng.random() < 0.5 and arms + 0.05 < behind < 0.45:
        back = behind + 0.04
        low, high = top + rng.uniform(0.02, 0.2), top + rng.uniform(0.3, 0.65)
        boxes.append((np.array([-half, -back, low]), np.array([half, -behind, high])))
        boxes += [(np.array([x, -back, 0]), np.array([x + 0.04, -behind, high])) for x in (-half, half - 0.04)]
    bottom = 0.0 if solid else top - float(rng.uniform(0.03, 0.1))
    boxes.append((np.array([-half, -back, bottom]), np.array([half, front, top])))
    if solid:
        return boxes
    thick = float(rng.uniform(0.025, 0.06))
    if half < 0.19 or rng.random() < 0.3:
        across, ahead = thick * np.ones(2), (front - back) / 2
        return [*boxes, (np.array([-across[0], ahead - thick, 0]), np.array([across[0], ahead + thick, bottom]))]
    legs = [(x, y) for x in (-half, half - thick) for y in (-back, front - thick)]
    return boxes + [(np.array([x, y, 0]), np.array([x + thick, y + thick, bottom])) for x, y in legs]


def _triangles(
    low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"]
) -> tuple[Float64[np.ndarray, "corner 3"], Float64[np.ndarray, "corner 3"], Float64[np.ndarray, "corner 2"]]:
    """Twelve triangles of a box, counter-clockwise seen from outside, with normals and texture coordinates (metres)."""
    ends = np.stack([low, high])
    corners = np.array([[ends[i][0], ends[j][1], ends[k][2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    points, normals, uv = [], [], []
    for face in _FACES:
        square = corners[face]
        normal = unit(np.cross(square[1] - square[0], square[2] - square[0]))
        points.append(square[[0, 1, 2, 0, 2, 3]])
        normals.append(np.tile(normal, (6, 1)))
        uv.append(np.delete(points[-1], int(np.abs(normal).argmax()), axis=1))
    return np.concatenate(points), np.concatenate(normals), np.concatenate(uv)
