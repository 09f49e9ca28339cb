"""The verbs of the network: train, refine, predict, export."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from epipose import config_network
from epipose.errors import EpiposeError
from epipose.verbs.said import motions_and_photos, motions_in, say

if TYPE_CHECKING:
    from epipose.training.batches import Source


def _train(verb: config_network.Train) -> None:
    from epipose.training.train import train

    apart = ("folders", "out", "rotation_deg", "studio", "mocap", "backgrounds", "pictures", "workers")
    options = {name: value for name, value in vars(verb).items() if name not in apart}
    stream = _stream(verb) if verb.studio else None
    train(verb.folders, verb.out, stream=stream, rotation=math.radians(verb.rotation_deg), **options)
    clips = " ".join(str(folder) for folder in verb.folders)
    then = f"epipose refine {clips} --model {verb.out}" if clips else f"epipose predict PICTURE --model {verb.out}"
    say(True, verb.out / "model.safetensors", then)


def _stream(verb: config_network.Train) -> Source:
    from epipose.training.samples import WINDOW
    from epipose.training.studio_stream import Recipe, Stream

    recipe = Recipe(round(WINDOW * verb.input_size), verb.seed, *motions_and_photos(verb))
    return Stream(recipe, verb.workers, verb.pictures)


def _refine(verb: config_network.Refine) -> None:
    from epipose.training.refine import refine

    options = {key: value for key, value in vars(verb).items() if key not in ("folders", "model", "mocap")}
    refine(verb.folders, verb.model, mocap=motions_in(verb.mocap), **options)
    say(True, verb.model / "refiner.safetensors", f"epipose predict PICTURE --model {verb.model}")


def _predict(verb: config_network.Predict) -> None:
    from epipose.detection.detect import resolved
    from epipose.inference.predict import predict

    if (verb.source / "clip.json").exists():
        return _predict_clip(verb)
    if verb.detector == "auto":
        finder = resolved("auto")
        better = "; BlazePose is better at it, fetch its weights once: epipose weights" if finder == "shipped" else ""
        print(f"who finds the person: {finder}{better}")
    out = verb.out or verb.source.resolve().with_name(f"{verb.source.resolve().stem}-epipose")
    options = {name: value for name, value in vars(verb).items() if name not in ("source", "model", "out")}
    predict(verb.source, verb.model, out, **options)
    say(True, out / "predictions.npz", "look at overlay.jpg beside it")


def _predict_clip(verb: config_network.Predict) -> None:
    from epipose.inference.clip_views import predict_views

    if verb.intrinsics is not None or verb.detector != "auto":
        raise EpiposeError("A clip folder brings its own joints and lenses: leave out --intrinsics and --detector.")
    out = verb.out or verb.source / "predictions"
    how = {"flip_test": verb.flip_test, "runtime": verb.runtime, "device": verb.device}
    views = predict_views(verb.source, verb.model, out, **how)
    say(True, out / next(iter(views)) / "predictions.npz", f"epipose evaluate {out} {verb.source}, if it has truth/")


def _export(verb: config_network.Export) -> None:
    from epipose.export import export

    export(verb.model, verb.out)
    say(True, verb.out, f"epipose predict PICTURE --model {verb.out}")


ACTIONS: dict[type, Callable[[Any], None]] = {
    config_network.Train: _train,
    config_network.Refine: _refine,
    config_network.Predict: _predict,
    config_network.Export: _export,
}
