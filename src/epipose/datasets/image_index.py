"""Image metadata of a view without decoding: size, number of frames, frame numbers, and which are missing.

A dataset's ground truth goes by frame numbers. A folder of images says which frames it holds only by its names, so a
folder that begins late or lacks one in the middle would silently be paired with the ground truth of other frames; here
that is an error. Some layouts hold a selection of a recording's frames: the numbers say which, and how far apart they
are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64
from PIL import Image

from epipose.errors import EpiposeError, InputError
from epipose.io.decoding import open_video, pixel_aspect
from epipose.io.guard import reading
from epipose.io.images import frame_files, holds_images
from epipose.io.video import FOLDER_FPS, probe, square_size

MAX_END_DIFFERENCE_S = (
    1.0  # between the ends of two views, or of a view and the poses: encoders drop a video's last frames
)
_MAX_SURPLUS_FRAMES = 25  # frames by which images may go on when the poses have ended: they are not used


class ImageHeader(NamedTuple):
    """Width and height in pixels, number of frames and frame rate, as a video's header or a folder states them."""

    width: int
    height: int
    frames: int
    fps: float


def find_images(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The first of these names, in a folder, that is a video or a folder with images; None where there is none."""
    for path in (folder / name for name in names):
        if path.is_file() or (path.is_dir() and holds_images(path)):
            return path
    return None


def read_header(path: Path) -> ImageHeader:
    """The header of a video (frames are counted where it does not state them), or of a folder and its first image.

    No image is decoded; raises DamagedFileError for what cannot be read.
    """
    if path.is_dir():
        names = frame_files(path)
        with reading(path / names[0], "an image"), Image.open(path / names[0]) as image:
            return ImageHeader(*image.size, len(names), FOLDER_FPS)
    with reading(path, "a video"), open_video(path) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or stream.guessed_rate or Fraction(30))
        size = square_size(stream.width, stream.height, pixel_aspect(stream))
        header = ImageHeader(*size, stream.frames, fps)
    return header if header.frames else header._replace(frames=probe(path).frames)


def try_header(path: Path | None) -> ImageHeader | None:
    """The header of a view's images, None where there are none or they cannot be read.

    An index goes on without it; decoding the images raises the error then.
    """
    try:
        return None if path is None else read_header(path)
    except EpiposeError:
        return None


def last_number(name: str) -> int | None:
    """The last number in a name, None where there is none: "img_000012" is 12."""
    found = re.findall(r"\d+", name)
    return int(found[-1]) if found else None


def frame_numbers(folder: Path) -> Int64[np.ndarray, " frame"]:
    """The numbers that the names of a folder's images end with, as they stand, in the order of the names.

    Raises InputError where a name has no number, or numbers do not ascend in the order of the names.
    """
    names = frame_files(folder)
    first, last = (re.fullmatch(r"(.*?)(\d+)(\.\w+)", names[i]) for i in (0, -1))
    found: Sequence[int | None] = ()
    if first and last and first[1] == last[1] and len({len(name) for name in names}) == 1:
        digits = [name[first.start(2) : first.end(2)] for name in names]  # names are in order: all begin alike
        found = [int(number) for number in digits] if all(map(str.isdecimal, digits)) else ()
    if not found:  # slower, for a million names
        found = [last_number(os.path.splitext(name)[0]) for name in names]
    numbers = np.array([-1 if number is None else number for number in found], dtype=np.int64)
    wrong = (numbers < 0) | (np.diff(numbers, prepend=-1) <= 0)
    if wrong.any():
        raise InputError(
            f"The images in {folder} must be called by their frames' numbers, as in img_000001.jpg; "
            f"{names[int(wrong.argmax())]} is out of turn. Extract them again, into an empty folder: "
            "ffmpeg -i VIDEO FOLDER/img_%06d.jpg"
        )
    return numbers


def check_numbering(folder: Path, frames: int) -> None:
    """Raise InputError unless the first ``frames`` images are numbered one by one, beginning with 0 or 1."""
    numbers = frame_numbers(folder)[:frames]
    late = np.flatnonzero(np.diff(numbers) != 1) + 1
    if numbers[0] not in (0, 1) or len(late):
        names = frame_files(folder)
        raise InputError(
            f"{folder}: expected images numbered one by one from 0 or 1, found {names[0]} first"
            f"{f' and {names[late[0]]} out of turn' if len(late) else ''}. Extract every frame of the video again, "
            "into an empty folder."
        )


def count_missing(folder: Path, names: Collection[str]) -> int:
    """Number of files of these names that are not in a folder; raises InputError where there is no such folder."""
    try:
        return len(set(names) - set(os.listdir(folder)))
    except OSError as error:
        raise InputError(
            f"The folder {folder} cannot be read ({error}); expected {len(names)} images in it."
        ) from error


def frames_shown(paths: Sequence[Path | None], fps: float) -> Int64[np.ndarray, " frame"] | None:
    """Frames of the recording, from 0, that these views show; None where there is no folder of images (but videos).

    Names end with the frame's number, from 1 (ffmpeg), or from 0 where there is an image 0. Folders may hold a
    selection of the frames, the same in every view; the end may lack in some, by `MAX_END_DIFFERENCE_S` at the
    recording's rate ``fps`` or one image. Raises InputError for other differences, and for names as `frame_numbers`
    does.
    """
    folders = [path for path in paths if path is not None and path.is_dir()]
    if not folders:
        return None
    shown = [_recording_frames(folder) for folder in folders]
    shortest = min(range(len(shown)), key=lambda view: len(shown[view]))
    length, end = len(shown[shortest]), int(shown[shortest][-1])
    allowed = max(MAX_END_DIFFERENCE_S * fps, frame_step(shown[shortest]))
    for folder, frames in zip(folders, shown, strict=True):
        apart = frames[:length] != shown[shortest]
        if apart.any() or frames[-1] - end > allowed:
            first = int(apart.argmax()) if apart.any() else length
            other = (
                names[first] if first < len(names := frame_files(folders[shortest])) else f"nothing after {names[-1]}"
            )
            raise InputError(
                f"{folder} and {folders[shortest]} do not show the same frames: image {first + 1} is "
                f"{frame_files(folder)[first]} in the one, and {other} in the other. Extract the images of both again, "
                "or leave a view out with --views."
            )
    return shown[shortest]


def _recording_frames(folder: Path) -> Int64[np.ndarray, " frame"]:
    """The frames of the recording, from 0, that a folder's images show."""
    numbers = frame_numbers(folder)
    return numbers - (0 if numbers[0] == 0 else 1)


def frame_step(shown: Int64[np.ndarray, " frame"]) -> int:
    """Number of frames of the recording from one image to the next; 1 where images come in uneven steps.

    An image that is missing among even steps leaves the step as it is.
    """
    steps = np.diff(shown)
    return int(steps.min()) if len(steps) and not (steps % steps.min()).any() else 1


def image_rate(shown: Int64[np.ndarray, " frame"], fps: float) -> float:
    """Images per second that show these frames of a recording of rate ``fps``, by the median of their steps."""
    return fps / float(np.median(np.diff(shown))) if len(shown) > 1 else fps


def image_fault(folder: Path, frames: int) -> str | None:
    """The fault in the images of a recording of ``frames`` frames; None where all, or every n-th, are there."""
    try:
        shown = _recording_frames(folder)
    except EpiposeError as error:
        return str(error)
    steps = set(np.diff(shown).tolist())
    if shown[-1] >= frames + _MAX_SURPLUS_FRAMES:
        return f"{folder} has an image of frame {shown[-1] + 1}, and the poses end with frame {frames}."
    if len(steps) > 1 or shown[0] > 0 or shown[-1] + max(steps, default=1) < frames:
        return f"{folder} lacks images: it has {len(shown)} of {frames} frames, not in even steps up to the end."
    return None


def view_faults(
    paths: Sequence[Path | None], sizes: Sequence[tuple[int, int]], fps: float, frames: int | None = None
) -> list[str]:
    """A sentence for every view that cannot be opened, is not of its camera's size, or shows other frames than another.

    With ``frames``, the recording's number of them, for every view that lacks some, too.
    """
    words = []
    for path, size in ((path, size) for path, size in zip(paths, sizes, strict=True) if path is not None):
        try:
            info = probe(path)
        except EpiposeError as error:
            words.append(str(error))
            continue
        if (info.width, info.height) != tuple(size):
            words.append(f"{path} has images of {info.width}x{info.height}, its camera has {size[0]}x{size[1]}.")
        if frames is not None and path.is_dir() and (fault := image_fault(path, frames)) is not None:
            words.append(fault)
        if frames is not None and path.is_file() and info.frames < frames:
            words.append(f"{path} has {info.frames} frames, fewer than the {frames} poses: the last have no image.")
    try:
        frames_shown(paths, fps)
    except EpiposeError as error:
        words.append(str(error))
    return list(dict.fromkeys(words))
