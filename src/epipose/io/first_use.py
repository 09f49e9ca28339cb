"""Files at URLs of others, trusted on first use: the hash that is seen first must be seen ever after.

Of a file that somebody else publishes, no hash is known when epipose is. The first download is believed; its SHA-256 is
kept in ``downloads.json`` of the cache folder, and a file of another hash, from the network or in the cache, is refused.
"""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlparse

from epipose.errors import DamagedFileError, InputError
from epipose.io.fetch import cache_folder, download, hash_of
from epipose.io.files import read_object, write_json

RECORD = "downloads.json"
SCHEMES = ("https", "http", "file")


def is_url(text: str) -> bool:
    """Whether a text is a URL that `file_at` takes."""
    return text.partition("://")[0].lower() in SCHEMES and "://" in text


def file_at(url: str) -> Path:
    """The file at a URL, from the cache folder, into which it is downloaded the first time.

    One in the cache that has changed since is downloaded again. Raises InputError where it cannot be downloaded,
    DamagedFileError where it is not the file that it was at first.
    """
    if not is_url(url):
        raise InputError(
            f"{url} is no URL; expected one that begins with {', '.join(f'{each}://' for each in SCHEMES)}."
        )
    path, known = cached_path(url), _hashes().get(url)
    if path.is_file() and known in (None, hash_of(path)):
        return _recorded(url, path, known)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        download(url, path, known)
    except DamagedFileError as error:
        raise DamagedFileError(
            f"{url} is not the file that it was at first. {error} If the publisher replaced it, and "
            f"you trust the new one, remove its line from {cache_folder() / RECORD}."
        ) from error
    except InputError as error:
        if not path.is_file():
            raise
        raise DamagedFileError(
            f"{path} has changed since it was downloaded from {url} (SHA-256 {hash_of(path)}, expected {known}), and it "
            f"cannot be downloaded again. {error}"
        ) from error
    return _recorded(url, path, known)


def cached_path(url: str) -> Path:
    """Where the cache folder keeps the file of a URL: its own name behind a part of the URL's hash."""
    name = PurePosixPath(unquote(urlparse(url).path)).name or "file"
    return cache_folder() / "models" / f"{hashlib.sha256(url.encode()).hexdigest()[:8]}-{name}"


def _recorded(url: str, path: Path, known: str | None) -> Path:
    """The path, after its hash is recorded where none is known."""
    if known is None:
        write_json(cache_folder() / RECORD, {**_hashes(), url: hash_of(path)})
    return path


def _hashes() -> dict[str, str]:
    """SHA-256 by URL, of all that was ever downloaded so."""
    record = cache_folder() / RECORD
    return {url: str(value) for url, value in read_object(record).items()} if record.exists() else {}
