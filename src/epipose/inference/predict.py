"""Single-image 3D pose prediction for photos, folders of photos and videos.

A 2D detector finds the person and so the box, the network predicts from the crop, the camera's intrinsics (given, or
assumed) turn the normalised pose into joints in the camera's frame, relative to the root.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from epipose.camera import Camera, Rig, assumed_camera, stack_cameras
from epipose.detection.base import Detector
from epipose.detection.blazepose import pose_detector
from epipose.detection.registry import detector_named, resolved_name
from epipose.errors import InputError, NoPersonError
from epipose.inference.draw import draw
from epipose.inference.lift import lift, read_flipped
from epipose.inference.main_person import MainPerson, PersonKeypoints, main_person
from epipose.inference.options import PredictOptions
from epipose.inference.over_time import refined_over_time, temporal_refiner
from epipose.inference.prediction import Prediction
from epipose.io.files import AnyPath
from epipose.io.image_source import ImageSource, image_source
from epipose.io.options import with_changes
from epipose.io.progress import progress
from epipose.network.backends import PoseReader, load_reader
from epipose.network.choices import Runtime
from epipose.network.crops import crop_image
from epipose.network.devices import device_named
from epipose.network.landmark_posenet import LandmarkPoseNet, variant_of
from epipose.network.posenet import TrainedPoseNet
from epipose.network.pretrained import pretrained_model
from epipose.poses import Poses3D

_DEFAULTS = PredictOptions()


def predict(
    source: AnyPath,
    model: AnyPath | None = None,
    out: AnyPath | None = None,
    options: PredictOptions = _DEFAULTS,
    **changes: Any,
) -> Prediction:
    """3D poses of the main person in a photo, a folder of photos, or a video.

    `main_person` says who that is. ``model`` is a model folder or an ONNX file (see `load_reader`), by default the
    pretrained network. ``changes`` are fields of ``options`` by name. With ``out`` it writes predictions.npz,
    predictions.json, overlay.jpg and, for a video, overlay.mp4. Raises InputError for what cannot be read and for
    intrinsics of another size, NoPersonError where nobody is found in any image.
    """
    options, source = with_changes(options, changes), Path(source)
    target = device_named(options.device)
    folder = model or _pretrained_for(options.runtime)
    trained = load_reader(folder, options.runtime)
    images = image_source(source)
    detector, boxes = _detector(trained, options, target)
    found = main_person(images, detector, trained.skeleton, trained.margin, trained.crop)
    person, count = found.person, len(found.person.box)
    if not bool((person.box[:, 2] > 0).any()):
        raise NoPersonError(
            f"No person was found in {source} ({count} images). Give images that show a whole person, upright and at "
            "least 100 pixels tall."
        )
    given = None if options.intrinsics is None else _camera_for(source, options.intrinsics)
    xyz, conf, uv = _lifted(trained, images, found, given, options, target)
    made_with = _made_with(model, options, boxes)
    if options.temporal and images.fps and (refiner := temporal_refiner(folder, trained.skeleton)):
        xyz = refined_over_time(refiner, xyz, uv, person, images.fps)
        made_with["over time"] = "centred"
    times = None if images.fps is None else torch.arange(count, dtype=torch.float64) / images.fps
    poses = Poses3D(xyz[:, None], conf[:, None], trained.skeleton, "camera", trained.metric, times)
    names = images.names or tuple(f"frame {index}" for index in range(count))
    prediction = Prediction(poses, uv, names, made_with)
    if out is not None:
        prediction.save(out)
        draw(prediction, images, Path(out))
    return prediction


def _lifted(
    trained: PoseReader,
    images: ImageSource,
    found: MainPerson,
    given: Camera | None,
    options: PredictOptions,
    device: torch.device,
) -> tuple[Tensor, Tensor, Tensor]:
    """Poses, confidence and pixels: of the readings that the detector gave, or read from the images' crops."""
    if found.reading is not None:
        cameras = stack_cameras([_camera_of(size, given) for size in found.sizes])
        return lift(trained, found.reading, found.person.box, cameras)
    stream = progress(images.read(), total=len(found.sizes), desc="poses from images", unit="frame")
    return predict_images(
        trained, iter(stream), found.person, given, options.batch_size, device, options.flip_test
    )  # fmt: skip


def _detector(trained: PoseReader, options: PredictOptions, device: torch.device) -> tuple[Detector, str]:
    """The detector and its name: the network's own landmark network where it has one, so that a crop is read once."""
    name = resolved_name(options.detector)
    net = trained.net if isinstance(trained, TrainedPoseNet) else None
    if (
        isinstance(net, LandmarkPoseNet)
        and device.type == "cpu"
        and not options.flip_test
        and not options.detector_option
    ):
        own = "pretrained" if net.own_trunk else f"blazepose-{variant_of(net.sizes.backbone)}"
        if options.detector == "auto" or name in ("pretrained", own):
            return pose_detector(net), own
    return detector_named(options.detector, options.detector_option), name


def _pretrained_for(runtime: Runtime) -> Path:
    if runtime == "onnx":
        raise InputError(
            f"The pretrained network has no ONNX file. Write one, epipose export {pretrained_model()} --out "
            "epipose.onnx, and give it: --model epipose.onnx"
        )
    return pretrained_model()


def _made_with(model: AnyPath | None, options: PredictOptions, boxes: str) -> dict[str, str]:
    given = options.intrinsics
    return {
        "model": "pretrained" if model is None else Path(model).name,
        "boxes": boxes,
        "intrinsics": "assumed" if given is None else f"given ({given.name})",
    }


def predict_images(
    trained: PoseReader,
    images: Iterator[np.ndarray],
    person: PersonKeypoints,
    given: Camera | None,
    batch_size: int | None,
    target: torch.device,
    flip_test: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Poses from a stream of images: of an image only its crop is kept, of all images only the poses."""
    size = trained.input_size
    stream = (
        (torch.from_numpy(crop_image(image, box.numpy(), size)), (box, xy, conf), _camera_of(image.shape[1::-1], given))
        for image, box, xy, conf in zip(images, *person, strict=True)
    )
    parts = []
    while batch := list(itertools.islice(stream, batch_size or (8 if target.type == "cpu" else 32))):
        crops, rows, cameras = zip(*batch, strict=True)
        people = PersonKeypoints(*(torch.stack(field) for field in zip(*rows, strict=True)))
        reading = read_flipped(trained, torch.stack(crops), target, flip_test)
        parts.append(lift(trained, reading, people.box, stack_cameras(cameras), people))
    xyz, conf, uv = (torch.cat(part) for part in zip(*parts, strict=True))
    return xyz, conf, uv


def _camera_for(source: Path, path: Path) -> Camera:
    """The one camera of an intrinsics file, or the one called like the source."""
    rig = Rig.load(path, intrinsics_only=True)
    if len(rig.names) > 1 and source.stem not in rig.names:
        raise InputError(
            f"{path} has cameras {', '.join(rig.names)}; none is called '{source.stem}' like {source.name}. Keep only "
            "the camera that took it, or name it so."
        )
    return rig.camera[0 if len(rig.names) == 1 else rig.names.index(source.stem)]


def _camera_of(size: tuple[int, int], given: Camera | None) -> Camera:
    """The given camera, which must have taken images of this width and height, or an assumption."""
    width, height = size
    if given is None:
        return assumed_camera(width, height)
    if given.size.tolist() != [width, height]:
        raise InputError(
            f"An image is {width} x {height}, its intrinsics are for {given.size[0]} x {given.size[1]}. Give the "
            "intrinsics of this resolution, or none to have them assumed."
        )
    return given
