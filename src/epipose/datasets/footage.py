"""What is known of a view's pictures without looking at them: how large they are, how many, and whether one is missing.

A dataset's truth goes by frame numbers. A folder of pictures says which frames it holds only by its names, so a folder
that begins late or lacks one in the middle would silently be paired with the wrong truth; here that is noticed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import av.error
import numpy as np
from jaxtyping import Int64
from PIL import Image

from epipose.errors import EpiposeError
from epipose.video import FOLDER_FPS, frame_files, holds_pictures, probe


class Footage(NamedTuple):
    """Width and height in pixels, and how many frames there are at which rate, as a video's header or a folder tells."""

    width: int
    height: int
    frames: int
    fps: float


def find_footage(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The first of these names, in a folder, that is a video or a folder with pictures; None where there is none."""
    for path in (folder / name for name in names):
        if path.is_file() or (path.is_dir() and holds_pictures(path)):
            return path
    return None


def stated(path: Path) -> Footage:
    """What a video's header states (frames are counted where it does not), or a folder's names and its first picture.

    No picture is decoded; raises EpiposeError for what cannot be read.
    """
    try:
        if path.is_dir():
            names = frame_files(path)
            with Image.open(path / names[0]) as picture:
                return Footage(*picture.size, len(names), FOLDER_FPS)
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            fps = float(stream.average_rate or stream.guessed_rate or Fraction(30))
            footage = Footage(stream.width, stream.height, stream.frames, fps)
    except (OSError, IndexError, ValueError, Image.DecompressionBombError, av.error.FFmpegError) as error:
        what = "a folder of pictures" if path.is_dir() else "a video"
        raise EpiposeError(f"{path} cannot be read as {what} ({error}). Download or extract it again.") from error
    return footage if footage.frames else footage._replace(frames=probe(path).frames)


def glance(path: Path | None) -> Footage | None:
    """What is stated of the pictures of a view, None where there are none or they cannot be read.

    An index goes on without it, and who decodes the pictures is told what is wrong.
    """
    try:
        return None if path is None else stated(path)
    except EpiposeError:
        return None


def last_number(name: str) -> int | None:
    """The last number in a name, None where there is none: "img_000012" is 12."""
    found = re.findall(r"\d+", name)
    return int(found[-1]) if found else None


def frame_numbers(folder: Path) -> Int64[np.ndarray, "frame"]:
    """The numbers that the names of a folder's pictures end with, as they stand, in the order of the names.

    Raises EpiposeError where a name has no number, or numbers do not ascend in the order of the names.
    """
    names = frame_files(folder)
    first, last = (re.fullmatch(r"(.*?)(\d+)(\.\w+)", names[i]) for i in (0, -1))
    if first and last and first[1] == last[1] and len(first[2]) == len(last[2]):
        start, end = int(first[2]), int(last[2])
        if end - start + 1 == len(names):  # all of them, and a million names need not be read
            return np.arange(start, end + 1)
    found = [last_number(os.path.splitext(name)[0]) for name in names]
    numbers = np.array([-1 if number is None else number for number in found], dtype=np.int64)
    wrong = (numbers < 0) | (np.diff(numbers, prepend=-1) <= 0)
    if wrong.any():
        raise EpiposeError(
            f"The pictures in {folder} must be called by their frames' numbers, with leading zeros, as in img_000001.jpg; "
            f"{names[int(wrong.argmax())]} is out of turn. Extract them again, into an empty folder: "
            "ffmpeg -i VIDEO FOLDER/img_%06d.jpg"
        )
    return numbers


def check_numbering(folder: Path, frames: int) -> None:
    """Raise EpiposeError unless the first ``frames`` pictures are numbered one by one, beginning with 0 or 1."""
    numbers = frame_numbers(folder)[:frames]
    late = np.flatnonzero(np.diff(numbers) != 1) + 1
    if numbers[0] not in (0, 1) or len(late):
        names = frame_files(folder)
        raise EpiposeError(
            f"{folder}: expected pictures numbered one by one from 0 or 1 (with leading zeros), found {names[0]} first"
            f"{f' and {names[late[0]]} out of turn' if len(late) else ''}. Extract every frame of the video again, into an "
            "empty folder."
        )


def count_missing(folder: Path, names: Collection[str]) -> int:
    """How many files of these names are not in a folder; EpiposeError where there is no such folder."""
    try:
        return len(set(names) - set(os.listdir(folder)))
    except OSError as error:
        raise EpiposeError(
            f"The folder {folder} cannot be read ({error}); expected {len(names)} pictures in it."
        ) from error
