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

from epipose.camera import Camera, stack_cameras
from epipose.errors import NoPersonError
from epipose.inference.draw import draw
from epipose.inference.intrinsics import camera_of, given_camera
from epipose.inference.lift import lift, read_flipped
from epipose.inference.main_person import MainPerson, PersonKeypoints, main_person
from epipose.inference.options import PredictOptions
from epipose.inference.over_time import refined_over_time, temporal_refiner
from epipose.inference.prediction import Prediction
from epipose.inference.predictor import load_predictor
from epipose.io.files import AnyPath
from epipose.io.image_source import ImageSource, image_source
from epipose.io.options import with_changes
from epipose.io.progress import progress
from epipose.network.backends import PoseReader
from epipose.network.crops import crop_image
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
    predictor, images = load_predictor(model, options), image_source(source)
    trained, target = predictor.trained, predictor.device
    found = main_person(images, predictor.detector, trained.skeleton, trained.margin, trained.crop)
    person, count = found.person, len(found.person.box)
    if not bool((person.box[:, 2] > 0).any()):
        raise NoPersonError(
            f"No person was found in {source} ({count} images). Give images that show a whole person, upright and at "
            "least 100 pixels tall."
        )
    given = given_camera(options.intrinsics, source.stem)
    xyz, conf, uv = _lifted(trained, images, found, given, options, target)
    made_with = _made_with(model, options, predictor.boxes)
    if options.temporal and images.fps and (refiner := temporal_refiner(predictor.folder, trained.skeleton)):
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
        cameras = stack_cameras([camera_of(size, given) for size in found.sizes])
        return lift(trained, found.reading, found.person.box, cameras)
    stream = progress(images.read(), total=len(found.sizes), desc="poses from images", unit="frame")
    return predict_images(
        trained, iter(stream), found.person, given, options.batch_size, device, options.flip_test
    )  # fmt: skip


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
        (torch.from_numpy(crop_image(image, box.numpy(), size)), (box, xy, conf), camera_of(image.shape[1::-1], given))
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
