"""Small videos: a bright square that moves, and metadata as phones write it."""

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
