"""The example of docs/detectors.md detects: as a plug-in, by the command line, in videos of coloured markers."""

import json
import sys
import types
from importlib.metadata import EntryPoint

import numpy as np
import pytest

import epipose.detection.registry as registry
from epipose.cli.main import main
from epipose.detection.base import BatchDetector, ParallelDetector
from epipose.detection.registry import detector_named
from epipose.poses import Poses2D
from tests.helpers.documents import ROOT, blocks
from tests.helpers.dot_videos import _COLOURS, Dots, small_rig, videos
from tests.helpers.synthetic import moving_skeleton

PAGE = ROOT / "docs" / "detectors.md"


@pytest.fixture
def plugin(monkeypatch, tmp_path):
    """The page's code as the module that its entry point names, and a file of colours."""
    (code,), (toml,) = blocks(PAGE, "python"), blocks(PAGE, "toml")
    name, _, place = toml.text.splitlines()[1].partition(" = ")
    module = types.ModuleType(place.strip('"').partition(":")[0])
    exec(compile("\n" * (code.line - 1) + code.text, str(PAGE), "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__.partition(".")[0], types.ModuleType("my_package"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    point = EntryPoint(name, place.strip('"'), "epipose.detectors")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == point.group else [])
    colours = tmp_path / "colours.txt"
    np.savetxt(colours, _COLOURS)
    return f"{name}:{colours}"


def test_the_example_is_a_detector_with_all_that_is_optional(plugin):
    detector = detector_named(plugin, ("tolerance=80", "least=10"))
    assert isinstance(detector, BatchDetector)
    assert isinstance(detector, ParallelDetector)
    assert detector(np.zeros((40, 60, 3), np.uint8)) == []


@pytest.mark.slow
def test_the_example_detects_the_markers_in_videos(plugin, tmp_path, monkeypatch, capsys):
    paths = videos(tmp_path / "videos", frames=20)
    assert main(["detect", *map(str, paths), "--out", str(tmp_path / "walk"), "--detector", plugin]) == 0
    poses = Poses2D.load(tmp_path / "walk" / "detections.npz")
    true = small_rig().camera.spread(2).project(moving_skeleton(20)).float()
    assert poses.xy.shape == (4, 20, 1, 17, 2)
    seen = poses.conf[:, :, 0] > 0
    assert float(seen.float().mean()) > 0.7
    assert float((poses.xy[:, :, 0] - true).norm(dim=-1)[seen].median()) < 1
    options = json.loads((tmp_path / "walk" / "detect.json").read_text())["options"]
    assert options["detector"] == plugin
    monkeypatch.setattr(registry, "_factory", lambda kind: Dots)
    assert main(["detect", *map(str, paths), "--out", str(tmp_path / "dots")]) == 0
    theirs = Poses2D.load(tmp_path / "dots" / "detections.npz")
    np.testing.assert_allclose(poses.xy[:, :, 0][seen], theirs.xy[:, :, 0][seen], atol=1e-3)


def test_the_tables_are_those_of_the_registry():
    from benchmarks.docs.tables import with_tables

    text = PAGE.read_text(encoding="utf-8")
    new, missing = with_tables(text)
    assert (new, missing) == (text, [])
