"""Random appearance: skin, hair or a hat, a shirt, trousers, shoes, each with a texture and an extent.

A look is random in everything a network should be invariant to: tone of skin, colours, patterns, length of sleeves,
legs and hair, how loose the cloth is. `epipose.studio.clothing` puts it on a body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from epipose.studio.patterns import Colour, Texture, random_colour, random_pattern, uneven

LAYERS = ("skin", "hair", "top", "bottom", "shoes")
SKIN, HAIR, TOP, BOTTOM, SHOES = range(len(LAYERS))
TEXTURE_SIZE = 128

# Skin from light to dark in sRGB, about the Fitzpatrick types I to VI; looks lie anywhere between neighbours.
_SKIN_TONES = np.array(
    [[244, 208, 177], [231, 180, 143], [210, 158, 124], [186, 119, 80], [141, 85, 54], [72, 43, 30]], float
)
_HAIR_COLOURS = np.array(
    [[22, 18, 16], [52, 34, 24], [94, 60, 36], [150, 105, 60], [205, 170, 110], [140, 50, 25], [150, 150, 150]], float
)


@dataclass(frozen=True)
class Look:
    """One person's appearance. ``sleeve`` and ``leg``: how far cloth reaches (0 shoulder or hip, 1 elbow or knee, 2
    wrist or ankle); ``thickness`` in metres and ``repeat`` (textures per metre) are per layer, ``gloss`` in [0, 1].
    """

    textures: UInt8[np.ndarray, "layer size size 3"]
    thickness: Float[np.ndarray, " layer"]
    repeat: Float[np.ndarray, " layer"]
    gloss: Float[np.ndarray, " layer"]
    sleeve: float
    leg: float
    barefoot: bool
    hairline: float  # above the eyes, in distances between the eyes
    hair_length: float  # below the eyes at the back of the head, in the same unit
    beard: float
    iris: Colour
    brow: Colour
    lips: Colour
    bumps: int  # seed of the unevenness of hair and cloth
    sleeve_flare: float = 0.0  # metres that cloth stands off more at the end of a sleeve than at its beginning
    leg_flare: float = 0.0
    brim: float = 0.0  # metres that the brim of a hat reaches beyond the head
    cap: bool = False  # a brim at the front alone


def random_look(rng: np.random.Generator) -> Look:
    """A random appearance; the same generator state gives the same one."""
    skin = _between(rng, _SKIN_TONES)
    hair = _between(rng, _HAIR_COLOURS) if rng.random() < 0.9 else random_colour(rng)
    bald, hat = rng.random() < 0.08, rng.random() < 0.12
    top, bottom = random_pattern(rng, TEXTURE_SIZE, plain=0.5), random_pattern(rng, TEXTURE_SIZE, plain=0.6)
    if rng.random() < 0.1:  # overalls and dresses
        bottom = top
    textures = (
        _flesh(rng, skin),
        random_pattern(rng, TEXTURE_SIZE) if hat else _strands(rng, skin if bald else hair),
        top,
        bottom,
        random_pattern(rng, TEXTURE_SIZE, plain=0.7),
    )
    thickness = (
        0.0,
        0.0 if bald else rng.uniform(0.006, 0.035),
        rng.uniform(0.003, 0.022),
        rng.uniform(0.003, 0.02),
        0.008,
    )
    return Look(
        textures=np.stack(textures),
        thickness=np.array(thickness, np.float32),
        repeat=np.array([2.0, 5.0, *np.exp(rng.uniform(np.log(0.8), np.log(5.0), 2)), 4.0], np.float32),
        gloss=np.array([rng.uniform(0.1, 0.4), rng.uniform(0, 0.5), *(rng.random(3) ** 3)], np.float32),
        sleeve=float(rng.choice([rng.uniform(0.0, 0.25), rng.uniform(0.3, 1.0), 2.0], p=[0.15, 0.4, 0.45])),
        leg=float(rng.choice([rng.uniform(0.15, 0.6), rng.uniform(0.6, 1.3), 2.0], p=[0.15, 0.25, 0.6])),
        barefoot=bool(rng.random() < 0.1),
        hairline=float(rng.uniform(0.9, 1.5)),
        hair_length=float(rng.choice([rng.uniform(0.2, 1.2), rng.uniform(1.2, 4.0)])),
        beard=float(rng.uniform(0.2, 0.9)) if rng.random() < 0.2 else 0.0,
        iris=random_colour(rng) * 0.5,
        brow=0.6 * np.minimum(hair, skin),
        lips=np.clip(skin * [0.85, 0.6, 0.6] + rng.uniform(-10, 25, 3) * [1, 0.2, 0.2], 0, 255),
        bumps=int(rng.integers(2**31)),
        sleeve_flare=_flare(rng, 0.05),
        leg_flare=_flare(rng, 0.08),
        brim=float(rng.uniform(0.03, 0.1)) if hat and rng.random() < 0.7 else 0.0,
        cap=bool(rng.random() < 0.5),
    )


def _flare(rng: np.random.Generator, most: float) -> float:
    """Of one in four, up to ``most`` metres."""
    return float(rng.uniform(0.2, 1.0)) * most if rng.random() < 0.25 else 0.0


def _between(rng: np.random.Generator, colours: np.ndarray) -> Colour:
    """A colour on the line from one of the colours to the next."""
    place = rng.uniform(0, len(colours) - 1)
    index = int(place)
    return colours[index] + (place - index) * (colours[index + 1] - colours[index])


def _flesh(rng: np.random.Generator, skin: Colour) -> Texture:
    return uneven(rng, np.broadcast_to(skin, (TEXTURE_SIZE, TEXTURE_SIZE, 3)), 0.12)


def _strands(rng: np.random.Generator, hair: Colour) -> Texture:
    """Hair: noise that is much finer across than along."""
    fine = rng.uniform(0.6, 1.3, (1, TEXTURE_SIZE, 1))
    return uneven(rng, np.broadcast_to(hair, (TEXTURE_SIZE, TEXTURE_SIZE, 3)) * fine, 0.4)
