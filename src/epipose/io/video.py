"""Video decoding and encoding, one frame at a time so that memory does not grow with length.

A folder of numbered images is a video, too: that is how many datasets are distributed.

Containers may flag non-square pixels (sample aspect ratio: width over height of a stored pixel), as DV, anamorphic
film and some capture cards do. Images come out with square pixels, stretched to the display size along the direction
in which that is longer, as players show them: a person must not be squeezed for any detector or lens model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from epipose.errors import DamagedFileError, InputError
from epipose.io.decoding import DecodedFrame, decoded_frames, video_index
from epipose.io.files import AnyPath, replacing
from epipose.io.guard import reads
from epipose.io.images import frame_files, holds_images, read_image
from epipose.io.yuv_image import YuvImage, yuv_image

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".m4v", ".webm", ".mts", ".mpg", ".mpeg"})
FOLDER_FPS = 25.0  # of a folder of images, which does not say
MAX_JITTER_FRAMES = 0.25  # by which a frame may come early or late in a video of constant rate
_ENCODER_THREADS = 4


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


class VideoImage(NamedTuple):
    """An image of a video before it is converted, upright and in square pixels once it is.

    ``lost``: this frame cannot be decoded, and another one, as near as there is, stands in its place.
    """

    frame: DecodedFrame
    lost: bool = False

    @property
    def turns(self) -> int:
        """Quarters, counter-clockwise, by which the frame is turned upright (the display matrix, in degrees)."""
        return round(self.frame.image.rotation / 90) % 4

    def rgb(self) -> UInt8[np.ndarray, "height width 3"]:
        """The image in square pixels, turned as the container asks."""
        image = self.frame.image
        width, height = square_size(image.width, image.height, self.frame.aspect)
        pixels = image.to_ndarray(format="rgb24", width=width, height=height)
        return np.ascontiguousarray(np.rot90(pixels, self.turns))

    def planes(self) -> YuvImage | UInt8[np.ndarray, "height width 3"]:
        """The same without conversion where the format allows it, for detectors that look at parts."""
        planar = yuv_image(self.frame.image, self.turns) if self.frame.aspect == 1 else None
        return self.rgb() if planar is None else planar


class Photo(NamedTuple):
    """An image of a folder of images; ``lost``: see `VideoImage`."""

    image: UInt8[np.ndarray, "height width 3"]
    lost: bool = False

    def rgb(self) -> UInt8[np.ndarray, "height width 3"]:
        """The image."""
        return self.image

    planes = rgb


def square_size(width: int, height: int, aspect: float) -> tuple[int, int]:
    """The size with square pixels of an image whose stored pixels have this width over height; never smaller."""
    return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))


def stored_size(width: int, height: int, aspect: float) -> tuple[int, int]:
    """The size in stored pixels of an image with square ones: the inverse of `square_size`."""
    return (round(width / aspect), height) if aspect >= 1 else (width, round(height * aspect))


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


@reads("a video", "Copy or re-encode the file.")
def probe(path: AnyPath) -> VideoInfo:
    """Size (as shown), frames, rate and times from the packets; raises InputError for what is no video."""
    path = Path(path)
    if path.is_dir():
        names = frame_files(path)
        height, width = read_image(path / names[0]).shape[:2]
        return VideoInfo(width, height, len(names), FOLDER_FPS)
    index = video_index(path)
    first = VideoImage(_first_frame(path))
    aspect, image = first.frame.aspect, first.frame.image
    width, height = square_size(image.width, image.height, aspect)
    if first.turns % 2:
        width, height, aspect = height, width, 1 / aspect
    if index.stamps is None:
        return VideoInfo(width, height, index.frames, index.rate, None, aspect)
    times = np.sort(index.stamps - index.stamps.min()) * index.tick
    fps, even = _rate(times, index.rate)
    if not 0 < fps < math.inf:
        raise DamagedFileError(f"{path} states times of frames that give {fps} frames a second. Re-encode it.")
    return VideoInfo(width, height, len(times), fps, None if even else tuple(times.tolist()), aspect)


def _first_frame(path: Path) -> DecodedFrame:
    """The first frame that can be decoded; DamagedFileError where there is none."""
    first = next(decoded_frames(path), None)
    if first is None:
        raise DamagedFileError(f"{path} holds no image that can be decoded. Re-encode it, for example to H.264 in mp4.")
    return first


def _rate(times: Float[np.ndarray, " frame"], stated: float) -> tuple[float, bool]:
    """Frames per second, and whether that rate is constant; the rate that the container states is tried first."""
    if len(times) < 2:
        return stated, True
    for rate in (stated, (len(times) - 1) / times[-1]):
        if np.abs(times * rate - np.arange(len(times))).max() < MAX_JITTER_FRAMES:
            return float(rate), True
    return round(float(1 / np.median(np.diff(times))), 6), False


def read_frames(
    path: AnyPath, numbers: Sequence[int] | None = None, lost: set[int] | None = None
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Decode RGB frames in order of display, in square pixels, turned upright as the container asks.

    ``numbers`` (ascending, repeats allowed) are the frames wanted, default all; decoding stops after the last. In place
    of a frame that cannot be decoded comes the one before it, so that no other is shifted; its number is put into
    ``lost``. Raises InputError for what is no video, DamagedFileError where nothing can be decoded.
    """
    shown, pixels = None, None
    for place, image in enumerate(read_images(path, numbers)):
        if image.lost and lost is not None:
            lost.add(place if numbers is None else numbers[place])
        if pixels is None or image[0] is not shown:
            shown, pixels = image[0], image.rgb()
        yield pixels


