"""Readings of the crops of people as their images go by, many crops at once, by networks that stand on no detector."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from epipose.detection.base import Detection
from epipose.detection.roi import Roi
from epipose.inference.lift import read_flipped
from epipose.inference.person_keypoints import person_of
from epipose.network.backends import PoseReader
from epipose.network.crops import crop_image
from epipose.skeleton import Skeleton


class _Waiting(NamedTuple):
    """A crop that is not read yet, and the person's place in the list of an image's people."""

    crop: UInt8[Tensor, "size size 3"]
    people: list[Detection]
    place: int


class CropReadings:
    """Reads people's crops in batches; of an image only the crops are kept, and those only until they are read."""

    def __init__(
        self, trained: PoseReader, found: Skeleton, device: torch.device, batch_size: int | None, flip_test: bool
    ) -> None:
        """``found``: the detector's skeleton; ``batch_size``: crops at once, by default as the device likes it."""
        self._trained, self._found, self._device, self._flip_test = trained, found, device, flip_test
        self._batch_size = batch_size or default_batch(device)
        self._waiting: list[_Waiting] = []

    def add(self, people: list[Detection], image: UInt8[np.ndarray, "height width 3"]) -> None:
        """The people of one image. In the list each gets the reading and the square it was read in, sooner or later."""
        trained = self._trained
        for place, one in enumerate(people):
            keypoints = torch.from_numpy(one.xy[None]).float(), torch.from_numpy(one.conf[None]).float()
            person = person_of(*keypoints, self._found, trained.skeleton, trained.margin, trained.crop)
            box = person.box[0].numpy()
            people[place] = replace(one, roi=Roi(box[:2], float(box[2]), float(box[3])))
            crop = torch.from_numpy(crop_image(image, box, trained.input_size))
            self._waiting.append(_Waiting(crop, people, place))
        while len(self._waiting) >= self._batch_size:
            self._read(self._batch_size)

    def finish(self) -> None:
        """Read what is left."""
        while self._waiting:
            self._read(self._batch_size)

    def _read(self, count: int) -> None:
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        reading = read_flipped(
            self._trained, torch.stack([each.crop for each in batch]), self._device, self._flip_test
        )  # fmt: skip
        for row, each in enumerate(batch):
            each.people[each.place] = replace(each.people[each.place], reading=reading.at(slice(row, row + 1)))


def default_batch(device: torch.device) -> int:
    """Crops in a batch where nothing is said: 8 on a processor, 32 on a graphics card."""
    return 8 if device.type == "cpu" else 32
