"""Overlays of predictions on their images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from epipose.inference.kept_images import KeptImages, sheet_rows
from epipose.inference.prediction import Prediction
from epipose.io.images import write_image
from epipose.io.read_ahead import read_ahead
from epipose.io.video import write_video
from epipose.viz.overlay import contact_sheet, drawn_over


def draw(
    prediction: Prediction, kept: KeptImages, sizes: Sequence[tuple[int, int]], fps: float | None, out: Path
) -> None:
    """overlay.jpg: the photo, or a sheet of up to twelve images; and overlay.mp4 for a video, which has a rate ``fps``.

    ``sizes``: width and height of the images before they were made small.
    """
    poses, count = prediction.poses, len(prediction.names)
    on_sheet, sheet = set(sheet_rows(count)), []

    def drawn() -> Iterator[np.ndarray]:
        for index, image in kept:
            xyz, conf = poses.xyz[index, 0], poses.conf[index, 0]
            result = drawn_over(image, sizes[index], prediction.uv[index], xyz, conf, poses.skeleton)
            if index in on_sheet:
                sheet.append(result)
            yield result

    if fps is not None:
        write_video(out / "overlay.mp4", read_ahead(drawn()), fps, preset="superfast")
    else:
        list(drawn())
    write_image(out / "overlay.jpg", contact_sheet(sheet, height=sheet[0].shape[0] if count == 1 else 360))
