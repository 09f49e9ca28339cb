"""BlazePose's networks run by LiteRT from their own files: what ours are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from epipose.detection.blazepose import BlazePose
from epipose.detection.person_finder import PersonDetector
from epipose.network.blazepose import Variant
from epipose.network.blazepose_weights import weights
from epipose.network.crop_network import CropNetwork


class LiteRtNetwork:
    """A .tflite file: arrays in, its outputs in the order of their names out, batch size 1."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter: Any = Interpreter(str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = sorted(self._interpreter.get_output_details(), key=lambda output: output["name"])
        self._outputs = [output["index"] for output in outputs]

    def __call__(self, image: Float[np.ndarray, "1 height width channel"]) -> list[np.ndarray]:
        """The outputs as they are in the file, channels last."""
        self._interpreter.set_tensor(self._input, image)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(output) for output in self._outputs]


class LiteRtCrops(CropNetwork):
    """A network of BlazePose as a `CropNetwork`, crop by crop; outputs have the order and axes of ours."""

    def __init__(self, path: Path, scale: float, offset: float = 0.0, threads: int = 2) -> None:
        """The network reads pixel * scale + offset."""
        self._network, self._scale, self._offset = LiteRtNetwork(path, threads), scale, offset

    def __call__(self, crops: UInt8[np.ndarray, "crop size size 3"]) -> Sequence[Float[np.ndarray, "crop ..."]]:
        """See `CropNetwork`."""
        outputs = [self._network(crop[None].astype(np.float32) * self._scale + self._offset) for crop in crops]
        joined = [np.concatenate(parts) for parts in zip(*outputs, strict=True)]
        if len(joined) == 2:
            return joined
        landmarks, score, _, heatmaps, world = joined  # the third separates person and background
        return [landmarks, score, heatmaps.transpose(0, 3, 1, 2), world]


def litert_blazepose(variant: Variant, threads: int = 2) -> BlazePose:
    """BlazePose as it is, with LiteRT behind it."""
    person, landmarks = weights(variant)
    finder = PersonDetector(LiteRtCrops(person, 1 / 127.5, -1.0, threads))
    return BlazePose(finder, LiteRtCrops(landmarks, 1 / 255, 0.0, threads))
