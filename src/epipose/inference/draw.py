"""Overlays of predictions on their images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from epipose.inference.prediction import Prediction
from epipose.io.image_source import ImageSource
from epipose.io.images import write_image
from epipose.io.video import write_video
from epipose.viz.overlay import contact_sheet, overlay

_MAX_SHEET_IMAGES = 12  # on a contact sheet


def draw(prediction: Prediction, images: ImageSource, out: Path) -> None:
    """overlay.jpg: the photo, or a sheet of up to twelve images; and overlay.mp4 for a video."""
    poses, count = prediction.poses, len(prediction.names)
    on_sheet = set(np.linspace(0, count - 1, min(count, _MAX_SHEET_IMAGES)).round().astype(int).tolist())
    sheet = []

    def drawn() -> Iterator[np.ndarray]:
        for index, image in enumerate(images.read()):
            if images.fps is not None or index in on_sheet:
                xyz, conf = poses.xyz[index, 0], poses.conf[index, 0]
                result = overlay(image, prediction.uv[index], xyz, conf, poses.skeleton)
                if index in on_sheet:
                    sheet.append(result)
                yield result

    if images.fps is not None:
        write_video(out / "overlay.mp4", drawn(), images.fps)
    else:
        list(drawn())
    write_image(out / "overlay.jpg", contact_sheet(sheet, height=sheet[0].shape[0] if count == 1 else 360))
