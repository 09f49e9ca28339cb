"""Readings of the frozen landmark network in the crops of clips, made once for all heads that learn or are tested.

A head changes nothing below it. So each image is read as it is and in a few variations, and what a head takes from a
reading is kept in files. Boxes come from the detector, in training as in the test, so that all labels meet the same
crops.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.clip import Clip
from epipose.inference.person_keypoints import PersonKeypoints, person_of
from epipose.io.files import write_tensors
from epipose.io.progress import progress
from epipose.network.blazepose import BlazePoseLandmarks, load_landmarks
from epipose.network.crops import crop_image
from epipose.network.landmark_posenet import variant_of
from epipose.network.posenet import to_input
from epipose.network.token_head import CROP_SIDE, LandmarkTokens, landmark_tokens
from epipose.poses import Poses2D
from epipose.skeletons import H36M17
from epipose.training.augment import Variation, random_variation
from epipose.training.options import TrainOptions
from epipose.training.samples import WINDOW

_BATCH = 16


def subject_of(folder: Path) -> PersonKeypoints:
    """The detected subject of every image of a clip, view after view, with the boxes that a landmark network reads."""
    clip, found = Clip.load(folder), Poses2D.load(folder / "poses2d.npz").subject()
    columns = [found.views.index(name) for name in clip.names]
    xy, conf = (field[columns, :, 0].flatten(0, 1) for field in (found.xy, found.conf))
    return person_of(xy, conf, found.skeleton, H36M17, 1.0, "roi")


@dataclass(frozen=True)
class LandmarkReadings:
    """Readings of the landmark network of ``options.backbone``, kept in ``folder``.

    Variation 0 of an image is the crop itself; the others are random, within the ranges of ``options``.
    """

    folder: Path
    options: TrainOptions

    def tokens(self, clip: Path, number: int = 0) -> LandmarkTokens:
        """What heads take from variation ``number`` of every image, view after view; zeros where nobody was detected."""
        from safetensors.torch import load_file

        person = subject_of(clip)
        path = self.folder / f"{self._key(clip, person, number)}.safetensors"
        if not path.exists():
            names = {name: part.contiguous() for name, part in _named(self._read(clip, person, number)).items()}
            write_tensors(path, names)
        return _unnamed(load_file(path))

    def variation(self, number: int, row: int) -> Variation:
        """Variation ``number``, from 1 on, of the image in this row."""
        return self._drawn(self._random(number, row))

    def _drawn(self, rng: np.random.Generator) -> Variation:
        o = self.options
        return random_variation(
            rng, rotation=math.radians(o.rotation_deg), scale=o.scale, shift=o.shift, colour=o.colour,
            occlusion=o.occlusion, flip=o.flip,
        )  # fmt: skip

    def _random(self, number: int, row: int) -> np.random.Generator:
        return np.random.default_rng((self.options.seed, number, row))

    def _key(self, clip: Path, person: PersonKeypoints, number: int) -> str:
        """Name of the file: by the videos, the boxes, the network and, in a variation, its ranges."""
        o = self.options
        videos = [(str(view.images().resolve()), view.frames, view.stride) for view in Clip.load(clip).views]
        ranges = (o.seed, o.rotation_deg, o.scale, o.shift, o.colour, o.occlusion, o.flip) if number else ()
        content = repr((o.backbone, videos, number, ranges)).encode() + person.box.numpy().tobytes()
        return hashlib.sha256(content).hexdigest()[:24]

    @cached_property
    def _network(self) -> BlazePoseLandmarks:
        return load_landmarks(variant_of(self.options.backbone)).eval()

    def _read(self, clip: Path, person: PersonKeypoints, number: int) -> LandmarkTokens:
        box = person.box.numpy()
        rows = np.flatnonzero(box[:, 2] > 0)
        parts: list[LandmarkTokens] = []
        crops: list[UInt8[np.ndarray, "256 256 3"]] = []
        images = progress(_images(clip), total=len(box), desc=f"crops of {clip.name}", unit="crop")
        for row, image in enumerate(images):
            if box[row, 2] > 0:
                crops.append(self._crop(image, box[row], number, row))
            if crops and (len(crops) == _BATCH or row == len(box) - 1):
                parts.append(self._tokens_of(crops))
                crops = []
        return _at_rows(parts, rows, len(box))

    def _crop(self, image: np.ndarray, box: Float[np.ndarray, "4"], number: int, row: int) -> np.ndarray:
        if number == 0:
            return crop_image(image, box, CROP_SIDE)
        rng = self._random(number, row)
        variation = self._drawn(rng)
        stored = crop_image(image, box * np.array([1, 1, WINDOW, 1]), round(WINDOW * CROP_SIDE))
        return variation.image(stored, CROP_SIDE, rng, window=WINDOW)

    def _tokens_of(self, crops: list[np.ndarray]) -> LandmarkTokens:
        with torch.inference_mode():
            return landmark_tokens(self._network(to_input(torch.from_numpy(np.stack(crops)))))


def tokens_at(tokens: LandmarkTokens, rows: Tensor | slice) -> LandmarkTokens:
    """Some of the images, in single precision."""
    return _unnamed({name: part[rows].float() for name, part in _named(tokens).items()})


def cat_tokens(parts: list[LandmarkTokens]) -> LandmarkTokens:
    """The tokens of several sets of images as one."""
    named = [_named(part) for part in parts]
    return _unnamed({name: torch.cat([part[name] for part in named]) for name in named[0]})


def _images(folder: Path) -> Iterator[np.ndarray]:
    clip = Clip.load(folder)
    for view in clip.views:
        yield from clip.read(view, range(clip.frames))


def _at_rows(parts: list[LandmarkTokens], rows: np.ndarray, images: int) -> LandmarkTokens:
    """Tokens of the images in ``rows`` among zeros for the others, in half precision."""
    dense = {}
    for name, part in _named(cat_tokens(parts)).items():
        dense[name] = part.new_zeros((images, *part.shape[1:]), dtype=torch.float16)
        dense[name][torch.from_numpy(rows)] = part.half()
    return _unnamed(dense)


def _named(tokens: LandmarkTokens) -> dict[str, Tensor]:
    named = {"own": tokens.own, "answers": tokens.answers, "keypoints": tokens.keypoints}
    named |= {f"features{i}": part for i, part in enumerate(tokens.features)}
    return named | {f"summary{i}": part for i, part in enumerate(tokens.summary)}


def _unnamed(named: dict[str, Tensor]) -> LandmarkTokens:
    features, summary = (
        tuple(named[name] for name in sorted(named) if name.startswith(kind)) for kind in ("features", "summary")
    )
    return LandmarkTokens(named["own"], named["answers"], features, summary, named["keypoints"])
