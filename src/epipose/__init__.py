"""epipose: 3D human pose from uncalibrated cameras.

Export policy: what stands in ``__all__`` is public and is changed with a note in CHANGELOG.md only; everything else may
change at any time. The verbs are functions of the same names as on the command line. Every name is imported on first
use, so that ``import epipose`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epipose.calibration.result import Calibration
    from epipose.calibration.verdict import Verdict
    from epipose.camera import Camera, Rig
    from epipose.clip import Clip, View, load_clip
    from epipose.errors import (
        CalibrationError,
        DamagedFileError,
        EpiposeError,
        InputError,
        MissingExtraError,
        NoPersonError,
        RejectedError,
    )
    from epipose.evaluation.evaluate import evaluate
    from epipose.evaluation.metrics import mpjpe_mm, nmpjpe_mm, pmpjpe_mm
    from epipose.evaluation.options import EvaluateOptions
    from epipose.evaluation.result import Evaluation
    from epipose.exporters.options import ExportOptions
    from epipose.inference.options import PredictOptions
    from epipose.inference.predict import predict
    from epipose.inference.prediction import Prediction
    from epipose.inference.stream import FramePose, PoseStream
    from epipose.network.posenet import PoseNet, TrainedPoseNet
    from epipose.pipeline.calibrate import calibrate
    from epipose.pipeline.detect import DetectedClip, detect, synchronise
    from epipose.pipeline.export import export
    from epipose.pipeline.label import label
    from epipose.pipeline.options import CalibrateOptions, DetectOptions, LabelOptions
    from epipose.pipeline.train import train
    from epipose.poses import Poses2D, Poses3D
    from epipose.skeleton import Skeleton
    from epipose.skeletons import (
        BLAZEPOSE33,
        BODY25,
        COCO17,
        COCO_WHOLEBODY133,
        H36M17,
        HALPE26,
        MPII16,
        OPENPOSE18,
        PANOPTIC19,
    )
    from epipose.training.options import RefineOptions, TrainOptions
    from epipose.training.refine import refine
    from epipose.viz import figures as plot
    from epipose.viz.viewer import view

__version__ = "0.1.0"

# module -> the public names it defines
_HOME = {
    "epipose.calibration.result": ("Calibration",),
    "epipose.calibration.verdict": ("Verdict",),
    "epipose.camera": ("Camera", "Rig"),
    "epipose.clip": ("Clip", "View", "load_clip"),
    "epipose.errors": (
        "CalibrationError", "DamagedFileError", "EpiposeError", "InputError", "MissingExtraError", "NoPersonError",
        "RejectedError",
    ),
    "epipose.evaluation.evaluate": ("evaluate",),
    "epipose.evaluation.options": ("EvaluateOptions",),
    "epipose.evaluation.result": ("Evaluation",),
    "epipose.evaluation.metrics": ("mpjpe_mm", "nmpjpe_mm", "pmpjpe_mm"),
    "epipose.exporters.options": ("ExportOptions",),
    "epipose.inference.predict": ("predict",),
    "epipose.inference.prediction": ("Prediction",),
    "epipose.inference.stream": ("FramePose", "PoseStream"),
    "epipose.network.posenet": ("PoseNet", "TrainedPoseNet"),
    "epipose.pipeline.calibrate": ("calibrate",),
    "epipose.pipeline.detect": ("DetectedClip", "detect", "synchronise"),
    "epipose.pipeline.export": ("export",),
    "epipose.pipeline.label": ("label",),
    "epipose.pipeline.options": ("CalibrateOptions", "DetectOptions", "LabelOptions"),
    "epipose.training.options": ("RefineOptions", "TrainOptions"),
    "epipose.inference.options": ("PredictOptions",),
    "epipose.pipeline.train": ("train",),
    "epipose.poses": ("Poses2D", "Poses3D"),
    "epipose.skeleton": ("Skeleton",),
    "epipose.skeletons": (
        "BLAZEPOSE33", "BODY25", "COCO17", "COCO_WHOLEBODY133", "H36M17", "HALPE26", "MPII16", "OPENPOSE18", "PANOPTIC19",
    ),
    "epipose.training.refine": ("refine",),
    "epipose.viz.viewer": ("view",),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
_MODULES = {"plot": "epipose.viz.figures"}  # public as a whole, under another name

__all__ = [
    "BLAZEPOSE33",
    "BODY25",
    "COCO17",
    "COCO_WHOLEBODY133",
    "H36M17",
    "HALPE26",
    "MPII16",
    "OPENPOSE18",
    "PANOPTIC19",
    "CalibrateOptions",  # a test holds it equal to the names above
    "Calibration",
    "CalibrationError",
    "Camera",
    "Clip",
    "DamagedFileError",
    "DetectOptions",
    "DetectedClip",
    "EpiposeError",
    "EvaluateOptions",
    "Evaluation",
    "ExportOptions",
    "FramePose",
    "InputError",
    "LabelOptions",
    "MissingExtraError",
    "NoPersonError",
    "PoseNet",
    "PoseStream",
    "Poses2D",
    "Poses3D",
    "PredictOptions",
    "Prediction",
    "RefineOptions",
    "RejectedError",
    "Rig",
    "Skeleton",
    "TrainOptions",
    "TrainedPoseNet",
    "Verdict",
    "View",
    "__version__",
    "calibrate",
    "detect",
    "evaluate",
    "export",
    "label",
    "load_clip",
    "mpjpe_mm",
    "nmpjpe_mm",
    "plot",
    "pmpjpe_mm",
    "predict",
    "refine",
    "synchronise",
    "train",
    "view",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name not in _MODULE_OF:
        raise AttributeError(f"epipose has no '{name}'")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
