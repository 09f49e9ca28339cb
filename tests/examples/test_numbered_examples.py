"""The numbered examples run from end to end, each as its own file says, and say what they promise."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from epipose.io.video import read_frames
from tests.helpers.documents import ROOT
from tests.helpers.dot_videos import Dots, videos
from tests.helpers.landmark_models import landmark_model

EXAMPLES = ROOT / "examples"
NUMBERED = sorted(path.stem for path in EXAMPLES.glob("[0-9][0-9]_*.py"))


@pytest.fixture
def example(request, monkeypatch, record_property):
    """A function that loads the example named by the test, as a script in its own folder would be."""

    def load(name):
        monkeypatch.syspath_prepend(str(EXAMPLES))
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        record_property("example", name)
        return module

    return load


@pytest.fixture
def dots(monkeypatch):
    """Detectors that find the dots of drawn videos, in place of the real ones."""
    monkeypatch.setattr("epipose.pipeline.detect.detector_named", lambda *_, **__: Dots())
    monkeypatch.setattr("epipose.inference.predictor._detector", lambda *_: (Dots(), "stand-in", False))


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    return videos(tmp_path_factory.mktemp("footage"), frames=40)


@pytest.fixture
def sample(footage, monkeypatch):
    """The drawn videos in place of the sample, which is not downloaded here."""

    def drawn(out):
        (Path(out) / "videos").mkdir(parents=True)
        for number, path in enumerate(footage, 1):
            (Path(out) / "videos" / f"cam{number:02}.mp4").write_bytes(path.read_bytes())

    monkeypatch.setattr("epipose.datasets.sample.sample", drawn)


@pytest.mark.slow
def test_01_three_phones(example, footage, dots, tmp_path):
    labels = example("01_three_phones").main([str(path) for path in footage[:3]], tmp_path / "walk")
    assert labels.metric
    assert (labels.conf > 0).float().mean() > 0.8
    assert {path.name for path in (tmp_path / "walk").iterdir()} >= {"rig.json", "poses3d.npz", "view.html"}


def test_01_three_phones_by_default_are_of_the_sample(example, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [path.name for path in example("01_three_phones").three_of_the_sample()]
    assert names == ["cam01.mp4", "cam02.mp4", "cam03.mp4"]


@pytest.mark.slow
def test_02_known_rig(example, tmp_path, capsys):
    checked = example("02_known_rig").main(tmp_path)
    assert checked.verdict.word != "reject"
    assert checked.rig.metric
    assert "from the person's motion alone: trust" in capsys.readouterr().out


@pytest.mark.slow
def test_03_own_detector(example, tmp_path):
    calibration = example("03_own_detector").main(tmp_path)
    assert calibration.verdict.word == "trust"
    assert calibration.rig.names == ("back", "front", "left", "right")


@pytest.mark.slow
def test_04_photo(example, sample, dots, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    script = example("04_photo")
    photo = script.frame_of_the_sample()
    with Image.open(photo) as image:
        assert image.size == (500, 500)
    found = script.main(photo, tmp_path / "out")
    assert found.xyz.shape == (1, 17, 3)
    assert (tmp_path / "out" / "overlay.jpg").exists()
    assert "left_wrist" in capsys.readouterr().out


@pytest.mark.slow
def test_05_evaluate(example, tmp_path, capsys):
    results = example("05_evaluate").main(tmp_path)
    assert results["free"].all["pmpjpe_mm"] < 15
    assert results["3dhp"].all["pck_150"] > 0.99
    assert "PA-MPJPE of the labels" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.gl
def test_06_studio_clip(example, tmp_path):
    pytest.importorskip("moderngl")
    evaluation = example("06_studio_clip").main(tmp_path, frames=30, size=256)
    assert evaluation.all["pmpjpe_mm"] < 120


@pytest.mark.slow
def test_07_export(example, tmp_path):
    for package in ("scipy", "pygltflib"):
        pytest.importorskip(package)
    names = {path.name for path in example("07_export").main(tmp_path)}
    assert names >= {"person1.trc", "IK_Setup_person1.xml", "walk.trc", "walk.bvh", "walk.glb", "cameras.toml"}


@pytest.mark.slow
def test_08_onnx(example, tmp_path):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    landmark_model(tmp_path / "model")
    outputs = example("08_onnx").main(tmp_path, tmp_path / "model")
    assert outputs["uvd"].shape == (1, 17, 3)
    assert all(math.isfinite(float(np.abs(value).sum())) for value in outputs.values())


@pytest.mark.slow
def test_09_live(example, footage, dots, capsys):
    poses = example("09_live").main(str(footage[0]), frames=5)
    assert len(poses) == 5
    assert [round(pose.t, 2) for pose in poses] == [0, 0.1, 0.2, 0.3, 0.4]
    assert capsys.readouterr().out.count("left wrist") == 5


def test_the_images_of_09_are_those_of_the_video(example, footage):
    first = next(iter(example("09_live").images(str(footage[0]))))[0]
    assert np.abs(first.astype(int) - next(read_frames(footage[0])).astype(int)).mean() < 2


@pytest.mark.parametrize("name", NUMBERED)
def test_every_example_is_short_listed_and_tested(name):
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert f"python examples/{name}.py" in text, "says how it is run"
    assert f"[{name}.py]({name}.py)" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert f"def test_{name}" in Path(__file__).read_text(encoding="utf-8")


def test_there_are_nine():
    assert [name[:2] for name in NUMBERED] == [f"{number:02}" for number in range(1, 10)]
