"""Predictors: a trained network with the detector before it, on the runtime that the options ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from epipose.detection.base import Detector
from epipose.detection.blazepose import Head, landmark_crops, pose_detector
from epipose.detection.registry import detector_named, resolved_name
from epipose.errors import InputError
from epipose.inference.options import PredictOptions
from epipose.io.files import AnyPath
from epipose.network.backends import PoseReader, load_reader
from epipose.network.choices import Runtime
from epipose.network.crop_network import CropNetwork
from epipose.network.devices import device_named
from epipose.network.landmark_posenet import LandmarkPoseNet, variant_of
from epipose.network.landmark_reader import LandmarkReader, TorchHead
from epipose.network.posenet import TrainedPoseNet
from epipose.network.pretrained import pretrained_model


@dataclass(frozen=True)
class Predictor:
    """What predicts poses from images: the network of ``folder``, and the detector that finds people for it.

    The detector's detections carry the network's readings where it stands on the detector's own landmark network;
    otherwise the network reads crops. ``boxes`` is the detector's name, ``reads`` says whether its detections carry
    readings.
    """

    folder: Path
    trained: PoseReader
    detector: Detector
    boxes: str
    reads: bool
    device: torch.device


def load_predictor(model: AnyPath | None, options: PredictOptions) -> Predictor:
    """The predictor of a model folder or an ONNX file, by default of the pretrained network.

    Raises InputError for a model, a detector or a device that is not there.
    """
    device = device_named(options.device)
    folder = _pretrained_for(options.runtime) if model is None else Path(model)
    trained = load_reader(folder, options.runtime)
    return Predictor(folder, trained, *_detector(trained, options, device), device)


def _detector(trained: PoseReader, options: PredictOptions, device: torch.device) -> tuple[Detector, str, bool]:
    """The detector, its name, and whether it reads.

    It is the network's own landmark network where it has one, so that a crop is read once.
    """
    name = resolved_name(options.detector)
    own = None if options.flip_test else _own_detector(trained, device)
    if own is None or options.detector_option:
        return detector_named(options.detector, options.detector_option), name, False
    net, landmarks, head = own
    called = "pretrained" if net.own_trunk else f"blazepose-{variant_of(net.sizes.backbone)}"
    if options.detector == "auto" or name in ("pretrained", called):
        return pose_detector(landmarks(), head), called, True
    return detector_named(options.detector, options.detector_option), name, False


def _own_detector(
    trained: PoseReader, device: torch.device
) -> tuple[LandmarkPoseNet, Callable[[], CropNetwork], Head] | None:
    """The network, its landmark network and its head on the device, where it stands on one."""
    posenet = trained.trained if isinstance(trained, LandmarkReader) else trained
    net = posenet.net if isinstance(posenet, TrainedPoseNet) else None
    if not isinstance(net, LandmarkPoseNet):
        return None
    if isinstance(trained, LandmarkReader) and device.type == "cpu":
        return net, lambda: trained.landmarks, trained.head
    return net, lambda: landmark_crops(net.backbone.network, device=str(device)), TorchHead(net.head, device)


def _pretrained_for(runtime: Runtime) -> Path:
    if runtime == "onnx":
        raise InputError(
            f"The pretrained network has no ONNX file. Write one, epipose export {pretrained_model()} --out "
            "epipose.onnx, and give it: --model epipose.onnx"
        )
    return pretrained_model()
