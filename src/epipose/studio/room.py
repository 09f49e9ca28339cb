"""Random room and light: surfaces with random textures, or a photo behind the person.

The room is a box round all cameras: floor, ceiling and two kinds of walls, each with a texture of its own, random
(see `patterns`) and littered with shapes, or cut out of a photo. In a share of scenes one image fills the whole view
instead, as if the person had been cut out and pasted; the shadow falls on the floor all the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from epipose.errors import InputError
from epipose.io.files import AnyPath
from epipose.io.images import IMAGE_SUFFIXES, read_image
from epipose.studio.patterns import Texture, draw_shape, random_colour, random_pattern, uneven

SURFACES = ("floor", "ceiling", "wall_x", "wall_y", "backdrop")
_TEXTURE_SIZE = 256
_BACKDROP_SHARE = 0.3  # scenes with one image behind the person, where there are no photos
_BACKDROP_SHARE_PHOTOS = 0.6


@dataclass(frozen=True)
class Room:
    """A box with the floor at z = 0 and the middle at the origin; ``half`` extents in x and y and height, metres.

    ``textures`` follow ``SURFACES``; ``repeat`` are textures per metre. ``backdrop``: the last texture fills the view.
    """

    half: Float[np.ndarray, "2"]
    height: float
    textures: UInt8[np.ndarray, "surface size size 3"]
    repeat: Float[np.ndarray, " surface"]
    backdrop: bool


@dataclass(frozen=True)
class Light:
    """One far light and the rest: ``direction`` is the unit vector towards it (world), colours are linear factors.

    ``shadow`` is how much of the direct light the shadow on the floor takes, ``blur`` its softness in mipmap levels.
    """

    direction: Float[np.ndarray, "3"]
    direct: Float[np.ndarray, "3"]
    sky: Float[np.ndarray, "3"]
    ground: Float[np.ndarray, "3"]
    shadow: float
    blur: float

    @property
    def shadow_on_floor(self) -> float:
        """The share of all the floor's light that the shadow takes."""
        lamp = float(self.direct.sum() * self.direction[2])
        return self.shadow * lamp / (lamp + float(self.sky.sum()))


def random_light(rng: np.random.Generator) -> Light:
    """Light from above 25 degrees, warm or cold, hard or soft."""
    elevation, azimuth = math.asin(rng.uniform(0.42, 1.0)), rng.uniform(0, 2 * math.pi)
    direction = [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
    direct = rng.uniform(0.15, 0.95)
    tint = lambda: 1 + rng.uniform(-0.12, 0.12, 3)  # noqa: E731
    return Light(
        direction=np.array(direction),
        direct=direct * tint(),
        sky=(0.85 - 0.55 * direct) * tint(),
        ground=(0.55 - 0.35 * direct) * tint(),
        shadow=float(rng.uniform(0.2, 0.9)),
        blur=float(rng.uniform(0.0, 3.5)),
    )


def random_room(rng: np.random.Generator, reach: float, photos: Sequence[Path] = ()) -> Room:
    """A random room that holds everything within ``reach`` metres of the middle; surfaces may be cut from photos."""
    half = reach * np.exp(rng.uniform(0.05, 0.8, 2))
    backdrop = bool(rng.random() < (_BACKDROP_SHARE_PHOTOS if photos else _BACKDROP_SHARE))
    textures = [_surface(rng, photos, name) for name in SURFACES]
    return Room(
        half=half,
        height=float(rng.uniform(2.6, 4.5)),
        textures=np.stack(textures),
        repeat=np.array([rng.uniform(0.25, 1.0), rng.uniform(0.1, 0.5), *(0.5 / half), 1.0], np.float32),
        backdrop=backdrop,
    )


def photos_in(folder: AnyPath) -> tuple[Path, ...]:
    """The images of a folder and its subfolders, sorted; raises InputError where there are none."""
    folder = Path(folder)
    found = tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES))
    if not found:
        raise InputError(f"The folder {folder} holds no image ({', '.join(sorted(IMAGE_SUFFIXES))}).")
    return found


def _surface(rng: np.random.Generator, photos: Sequence[Path], name: str) -> Texture:
    if photos and rng.random() < (1.0 if name == "backdrop" else 0.4):
        return _cut_out(rng, read_image(photos[int(rng.integers(len(photos)))]))
    if name in ("floor", "ceiling"):
        return _faded(rng, random_pattern(rng, _TEXTURE_SIZE, plain=0.5))
    return _faded(rng, _littered(rng) if rng.random() < 0.8 else random_pattern(rng, _TEXTURE_SIZE))


def _faded(rng: np.random.Generator, texture: Texture) -> Texture:
    """With less contrast, as most surroundings have."""
    mean = texture.mean((0, 1))
    return (mean + rng.uniform(0.25, 0.9) * (texture - mean)).astype(np.uint8)


def _cut_out(rng: np.random.Generator, photo: UInt8[np.ndarray, "height width 3"]) -> Texture:
    """A random square of a photo, at least half as wide as its shorter side."""
    shorter = min(photo.shape[:2])
    side = max(1, int(shorter * rng.uniform(0.5, 1.0)))
    top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape[:2])
    return cv2.resize(
        photo[top : top + side, left : left + side], (_TEXTURE_SIZE, _TEXTURE_SIZE), interpolation=cv2.INTER_AREA
    )


def _littered(rng: np.random.Generator) -> Texture:
    """A wall with things on and before it: shapes of all sizes over a gradient or a pattern."""
    if rng.random() < 0.5:
        ramp = np.linspace(0, 1, _TEXTURE_SIZE)[:, None, None]
        image = random_colour(rng) + ramp * (random_colour(rng) - random_colour(rng))
        image = np.ascontiguousarray(np.broadcast_to(image, (_TEXTURE_SIZE, _TEXTURE_SIZE, 3)), np.float32)
    else:
        image = random_pattern(rng, _TEXTURE_SIZE).astype(np.float32)
    for _ in range(rng.integers(0, 25)):
        draw_shape(rng, image, random_colour(rng))
    return uneven(rng, image, rng.uniform(0, 0.3))
