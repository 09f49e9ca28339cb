"""RTMPose, RTMO, ViTPose and YOLO's pose networks from ONNX files, as detectors.

What each reads and answers, and where that is written:

- RTMPose and RTMW (Jiang et al. 2023): crops, RGB, ImageNet's mean and deviation (MMPose's configs: PoseDataPreprocessor
  with bgr_to_rgb); answers SimCC in x and y, two bins a pixel.
- ViTPose (Xu et al. 2022): the same crops; answers heatmaps of a quarter of the size, trained with UDP.
- RTMO (Lu et al. 2024): whole images in a grey border, BGR bytes as they are (MMPose's configs: mean 0, deviation 1);
  answers boxes with scores, and keypoints.
- YOLO (v8, 11 and 26): whole images in a grey border, RGB in [0, 1]; answers rows of candidates or of people.

The options of all are keywords of these functions. ``weights``: see `model_file`; ``skeleton``: the name of a known
skeleton, where the number of keypoints does not tell; ``size``: WIDTHxHEIGHT of the input, where the file leaves it open;
``device``, ``threads``: see `OnnxNetwork`; ``finder``: see `person_finder_named`.
"""

from __future__ import annotations

from typing import Literal

import torch

from epipose.detection.blazepose import packaged_finder, person_detector
from epipose.detection.one_stage import OneStage
from epipose.detection.person_finder import PersonFinder
from epipose.detection.top_down import TopDown, WholeImage
from epipose.errors import InputError
from epipose.network.blazepose_weights import DETECTION
from epipose.network.keypoint_decoding import heatmap_keypoints, rtmo_rows, simcc_keypoints, yolo_rows
from epipose.network.known_models import ModelFile, model_file
from epipose.network.onnx_network import IMAGENET, RAW_BGR, UNIT_RGB, Normalisation, OnnxNetwork
from epipose.skeleton import Skeleton
from epipose.skeletons import COCO17, COCO_WHOLEBODY133, HALPE26, skeleton_named

Finder = Literal["auto", "blazepose", "pretrained", "whole"]
BY_COUNT = {len(skeleton.joints): skeleton for skeleton in (COCO17, HALPE26, COCO_WHOLEBODY133)}


def rtmpose(
    weights: str = "",
    *,
    skeleton: str = "",
    size: str = "",
    split: float = 2.0,
    finder: Finder = "auto",
    min_score: float = 0.3,
    max_people: int = 8,
    batch_size: int = 8,
    device: str = "cpu",
    threads: int = 2,
) -> TopDown:
    """RTMPose or RTMW (SimCC), in crops of the people whom a finder found.

    ``split``: bins of SimCC per pixel. Raises InputError for a network of another kind.
    """
    file = model_file("rtmpose", weights)
    network = _network(file, IMAGENET, device, threads, size)
    outputs = network.outputs_of_nothing()
    bins = [round(split * side) for side in (network.width, network.height)]
    if [output.shape[-1] for output in outputs] != bins or any(output.ndim != 3 for output in outputs):
        raise network.refuse(f"SimCC: (people, joints, {bins[0]}) and (people, joints, {bins[1]})", outputs)
    return TopDown(
        network,
        lambda answer: simcc_keypoints(*answer, split=split),
        person_finder_named(finder, device, threads),
        _skeleton("rtmpose", skeleton, outputs[0].shape[1], file),
        min_score=min_score,
        max_people=max_people,
        batch_size=batch_size,
    )


def vitpose(
    weights: str = "",
    *,
    skeleton: str = "",
    size: str = "",
    udp: bool = True,
    finder: Finder = "auto",
    min_score: float = 0.3,
    max_people: int = 8,
    batch_size: int = 8,
    device: str = "cpu",
    threads: int = 2,
) -> TopDown:
    """ViTPose, or another network with heatmaps, in crops of the people whom a finder found.

    ``udp``: see `heatmap_keypoints`. Raises as `rtmpose`.
    """
    file = model_file("vitpose", weights)
    network = _network(file, IMAGENET, device, threads, size)
    outputs = network.outputs_of_nothing()
    if len(outputs) != 1 or outputs[0].ndim != 4:
        raise network.refuse("heatmaps: (people, joints, rows, columns)", outputs)
    return TopDown(
        network,
        lambda answer: heatmap_keypoints(answer[0], network.width, network.height, unbiased=udp),
        person_finder_named(finder, device, threads),
        _skeleton("vitpose", skeleton, outputs[0].shape[1], file),
        min_score=min_score,
        max_people=max_people,
        batch_size=batch_size,
    )


