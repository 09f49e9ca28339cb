"""Decoding of video files packet by packet, past damage: every frame that can be decoded stays at its own time.

A camera that lost power, a network that dropped packets or a disk with a bad block leave files in which some packets
cannot be decoded. The others can, and each says when its image is shown; so a frame's number is the rank of its time
among those of all packets, and a frame that is missing or marked as corrupt is lost, while no other one moves.

Of a few frames far apart only the groups of pictures that hold them are decoded, from the key frame on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from epipose.errors import DamagedFileError, InputError
from epipose.io.guard import reading, reads
from epipose.io.images import MOST_PIXELS

if TYPE_CHECKING:  # imported where videos are opened: training on drawn people opens none
    import av
    import av.container
    import av.video.codeccontext
    import av.video.stream

_MAX_ASPECT = 4.0  # anamorphic lenses squeeze by up to 2
_SQUARE = 0.005  # relative difference of a pixel's sides up to which it counts as square
_REMEDY = "Copy or re-encode the file."
_MOST_ERRORS = 100  # of the container in a row, after which the rest of a file is given up


class VideoIndex(NamedTuple):
    """What the packets of a video say, in the order in which they are stored.

    ``stamps``: when each packet's image is shown, in ``tick`` seconds; None in files without real times. ``keys``: which
    packets can be decoded by themselves. ``rate``: frames per second as the container states it. ``stated``: packets
    that it promises, 0 where it does not say.
    """

    stamps: Int64[np.ndarray, " packet"] | None
    keys: Bool[np.ndarray, " packet"]
    tick: float
    rate: float
    stated: int

    @property
    def frames(self) -> int:
        """How many frames the file holds, decodable or not."""
        return len(self.keys)

    def ranks(self) -> Int64[np.ndarray, " packet"]:
        """The number of each packet's frame in order of display; that in order of storage where times are missing."""
        if self.stamps is None:
            return np.arange(self.frames)
        ranks = np.empty(self.frames, np.int64)
        ranks[np.argsort(self.stamps, kind="stable")] = np.arange(self.frames)
        return ranks

    def needed(self, numbers: Sequence[int]) -> Bool[np.ndarray, " packet"]:
        """The packets that must be decoded for the frames with these numbers."""
        ranks = self.ranks()
        packet_of = np.argsort(ranks)
        starts = np.flatnonzero(self.keys) if self.stamps is not None else np.array([], int)
        needed = np.zeros(self.frames, bool)
        for number in numbers:
            if not 0 <= number < self.frames:
                continue
            packet = int(packet_of[number])
            group = int(np.searchsorted(starts, packet, side="right")) - 1
            if group >= 0 and number < ranks[starts[group]]:
                group -= 1  # shown before its key frame: it may refer to the group before
            first = int(starts[group]) if group >= 0 else 0
            needed[first : packet + 1] = True
        return needed


class DecodedFrame(NamedTuple):
    """A decoded frame as it is stored, its number in order of display, and width over height of its pixels."""

    number: int
    image: av.VideoFrame
    aspect: float


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


def open_video(path: Path) -> av.container.InputContainer:
    """Open a file with at least one video stream, whatever characters its name has.

    Raises InputError where there is no file, or a FIFO or a device in its place; DamagedFileError for what is no video.
    """
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    if not path.is_file():
        raise InputError(
            f"{path} is no file but a FIFO, a device or a folder; expected a video file, which can be read twice. Record "
            "it to a file first, or read it as it comes: epipose live."
        )
    import av

    with reading(path, "a video", _REMEDY):
        container = av.open(f"file:{path}")  # without it a colon in the name would be read as a protocol
    fault = _fault(container)
    if fault is not None:
        container.close()
        raise DamagedFileError(f"{path} {fault}")
    return container


