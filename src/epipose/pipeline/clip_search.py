"""Search for the clips in a folder of recordings, by what its sub-folders hold.

A folder is one clip where it holds ``clip.json``; two or more videos; two or more folders of images; or two or more
folders with one video each, which are its cameras. What is none of these is searched further down.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from epipose.errors import InputError
from epipose.io.images import holds_images
from epipose.io.video import VIDEO_SUFFIXES


class FoundClip(NamedTuple):
    """A clip's name, which is its path below the folder that was searched, and what to read it from."""

    name: str
    sources: tuple[Path, ...]


def clips_in(folder: Path, leave_out: Path) -> tuple[FoundClip, ...]:
    """The clips below a folder, in order of their names; nothing in ``leave_out`` and in results of a batch counts.

    Raises InputError for a folder that is not there, that is a clip itself, or that holds none.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}.")
    found = [clip for child in _folders_in(folder, leave_out) for clip in _below(child, child.name, leave_out)]
    if not found and (sources := _sources(folder)):
        raise InputError(
            f"{folder} is one clip itself: use epipose run {' '.join(map(str, sources))}, or give the folder above it."
        )
    if not found:
        raise InputError(
            f"{folder} holds no clips. Expected a folder for each, with two or more videos "
            f"({', '.join(sorted(VIDEO_SUFFIXES))}), two or more folders with one video or with images each, or clip.json."
        )
    return tuple(found)


def _below(folder: Path, name: str, leave_out: Path) -> list[FoundClip]:
    sources = _sources(folder)
    if sources:
        return [FoundClip(name, sources)]
    return [
        clip for child in _folders_in(folder, leave_out) for clip in _below(child, f"{name}/{child.name}", leave_out)
    ]


def _sources(folder: Path) -> tuple[Path, ...]:
    """What to read the clip in this very folder from; nothing where it is none."""
    if (folder / "clip.json").exists() or len(_videos_in(folder)) > 1:
        return (folder,)
    if _videos_in(folder):
        return ()
    children = _folders_in(folder)
    if len([child for child in children if holds_images(child)]) > 1:
        return (folder,)
    cameras = [_videos_in(child) for child in children]
    one_each = [videos[0] for videos in cameras if len(videos) == 1]
    return tuple(one_each) if len(one_each) > 1 and not any(len(videos) > 1 for videos in cameras) else ()


def _videos_in(folder: Path) -> list[Path]:
    """The videos that stand in a folder itself; hidden files are none."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES and path.name[0] != ".")


def _folders_in(folder: Path, leave_out: Path | None = None) -> list[Path]:
    """Sub-folders in order of their names, but hidden ones and results of a batch."""
    left_out = None if leave_out is None else leave_out.resolve()
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    return [path for path in inside if path.resolve() != left_out and not _is_result(path)]


def _is_result(folder: Path) -> bool:
    """Whether this is a clip folder that a batch wrote, and that does not hold the recording as well."""
    if not all((folder / name).exists() for name in ("clip.json", "batch.json")):
        return False
    inside = [path for path in folder.iterdir() if path.is_dir()]
    return not _videos_in(folder) and not any(_videos_in(path) or holds_images(path) for path in inside)
