"""Networks of others in ONNX files, run by ONNX Runtime: images in, arrays out.

`OnnxPoseNet` in `backends` is for the networks that epipose exported, which say of themselves what they read; these
say only the shape of their input, so normalisation and order of the channels are given by the caller.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.errors import DamagedFileError, InputError, optional
from epipose.io.guard import check_size, reading
from epipose.network.crop_network import onnx_session


class Normalisation(NamedTuple):
    """(pixel - mean) / std for each channel, in the order in which the network wants the channels."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    bgr: bool = False


# MMPose's PoseDataPreprocessor with bgr_to_rgb, for RTMPose and ViTPose: ImageNet's mean and deviation, RGB.
IMAGENET = Normalisation((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
RAW_BGR = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), bgr=True)  # RTMO: the bytes as OpenCV reads them
UNIT_RGB = Normalisation((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))  # YOLO


class OnnxNetwork:
    """A network with one input (images, 3, height, width); may be called by several threads at once.

    ``width`` and ``height`` are those of its input. A file whose batch is fixed to one image is called image by image.
    """

    def __init__(
        self, path: Path, normalisation: Normalisation, *, device: str = "cpu", threads: int = 2, size: str = ""
    ) -> None:
        """Read an .onnx file, or a .zip with one in it; ``size``: "WIDTHxHEIGHT" where the file leaves it open.

        Raises InputError for a missing file, a device that ONNX Runtime lacks, or an unknown size; DamagedFileError for
        a file that is no such network.
        """
        self._normalisation, self._path = normalisation, path
        self._session = _session(path, device, threads)
        with reading(path, "a network by ONNX Runtime", "Get the file again."):  # names in it may be no text
            inputs = [(each.name, each.type, list(each.shape)) for each in self._session.get_inputs()]
        name, kind, shape = inputs[0] if inputs else ("", "", [])
        if len(inputs) != 1 or len(shape) != 4 or (shape[1] not in (3, None) and not isinstance(shape[1], str)):
            shapes = ", ".join(f"{each} {sides}" for each, _, sides in inputs)
            raise DamagedFileError(f"{path} reads {shapes}; expected one input (images, 3, height, width).")
        self._input, self._type = name, np.float16 if "float16" in kind else np.float32
        self._one_by_one = shape[0] == 1
        self.width, self.height = _size(path, shape[3], shape[2], size)

    def __call__(self, images: UInt8[np.ndarray, "image height width 3"]) -> list[Float[Tensor, "image ..."]]:
        """The outputs in the file's order for RGB images of the network's size; at least one image."""
        mean, std = (np.array(values, np.float32) for values in self._normalisation[:2])
        ordered = images[..., ::-1] if self._normalisation.bgr else images
        planes = np.ascontiguousarray(((ordered - mean) / std).transpose(0, 3, 1, 2).astype(self._type))
        batches = [planes[row : row + 1] for row in range(len(planes))] if self._one_by_one else [planes]
        outputs = [self._session.run(None, {self._input: batch}) for batch in batches]
        return [torch.from_numpy(np.concatenate(parts)).float() for parts in _same_lengths(outputs)]

    def outputs_of_nothing(self) -> list[Float[Tensor, "image ..."]]:
        """The outputs for one black image: their shapes say what the network answers, which the file may not."""
        with reading(self._path, "a network by ONNX Runtime", "Get the file again."):
            return self(np.zeros((1, self.height, self.width, 3), np.uint8))

    def refuse(self, expected: str, outputs: Sequence[Tensor]) -> InputError:
        """The error for a network of another kind."""
        shapes = ", ".join(str(tuple(output.shape)) for output in outputs)
        return InputError(f"{self._path} answers {shapes}; expected {expected}. Is it a network of that kind?")


def _same_lengths(outputs: Sequence[Sequence[np.ndarray]]) -> list[list[np.ndarray]]:
    """Per output the arrays of all batches, filled up with zeros where a network finds fewer people in one image."""
    columns = [list(parts) for parts in zip(*outputs, strict=True)]
    for parts in columns:
        most = max(part.shape[1] for part in parts) if parts[0].ndim > 1 else 0
        for number, part in enumerate(parts):
            if part.ndim > 1 and part.shape[1] < most:
                missing = [(0, 0), (0, most - part.shape[1]), *[(0, 0)] * (part.ndim - 2)]
                parts[number] = np.pad(part, missing)
    return columns


def _session(path: Path, device: str, threads: int) -> Any:
    runtime = optional("onnxruntime", "onnx")
    if not path.exists():
        raise InputError(f"There is no file {path}. Give the path of an .onnx file.")
    with reading(path, "a network by ONNX Runtime", "Get the file again."):
        return onnx_session(_content(path), threads, _providers(runtime, device))


def _content(path: Path) -> str | bytes:
    """The path itself, for an external file of weights may lie beside it; from an archive the one .onnx file in it."""
    if not zipfile.is_zipfile(path):
        return str(path)
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".onnx")]
        if len(names) != 1:
            raise InputError(f"{path} holds {len(names)} .onnx files; expected one. Unpack it, and give one of them.")
        check_size(path, names[0], archive.getinfo(names[0]).file_size)
        return archive.read(names[0])


def _providers(runtime: Any, device: str) -> list[str | tuple[str, dict[str, int]]]:
    """ONNX Runtime's names for a device, the processor behind it for what a card cannot do."""
    kind, _, number = device.partition(":")
    there = runtime.get_available_providers()
    if kind == "cpu" or (kind == "auto" and "CUDAExecutionProvider" not in there):
        return ["CPUExecutionProvider"]
    if kind not in ("auto", "cuda") or not (number or "0").isdigit():
        raise InputError(f"Unknown device '{device}'; choose auto, cpu or cuda.")
    if "CUDAExecutionProvider" not in there:
        raise InputError(
            f"ONNX Runtime has no CUDA here, only {', '.join(there)}. Choose device=cpu, or install onnxruntime-gpu in "
            "place of onnxruntime."
        )
    return [("CUDAExecutionProvider", {"device_id": int(number or 0)}), "CPUExecutionProvider"]


def _size(path: Path, width: Any, height: Any, given: str) -> tuple[int, int]:
    """Width and height of the input: the file's, else as given."""
    if isinstance(width, int) and isinstance(height, int):
        return width, height
    first, _, second = given.lower().partition("x")
    if not (first.isdigit() and second.isdigit() and int(first) and int(second)):
        raise InputError(
            f"{path} leaves the size of its input open, and it is given as '{given}'; say it as WIDTHxHEIGHT: "
            "--detector-option size=192x256"
        )
    return int(first), int(second)
