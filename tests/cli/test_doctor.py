"""The installation's checks: what is found, what is named when it is missing, and the exit code."""

import importlib.metadata
import json
import sys

import pytest

from epipose.cli import installation as module
from epipose.cli.installation import Check, encoder, extra_packages, folders, needed_package, requirements, weight_files
from epipose.cli.main import main
from epipose.errors import MissingExtraError


@pytest.fixture
def checks(monkeypatch):
    """Three checks in place of the installation's own."""
    found = [Check("one", "ok", "1.0"), Check("extra two", "missing", "b not installed", "pip install 'epipose[two]'")]
    monkeypatch.setattr(module, "installation", lambda: iter(found))
    return found


def test_a_line_for_each_check_and_what_to_do(checks, capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ok", "one", "1.0"]
    assert lines[1].split() == ["missing", "extra", "two", "b", "not", "installed"]
    assert lines[2].strip() == "-> pip install 'epipose[two]'"
    assert lines[3].startswith("epipose is ready. What is missing (1)")


def test_a_fault_is_named_and_ends_with_its_code(checks, capsys):
    checks.append(Check("torch", "fault", "cannot be imported", "pip install torch"))
    assert main(["doctor"]) == 5
    captured = capsys.readouterr()
    assert "-> pip install torch" in captured.out
    assert captured.err.startswith("epipose: torch: without this nothing works")
    assert main(["doctor", "--json"]) == 5
    printed = json.loads(capsys.readouterr().out)
    assert not printed["ok"]
    assert printed["checks"][2] == {
        "name": "torch", "state": "fault", "found": "cannot be imported", "remedy": "pip install torch",
    }  # fmt: skip


@pytest.mark.slow
def test_this_installation_is_without_fault(capsys):
    assert main(["doctor", "--json"]) == 0
    names = [check["name"] for check in json.loads(capsys.readouterr().out)["checks"]]
    assert {"torch", "extra studio", "person detector", "cache folder", "EGL", "video encoder"} <= set(names)


def test_requirements_are_those_of_the_metadata(monkeypatch):
    lines = [
        "numpy>=1.26",
        "av<20,>=12",
        'ezc3d>=1.5; extra == "export"',
        "scipy ; extra == 'export'",
        'x; extra == "dev"',
    ]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: lines)
    assert requirements() == (["numpy", "av"], {"export": ["ezc3d", "scipy"]})


def test_a_package_that_is_missing(monkeypatch):
    assert needed_package("opencv-python-headless").state == "ok"
    for name in ("cv2", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    assert needed_package("opencv-python-headless").state == "fault"
    runtime = needed_package("onnxruntime")
    assert runtime.state == "missing"
    assert "by PyTorch instead" in runtime.remedy
    extra = extra_packages("export", ["numpy", "no-such-package"])
    assert (extra.state, extra.remedy) == ("missing", "pip install 'epipose[export]'")
    assert extra.found == "no-such-package not installed"


def test_checks_that_cannot_be_made_are_a_fault(monkeypatch):
    def broken():
        raise OSError("libtorch.so: cannot open")
        yield

    monkeypatch.setattr(module, "devices", broken)
    monkeypatch.setattr(module, "requirements", lambda: ([], {}))
    (fault,) = [check for check in module.installation() if check.name == "devices"]
    assert (fault.state, fault.found) == ("fault", "OSError: libtorch.so: cannot open")


def test_weights_that_are_not_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path))
    pretrained, detector, heavy = weight_files()
    assert [pretrained.state, detector.state, heavy.state] == ["ok", "missing", "missing"]
    assert detector.remedy.startswith("epipose weights (")
    assert heavy.remedy.startswith("epipose weights --variant heavy")


def test_a_cache_that_takes_no_files_and_a_full_disk(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "file"))
    cache, temporary, _ = folders()
    assert (cache.state, temporary.state) == ("fault", "ok")
    assert "EPIPOSE_CACHE" in cache.remedy
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "not" / "yet"))
    monkeypatch.setattr(module, "_LEAST_FREE", 10**18)
    assert [check.state for check in folders()] == ["missing"] * 3


def test_no_egl_and_no_encoder(monkeypatch):
    def no_context():
        raise MissingExtraError("No OpenGL without a window: apt install libegl1")

    monkeypatch.setattr("epipose.studio.renderer.gl_context", no_context)
    assert "apt install libegl1" in module.drawing().remedy
    monkeypatch.setattr("av.codecs_available", {"mpeg4"})
    assert encoder().state == "missing"
