"""Views and frames from names of files: ``cam01_json/cam01_000123_keypoints.json`` is frame 123 of cam01.

Programs differ in how they name files, and in whether they count from 0 or from 1, so nothing is required of a name but
that its last number is the frame, and that the view's name stands in it, or in a folder above it, as a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from epipose.errors import InputError

_FRAME = re.compile(r"^(?P<before>.*?)(?P<number>\d+)(?P<after>\D*)$")
_SUFFIXES = re.compile(
    r"(_json|_keypoints|[_.-]?DLC.*|[_.-]analysis|_Sports2D.*|_px_person\d+|[_.-](predictions?|results?|poses?|"
    r"keypoints|alphapose|filtered|landmarks|openpose|mmpose))+$",
    re.IGNORECASE,
)
_PREFIXES = re.compile(r"^(results|predictions|keypoints|alphapose|poses?)[_.-]+", re.IGNORECASE)


class ImageName(NamedTuple):
    """The frame number in an image's name, what stands before it, and the folder that the name begins with."""

    number: int | None
    prefix: str
    folder: str


def image_name(name: str | int) -> ImageName:
    """Take the name of an image, or of a file of one image, apart; the last number in it is the frame's."""
    if isinstance(name, int):
        return ImageName(name, "", "")
    path = PurePosixPath(name.replace("\\", "/"))
    stem = path.name if path.suffix[1:].isdigit() else path.stem
    stem = re.sub(r"_keypoints$", "", stem)
    found = _FRAME.match(stem)
    if found is None:
        return ImageName(None, stem, path.parent.name)
    return ImageName(int(found["number"]), found["before"].rstrip("_-. "), path.parent.name)


def view_label(text: str) -> str:
    """A file's or folder's name without what programs add to the name of the video."""
    for _ in range(2):
        text = _SUFFIXES.sub("", _PREFIXES.sub("", text)) or text
    return text


def view_in(labels: Sequence[str], views: Sequence[str]) -> tuple[str, int] | None:
    """The view whose name stands in one of the labels, and the label's index; the first label with one decides."""
    for level, label in enumerate(labels):
        exact = [view for view in views if view in (label, view_label(label))]
        found = exact or [
            view for view in views if re.search(rf"(?<![0-9A-Za-z]){re.escape(view)}(?![0-9A-Za-z])", label)
        ]
        found = found or [view for view in views if re.match(rf"{re.escape(view)}DLC", label)]
        if found:
            return max(found, key=len), level
    return None


def first_frame(numbers: Sequence[Sequence[int]], frames: Sequence[int] | None) -> list[int]:
    """For each view the number that its first frame has, from the numbers seen and how many frames the videos have.

    All views count alike if they can: from 0, from 1, or from the lowest number; else each by itself in the same way.
    Without videos (``frames`` is None) the lowest of 0 and 1 that occurs, else the lowest number. Raises InputError for
    numbers that span more frames than a video has.
    """
    lowest = min(min(of_view) for of_view in numbers if of_view)
    if frames is None:
        return [lowest] * len(numbers)
    for first in (0, 1, lowest) if lowest else (0,):
        if first <= lowest and all(
            not of_view or max(of_view) - first < count for of_view, count in zip(numbers, frames, strict=True)
        ):
            return [first] * len(numbers)
    return [
        _first_of_view(of_view, count) if of_view else lowest for of_view, count in zip(numbers, frames, strict=True)
    ]


def _first_of_view(numbers: Sequence[int], count: int) -> int:
    """The number of a video's first frame; nobody need be seen in it, so 0 and 1 come before the lowest number."""
    lowest, highest = min(numbers), max(numbers)
    for first in (0, 1, lowest):
        if first <= lowest and highest - first < count:
            return first
    raise InputError(
        f"The keypoints have frames numbered {lowest} to {highest}; the video has {count} frames. Give the video that "
        "they were made from."
    )