def _fault(container: av.container.InputContainer) -> str | None:
    """What is missing in a container that it could be decoded, in words; None where nothing is."""
    stream = next(iter(container.streams.video), None)
    if stream is None:
        return "has no video stream. Give a video file."
    if stream.codec_context is None:
        return f"has images in a format that is not decoded here. {_REMEDY}"
    if stream.width * stream.height > MOST_PIXELS:
        return f"announces images of {stream.width}x{stream.height}; at most {MOST_PIXELS:,} pixels are read. {_REMEDY}"
    return None


def video_index(path: Path) -> VideoIndex:
    """The packets of a video, read once for each state of the file. Raises as `open_video`."""
    if not path.is_file():
        open_video(path).close()
    state = path.stat()
    return _index(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
@reads("a video", _REMEDY)
def _index(path: Path, _changed: int, _size: int) -> VideoIndex:
    with open_video(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or Fraction(30))
        tick = float(stream.time_base or 0)
        packets = [(packet.pts, packet.is_keyframe) for packet in _packets(container, stream)]
        stated = int(stream.frames or 0)
    known = [stamp for stamp, _ in packets if stamp is not None]
    timed = len(known) == len(packets) == len(set(known))  # else a raw stream, or one without real times
    keys = np.array([key for _, key in packets], bool)
    return VideoIndex(np.array(known, np.int64) if timed else None, keys, tick, rate, stated)


def _packets(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> Iterator[av.Packet]:
    """The packets with an image that is shown, past places where the container itself is damaged."""
    import av.error

    errors = 0
    while errors < _MOST_ERRORS:
        try:
            for packet in container.demux(stream):
                if packet.size and not packet.is_discard:
                    errors = 0
                    yield packet
            return
        except av.error.FFmpegError:
            errors += 1


def decoded_frames(path: Path, numbers: Sequence[int] | None = None, threads: int = 0) -> Iterator[DecodedFrame]:
    """The frames that can be decoded, in order of display: all, or at least those with these ``numbers``.

    ``threads``: of the decoder; 0 for its own choice, with which it works ahead. Raises as `open_video`.
    """
    index = video_index(path)
    needed = np.ones(index.frames, bool) if numbers is None else index.needed(numbers)
    order = None if index.stamps is None else np.sort(index.stamps)
    with reading(path, "a video", _REMEDY), open_video(path) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO" if threads != 1 else "NONE", threads
        aspect = pixel_aspect(stream)
        for count, image in enumerate(_images(container, stream, needed)):
            number = count if order is None else _rank(order, image)
            if image is not None and number is not None and not image.is_corrupt:
                yield DecodedFrame(number, image, aspect)


def _images(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, needed: Bool[np.ndarray, " packet"]
) -> Iterator[av.VideoFrame | None]:
    """The images of the packets that are needed; None for each error of the decoder."""
    decoder = stream.codec_context
    last = int(np.flatnonzero(needed)[-1]) if needed.any() else -1
    behind = False  # whether the decoder still holds images of a stretch that is over
    for place, packet in enumerate(_packets(container, stream)):
        if place > last:
            break
        if needed[place]:
            yield from _decoded(decoder, packet)
            behind = True
        elif behind:
            yield from _decoded(decoder, None)
            decoder.flush_buffers()
            behind = False
    if behind:
        yield from _decoded(decoder, None)


def _decoded(
    decoder: av.video.codeccontext.VideoCodecContext, packet: av.Packet | None
) -> Iterator[av.VideoFrame | None]:
    """The images that a packet, or the end of a stretch, brings out of the decoder."""
    import av.error

    try:
        yield from decoder.decode(packet)
    except av.error.FFmpegError:
        yield None


def _rank(order: Int64[np.ndarray, " frame"], image: av.VideoFrame | None) -> int | None:
    """The number of a frame by its time; None where no packet has it."""
    if image is None or image.pts is None:
        return None
    number = int(np.searchsorted(order, image.pts))
    return number if number < len(order) and order[number] == image.pts else None
