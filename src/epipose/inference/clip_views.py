"""Every view of a clip folder read image by image, as if there were no other: what evaluation asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.detection.detect import detector_used
from epipose.errors import EpiposeError
from epipose.inference.main_person import person_of
from epipose.inference.predict import Prediction, _predicted, _unseen
from epipose.io.files import read_json
from epipose.network.backends import PoseReader, Runtime, load_reader
from epipose.network.posenet import device_named
from epipose.network.pretrained import pretrained_model
from epipose.poses import Poses2D, Poses3D


def predict_views(
    folder: Path,
    model: Path | None = None,
    out: Path | None = None,
    *,
    flip_test: bool = False,
    runtime: Runtime = "auto",
    device: str = "auto",
) -> dict[str, Prediction]:
    """Predictions for all frames of all views of a clip folder that epipose detect has been through.

    Boxes are those of the subject in its poses2d.npz, the intrinsics those of its rig.json or intrinsics.json. With
    ``out`` it writes ``out/VIEW/predictions.npz`` and ``.json``. Raises EpiposeError for a folder without joints or
    lenses.
    """
    lens = lens_file(folder)
    if not (folder / "poses2d.npz").exists() or not lens.exists():
        raise EpiposeError(
            f"{folder} needs joints (poses2d.npz: epipose detect {folder} --out {folder}) and lenses (intrinsics.json, or "
            f"rig.json: epipose calibrate {folder})."
        )
    clip, trained = Clip.load(folder), load_reader(model or pretrained_model(), runtime)
    xyz, conf, uv = predict_clip(folder, trained, (0, clip.frames - 1), flip_test=flip_test, device=device)
    shown = "pretrained" if model is None else model.name
    made_with = {"model": shown, "boxes": detector_used(folder), "intrinsics": _whose_lens(folder, lens)}
    names = tuple(f"frame {number}" for number in range(clip.frames))
    predictions = {}
    for row, view in enumerate(clip.names):
        poses = Poses3D(xyz[row][:, None], conf[row][:, None], trained.skeleton, "camera", trained.metric)
        predictions[view] = Prediction(poses, uv[row], names, made_with)
        if out is not None:
            predictions[view].save(out / view)
    return predictions


def _whose_lens(folder: Path, lens: Path) -> str:
    """Where the intrinsics of a clip folder come from: a dataset, a file, or calibration."""
    report = folder / "calibration.json"
    if lens.name == "rig.json" and report.exists():
        kinds = {camera["lens"] for camera in read_json(report)["cameras"]}
        return "given" if kinds == {"given"} else "estimated (epipose calibrate)"
    return "true (the dataset's)" if (folder / "truth").exists() else f"given ({lens.name})"


def predict_clip(
    folder: Path,
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
    detected); and the joints in pixels.
    """
    target = device_named(device)
    clip, found = Clip.load(folder), Poses2D.load(folder / "poses2d.npz")
    rig = Rig.load(lens_file(folder), intrinsics_only=True).select(clip.names)
    first, last = frames
    if not 0 <= first <= last < clip.frames:
        raise EpiposeError(f"{folder} has frames 0 to {clip.frames - 1}; {first} to {last} were asked for.")
    if set(found.views) != set(clip.names) or found.xy.shape[1] < clip.frames or not found.xy.shape[2]:
        raise EpiposeError(
            f"{folder}: poses2d.npz has views {', '.join(found.views)} with {found.xy.shape[1]} frames and "
            f"{found.xy.shape[2]} people; clip.json has {', '.join(clip.names)} with {clip.frames}. Run: epipose detect"
        )
    same_eyes = detector_used(folder) == "pretrained"
    results = []
    for name in clip.names if views is None else views:
        row, column = clip.names.index(name), found.views.index(name)
        xy, seen = found.xy[column, first : last + 1, 0], found.conf[column, first : last + 1, 0]
        person = person_of(xy, seen, found.skeleton, trained.skeleton, trained.margin)
        person = _unseen(person) if same_eyes else person
        images = clip.read(clip.views[row], range(first, last + 1))
        results.append(_predicted(trained, images, person, rig.camera[row], batch_size, target, flip_test))
    xyz, conf, uv = (torch.stack(part) for part in zip(*results, strict=True))
    return xyz, conf, uv


def lens_file(folder: Path) -> Path:
    """Where the intrinsics of a clip folder stand: in its rig.json, or where it has none, in its intrinsics.json."""
    rig, intrinsics = folder / "rig.json", folder / "intrinsics.json"
    return intrinsics if intrinsics.exists() and not rig.exists() else rig
