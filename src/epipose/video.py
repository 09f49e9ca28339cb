"""Frames of videos and pictures, decoded one at a time so that memory does not grow with length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from epipose.errors import EpiposeError

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".m4v", ".webm", ".mts", ".mpg", ".mpeg"})
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


@dataclass(frozen=True)
class VideoInfo:
    """What a container says of its first video stream, frames counted by decoding when the header does not say."""

    width: int
    height: int
    frames: int
    fps: float


def probe(path: Path) -> VideoInfo:
    """Size (after rotation), frame count and frame rate; raises EpiposeError for what is no video."""
    with _opened(path) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate or Fraction(30)
        frames = stream.frames
    first = next(read_frames(path), None)
    if first is None:
        raise EpiposeError(f"{path} holds no picture that can be decoded. Re-encode it, for example to H.264 in mp4.")
    if not frames:
        frames = sum(1 for _ in read_frames(path))
    return VideoInfo(first.shape[1], first.shape[0], frames, float(rate))


def read_frames(path: Path) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Decode RGB frames in order of display, turned upright as the container asks."""
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        try:
            for picture in container.decode(stream):
                yield _upright(picture)
        except av.error.FFmpegError as error:
            raise EpiposeError(f"{path} breaks off while decoding ({error}). Copy or re-encode the file.") from error


def read_image(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Read one RGB picture, turned upright as its EXIF asks; 16-bit gray is scaled to 8. Raises EpiposeError."""
    if not path.exists():
        raise EpiposeError(f"There is no file {path}.")
    try:
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture)
            if upright.mode == "I" or upright.mode.startswith("I;16"):  # convert would cut everything above 255 off
                gray = (np.asarray(upright) / 257).round().clip(0, 255).astype(np.uint8)
                return np.repeat(gray[..., None], 3, axis=-1)
            return np.asarray(upright.convert("RGB"))
    except Image.DecompressionBombError as error:
        raise EpiposeError(f"{path} is too large a picture ({error}). Scale it down.") from error
    except (UnidentifiedImageError, OSError) as error:
        raise EpiposeError(
            f"{path} cannot be read as a picture ({error}). Expected one of {', '.join(sorted(IMAGE_SUFFIXES))}."
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


def _upright(picture: av.VideoFrame) -> UInt8[np.ndarray, "height width 3"]:
    turns = round(picture.rotation / 90) % 4  # the display matrix: counter-clockwise degrees
    return np.ascontiguousarray(np.rot90(picture.to_ndarray(format="rgb24"), turns))
