"""Single-image prediction on every view of a clip folder, each image on its own, for evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.detection.registry import detector_used
from epipose.errors import InputError
from epipose.inference.options import PredictOptions
from epipose.inference.person_keypoints import person_of
from epipose.inference.predict import predict_images
from epipose.inference.prediction import Prediction
from epipose.io.files import AnyPath, read_object
from epipose.io.guard import reading
from epipose.io.lock import folder_lock
from epipose.io.options import with_changes
from epipose.io.staged import staged
from epipose.network.backends import PoseReader, load_reader
from epipose.network.devices import device_named
from epipose.network.pretrained import pretrained_model
from epipose.poses import Poses2D, Poses3D

_DEFAULTS = PredictOptions()


def predict_views(
    folder: AnyPath,
    model: AnyPath | None = None,
    out: AnyPath | None = None,
    options: PredictOptions = _DEFAULTS,
    **changes: Any,
) -> dict[str, Prediction]:
    """Predictions for all frames of all views of a clip folder that epipose detect has been through.

    Boxes are those of the subject in its poses2d.npz, the intrinsics those of its rig.json or intrinsics.json. With
    ``out`` it writes ``out/VIEW/predictions.npz`` and ``.json``. ``changes`` are fields of ``options`` by name. Raises
    InputError for a folder without keypoints or intrinsics, and for options that give others.
    """
    options = with_changes(options, changes)
    with nullcontext() if out is None else folder_lock(out):
        return _predict_views(Path(folder), model, out, options)


def _predict_views(
    folder: Path, model: AnyPath | None, out: AnyPath | None, options: PredictOptions
) -> dict[str, Prediction]:
    if options.intrinsics is not None or options.detector != "auto":
        raise InputError(
            "A clip folder has keypoints and intrinsics of its own: leave out --intrinsics and --detector."
        )
    intrinsics = intrinsics_file(folder)
    if not (folder / "poses2d.npz").exists() or not intrinsics.exists():
        raise InputError(
            f"{folder} needs keypoints (poses2d.npz: epipose detect {folder} --out {folder}) and intrinsics "
            f"(intrinsics.json, or rig.json: epipose calibrate {folder})."
        )
    clip, trained = Clip.load(folder), load_reader(model or pretrained_model(), options.runtime)
    how = {"flip_test": options.flip_test, "batch_size": options.batch_size, "device": options.device}
    xyz, conf, uv = predict_clip(folder, trained, (0, clip.frames - 1), **how)
    shown = "pretrained" if model is None else Path(model).name
    made_with = {"model": shown, "boxes": detector_used(folder), "intrinsics": _intrinsics_source(folder, intrinsics)}
    names = tuple(f"frame {number}" for number in range(clip.frames))
    predictions, times = {}, torch.from_numpy(clip.moments).double()
    for row, view in enumerate(clip.names):
        poses = Poses3D(xyz[row][:, None], conf[row][:, None], trained.skeleton, "camera", trained.metric, times)
        predictions[view] = Prediction(poses, uv[row], names, made_with)
    if out is not None:
        with staged(out) as stage:
            for view, prediction in predictions.items():
                prediction.write_into(stage.within(view))
    return predictions


def _intrinsics_source(folder: Path, intrinsics: Path) -> str:
    """Source of the intrinsics of a clip folder: a dataset, a file, or calibration."""
    report = folder / "calibration.json"
    if intrinsics.name == "rig.json" and report.exists():
        with reading(report, "the report of a calibration", f"Make it again: epipose calibrate {folder}"):
            kinds = {camera["lens"] for camera in read_object(report)["cameras"]}
        return "given" if kinds == {"given"} else "estimated (epipose calibrate)"
    return "true (the dataset's)" if (folder / "truth").exists() else f"given ({intrinsics.name})"


def predict_clip(
    folder: AnyPath,
    trained: PoseReader,
    frames: tuple[int, int],
    *,
    views: Sequence[str] | None = None,
    flip_test: bool = False,
    batch_size: int | None = None,
    device: str = "auto",
) -> tuple[Float[Tensor, "view frame joint 3"], Float[Tensor, "view frame joint"], Float[Tensor, "view frame joint 2"]]:
    """Single-image predictions for frames (first, last) of some views (default: all) of a calibrated clip folder.

    The boxes are those of person 0 in its poses2d.npz, the intrinsics those of its rig.json, or else of its
    intrinsics.json. Root-relative, each in the frame of its own camera; confidence (0 where the person was not
    detected); and the keypoints in pixels.
    """
    folder, target = Path(folder), device_named(device)
    clip, found = Clip.load(folder), Poses2D.load(folder / "poses2d.npz")
    rig = Rig.load(intrinsics_file(folder), intrinsics_only=True).select(clip.names)
    first, last = frames
    if not 0 <= first <= last < clip.frames:
        raise InputError(f"{folder} has frames 0 to {clip.frames - 1}; {first} to {last} were asked for.")
    if set(found.views) != set(clip.names) or found.xy.shape[1] < clip.frames or not found.xy.shape[2]:
        raise InputError(
            f"{folder}: poses2d.npz has views {', '.join(found.views)} with {found.xy.shape[1]} frames and "
            f"{found.xy.shape[2]} people; clip.json has {', '.join(clip.names)} with {clip.frames}. Run: epipose detect"
        )
    results = []
    for name in clip.names if views is None else views:
        row, column = clip.names.index(name), found.views.index(name)
        xy, detected_conf = found.xy[column, first : last + 1, 0], found.conf[column, first : last + 1, 0]
        person = person_of(xy, detected_conf, found.skeleton, trained.skeleton, trained.margin, trained.crop)
        images = clip.read(clip.views[row], range(first, last + 1))
        results.append(predict_images(trained, images, person, rig.camera[row], batch_size, target, flip_test))
    xyz, conf, uv = (torch.stack(part) for part in zip(*results, strict=True))
    return xyz, conf, uv


def intrinsics_file(folder: Path) -> Path:
    """The file with the intrinsics of a clip folder: its rig.json, or where it has none, its intrinsics.json."""
    rig, intrinsics = folder / "rig.json", folder / "intrinsics.json"
    return intrinsics if intrinsics.exists() and not rig.exists() else rig
