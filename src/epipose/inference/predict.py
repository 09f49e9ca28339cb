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
from jaxtyping import Float, UInt8
from torch import Tensor
from tqdm import tqdm

from epipose.camera import Camera, Rig, assumed_camera, stack_cameras
from epipose.detection.detect import detector_named, resolved_name
from epipose.errors import InputError, NoPersonError
from epipose.inference.draw import draw
from epipose.inference.main_person import PersonKeypoints, main_person
from epipose.inference.options import PredictOptions
from epipose.inference.prediction import Prediction
from epipose.io.files import AnyPath
from epipose.io.image_source import image_source
from epipose.io.options import with_changes
from epipose.network.backends import PoseReader, load_reader
from epipose.network.choices import Runtime
from epipose.network.crops import crop_from_pixels, crop_image, pixels_from_crop, pose_from_crop
from epipose.network.posenet import device_named
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
    trained = load_reader(model or _pretrained_for(options.runtime), options.runtime)
    images = image_source(source)
    person = main_person(images, detector_named(options.detector), trained.skeleton, trained.margin)
    if resolved_name(options.detector) == "pretrained":
        person = person.without_keypoints()
    count = len(person.box)
    if not bool((person.box[:, 2] > 0).any()):
        raise NoPersonError(
            f"No person was found in {source} ({count} images). Give images that show a whole person, upright and at "
            "least 100 pixels tall."
        )
    given = None if options.intrinsics is None else _camera_for(source, options.intrinsics)
    stream = tqdm(images.read(), total=count, desc="poses from images", unit="frame", delay=2, disable=None)
    xyz, conf, uv = predict_images(trained, iter(stream), person, given, options.batch_size, target, options.flip_test)
    times = None if images.fps is None else torch.arange(count, dtype=torch.float64) / images.fps
    poses = Poses3D(xyz[:, None], conf[:, None], trained.skeleton, "camera", trained.metric, times)
    names = images.names or tuple(f"frame {index}" for index in range(count))
    prediction = Prediction(poses, uv, names, _made_with(model, options))
    if out is not None:
        prediction.save(out)
        draw(prediction, images, Path(out))
    return prediction


def _pretrained_for(runtime: Runtime) -> Path:
    if runtime == "onnx":
        raise InputError(
            f"The pretrained network has no ONNX file. Write one, epipose export {pretrained_model()} --out "
            "epipose.onnx, and give it: --model epipose.onnx"
        )
    return pretrained_model()


def _made_with(model: AnyPath | None, options: PredictOptions) -> dict[str, str]:
    given = options.intrinsics
    return {
        "model": "pretrained" if model is None else Path(model).name,
        "boxes": resolved_name(options.detector),
        "intrinsics": "assumed" if given is None else f"given ({given.name})",
    }


def predict_crops(
    trained: PoseReader,
    crops: UInt8[Tensor, "image size size 3"],
    person: PersonKeypoints,
    cameras: Camera,
    *,
    flip_test: bool = False,
    device: torch.device | None = None,
) -> tuple[Float[Tensor, "image joint 3"], Float[Tensor, "image joint"], Float[Tensor, "image joint 2"]]:
    """Root-relative joints in the camera's frame, confidence and pixels, from `crop_image` of the boxes.

    ``cameras`` is a batch, one for each image. A box of side 0 holds nobody: zeros with confidence 0. ``flip_test``:
    the mean of the predictions for the image and the horizontally flipped one. A model's refiner corrects that by the
    keypoints of ``person``; the confidence stays the network's. Raises InputError for a network without bone lengths.
    """
    if not bool(trained.bone_lengths.any()):
        raise InputError(
            "This network was trained on 2D alone and predicts no depth. Train it on labelled clips: --init MODEL"
        )
    target = device or torch.device("cpu")
    uvd, conf = trained.read(crops, target)
    if flip_test:
        order = list(trained.skeleton.flip)
        flipped, flipped_conf = trained.read(crops.flip(2), target)
        flipped = flipped[:, order] * torch.tensor([-1.0, 1.0, 1.0])
        uvd, conf = (uvd + flipped) / 2, (conf + flipped_conf[:, order]) / 2
    cameras = cameras.to(torch.float32)
    some = person.box[:, 2] > 0
    safe = torch.where(some[:, None], person.box, torch.tensor([0.0, 0.0, 1.0]))
    if trained.refiner is not None:
        with torch.inference_mode():
            uvd = trained.refiner(uvd, crop_from_pixels(person.xy, safe), person.conf)
    xyz = pose_from_crop(uvd, cameras, safe, trained.skeleton, trained.bone_lengths)
    uv = pixels_from_crop(uvd[..., :2], safe)
    return xyz * some[:, None, None], conf * some[:, None], uv * some[:, None, None]


def predict_images(
    trained: PoseReader,
    images: Iterator[np.ndarray],
    person: PersonKeypoints,
    given: Camera | None,
    batch_size: int | None,
    target: torch.device,
    flip_test: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """`predict_crops` of a stream: of an image only its crop is kept, of all images only the poses."""
    size = trained.input_size
    stream = (
        (torch.from_numpy(crop_image(image, box.numpy(), size)), (box, xy, conf), _camera_of(image, given))
        for image, box, xy, conf in zip(images, *person, strict=True)
    )
    parts = []
    while batch := list(itertools.islice(stream, batch_size or (8 if target.type == "cpu" else 32))):
        crops, rows, cameras = zip(*batch, strict=True)
        people = PersonKeypoints(*(torch.stack(field) for field in zip(*rows, strict=True)))
        stacked = torch.stack(crops), people, stack_cameras(cameras)
        parts.append(predict_crops(trained, *stacked, flip_test=flip_test, device=target))
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


def _camera_of(image: np.ndarray, given: Camera | None) -> Camera:
    """The given camera, which must have taken such an image, or an assumption."""
    height, width = image.shape[:2]
    if given is None:
        return assumed_camera(width, height)
    if given.size.tolist() != [width, height]:
        raise InputError(
            f"An image is {width} x {height}, its intrinsics are for {given.size[0]} x {given.size[1]}. Give the "
            "intrinsics of this resolution, or none to have them assumed."
        )
    return given
