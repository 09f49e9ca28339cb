"""One image in, a 3D pose out: for photos, folders of photos, videos, and the views of a clip.

A 2D detector finds the person and so the box, the network reads the box, the camera's intrinsics (given, or assumed)
turn the normalised pose into joints in the camera's frame, relative to the root.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from tqdm import tqdm

from epipose.camera import Camera, Rig, assumed_camera, stack_cameras
from epipose.detection.detect import detector_named, resolved_name
from epipose.errors import EpiposeError
from epipose.inference.main_person import Seen, main_person
from epipose.io.files import write_json, write_npz
from epipose.io.images import Images, images_in
from epipose.network.backends import PoseReader, Runtime, load_reader
from epipose.network.crops import crop_from_pixels, crop_image, pixels_from_crop, pose_from_crop
from epipose.network.posenet import device_named
from epipose.network.pretrained import pretrained_model
from epipose.poses import Poses3D

_SHEET = 12  # images on a contact sheet


@dataclass(frozen=True)
class Prediction:
    """Poses of the images ``names`` (root-relative, camera frame) and their joints ``uv`` in pixels.

    ``made_with`` says where boxes and intrinsics came from, for whoever compares figures.
    """

    poses: Poses3D
    uv: Float[Tensor, "frame joint 2"]
    names: tuple[str, ...]
    made_with: dict[str, str]

    def save(self, folder: Path) -> None:
        """Write ``predictions.npz`` (readable as Poses3D, plus ``uv`` and ``names``) and ``predictions.json``."""
        poses, joints = self.poses, self.poses.skeleton.joints
        arrays = {"xyz": poses.xyz.numpy(), "conf": poses.conf.numpy(), "uv": self.uv.numpy()}
        names = {"skeleton": poses.skeleton.name, "space": poses.space, "names": self.names}
        flags = {key: np.array(value) for key, value in (names | {"metric": poses.metric}).items()}
        write_npz(folder / "predictions.npz", **arrays, **flags, made_with=np.array(json.dumps(self.made_with)))
        frames = [
            {
                "name": name,
                "person_found": bool((conf > 0).any()),
                "joints": {j: [round(v, 5) for v in point.tolist()] for j, point in zip(joints, xyz, strict=True)},
                "confidence": {j: round(float(value), 4) for j, value in zip(joints, conf, strict=True)},
            }
            for name, xyz, conf in zip(self.names, poses.xyz[:, 0], poses.conf[:, 0], strict=True)
        ]
        about = {
            "format": "epipose-predictions-1",
            "skeleton": poses.skeleton.name,
            "unit": "metre" if poses.metric else "unknown (the model's labels had no scale)",
            "axes": "camera: x right, y down, z away from it; relative to the joint " + joints[poses.skeleton.root],
            "made_with": self.made_with,
        }
        write_json(folder / "predictions.json", {**about, "frames": frames})


def predict(
    source: Path,
    model: Path | None = None,
    out: Path | None = None,
    *,
    intrinsics: Path | None = None,
    detector: str = "auto",
    flip_test: bool = False,
    runtime: Runtime = "auto",
    batch_size: int | None = None,
    device: str = "auto",
) -> Prediction:
    """3D poses of the main person in a photo, a folder of photos, or a video.

    `main_person` says who that is, ``detector`` who finds them (see `resolved_name`). Without ``intrinsics`` (JSON as for
    calibrate: one camera, or one called like the file) those of `assumed_camera` are taken. ``model`` is a model folder
    or an ONNX file (see `load_reader`), by default the pretrained network; ``flip_test`` as for
    `predict_crops`. ``batch_size`` is 8 on a CPU and 32 on a GPU unless given.
    With ``out`` it writes predictions.npz, predictions.json, overlay.jpg and, for a video, overlay.mp4. Raises
    EpiposeError for what cannot be read, for intrinsics of another size, and where nobody is found in any image.
    """
    target = device_named(device)
    if model is None and runtime == "onnx":
        raise EpiposeError(
            f"The pretrained network has no ONNX file. Write one, epipose export {pretrained_model()} --out "
            "epipose.onnx, and give it: --model epipose.onnx"
        )
    trained = load_reader(model or pretrained_model(), runtime)
    images = images_in(source)
    seen = main_person(images, detector_named(detector), trained.skeleton, trained.margin)
    if resolved_name(detector) == "pretrained":
        seen = _unseen(seen)
    if not bool((seen.box[:, 2] > 0).any()):
        raise EpiposeError(
            f"No person was found in {source} ({len(seen.box)} images). Give images that show a whole "
            "person, upright and at least 100 pixels tall."
        )
    given = None if intrinsics is None else _camera_for(source, intrinsics)
    stream = tqdm(images.read(), total=len(seen.box), desc="poses from images", unit="frame", delay=2, disable=None)
    xyz, conf, uv = _predicted(trained, iter(stream), seen, given, batch_size, target, flip_test)
    poses = Poses3D(xyz[:, None], conf[:, None], trained.skeleton, "camera", trained.metric)
    lens = "assumed" if intrinsics is None else f"given ({intrinsics.name})"
    made_with = {
        "model": "pretrained" if model is None else model.name,
        "boxes": resolved_name(detector),
        "intrinsics": lens,
    }
    names = images.names or tuple(f"frame {index}" for index in range(len(seen.box)))
    prediction = Prediction(poses, uv, names, made_with)
    if out is not None:
        prediction.save(out)
        _draw(prediction, images, out)
    return prediction


def predict_crops(
    trained: PoseReader,
    crops: UInt8[Tensor, "image size size 3"],
    seen: Seen,
    cameras: Camera,
    *,
    flip_test: bool = False,
    device: torch.device | None = None,
) -> tuple[Float[Tensor, "image joint 3"], Float[Tensor, "image joint"], Float[Tensor, "image joint 2"]]:
    """Root-relative joints in the camera's frame, confidence and pixels, from `crop_image` of the boxes.

    ``cameras`` is a batch, one for each image. A box of side 0 holds nobody: zeros with confidence 0. ``flip_test``:
    the mean of what the image and its mirror image say. A model's refiner compares that with the joints ``seen``; the
    confidence stays the network's. Raises EpiposeError for a network that knows no lengths.
    """
    if not bool(trained.bone_lengths.any()):
        raise EpiposeError(
            "This network has seen 2D alone and knows no depth. Train it on labelled clips: --init MODEL"
        )
    target = device or torch.device("cpu")
    uvd, conf = trained.read(crops, target)
    if flip_test:
        order = list(trained.skeleton.flip)
        mirrored, mirrored_conf = trained.read(crops.flip(2), target)
        mirrored = mirrored[:, order] * torch.tensor([-1.0, 1.0, 1.0])
        uvd, conf = (uvd + mirrored) / 2, (conf + mirrored_conf[:, order]) / 2
    cameras = cameras.to(torch.float32)
    some = seen.box[:, 2] > 0
    safe = torch.where(some[:, None], seen.box, torch.tensor([0.0, 0.0, 1.0]))
    if trained.refiner is not None:
        with torch.inference_mode():
            uvd = trained.refiner(uvd, crop_from_pixels(seen.xy, safe), seen.conf)
    xyz = pose_from_crop(uvd, cameras, safe, trained.skeleton, trained.bone_lengths)
    uv = pixels_from_crop(uvd[..., :2], safe)
    return xyz * some[:, None, None], conf * some[:, None], uv * some[:, None, None]


def _unseen(seen: Seen) -> Seen:
    """Without the keypoints of the pretrained finder: they are the network's own, so agreement would prove nothing."""
    return seen._replace(conf=torch.zeros_like(seen.conf))


