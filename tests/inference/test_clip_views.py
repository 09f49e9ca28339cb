"""A clip folder read view by view, and evaluated: the whole way of a dataset through the command line."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from epipose.cli.main import main
from epipose.clip import Clip
from epipose.errors import DamagedFileError, EpiposeError
from epipose.evaluation.pairs import paired_views
from epipose.inference.clip_views import predict_views
from epipose.inference.prediction import Prediction
from epipose.io.files import read_json, read_npz, write_json, write_record
from epipose.poses import Poses2D, Poses3D
from epipose.training.train import train_network
from tests.helpers import drawn_clips

TINY = {"backbone": "resnet18", "input_size": 64, "depth_bins": 8, "channels": 16, "deconvs": 1, "batch_size": 4}


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    folder = drawn_clips.clip_folder(tmp_path_factory.mktemp("clips") / "take", 6, 2)
    drawn_clips.rig(2).save(folder / "truth" / "rig.json")
    shutil.copy(folder / "poses3d.npz", folder / "truth" / "poses3d.npz")
    drawn_clips.rig(2).save(folder / "intrinsics.json", intrinsics_only=True)
    return folder


@pytest.fixture(scope="module")
def model(clip, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("model")
    train_network([clip], out, epochs=1, lr_drops=(), **TINY)
    return out


def test_from_the_command_line_to_the_table(clip: Path, model: Path, tmp_path: Path, capsys) -> None:
    said = tmp_path / "said"
    assert main(["predict", str(clip), "--model", str(model), "--out", str(said / "take")]) == 0
    arguments = ["evaluate", str(said), str(clip.parent), "--out", str(tmp_path / "table.json")]
    assert main(arguments) == 0
    found = read_json(tmp_path / "table.json")
    assert found["all"]["poses"] == 12
    assert found["statement"]["views"] == "2 of 2, of 1 takes"
    assert found["statement"]["crop"] == "boxes from: given joints"
    assert "true (the dataset's)" in found["statement"]["ground_truth_used_for"]
    assert main(["predict", str(clip), "--detector", "pretrained"]) == 2
    assert "has keypoints and intrinsics of its own" in capsys.readouterr().err


def test_what_stands_beside_the_predictions(clip: Path, model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(clip, tmp_path / "clip")
    shutil.rmtree(folder / "truth")
    write_record(folder / "detect.json", {"detector": "blazepose-full", "poses": None}, "")
    write_json(folder / "calibration.json", {"cameras": [{"lens": "given"}, {"lens": "focal length"}]})
    found = predict_views(folder, model, tmp_path / "out")
    assert found["cam1"].made_with["boxes"] == "blazepose-full"
    moments = Clip.load(folder).moments
    np.testing.assert_allclose(Prediction.load(tmp_path / "out" / "cam2").poses.times, moments)
    assert found["cam1"].made_with["intrinsics"] == "estimated (epipose calibrate)"
    file = read_npz(tmp_path / "out" / "cam2" / "predictions.npz", ("xyz", "made_with"), "")
    assert file["xyz"].shape == (6, 1, 17, 3)
    write_json(folder / "calibration.json", {"cameras": 4})
    with pytest.raises(DamagedFileError, match=r"calibration\.json cannot be read as the report"):
        predict_views(folder, model)
    for name in ("rig.json", "intrinsics.json"):
        (folder / name).unlink()
    with pytest.raises(EpiposeError, match=r"needs keypoints .* and intrinsics"):
        predict_views(folder, model)


def test_views_go_by_name(clip: Path, model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(clip, tmp_path / "clip")
    found = Poses2D.load(folder / "poses2d.npz")
    as_it_was = predict_views(folder, model)["cam2"].poses.xyz
    Poses2D(found.xy.flip(0), found.conf.flip(0), found.skeleton, found.views[::-1]).save(folder / "poses2d.npz")
    assert torch.equal(predict_views(folder, model)["cam2"].poses.xyz, as_it_was)
    Poses2D(found.xy[:, :3], found.conf[:, :3], found.skeleton, found.views).save(folder / "poses2d.npz")
    with pytest.raises(EpiposeError, match=r"3 frames and 1 people; clip\.json has cam1, cam2 with 6"):
        predict_views(folder, model)


def test_labels_and_predictions_are_found_in_the_clip_itself(clip: Path, model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(clip, tmp_path / "clips" / "take")
    (one, other) = paired_views(folder, folder)
    assert one.made_with["made by"] == "triangulation"
    assert one.has_prediction
    assert other.has_prediction
    torch.testing.assert_close(one.predicted, one.true)
    Poses3D.load(folder / "poses3d.npz")
    predict_views(folder, model, folder)
    assert paired_views(folder, folder)[0].made_with["model"] == model.name
