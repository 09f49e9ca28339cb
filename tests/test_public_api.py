"""The public API: a snapshot of its names, and that importing it costs nothing."""

import importlib
import subprocess
import sys

import pytest

import epipose

PUBLIC = """
    CalibrateOptions DetectOptions LabelOptions RefineOptions TrainOptions PredictOptions EvaluateOptions Evaluation
    ExportOptions FramePose PoseStream COCO_WHOLEBODY133 HALPE26 OPENPOSE18
    BLAZEPOSE33 BODY25 COCO17 Calibration CalibrationError Camera Clip DamagedFileError DetectedClip EpiposeError H36M17
    InputError MPII16 MissingExtraError NoPersonError PANOPTIC19 PoseNet Poses2D Poses3D Prediction RejectedError Rig
    Skeleton TrainedPoseNet Verdict View __version__ calibrate detect evaluate export label load_clip mpjpe_mm nmpjpe_mm
    plot pmpjpe_mm predict refine synchronise train view
"""


def test_no_public_name_is_lost_or_added_unnoticed():
    assert sorted(epipose.__all__) == sorted(PUBLIC.split())
    assert sorted(epipose._MODULE_OF) == sorted(set(PUBLIC.split()) - {"__version__", "plot"})


@pytest.mark.parametrize("name", epipose.__all__)
def test_every_public_name_is_a_function_or_a_type_and_stays_one(name):
    """A package or module of the same name would take a function's place as soon as it is imported."""
    found = getattr(epipose, name)
    assert name == "plot" or not isinstance(found, type(sys))
    for module in list(epipose._HOME):
        importlib.import_module(module)
    assert getattr(epipose, name) is found
    assert name == "__version__" or found.__doc__


def test_figures_are_one_public_module():
    assert epipose.plot.__name__ == "epipose.viz.figures"
    assert {"skeleton", "rig", "errors"} <= set(dir(epipose.plot))


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no 'calibrat'"):
        _ = epipose.calibrat  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "code", ["import epipose", "import epipose, epipose.cli.main", "from epipose import EpiposeError"]
)
def test_nothing_heavy_is_imported_with_it(code):
    check = "import sys; assert not {'torch', 'cv2', 'numpy', 'cattrs'} & set(sys.modules), sorted(sys.modules)"
    subprocess.run([sys.executable, "-c", f"{code}; {check}"], check=True)


def test_training_makes_missing_labels_as_on_the_command_line():
    from epipose.pipeline.train import train

    assert epipose.train is train
