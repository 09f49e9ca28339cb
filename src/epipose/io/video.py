"""Video decoding and encoding, one frame at a time so that memory does not grow with length.

A folder of numbered images is a video, too: that is how many datasets are distributed.

Containers may flag non-square pixels (sample aspect ratio: width over height of a stored pixel), as DV, anamorphic
film and some capture cards do. Images come out with square pixels, stretched to the display size along the direction
in which that is longer, as players show them: a person must not be squeezed for any detector or lens model.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from epipose.errors import DamagedFileError, InputError
from epipose.io.files import AnyPath, replacing
from epipose.io.images import frame_files, holds_images, read_image

if TYPE_CHECKING:  # imported where videos are opened: training on drawn people opens none
    import av
    import av.container
    import av.video.stream

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".m4v", ".webm", ".mts", ".mpg", ".mpeg"})
FOLDER_FPS = 25.0  # of a folder of images, which does not say
MAX_JITTER_FRAMES = 0.25  # by which a frame may come early or late in a video of constant rate
_MAX_ASPECT = 4.0  # anamorphic lenses squeeze by up to 2
_SQUARE = 0.005  # relative difference of a pixel's sides up to which it counts as square


@dataclass(frozen=True)
class VideoInfo:
    """Size, number of frames and frame rate of a video, and the frames' times where the rate is not constant.

    ``width`` and ``height`` are those of the images that `read_frames` gives: upright, with square pixels.
    ``frame_times`` are seconds after the first frame, None where frame k is at k / fps. ``sample_aspect_ratio`` is
    width over height of a stored pixel in the upright image, 1 where pixels are square.
    """

    width: int
    height: int
    frames: int
    fps: float
    frame_times: tuple[float, ...] | None = None
    sample_aspect_ratio: float = 1.0


class _Frame(NamedTuple):
    """A decoded frame as it is stored, and width over height of its pixels."""

    image: av.VideoFrame
    aspect: float

    @property
    def turns(self) -> int:
        """Quarters, counter-clockwise, by which the frame is turned upright (the display matrix, in degrees)."""
        return round(self.image.rotation / 90) % 4

    def upright(self) -> UInt8[np.ndarray, "height width 3"]:
        """The image in square pixels, turned as the container asks."""
        return upright(self.image, self.aspect)


def upright(image: av.VideoFrame, aspect: float) -> UInt8[np.ndarray, "height width 3"]:
    """The RGB image of a decoded frame in square pixels, turned as the container asks; ``aspect``: see `pixel_aspect`."""
    width, height = square_size(image.width, image.height, aspect)
    pixels = image.to_ndarray(format="rgb24", width=width, height=height)
    return np.ascontiguousarray(np.rot90(pixels, round(image.rotation / 90)))


def square_size(width: int, height: int, aspect: float) -> tuple[int, int]:
    """The size with square pixels of an image whose stored pixels have this width over height; never smaller."""
    return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))


def stored_size(width: int, height: int, aspect: float) -> tuple[int, int]:
    """The size in stored pixels of an image with square ones: the inverse of `square_size`."""
    return (round(width / aspect), height) if aspect >= 1 else (width, round(height * aspect))


def pixel_aspect(stream: av.video.stream.VideoStream) -> float:
    """Width over height of a stream's pixels as they are stored; 1 where unknown or within half a percent of it.

    Raises DamagedFileError for a ratio that no camera has.
    """
    aspect = float(stream.sample_aspect_ratio or 1)
    if aspect > _MAX_ASPECT or 0 < aspect < 1 / _MAX_ASPECT:
        raise DamagedFileError(
            f"{stream.container.name} states pixels {aspect:.3g} times as wide as high, which no camera has. Write it "
            "anew with its true sample aspect ratio."
        )
    return 1.0 if aspect <= 0 or abs(aspect - 1) <= _SQUARE else aspect


def videos_in(folder: Path) -> list[Path]:
    """The videos of a folder, or else its folders of images, itself where it holds images, or a video in each folder."""
    entries = sorted(path for path in folder.iterdir() if path.name[0] != ".")
    videos = [path for path in entries if _is_video(path)]
    folders = [path for path in entries if path.is_dir() and holds_images(path)]
    found = videos or folders or ([folder] if holds_images(folder) else []) or _one_in_each(entries)
    if not found:
        raise InputError(f"The folder {folder} holds no video ({', '.join(sorted(VIDEO_SUFFIXES))}) and no images.")
    return found


def _one_in_each(entries: Sequence[Path]) -> list[Path]:
    """The videos of folders that hold one each: ``Cam0/trial.mp4``, ``Cam1/trial.mp4``.

    Raises InputError where another folder beside these holds several: a camera would be left out unnoticed.
    """
    inside = [[path for path in sorted(each.iterdir()) if _is_video(path)] for each in entries if each.is_dir()]
    found = [videos[0] for videos in inside if len(videos) == 1]
    several = next((videos for videos in inside if len(videos) > 1), None)
    if found and several:
        raise InputError(
            f"{several[0].parent} holds {len(several)} videos ({', '.join(video.name for video in several[:3])}), and "
            f"{found[0].parent} one; expected one video in the folder of each camera. Give the videos themselves."
        )
    return found


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES and path.name[0] != "."


def probe(path: AnyPath) -> VideoInfo:
    """Size (as shown), frames, rate and times from the packets; raises InputError for what is no video."""
    path = Path(path)
    if path.is_dir():
        names = frame_files(path)
        height, width = read_image(path / names[0]).shape[:2]
        return VideoInfo(width, height, len(names), FOLDER_FPS)
    first = next(_decoded(path), None)
    if first is None:
        raise DamagedFileError(f"{path} holds no image that can be decoded. Re-encode it, for example to H.264 in mp4.")
    width, height = square_size(first.image.width, first.image.height, first.aspect)
    aspect = first.aspect
    if first.turns % 2:
        width, height, aspect = height, width, 1 / aspect
    with _opened(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or Fraction(30))
        scale = float(stream.time_base or 0)
        stamps = [packet.pts for packet in container.demux(stream) if packet.size and not packet.is_discard]
    known = [stamp * scale for stamp in stamps if stamp is not None]
    if len(known) < len(stamps) or len(set(known)) < len(known):  # a raw stream, or one without real times
        return VideoInfo(width, height, len(stamps), rate, None, aspect)
    times = np.sort(np.array(known)) - min(known)
    fps, even = _rate(times, rate)
    return VideoInfo(width, height, len(times), fps, None if even else tuple(times.tolist()), aspect)


def _rate(times: Float[np.ndarray, " frame"], stated: float) -> tuple[float, bool]:
    """Frames per second, and whether that rate is constant; the rate that the container states is tried first."""
    if len(times) < 2:
        return stated, True
    for rate in (stated, (len(times) - 1) / times[-1]):
        if np.abs(times * rate - np.arange(len(times))).max() < MAX_JITTER_FRAMES:
            return float(rate), True
    return round(float(1 / np.median(np.diff(times))), 6), False


def read_frames(path: AnyPath, numbers: Sequence[int] | None = None) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Decode RGB frames in order of display, in square pixels, turned upright as the container asks.

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
    wanted = Counter(numbers)
    last = None if numbers is None else max(wanted, default=-1)
    for number, frame in enumerate(_decoded(path)):
        if last is not None and number > last:
            return
        if numbers is None:
            yield frame.upright()
        elif wanted[number]:
            yield from itertools.repeat(frame.upright(), wanted[number])


def _decoded(path: Path) -> Iterator[_Frame]:
    """The frames of a video file as they are stored, in order of display."""
    import av.error

    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        aspect = pixel_aspect(stream)
        try:
            for image in container.decode(stream):
                yield _Frame(image, aspect)
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
