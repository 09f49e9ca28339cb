"""Clothing of a body: the layers that cover each vertex, their distance from the skin, and the face.

Cover is a share per layer and vertex, not a choice: between vertices the shares are interpolated, and where two are
equal lies the hem, a smooth line across triangles however coarse they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int32

from epipose.studio.appearance import BOTTOM, HAIR, LAYERS, SHOES, SKIN, TOP, Look
from epipose.studio.bodies import REGIONS, Body
from epipose.studio.patterns import smooth_noise

_LAYER_OF = {
    "head": SKIN, "scalp": HAIR, "eyes": SKIN, "neck": SKIN, "torso": TOP, "hips": BOTTOM, "upper_arm": TOP,
    "forearm": TOP, "hand": SKIN, "thigh": BOTTOM, "shank": BOTTOM, "foot": SHOES,
}  # fmt: skip


@dataclass(frozen=True)
class Clothes:
    """Rest vertices moved out by what they wear (metres), share of each of ``LAYERS``, and (is head, is eyeball)."""

    vertices: Float[np.ndarray, "vertex 3"]
    cover: Float[np.ndarray, "vertex layer"]
    face: Float[np.ndarray, "vertex 2"]


@dataclass(frozen=True)
class Face:
    """Centres of the eyes in the rest pose, the metres between them, and the sign of y that is the front."""

    eyes: Float[np.ndarray, "2 3"]
    between: float
    forwards: float


def dressed(body: Body, look: Look) -> Clothes:
    """The body in these clothes."""
    cover = np.eye(len(LAYERS), dtype=np.float32)[[_LAYER_OF[name] for name in REGIONS]][body.region]
    bare = np.eye(len(LAYERS), dtype=np.float32)[SKIN]
    flare = np.zeros(len(cover))
    for names, reach, along, widening, layer in (
        (("upper_arm", "forearm"), look.sleeve, np.abs(body.vertices[:, 0]), look.sleeve_flare, TOP),
        (("thigh", "shank"), look.leg, -body.vertices[:, 2], look.leg_flare, BOTTOM),
    ):
        along = _along(body, names, along)
        beyond = np.clip(0.5 + 8 * (along - reach), 0, 1)[:, None]  # a fuzzy hem of 1/8 of a limb
        flare += widening * np.clip(along / 2, 0, 1) ** 2 * cover[:, layer] * (1 - beyond[:, 0])
        cover = np.where(reach < 2, beyond * bare + (1 - beyond) * cover, cover)
    if look.barefoot:
        cover[body.region == REGIONS.index("foot")] = bare
    cover = _smoothed(cover, body.faces)
    head = np.isin(body.region, [REGIONS.index(name) for name in ("head", "scalp", "eyes")])
    face = face_of(body)
    if face is not None:
        hair = _hair(body, look, face)[:, None] * np.eye(len(LAYERS), dtype=np.float32)[HAIR]
        cover[head] = (hair + (1 - hair.sum(-1, keepdims=True)) * bare)[head]
    eyeball = body.region == REGIONS.index("eyes")
    cover[eyeball] = bare
    stand_off = (cover @ look.thickness) * _unevenness(body, look)
    vertices = body.vertices + body.normals * (stand_off + flare)[:, None]
    if face is not None and look.brim > 0:
        vertices[head] += (_brim(body, look, face) * cover[:, HAIR, None])[head]
    vertices = vertices.astype(np.float32)
    return Clothes(vertices, cover.astype(np.float32), np.stack([head, eyeball], -1).astype(np.float32))


def face_of(body: Body) -> Face | None:
    """The face of a body; None for a body without eyes."""
    eyes = body.vertices[body.region == REGIONS.index("eyes")].astype(float)
    left, right = eyes[eyes[:, 0] > 0], eyes[eyes[:, 0] < 0]
    if not len(left) or not len(right):
        return None
    centres = np.stack([left.mean(0), right.mean(0)])
    head = body.vertices[body.region == REGIONS.index("head")].mean(0)
    forwards = 1.0 if centres[:, 1].mean() > head[1] else -1.0
    return Face(centres, float(np.linalg.norm(centres[0] - centres[1])), forwards)


def simplified(body: Body, detail: float) -> Int32[np.ndarray, "face 3"]:
    """Fewer faces: vertices that share a cell of ``detail`` metres, their strongest bone and their side become one.

    Fingers and toes have most of a body's faces, and in a small image they are smaller than a pixel. (Clustering of
    vertices, Rossignac and Borrel 1993.) Eyes are left as they are.
    """
    cell = np.floor((body.vertices - body.vertices.min(0)) / detail).astype(np.int64)
    outward = (body.normals > 0) @ np.array([1, 2, 4])
    strongest = body.bone_index[np.arange(len(cell)), body.bone_weight.argmax(-1)]
    eyes = body.region == REGIONS.index("eyes")
    own = np.where(eyes, np.cumsum(eyes), 0)
    parts = (*cell.T, outward, strongest, body.region.astype(np.int64), own)
    key = np.ravel_multi_index(parts, [int(part.max()) + 1 for part in parts])
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    faces = first[group][body.faces]
    a, b, c = faces.T
    return faces[(a != b) & (b != c) & (c != a)].astype(np.int32)


def _along(body: Body, names: tuple[str, str], length: np.ndarray) -> np.ndarray:
    """Position of each vertex along a limb: 0 to 1 on its first segment, 1 to 2 on the second, -1 elsewhere."""
    along = np.full(len(length), -1.0)
    for segment, name in enumerate(names):
        own = body.region == REGIONS.index(name)
        if own.any():
            low, high = np.quantile(length[own], [0.02, 0.98])
            along[own] = segment + (length[own] - low) / max(high - low, 1e-6)
    return along


def _smoothed(cover: np.ndarray, faces: np.ndarray, rounds: int = 2) -> np.ndarray:
    """Shares averaged with those of the neighbours, so that hems do not follow the edges of single triangles."""
    start, end = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
    count = np.maximum(np.bincount(start, minlength=len(cover)), 1)[:, None]
    for _ in range(rounds):
        around = [np.bincount(start, cover[end, layer], len(cover)) for layer in range(cover.shape[1])]
        cover = (cover + np.stack(around, -1) / count) / 2
    return cover / cover.sum(-1, keepdims=True)


def _hair(body: Body, look: Look, face: Face) -> np.ndarray:
    """Share of hair on each vertex of the head: above a line that falls from forehead to nape."""
    place = (body.vertices - face.eyes.mean(0)) / face.between
    behind = -place[:, 1] * face.forwards
    line = np.interp(behind, [0.3, 0.9, 1.4, 2.0], [look.hairline, 0.8, -0.2, -look.hair_length])
    return np.clip(0.5 + 3 * (place[:, 2] - line), 0, 1).astype(np.float32)


def _brim(body: Body, look: Look, face: Face) -> Float[np.ndarray, "vertex 3"]:
    """How far the brim of a hat moves each vertex: outward, along a level line at the height of the hairline."""
    place = (body.vertices - face.eyes.mean(0)) / face.between
    ring = np.exp(-(((place[:, 2] - look.hairline - 0.15) / 0.22) ** 2))
    outward = place * [1, 1, 0] + [0, 1.2 * face.forwards, 0]  # from the middle of the head
    outward /= np.maximum(np.linalg.norm(outward, axis=-1, keepdims=True), 1e-6)
    ahead = np.clip(1.5 * outward[:, 1] * face.forwards, 0, 1) if look.cap else np.ones(len(ring))
    return (look.brim * ring * ahead)[:, None] * outward


def _unevenness(body: Body, look: Look) -> np.ndarray:
    """A factor around 1 that varies over a few centimetres."""
    noise = smooth_noise(np.random.default_rng(look.bumps), 64, 8)
    cell = np.floor(body.vertices @ np.array([[37.0, 5.0], [11.0, 23.0], [3.0, 41.0]]) * 4).astype(int) % 64
    return 0.6 + 0.8 * noise[cell[:, 0], cell[:, 1]]
