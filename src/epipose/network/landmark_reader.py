"""Networks on a landmark network run by ONNX Runtime: landmarks, head and refiner; their head by PyTorch elsewhere.

The transformers of head and refiner have few tokens, and PyTorch spends as long on each operation's start as on its
numbers; ONNX Runtime does not. Its answers differ by rounding alone, below a hundredth of a millimetre. The models are
written from the weights in a fraction of a second, so no file of them is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.network.blazepose import CROP_SIDE, LandmarkReading, landmark_reading
from epipose.network.choices import CropKind
from epipose.network.crop_network import CropNetwork, OnnxCrops, onnx_session
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.posenet import TrainedPoseNet
from epipose.network.reading import PoseReading
from epipose.network.refiner import Evidence, Refiner, joint_inputs
from epipose.network.token_head import LandmarkTokens, TokenHead, landmark_tokens
from epipose.network.transformer_onnx import head_model, refiner_model
from epipose.skeleton import Skeleton


class OnnxHead:
    """A head on a landmark network run by ONNX Runtime; may be called by several threads at once."""

    def __init__(self, head: TokenHead, threads: int = 1) -> None:
        """Raises ImportError where ONNX Runtime is not installed."""
        self._head = head.eval()
        self._session: Any = onnx_session(head_model(head), threads)

    def __call__(self, reading: LandmarkReading) -> PoseReading:
        """As `TokenHead.forward`, on the processor."""
        with torch.inference_mode():
            tokens = landmark_tokens(reading)
            answer = self._session.run(None, _head_inputs(tokens))[0]
            return self._head.reading_of(tokens, torch.from_numpy(answer))


class TorchHead:
    """A head on a landmark network run by PyTorch on one device; takes readings and gives poses on the processor."""

    def __init__(self, head: TokenHead, device: torch.device) -> None:
        """The head is moved to the device."""
        self._head, self._device = head.to(device).eval(), device

    def __call__(self, reading: LandmarkReading) -> PoseReading:
        """As `TokenHead.forward`."""
        landmarks, score, heatmaps, world = (part.to(self._device) for part in reading[:4])
        taps = tuple(tap.to(self._device) for tap in reading.taps)
        return self._head(LandmarkReading(landmarks, score, heatmaps, world, taps)).cpu()


class OnnxRefiner:
    """A refiner run by ONNX Runtime; may be called by several threads at once."""

    def __init__(self, refiner: Refiner, threads: int = 1) -> None:
        """Raises ImportError where ONNX Runtime is not installed."""
        self._refiner = refiner.eval()
        self._session: Any = onnx_session(refiner_model(refiner), threads)

    def __call__(self, evidence: Evidence) -> PoseReading:
        """As `Refiner.forward`, on the processor."""
        with torch.inference_mode():
            guess, origin = self._refiner.beginning(evidence)
            inputs = joint_inputs(evidence, origin, self._refiner.skeleton.root)
            answer = self._session.run(None, {"evidence": inputs.numpy()})[0]
            return self._refiner.reading_of(guess, origin, torch.from_numpy(answer))


def _head_inputs(tokens: LandmarkTokens) -> dict[str, Any]:
    inputs = {"answers": tokens.answers.contiguous().numpy()}
    inputs |= {f"feature_{number}": part.contiguous().numpy() for number, part in enumerate(tokens.features)}
    return inputs | {f"summary_{number}": part.contiguous().numpy() for number, part in enumerate(tokens.summary)}


@dataclass(frozen=True)
class LandmarkReader:
    """A trained network on a landmark network, as a `PoseReader`: ``landmarks`` and ``head`` are what ONNX Runtime runs."""

    trained: TrainedPoseNet
    landmarks: CropNetwork
    head: OnnxHead
    refiner: OnnxRefiner | None

    @property
    def input_size(self) -> int:
        """Side of the crops that it reads, in pixels."""
        return CROP_SIDE

    @property
    def skeleton(self) -> Skeleton:
        """Its joints."""
        return self.trained.skeleton

    @property
    def bone_lengths(self) -> Float[Tensor, " bone"]:
        """In the order of ``skeleton.bones``."""
        return self.trained.bone_lengths

    @property
    def metric(self) -> bool:
        """Whether the lengths are metres."""
        return self.trained.metric

    @property
    def margin(self) -> float:
        """Side of a crop over the longer side of the person's joints."""
        return self.trained.margin

    @property
    def crop(self) -> CropKind:
        """The kind of crops that it reads."""
        return self.trained.crop

    def read(self, crops: UInt8[Tensor, "image size size 3"], device: torch.device) -> PoseReading:
        """The poses in RGB crops: by ONNX Runtime on the processor, by PyTorch on a graphics card."""
        if device.type != "cpu":
            return self.trained.read(crops, device)
        return self.head(landmark_reading([torch.from_numpy(part) for part in self.landmarks(crops.numpy())]))


def on_onnx_runtime(trained: TrainedPoseNet, threads: int = 2) -> LandmarkReader | None:
    """A network on a landmark network run by ONNX Runtime; None for others, and where ONNX Runtime is not installed."""
    if not isinstance(trained.net, LandmarkPoseNet):
        return None
    try:
        landmarks = OnnxCrops(trained.net.backbone.network, CROP_SIDE, 1 / 255, 0.0, threads)
        refiner = None if trained.refiner is None else OnnxRefiner(trained.refiner)
        return LandmarkReader(trained, landmarks, OnnxHead(trained.net.head), refiner)
    except ImportError:
        return None
