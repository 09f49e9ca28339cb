"""Arrays of other programs against each other and against epipose's own files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from epipose.cli.main import main
from epipose.errors import DamagedFileError, InputError
from epipose.evaluation.evaluate import evaluate
from epipose.poses import Poses3D
from epipose.skeletons import COCO17, H36M17
from tests.helpers.synthetic import moving_skeleton

TRUE = moving_skeleton(40).numpy()
PREDICTED = TRUE + np.random.default_rng(1).normal(0, 0.03, TRUE.shape)


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """The ground truth as epipose writes it: it states its joints, axes and unit."""
    xyz = torch.from_numpy(TRUE).float()[:, None]
    Poses3D(xyz, torch.ones(xyz.shape[:-1]), H36M17, "camera", metric=True).save(tmp_path / "truth.npz")
    return tmp_path / "truth.npz"


def expected() -> float:
    error = PREDICTED - PREDICTED[:, [H36M17.root]] - TRUE + TRUE[:, [H36M17.root]]
    return float(1000 * np.linalg.norm(error, axis=-1).mean())


@pytest.mark.parametrize("shape", [(40, 17, 3), (40, 51), (40, 1, 17, 3)])
@pytest.mark.parametrize(("unit", "per_metre"), [("m", 1), ("cm", 100), ("mm", 1000)])
def test_every_shape_and_unit(tmp_path: Path, ours: Path, shape: tuple[int, ...], unit: str, per_metre: int) -> None:
    np.save(tmp_path / "p.npy", (per_metre * PREDICTED).reshape(shape).astype(np.float32))
    found = evaluate(tmp_path / "p.npy", ours, skeleton="h36m17", unit=unit)
    assert found.all["mpjpe_mm"] == pytest.approx(expected(), rel=1e-4)
    assert found.warnings == ()
    assert "'camera'" in found.statement.axes


def test_an_npz_with_one_array_and_joints_that_are_missing(tmp_path: Path) -> None:
    """Missing joints are NaN on one side, of confidence 0 on the other."""
    p, q, conf = PREDICTED.copy(), TRUE.copy(), np.ones((40, 17))
    p[:, 16] = np.nan
    q[:, 13], conf[:, 13] = 99.0, 0
    np.savez(tmp_path / "p.npz", poses=p, subject=np.array("A"))
    np.savez(tmp_path / "q.npz", xyz=q, other=q, conf=conf)
    found = evaluate(tmp_path / "p.npz", tmp_path / "q.npz", skeleton="h36m17")
    keep = [joint for joint in range(17) if joint not in (13, 16)]
    error = (PREDICTED - PREDICTED[:, [0]] - TRUE + TRUE[:, [0]])[:, keep]
    assert found.all["mpjpe_mm"] == pytest.approx(1000 * np.linalg.norm(error, axis=-1).mean(), rel=1e-4)
    assert found.left_out.joints_without_prediction == 40
    assert "not stated" in found.statement.axes


def test_joints_in_another_order_go_by_name(tmp_path: Path, ours: Path) -> None:
    shared = {name: joint for joint, name in enumerate(COCO17.joints) if name in H36M17.joints}
    p = np.full((40, 17, 3), np.nan)
    for name, joint in shared.items():
        p[:, joint] = PREDICTED[:, H36M17.index(name)]
    np.save(tmp_path / "p.npy", p)
    found = evaluate(tmp_path / "p.npy", ours, skeleton="coco17")
    assert found.all["pmpjpe_mm"] < 60
    assert found.joints["left_knee"]["pmpjpe_mm"] is not None


def test_without_a_unit_there_are_no_millimetres(tmp_path: Path, ours: Path) -> None:
    np.save(tmp_path / "p.npy", 0.37 * PREDICTED)
    found = evaluate(tmp_path / "p.npy", ours, skeleton="h36m17", unit="none")
    assert "mpjpe_mm" not in found.all
    assert found.warnings == ()


def _objects(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def _two(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=PREDICTED, b=PREDICTED)


def _bad_conf(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=PREDICTED, conf=np.full((40, 17), 2.0))


@pytest.mark.parametrize(
    ("write", "options", "error", "message"),
    [
        (lambda path: np.save(path, PREDICTED), {}, InputError, "give --skeleton NAME, one of h36m17"),
        (lambda path: np.save(path, PREDICTED), {"skeleton": "body25"}, InputError, r"fits h36m17, coco17"),
        (lambda path: np.save(path, PREDICTED), {"skeleton": "body24"}, InputError, "Unknown skeleton 'body24'"),
        (lambda path: np.save(path, PREDICTED[..., :2]), {"skeleton": "h36m17"}, InputError, r"\(frames, 17, 3\)"),
        (_two, {"skeleton": "h36m17"}, InputError, "several arrays.*call it xyz"),
        (_bad_conf, {"skeleton": "h36m17"}, InputError, "numbers from 0"),
        (_objects, {"skeleton": "h36m17"}, DamagedFileError, "plain numbers"),
        (lambda path: path.write_text("[[1, 2]]"), {"skeleton": "h36m17"}, DamagedFileError, "as plain numbers"),
        (lambda path: np.save(path, PREDICTED[:30]), {"skeleton": "h36m17"}, InputError, "30 frames"),
    ],
)
def test_what_cannot_be_read_says_what_was_expected(tmp_path: Path, ours: Path, write, options, error, message) -> None:
    write(tmp_path / "p.npy")
    with pytest.raises(error, match=message) as raised:
        evaluate(tmp_path / "p.npy", ours, **options)
    assert "pickle" not in str(raised.value)


def test_on_the_command_line(tmp_path: Path, ours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "p.npy", 1000 * PREDICTED)
    files = [str(tmp_path / "p.npy"), str(ours)]
    out = ["--out", str(tmp_path / "e.json"), "--skeleton", "h36m17"]
    assert main(["evaluate", *files, *out, "--unit", "mm"]) == 0
    assert json.loads((tmp_path / "e.json").read_text())["warnings"] == []
    capsys.readouterr()
    assert main(["evaluate", *files, *out]) == 0
    assert capsys.readouterr().out.startswith("warning: The person of the prediction is 1")
