"""Inference backends of a trained network: PyTorch, or ONNX Runtime from an ONNX file."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.errors import InputError, optional
from epipose.io.files import AnyPath
from epipose.io.guard import reading
from epipose.network.choices import CropKind, Runtime, crop_kind
from epipose.network.config import PoseNetConfig
from epipose.network.landmark_reader import on_onnx_runtime
from epipose.network.posenet import TrainedPoseNet
from epipose.network.reading import OwnAnswer, PoseReading
from epipose.network.refiner import WEIGHTS, Evidence, Refiner, load_refiner
from epipose.skeleton import Skeleton

OWN_OUTPUTS = ("keypoints", "keypoint_confidence", "own_depth")  # of a network on a landmark network


@runtime_checkable
class PoseRefiner(Protocol):
    """Corrects readings by what else is known: a `Refiner`, or one that another program runs."""

    def __call__(self, evidence: Evidence) -> PoseReading:
        """The corrected poses."""
        ...


@runtime_checkable
class PoseReader(Protocol):
    """Predicts poses from crops of ``input_size``; the rest says how to read its output (see `TrainedPoseNet`)."""

    @property
    def input_size(self) -> int:
        """Side of the crops in pixels."""
        ...

    @property
    def skeleton(self) -> Skeleton:
        """Its joints."""
        ...

    @property
    def bone_lengths(self) -> Float[Tensor, " bone"]:
        """In the order of ``skeleton.bones``."""
        ...

    @property
    def metric(self) -> bool:
        """Whether the lengths are metres."""
        ...

    @property
    def margin(self) -> float:
        """Side of a crop over the longer side of the person's joints."""
        ...

    @property
    def refiner(self) -> PoseRefiner | None:
        """The network that corrects its predictions, where the model has one."""
        ...

    @property
    def crop(self) -> CropKind:
        """The kind of crops that it reads."""
        ...

    def read(self, crops: UInt8[Tensor, "image size size 3"], device: torch.device) -> PoseReading:
        """The poses in crops, in crop widths."""
        ...


@dataclass(frozen=True)
class OnnxPoseNet:
    """A network in an ONNX file that `epipose.exporters.onnx` wrote."""

    session: Any  # onnxruntime.InferenceSession
    input_size: int
    skeleton: Skeleton
    bone_lengths: Float[Tensor, " bone"]
    metric: bool
    margin: float
    crop: CropKind
    refiner: Refiner | None = None

    def read(self, crops: UInt8[Tensor, "image size size 3"], device: torch.device) -> PoseReading:
        """The poses in crops, in crop widths; the device is the one that ONNX Runtime chose."""
        names = [output.name for output in self.session.get_outputs()]
        values = dict(zip(names, self.session.run(names, {"images": crops.cpu().numpy()}), strict=True))
        outputs = {name: torch.from_numpy(value) for name, value in values.items()}
        own = OwnAnswer(*(outputs[name] for name in OWN_OUTPUTS)) if OWN_OUTPUTS[0] in outputs else None
        return PoseReading(outputs["uvd"], outputs["scale"], own)

    @staticmethod
    def load(path: AnyPath) -> OnnxPoseNet:
        """Read a file; raises InputError when it is missing, or is no network of epipose."""
        path = Path(path)
        if not path.exists():
            raise InputError(f"There is no file {path}. Make it: epipose export {path.parent} --out {path}")
        runtime = optional("onnxruntime", "onnx")
        with reading(path, "a network that epipose exported", "Write it again: epipose export"):
            session = runtime.InferenceSession(str(path), providers=runtime.get_available_providers())
            config = PoseNetConfig.from_json(json.loads(session.get_modelmeta().custom_metadata_map["epipose"]))
        size = config.sizes.input_size
        crop = crop_kind(config.sizes.backbone)
        return OnnxPoseNet(session, size, config.skeleton, config.bone_lengths, config.metric, config.margin, crop)


def load_reader(model: AnyPath, runtime: Runtime = "auto") -> PoseReader:
    """The network of a model folder or an ONNX file; "onnx" takes ``model.onnx`` from the folder.

    "auto" takes the fastest there is: ONNX Runtime for a network on a landmark network, which needs no file for that.
    A folder's refiner comes along, whichever program computes the network; an ONNX file alone has none.
    """
    model = Path(model)
    if model.suffix == ".onnx":
        if runtime == "torch":
            raise InputError(f"{model} is an ONNX file, which PyTorch does not run. Give the model folder.")
        return OnnxPoseNet.load(model)
    if runtime != "onnx":
        trained = TrainedPoseNet.load(model)
        return (on_onnx_runtime(trained) if runtime == "auto" else None) or trained
    network = OnnxPoseNet.load(model / "model.onnx")
    return replace(network, refiner=load_refiner(model / WEIGHTS, network.skeleton))
