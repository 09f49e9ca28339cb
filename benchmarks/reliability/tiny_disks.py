"""File systems in memory that are small, full or read-only, where this process may mount them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_ROOMY = 1 << 30


@contextmanager
def mounted(folder: Path, size: int = _ROOMY) -> Iterator[None]:
    """A file system of so many bytes at a folder, until the end of the block."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True, capture_output=True
    )
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def resized(folder: Path, size: int = _ROOMY) -> None:
    """Change the size of a mounted file system."""
    _remount(folder, f"size={size}")


def read_only(folder: Path) -> None:
    """Allow no more writing to a mounted file system."""
    _remount(folder, "ro")


def _remount(folder: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True, capture_output=True)


def fill(folder: Path) -> None:
    """Write into a mounted file system until it is full."""
    try:
        with (folder / "filling").open("wb", buffering=0) as file:
            while file.write(b"\0" * _PAGE):
                pass
    except OSError:
        return


def used(folder: Path) -> int:
    """Bytes that a folder's files take in such a file system: whole pages."""
    sizes = (path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return sum(-(-size // _PAGE) * _PAGE for size in sizes)


def may_mount() -> bool:
    """Whether this process may mount."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with mounted(Path(folder), _PAGE):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False