def rtmo(
    weights: str = "",
    *,
    skeleton: str = "",
    size: str = "",
    min_score: float = 0.3,
    overlap: float = 0.65,
    max_people: int = 8,
    batch_size: int = 8,
    device: str = "cpu",
    threads: int = 2,
) -> OneStage:
    """RTMO: everybody in the image at once.

    Raises as `rtmpose`.
    """
    file = model_file("rtmo", weights)
    network = _network(file, RAW_BGR, device, threads, size)
    outputs = network.outputs_of_nothing()
    if [(output.ndim, output.shape[-1]) for output in outputs] != [(3, 5), (4, 3)]:
        raise network.refuse("(images, people, 5) and (images, people, joints, 3)", outputs)
    return OneStage(
        network,
        lambda answer: rtmo_rows(*answer),
        _skeleton("rtmo", skeleton, outputs[1].shape[2], file),
        min_score=min_score,
        overlap=overlap,
        max_people=max_people,
        batch_size=batch_size,
    )


def yolo_pose(
    weights: str = "",
    *,
    skeleton: str = "",
    size: str = "",
    min_score: float = 0.3,
    overlap: float = 0.65,
    max_people: int = 8,
    batch_size: int = 8,
    device: str = "cpu",
    threads: int = 2,
) -> OneStage:
    """YOLO's pose networks (v8, 11, 26): everybody in the image at once.

    For both layouts see `yolo_rows`. Raises as `rtmpose`.
    """
    file = model_file("yolo-pose", weights)
    network = _network(file, UNIT_RGB, device, threads, size)
    outputs = network.outputs_of_nothing()
    if len(outputs) != 1 or outputs[0].ndim != 3:
        raise network.refuse("(images, 5 + 3 joints, candidates) or (images, people, 6 + 3 joints)", outputs)
    joints = yolo_rows(outputs[0])[0].keypoints.shape[1]
    return OneStage(
        network,
        lambda answer: yolo_rows(answer[0]),
        _skeleton("yolo-pose", skeleton, joints, file),
        min_score=min_score,
        overlap=overlap,
        max_people=max_people,
        batch_size=batch_size,
    )


def person_finder_named(name: Finder, device: str = "cpu", threads: int = 2) -> PersonFinder:
    """Where the people are.

    "blazepose": its person detector, downloaded the first time. "pretrained": the packaged landmark network, which needs
    no download and is many times slower. "auto": the first where the cache has it, else the second. "whole": one person
    fills every image. On a GPU where PyTorch has that one, else on the processor.
    """
    if name == "whole":
        return WholeImage()
    place = device if torch.cuda.is_available() else "cpu"
    if name == "blazepose" or (name == "auto" and DETECTION.cached):
        return person_detector(threads, place)
    return packaged_finder(threads, place)


def _network(file: ModelFile, normalisation: Normalisation, device: str, threads: int, size: str) -> OnnxNetwork:
    known = "" if file.known is None else file.known.input
    return OnnxNetwork(file.path, normalisation, device=device, threads=threads, size=size or known)


def _skeleton(detector: str, name: str, joints: int, file: ModelFile) -> Skeleton:
    """The skeleton as named, else that of a known file, else the one with so many joints."""
    name = name or ("" if file.known is None else file.known.skeleton)
    if not name and joints in BY_COUNT:
        return BY_COUNT[joints]
    counts = ", ".join(f"{count} ({skeleton.name})" for count, skeleton in BY_COUNT.items())
    if not name:
        raise InputError(
            f"{file.path} finds {joints} keypoints; the skeleton is known for {counts}. Name it: --detector-option "
            "skeleton=NAME"
        )
    found = skeleton_named(name)
    if len(found.joints) != joints:
        raise InputError(
            f"{file.path} finds {joints} keypoints, but the skeleton {name} has {len(found.joints)} joints. Detector "
            f"{detector} tells it by their number for {counts}."
        )
    return found
