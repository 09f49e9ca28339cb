"""Every view of a clip folder read picture by picture, as if there were no other: what evaluation asks for."""

from __future__ import annotations

from pathlib import Path

from epipose.clip import Clip
from epipose.detection.detect import seen_by
from epipose.errors import EpiposeError
from epipose.inference.predict import Prediction, lens_file, predict_clip
from epipose.io.files import read_json
from epipose.network.backends import Runtime, load_reader
from epipose.network.pretrained import shipped_model
from epipose.poses import Poses3D


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
    clip, trained = Clip.load(folder), load_reader(model or shipped_model(), runtime)
    xyz, conf, uv = predict_clip(folder, trained, (0, clip.frames - 1), flip_test=flip_test, device=device)
    shown = "shipped" if model is None else model.name
    made_with = {"model": shown, "boxes": seen_by(folder), "intrinsics": _whose_lens(folder, lens)}
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
