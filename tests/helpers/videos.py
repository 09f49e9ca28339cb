"""Small videos: a bright square that moves, metadata as phones write it, pixels that are not square."""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


def moving_square_video(path, frames=8, bright=True):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(frames):
            image = np.zeros((48, 64, 3), np.uint8)
            if bright:
                image[16:32, 10 + 3 * k : 26 + 3 * k] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def video_with_metadata(path: Path, metadata: dict[str, str]) -> None:
    """Three frames of 64 x 48."""
    with av.open(
        str(path), "w", options={"movflags": "use_metadata_tags"} if path.suffix != ".mkv" else {}
    ) as container:
        container.metadata.update(metadata)
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode())


def anamorphic_video(path: Path, aspect: Fraction, size: tuple[int, int] = (48, 64), turned: bool = False) -> Path:
    """Four frames of stored ``size`` with a bright square in the middle third, flagged with a sample aspect ratio.

    ``turned``: the container (mp4 or mov) asks for a quarter turn clockwise, as a phone held upright writes it.
    """
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[height // 4 : height // 2, width // 3 : 2 * width // 3] = 255
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    if turned:  # the matrix of the track header, which PyAV does not write
        upright, quarter = (
            struct.pack(">9i", *(value << 16 for value in row[:8]), 1 << 30)
            for row in ((1, 0, 0, 0, 1, 0, 0, 0), (0, 1, 0, -1, 0, 0, 0, 0))
        )
        content = path.read_bytes()
        track = content.index(b"tkhd")
        path.write_bytes(content[:track] + content[track:].replace(upright, quarter, 1))
    return path
