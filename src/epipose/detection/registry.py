"""Detectors by name, made with the options that the user gives.

To add a detector: one file with a class that has the three members of `Detector`, one line in ``DETECTORS`` (or, from
another package, an entry point in the group ``epipose.detectors``), one test. The class or function that is named is
called with the user's options as keywords; its signature says which there are, and of which types.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType

from epipose.detection.base import Detector
from epipose.detection.check import check_detector
from epipose.detection.factory_options import built, parsed_options
from epipose.errors import InputError
from epipose.io.files import read_object

# name -> "module:function"; imported on first use, called with the user's options (for "auto", "blazepose" see
# `resolved_name`)
DETECTORS = {
    "blazepose-full": "epipose.detection.blazepose:full",
    "blazepose-heavy": "epipose.detection.blazepose:heavy",
    "pretrained": "epipose.detection.blazepose:packaged",
    "rtmpose": "epipose.detection.onnx_detectors:rtmpose",
    "rtmo": "epipose.detection.onnx_detectors:rtmo",
    "vitpose": "epipose.detection.onnx_detectors:vitpose",
    "yolo-pose": "epipose.detection.onnx_detectors:yolo_pose",
}


GIVEN = "given joints"  # stands for the detector where keypoints are not ours


def detector_named(
    name: str, options: Sequence[str] = (), defaults: Mapping[str, str] = MappingProxyType({})
) -> Detector:
    """Build a detector by name, or NAME:WEIGHTS, with options KEY=VALUE for its factory.

    ``defaults``: options that are given to factories that take them, where the user does not say otherwise. Raises
    InputError that lists the names there are, or what the factory takes; and for a detector whose skeleton cannot be
    used.
    """
    kind, weights = split_name(resolved_name(name))
    given = parsed_options(options)
    if weights and "weights" in given:
        raise InputError(
            f"The weights are given twice: in --detector {name}, and as {given['weights']}. Give them once."
        )
    factory = _factory(kind)
    taken = {key: value for key, value in defaults.items() if key in inspect.signature(factory).parameters}
    detector = built(kind, factory, {**taken, **given, **({"weights": weights} if weights else {})})
    check_detector(detector, kind)
    return detector


def split_name(name: str) -> tuple[str, str]:
    """``"rtmpose:model.onnx"`` as the detector's name and its weights; no weights where there is no colon."""
    kind, _, weights = name.partition(":")
    return kind, weights


def detector_files(name: str, options: Sequence[str] = ()) -> tuple[Path, ...]:
    """The files on this machine that a detector's name or options point to: its output depends on their contents."""
    given = parsed_options(options)
    texts = [split_name(name)[1], *(given[key] for key in sorted(given))]
    return tuple(path for path in (Path(text).expanduser() for text in texts if text) if path.is_file())


def _factory(kind: str) -> Callable[..., Detector]:
    plugins = {point.name: point for point in entry_points(group="epipose.detectors")}
    if kind in plugins and kind not in DETECTORS:
        return plugins[kind].load()
    if kind not in DETECTORS:
        known = ", ".join(["auto", "blazepose", *DETECTORS, *plugins])
        raise InputError(f"There is no detector '{kind}'; there are {known}.")
    module, _, function = DETECTORS[kind].partition(":")
    return getattr(importlib.import_module(module), function)


def resolved_name(name: str) -> str:
    """The name of the detector that "auto" or "blazepose" stands for now.

    "blazepose" is blazepose-heavy where its weights are in the cache, else blazepose-full; "auto" is the same, but
    "pretrained", which needs no download, where the cache has neither. Other names stand for themselves.
    """
    if name not in ("auto", "blazepose"):
        return name
    from epipose.network.blazepose_weights import any_cached, best_cached

    return f"blazepose-{best_cached()}" if name == "blazepose" or any_cached() else "pretrained"


def detector_used(folder: Path) -> str:
    """Name of the detector behind a clip folder's poses2d.npz; `GIVEN` where the keypoints were given."""
    record = folder / "detect.json"
    options = read_object(record).get("options", {}) if record.exists() else {}
    return GIVEN if options.get("poses") or "detector" not in options else str(options["detector"])
