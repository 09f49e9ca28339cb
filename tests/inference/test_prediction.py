"""Predictions as results: fields by short names, files that come back, and a summary in one line."""

from pathlib import Path

import numpy as np
import pytest
import torch

from epipose.errors import DamagedFileError
from epipose.inference.prediction import Prediction
from epipose.io.files import read_npz, write_npz
from epipose.poses import Poses3D
from epipose.skeletons import H36M17


def _prediction() -> Prediction:
    random = torch.Generator().manual_seed(0)
    xyz, uv = torch.rand(2, 1, 17, 3, generator=random), torch.rand(2, 17, 2, generator=random)
    conf = torch.stack([torch.ones(1, 17), torch.zeros(1, 17)])
    made_with = {"model": "pretrained", "boxes": "blazepose", "intrinsics": "assumed"}
    return Prediction(Poses3D(xyz, conf, H36M17, "camera", True), uv, ("a.png", "b.png"), made_with)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    before = _prediction()
    before.save(str(tmp_path / "out"))
    after = Prediction.load(str(tmp_path / "out"))
    assert torch.equal(after.xyz, before.xyz)
    assert torch.equal(after.conf, before.conf)
    assert torch.equal(after.uv, before.uv)
    assert (after.names, after.made_with, after.poses.metric) == (before.names, before.made_with, True)


@pytest.mark.parametrize("text", ["", "[]", '{"model": 3}'])
def test_a_damaged_statement_of_origin_is_named(tmp_path: Path, text: str) -> None:
    _prediction().save(tmp_path)
    arrays = read_npz(tmp_path / "predictions.npz", (), "")
    write_npz(tmp_path / "predictions.npz", **{**arrays, "made_with": np.array(text)})
    with pytest.raises(DamagedFileError, match="made_with"):
        Prediction.load(tmp_path)


def test_one_line_says_what_it_holds() -> None:
    prediction = _prediction()
    assert prediction.xyz.shape == (2, 17, 3)
    line = repr(prediction)
    assert "\n" not in line
    for part in ("images 2", "person found in 1", "h36m17", "metric", "model pretrained"):
        assert part in line
    assert "<table>" in prediction._repr_html_()


def test_a_file_of_other_shapes_is_refused(tmp_path: Path) -> None:
    _prediction().save(tmp_path)
    with np.load(tmp_path / "predictions.npz") as file:
        arrays = {key: file[key] for key in file.files}
    write_npz(tmp_path / "predictions.npz", **{**arrays, "uv": arrays["uv"][:1]})
    with pytest.raises(DamagedFileError, match="a name for each image"):
        Prediction.load(tmp_path)
