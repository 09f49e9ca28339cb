"""Single-image 3D pose prediction for photos, folders of photos and videos.

A 2D detector finds the person and so the box, the network predicts from the crop, the camera's intrinsics (given, or
assumed) turn the normalised pose into joints in the camera's frame, relative to the root.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from epipose.camera import Camera, stack_cameras
from epipose.errors import NoPersonError
from epipose.inference.crop_readings import CropReadings, default_batch
from epipose.inference.draw import draw
from epipose.inference.intrinsics import camera_of, given_camera
from epipose.inference.kept_images import KeptImages
from epipose.inference.lift import LiftedPoses, lift, read_flipped
from epipose.inference.main_person import MainPerson, main_person
from epipose.inference.options import PredictOptions
from epipose.inference.over_time import refined_over_time, temporal_refiner
from epipose.inference.person_keypoints import PersonKeypoints
from epipose.inference.prediction import Prediction
from epipose.inference.predictor import Predictor, load_predictor
from epipose.io.files import AnyPath
from epipose.io.image_source import ImageSource, image_source
from epipose.io.lock import folder_lock
from epipose.io.options import with_changes
from epipose.io.read_ahead import read_ahead
from epipose.io.staged import staged
from epipose.network.backends import PoseReader
from epipose.network.crops import crop_image
from epipose.poses import Poses3D

_DEFAULTS = PredictOptions()
_LIFTED_AT_ONCE = 512  # images


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
    options = with_changes(options, changes)
    with nullcontext() if out is None else folder_lock(out):
        return _predict(Path(source), model, None if out is None else Path(out), options)


def _predict(source: Path, model: AnyPath | None, out: Path | None, options: PredictOptions) -> Prediction:
    """`predict` with the folder's lock."""
    predictor, images = load_predictor(model, options), image_source(source)
    given = given_camera(options.intrinsics, source.stem)
    with nullcontext() if out is None else closing(KeptImages(images, out)) as kept:
        prediction, sizes = _predicted(predictor, source, images, given, options, kept)
        about = {**_made_with(model, options, predictor.boxes), **prediction.made_with}
        prediction = replace(prediction, made_with=about)
        if out is not None and kept is not None:
            with staged(out, removes=("overlay.mp4",)) as stage:
                prediction.write_into(stage)
                draw(prediction, kept, sizes, images.fps, stage.folder)
    return prediction


def _predicted(
    predictor: Predictor,
    source: Path,
    images: ImageSource,
    given: Camera | None,
    options: PredictOptions,
    kept: KeptImages | None,
) -> tuple[Prediction, list[tuple[int, int]]]:
    """The prediction, made with what refined it, and the images' sizes."""
    trained, detector = predictor.trained, predictor.detector
    readings = None
    if not predictor.reads:
        readings = CropReadings(
            trained, detector.skeleton, predictor.device, options.batch_size, options.flip_test
        )  # fmt: skip
    with closing(read_ahead(_keeping(images, given, kept))) as stream:
        once = replace(images, read=lambda: stream)
        found = main_person(once, detector, trained.skeleton, trained.margin, trained.crop, readings)
    person, count = found.person, len(found.person.box)
    if found.reading is None or not bool((person.box[:, 2] > 0).any()):
        raise NoPersonError(
            f"No person was found in {source} ({count} images). Give images that show a whole person, upright and "
            "at least 100 pixels tall."
        )
    xyz, conf, uv = _lifted(trained, found, given, None if predictor.reads else person)
    made_with = {"frames": f"{count - len(images.lost)} of {count} could be decoded"} if images.lost else {}
    if options.temporal and images.fps and (refiner := temporal_refiner(predictor.folder, trained.skeleton)):
        xyz = refined_over_time(refiner, xyz, uv, person, images.fps)
        made_with["over time"] = "centred"
    times = None if images.fps is None else torch.arange(count, dtype=torch.float64) / images.fps
    poses = Poses3D(xyz[:, None], conf[:, None], trained.skeleton, "camera", trained.metric, times)
    names = images.names or tuple(f"frame {index}" for index in range(count))
    return Prediction(poses, uv, names, made_with), found.sizes


def _keeping(images: ImageSource, given: Camera | None, kept: KeptImages | None) -> Iterator[np.ndarray]:
    for image in images.read():
        camera_of(image.shape[1::-1], given)  # one of another size is refused now, not after the work
        if kept is not None:
            kept.add(image)
        yield image


def _lifted(
    trained: PoseReader, found: MainPerson, given: Camera | None, keypoints: PersonKeypoints | None
) -> LiftedPoses:
    """The poses of all images, so many at a time that memory does not grow with their number."""
    assert found.reading is not None
    sizes = list(dict.fromkeys(found.sizes))
    cameras = stack_cameras([camera_of(size, given) for size in sizes])
    which = torch.tensor([sizes.index(size) for size in found.sizes])
    parts = []
    for first in range(0, len(which), _LIFTED_AT_ONCE):
        rows = slice(first, first + _LIFTED_AT_ONCE)
        seen = None if keypoints is None else PersonKeypoints(*(field[rows] for field in keypoints))
        parts.append(lift(trained, found.reading.at(rows), found.person.box[rows], cameras[which[rows]], seen))
    return LiftedPoses(*(torch.cat(part) for part in zip(*parts, strict=True)))


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
    while batch := list(itertools.islice(stream, batch_size or default_batch(target))):
        crops, rows, cameras = zip(*batch, strict=True)
        people = PersonKeypoints(*(torch.stack(field) for field in zip(*rows, strict=True)))
        reading = read_flipped(trained, torch.stack(crops), target, flip_test)
        parts.append(lift(trained, reading, people.box, stack_cameras(cameras), people))
    xyz, conf, uv = (torch.cat(part) for part in zip(*parts, strict=True))
    return xyz, conf, uv
