"""Frames of videos and images, decoded one at a time so that memory does not grow with length.

A folder of numbered images is a video, too: that is how many datasets come.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from epipose.errors import EpiposeError
from epipose.io.files import replacing

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".m4v", ".webm", ".mts", ".mpg", ".mpeg"})
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
FOLDER_FPS = 25.0  # of a folder of images, which does not say
EVEN = 0.25  # frames by which a frame may come early or late in a video of even rate


@dataclass(frozen=True)
class VideoInfo:
    """What a video holds: frames counted, the rate they come at, and their times where that rate is not even.

    ``frame_times`` are seconds after the first frame, None where frame k is at k / fps.
    """

    width: int
    height: int
    frames: int
    fps: float
    frame_times: tuple[float, ...] | None = None


def probe(path: Path) -> VideoInfo:
    """Size (after rotation), frames, rate and times from the packets; raises EpiposeError for what is no video."""
    if path.is_dir():
        names = frame_files(path)
        height, width = read_image(path / names[0]).shape[:2]
        return VideoInfo(width, height, len(names), FOLDER_FPS)
    first = next(read_frames(path), None)
    if first is None:
        raise EpiposeError(f"{path} holds no image that can be decoded. Re-encode it, for example to H.264 in mp4.")
    with _opened(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or Fraction(30))
        scale = float(stream.time_base or 0)
        stamps = [packet.pts for packet in container.demux(stream) if packet.size and not packet.is_discard]
    known = [stamp * scale for stamp in stamps if stamp is not None]
    if len(known) < len(stamps) or len(set(known)) < len(known):  # a raw stream, or one without true times
        return VideoInfo(first.shape[1], first.shape[0], len(stamps), rate)
    times = np.sort(np.array(known)) - min(known)
    fps, even = _rate(times, rate)
    return VideoInfo(first.shape[1], first.shape[0], len(times), fps, None if even else tuple(times.tolist()))


def frame_files(folder: Path) -> list[str]:
    """The names of a folder's images in order; none is opened. EpiposeError where there is no image."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name[0] != "." and _is_image(entry.name)]
    except OSError as error:
        raise EpiposeError(f"The folder {folder} cannot be read ({error}).") from error
    if not names:
        raise EpiposeError(f"The folder {folder} holds no image ({', '.join(sorted(IMAGE_SUFFIXES))}).")
    if len({len(name) for name in names}) > 1:  # numbers without leading zeros: 2 comes before 10
        return sorted(names, key=lambda name: [part.zfill(20) if part.isdigit() else part for part in _split(name)])
    return sorted(names)


def holds_images(folder: Path) -> bool:
    """Whether there is an image in a folder."""
    with os.scandir(folder) as entries:
        return any(entry.name[0] != "." and _is_image(entry.name) for entry in entries)


def _split(name: str) -> list[str]:
    """A name cut into its numbers and what is between them."""
    return re.split(r"(\d+)", name)


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _rate(times: Float[np.ndarray, " frame"], said: float) -> tuple[float, bool]:
    """Frames per second, and whether every frame comes when that rate says; the container's own rate is tried first."""
    if len(times) < 2:
        return said, True
    for rate in (said, (len(times) - 1) / times[-1]):
        if np.abs(times * rate - np.arange(len(times))).max() < EVEN:
            return float(rate), True
    return round(float(1 / np.median(np.diff(times))), 6), False


def read_frames(path: Path, numbers: Sequence[int] | None = None) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Decode RGB frames in order of display, turned upright as the container asks.

    ``numbers`` (ascending, repeats allowed) are the frames wanted, default all; decoding stops after the last.
    """
    if path.is_dir():
        names = frame_files(path)
        for number in range(len(names)) if numbers is None else numbers:
            if number >= len(names):
                return
            yield read_image(path / names[number])
        return
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        wanted = Counter(numbers)
        last = None if numbers is None else max(wanted, default=-1)
        try:
            for number, image in enumerate(container.decode(stream)):
                if last is not None and number > last:
                    return
                if numbers is None:
                    yield _upright(image)
                elif wanted[number]:
                    upright = _upright(image)
                    yield from itertools.repeat(upright, wanted[number])
        except av.error.FFmpegError as error:
            raise EpiposeError(f"{path} breaks off while decoding ({error}). Copy or re-encode the file.") from error


def read_image(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Read one RGB image, turned upright as its EXIF asks; 16-bit gray is scaled to 8. Raises EpiposeError."""
    if not path.exists():
        raise EpiposeError(f"There is no file {path}.")
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode == "I" or upright.mode.startswith("I;16"):  # convert would cut everything above 255 off
                gray = (np.asarray(upright) / 257).round().clip(0, 255).astype(np.uint8)
                return np.repeat(gray[..., None], 3, axis=-1)
            return np.asarray(upright.convert("RGB"))
    except Image.DecompressionBombError as error:
        raise EpiposeError(f"{path} is too large an image ({error}). Scale it down.") from error
    except (UnidentifiedImageError, OSError) as error:
        raise EpiposeError(
            f"{path} cannot be read as an image ({error}). Expected one of {', '.join(sorted(IMAGE_SUFFIXES))}."
        ) from error


def _opened(path: Path) -> av.container.InputContainer:
    if not path.exists():
        raise EpiposeError(f"There is no file {path}.")
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise EpiposeError(f"{path} cannot be read as a video ({error}).") from error
    if not container.streams.video:
        container.close()
        raise EpiposeError(f"{path} has no video stream.")
    return container


def _upright(image: av.VideoFrame) -> UInt8[np.ndarray, "height width 3"]:
    turns = round(image.rotation / 90) % 4  # the display matrix: counter-clockwise degrees
    return np.ascontiguousarray(np.rot90(image.to_ndarray(format="rgb24"), turns))


def write_video(path: Path, images: Iterable[UInt8[np.ndarray, "height width 3"]], fps: float) -> None:
    """Write RGB images of one even size as mp4 (H.264 where the encoder is there), whole or not at all."""
    import av

    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    with replacing(path) as part, av.open(str(part), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt = "yuv420p"
        for index, image in enumerate(images):
            if index == 0:
                stream.height, stream.width = image.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
