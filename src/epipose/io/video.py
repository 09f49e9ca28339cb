"""Video decoding and encoding, one frame at a time so that memory does not grow with length.

A folder of numbered images is a video, too: that is how many datasets are distributed.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from epipose.errors import DamagedFileError, InputError
from epipose.io.files import AnyPath, replacing
from epipose.io.images import frame_files, read_image

if TYPE_CHECKING:  # imported where videos are opened: training on drawn people opens none
    import av
    import av.container

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".m4v", ".webm", ".mts", ".mpg", ".mpeg"})
FOLDER_FPS = 25.0  # of a folder of images, which does not say
MAX_JITTER_FRAMES = 0.25  # by which a frame may come early or late in a video of constant rate


@dataclass(frozen=True)
class VideoInfo:
    """Size, number of frames and frame rate of a video, and the frames' times where the rate is not constant.

    ``frame_times`` are seconds after the first frame, None where frame k is at k / fps.
    """

    width: int
    height: int
    frames: int
    fps: float
    frame_times: tuple[float, ...] | None = None


def probe(path: AnyPath) -> VideoInfo:
    """Size (after rotation), frames, rate and times from the packets; raises InputError for what is no video."""
    path = Path(path)
    if path.is_dir():
        names = frame_files(path)
        height, width = read_image(path / names[0]).shape[:2]
        return VideoInfo(width, height, len(names), FOLDER_FPS)
    first = next(read_frames(path), None)
    if first is None:
        raise DamagedFileError(f"{path} holds no image that can be decoded. Re-encode it, for example to H.264 in mp4.")
    with _opened(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or Fraction(30))
        scale = float(stream.time_base or 0)
        stamps = [packet.pts for packet in container.demux(stream) if packet.size and not packet.is_discard]
    known = [stamp * scale for stamp in stamps if stamp is not None]
    if len(known) < len(stamps) or len(set(known)) < len(known):  # a raw stream, or one without real times
        return VideoInfo(first.shape[1], first.shape[0], len(stamps), rate)
    times = np.sort(np.array(known)) - min(known)
    fps, even = _rate(times, rate)
    return VideoInfo(first.shape[1], first.shape[0], len(times), fps, None if even else tuple(times.tolist()))


def _rate(times: Float[np.ndarray, " frame"], stated: float) -> tuple[float, bool]:
    """Frames per second, and whether that rate is constant; the rate that the container states is tried first."""
    if len(times) < 2:
        return stated, True
    for rate in (stated, (len(times) - 1) / times[-1]):
        if np.abs(times * rate - np.arange(len(times))).max() < MAX_JITTER_FRAMES:
            return float(rate), True
    return round(float(1 / np.median(np.diff(times))), 6), False


def read_frames(path: AnyPath, numbers: Sequence[int] | None = None) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Decode RGB frames in order of display, turned upright as the container asks.

    ``numbers`` (ascending, repeats allowed) are the frames wanted, default all; decoding stops after the last.
    Raises InputError for what is no video, DamagedFileError where decoding breaks off.
    """
    path = Path(path)
    if path.is_dir():
        names = frame_files(path)
        for number in range(len(names)) if numbers is None else numbers:
            if number >= len(names):
                return
            yield read_image(path / names[number])
        return
    import av.error

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
            raise DamagedFileError(
                f"{path} breaks off while decoding ({error}). Copy or re-encode the file."
            ) from error


def _opened(path: Path) -> av.container.InputContainer:
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    import av
    import av.error

    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise DamagedFileError(f"{path} cannot be read as a video ({error}). Copy or re-encode the file.") from error
    if not container.streams.video:
        container.close()
        raise DamagedFileError(f"{path} has no video stream. Give a video file.")
    return container


def _upright(image: av.VideoFrame) -> UInt8[np.ndarray, "height width 3"]:
    turns = round(image.rotation / 90) % 4  # the display matrix: counter-clockwise degrees
    return np.ascontiguousarray(np.rot90(image.to_ndarray(format="rgb24"), turns))


def write_video(path: AnyPath, images: Iterable[UInt8[np.ndarray, "height width 3"]], fps: float) -> None:
    """Write RGB images of one size, in even numbers of pixels, as mp4 (H.264 where there is an encoder).

    The file is written whole or not at all.
    """
    import av

    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    with replacing(path) as part, av.open(str(part), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt = "yuv420p"
        if codec == "libx264":  # whose macroblock tree gives other bytes for the same images now and then
            stream.options = {"mbtree": "0"}
        for index, image in enumerate(images):
            if index == 0:
                stream.height, stream.width = image.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
