"""Archives of packages: from the cache, from their URL without any package client, by pip or npm."""

import hashlib
import os
import subprocess
import sys

import pytest

from epipose import EpiposeError
from epipose.io import sources
from epipose.io.packages import Package, archive_of, from_package, npm_package, pip_wheel
from tests.helpers.archives import CONTENT, SHA256, make_zip
from tests.helpers.documents import ROOT
from tests.helpers.file_server import serving

CLIENT_THAT_WORKS = (sys.executable, "-c", "import pathlib; pathlib.Path('tool-1-any.whl').write_bytes(b'by client')")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def hash_of(content):
    return hashlib.sha256(content).hexdigest()


def test_the_url_comes_first_and_the_archive_is_kept(cache, tmp_path):
    content = make_zip(tmp_path / "net.zip").read_bytes()
    with serving() as server:
        server.files["/files/tool-1-any.whl"] = content
        package = Package("tool-1-*.whl", CLIENT_THAT_WORKS, f"{server.url}/files/tool-1-any.whl", hash_of(content))
        from_package(package, "inside/net.bin", tmp_path / "net.bin", SHA256)
        assert archive_of(package) == cache / "tool-1-any.whl"
        assert len(server.requests) == 1
    assert (cache / "tool-1-any.whl").read_bytes() == content


def test_the_client_is_the_fallback(cache):
    with serving() as server:
        server.files["/tool-1-any.whl"] = b"of somebody else"
        url = f"{server.url}/tool-1-any.whl"
        assert archive_of(Package("tool-1-*.whl", CLIENT_THAT_WORKS, url, hash_of(b"by client"))).exists()
        assert (cache / "tool-1-any.whl").read_bytes() == b"by client"
        with pytest.raises(EpiposeError) as caught:
            archive_of(Package("tool-1-*.whl", CLIENT_THAT_WORKS, url, "0" * 64))
    message = str(caught.value)
    assert f"  {url}: " in message
    assert message.count("got SHA-256") == 2, "the server's file and the client's"
    assert f"By hand: download {url}, put it into {cache}" in message


def test_an_npm_package_keeps_the_name_of_its_client(cache):
    with serving() as server:
        server.files["/@scope/net/-/net-2.tgz"] = b"packed"
        package = npm_package("@scope/net", "2", f"{server.url}/@scope/net/-/net-2.tgz", hash_of(b"packed"))
        assert archive_of(package) == cache / "scope-net-2.tgz"
        assert archive_of(package).read_bytes() == b"packed"


def test_no_pip_is_needed(cache, tmp_path):
    content = make_zip(tmp_path / "net.zip").read_bytes()
    code = """
import sys
sys.modules["pip"] = None  # importing it fails, as where it is not installed
import subprocess
subprocess.Popen = None
from epipose.io.packages import from_package, pip_wheel
url, archive, member = sys.argv[1:]
from_package(pip_wheel("tool", "1", url, archive), "inside/net.bin", "net.bin", member)
"""
    with serving() as server:
        server.files["/tool-1-any.whl"] = content
        arguments = [f"{server.url}/tool-1-any.whl", hash_of(content), SHA256]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        subprocess.run([sys.executable, "-c", code, *arguments], cwd=tmp_path, env=environment, check=True)
    assert hash_of((tmp_path / "net.bin").read_bytes()) == SHA256


def test_every_package_has_a_url_that_names_it_and_a_hash():
    packages = [each for each in vars(sources).values() if isinstance(each, Package)]
    assert len(packages) >= 4
    for package in packages:
        name = package.url.rpartition("/")[2]
        assert package.url.startswith("https://")
        assert package.file.partition("-")[0] in package.url
        assert name.endswith((".whl", ".tgz"))
        assert len(package.sha256) == 64


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
