"""Files at URLs: the hash that is seen first must be seen ever after."""

import hashlib

import pytest

from epipose.errors import DamagedFileError, InputError
from epipose.io.fetch import cache_folder
from epipose.io.files import read_json
from epipose.io.first_use import RECORD, cached_path, file_at, is_url


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A file that somebody publishes, and an empty cache."""
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "a net.onnx"
    path.write_bytes(b"weights")
    return path


def test_a_file_is_downloaded_once_and_its_hash_is_recorded(published):
    url = published.as_uri()
    first = file_at(url)
    assert first.read_bytes() == b"weights"
    assert first == cached_path(url)
    assert first.name.endswith("-a net.onnx")
    assert read_json(cache_folder() / RECORD) == {url: hashlib.sha256(b"weights").hexdigest()}
    published.unlink()
    assert file_at(url) == first, "from the cache"


def test_another_file_at_the_same_url_is_refused(published):
    url = published.as_uri()
    file_at(url).unlink()
    published.write_bytes(b"other weights")
    with pytest.raises(DamagedFileError, match=r"not the file that it was at first\. .* remove its line"):
        file_at(url)
    assert not cached_path(url).exists()
    (cache_folder() / RECORD).unlink()
    assert file_at(url).read_bytes() == b"other weights"


@pytest.mark.parametrize("changed", [b"changed", b"weigh", b""])
def test_a_changed_file_in_the_cache_is_downloaded_again(published, changed):
    url = published.as_uri()
    file_at(url).write_bytes(changed)
    assert file_at(url).read_bytes() == b"weights"


def test_a_changed_file_that_cannot_be_downloaded_again_is_refused(published):
    url = published.as_uri()
    file_at(url).write_bytes(b"changed")
    published.unlink()
    with pytest.raises(DamagedFileError, match=r"has changed since it was downloaded .* cannot be downloaded again"):
        file_at(url)


def test_files_of_one_name_at_two_urls_do_not_meet():
    assert cached_path("https://a.org/x/net.onnx") != cached_path("https://b.org/x/net.onnx")
    assert cached_path("https://a.org/x/net.onnx?download=true").name.endswith("-net.onnx")


def test_what_is_no_url_is_said(published):
    assert is_url("https://a.org/net.onnx")
    assert not is_url("/a/net.onnx")
    assert not is_url(r"C:\net.onnx")
    with pytest.raises(InputError, match=r"net.onnx is no URL; expected one that begins with https://"):
        file_at("net.onnx")
    with pytest.raises(InputError, match="cannot be downloaded"):
        file_at((published.parent / "missing.onnx").as_uri())
