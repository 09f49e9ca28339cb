"""Archives of packages: from the cache, by pip or npm, and what is said where neither works."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import pytest

from epipose import EpiposeError
from epipose.io import sources
from epipose.io.packages import Package, archive_of, from_package, npm_package, pip_wheel
from tests.helpers.archives import CONTENT, SHA256, make_zip

CLIENT_THAT_WORKS = (sys.executable, "-c", "import pathlib; pathlib.Path('tool-1-any.whl').write_bytes(b'by client')")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def hash_of(content):
    return hashlib.sha256(content).hexdigest()


def test_an_archive_of_another_hash_is_not_kept(cache):
    package = Package("tool-1-*.whl", CLIENT_THAT_WORKS, hash_of(b"by client"))
    cache.mkdir()
    (cache / "tool-1-any.whl").write_bytes(b"of somebody else")
    with pytest.raises(EpiposeError, match=f"got SHA-256 {hash_of(b'by client')}, expected 0000"):
        archive_of(replace(package, sha256="0" * 64))
    assert (cache / "tool-1-any.whl").read_bytes() == b"of somebody else"
    assert archive_of(package).read_bytes() == b"by client"


def test_what_was_tried_and_what_to_do_is_said(cache):
    for package, line in (
        (pip_wheel("tool", "1"), "pip download tool==1 --no-deps --python-version 3.11"),
        (npm_package("@scope/tool", "1"), "npm pack @scope/tool@1"),
    ):
        failing = replace(package, command=("no-such-client", *package.command[1:]))  # with pip's options, as it were
        with pytest.raises(EpiposeError) as caught:
            from_package(failing, "net.bin", cache / "net.bin", SHA256)
        message = str(caught.value)
        assert f"  {failing.client}: `no-such-client" in message
        assert (
            package.by_hand == f"By hand: run `{line}` where it works, put {package.file} into {cache}, and try again."
        )
        assert "://" not in message


def test_every_package_has_a_hash_and_every_server_is_asked_by_https():
    packages = [each for each in vars(sources).values() if isinstance(each, Package)]
    assert len(packages) >= 4
    assert all(len(package.sha256) == 64 for package in packages)
    servers = [each for name, each in vars(sources).items() if name.isupper() and isinstance(each, str)]
    assert len(servers) >= 2
    assert all(server.startswith("https://") and not server.endswith("/") for server in servers)


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