def _predicted(
    trained: PoseReader,
    images: Iterator[np.ndarray],
    seen: Seen,
    given: Camera | None,
    batch_size: int | None,
    target: torch.device,
    flip_test: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """`predict_crops` of a stream: of an image only its crop is kept, of all images only the poses."""
    size = trained.input_size
    stream = (
        (torch.from_numpy(crop_image(image, box.numpy(), size)), (box, xy, conf), _camera_of(image, given))
        for image, box, xy, conf in zip(images, *seen, strict=True)
    )
    parts = []
    while batch := list(itertools.islice(stream, batch_size or (8 if target.type == "cpu" else 32))):
        crops, rows, cameras = zip(*batch, strict=True)
        people = Seen(*(torch.stack(field) for field in zip(*rows, strict=True)))
        stacked = torch.stack(crops), people, stack_cameras(cameras)
        parts.append(predict_crops(trained, *stacked, flip_test=flip_test, device=target))
    xyz, conf, uv = (torch.cat(part) for part in zip(*parts, strict=True))
    return xyz, conf, uv


def _camera_for(source: Path, path: Path) -> Camera:
    """The one camera of an intrinsics file, or the one called like the source."""
    rig = Rig.load(path, intrinsics_only=True)
    if len(rig.names) > 1 and source.stem not in rig.names:
        raise EpiposeError(
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
        raise EpiposeError(
            f"An image is {width} x {height}, its intrinsics are for {given.size[0]} x {given.size[1]}. Give the "
            "intrinsics of this resolution, or none to have them assumed."
        )
    return given


def _draw(prediction: Prediction, images: Images, out: Path) -> None:
    """overlay.jpg: the photo, or a sheet of up to twelve images; and overlay.mp4 for a video."""
    from epipose.io.images import write_image
    from epipose.io.video import write_video
    from epipose.viz.overlay import contact_sheet, overlay

    poses, count = prediction.poses, len(prediction.names)
    on_sheet = set(np.linspace(0, count - 1, min(count, _SHEET)).round().astype(int).tolist())
    sheet = []

    def drawn() -> Iterator[np.ndarray]:
        for index, image in enumerate(images.read()):
            if images.fps is not None or index in on_sheet:
                xyz, conf = poses.xyz[index, 0], poses.conf[index, 0]
                result = overlay(image, prediction.uv[index], xyz, conf, poses.skeleton)
                if index in on_sheet:
                    sheet.append(result)
                yield result

    if images.fps is not None:
        write_video(out / "overlay.mp4", drawn(), images.fps)
    else:
        list(drawn())
    write_image(out / "overlay.jpg", contact_sheet(sheet, height=sheet[0].shape[0] if count == 1 else 360))