def read_images(
    path: AnyPath, numbers: Sequence[int] | None = None, threads: int = 0
) -> Iterator[VideoImage] | Iterator[Photo]:
    """`read_frames` before conversion to RGB, which says of each image whether it was lost.

    ``threads``: of the decoder; 0 for its own choice.
    """
    path = Path(path)
    return _photos(path, numbers) if path.is_dir() else _images(path, numbers, threads)


def _photos(folder: Path, numbers: Sequence[int] | None) -> Iterator[Photo]:
    names = frame_files(folder)
    before: Photo | None = None
    for number in range(len(names)) if numbers is None else numbers:
        if number >= len(names):
            return
        try:
            before = Photo(read_image(folder / names[number]))
        except DamagedFileError:
            if before is None:
                raise
            before = Photo(before.image, lost=True)
        yield before


def _images(path: Path, numbers: Sequence[int] | None, threads: int) -> Iterator[VideoImage]:
    """A `VideoImage` for each wanted frame that the file has packets of."""
    frames = video_index(path).frames
    wanted = [number for number in (range(frames) if numbers is None else numbers) if number < frames]
    place, before = 0, None
    for frame in decoded_frames(path, None if numbers is None else sorted(set(wanted)), threads):
        while place < len(wanted) and wanted[place] <= frame.number:
            lost = wanted[place] < frame.number
            yield VideoImage(before if lost and before is not None else frame, lost)
            place += 1
        if place == len(wanted):
            return
        before = frame
    if place < len(wanted):  # the end cannot be decoded
        before = before or _first_frame(path)
        yield from (VideoImage(before, lost=True) for _ in wanted[place:])


def write_video(
    path: AnyPath, images: Iterable[UInt8[np.ndarray, "height width 3"]], fps: float, preset: str = "medium"
) -> None:
    """Write RGB images of one size, in even numbers of pixels, as mp4 (H.264 where there is an encoder).

    ``preset``: how much work that encoder does for a small file, in its own words ("veryfast", "medium", "slow", ...).
    The file is written whole or not at all.
    """
    import av  # where videos are opened: training on drawn people opens none

    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    with replacing(path) as part, av.open(str(part), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt = "yuv420p"
        if codec == "libx264":  # whose macroblock tree gives other bytes for the same images now and then
            stream.options = {"mbtree": "0", "preset": preset}
            stream.thread_count = _ENCODER_THREADS  # or bytes and pixels follow from the number of cores
        for index, image in enumerate(images):
            if index == 0:
                stream.height, stream.width = image.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
