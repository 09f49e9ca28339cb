"""Detector protocol: the frames of a video one by one to the people in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from epipose.detection.roi import Roi
from epipose.network.reading import PoseReading
from epipose.skeleton import Skeleton


@dataclass(frozen=True)
class Detection:
    """One person in one image.

    ``xy`` in pixels of the full image, ``conf`` in [0, 1] with 0 for missing, ``score`` of the person as a whole,
    ``xyz`` the detector's own single-image 3D where it has one (metres, camera axes, relative to the root), ``track``
    the same number for the same person over the frames of a video, ``roi`` the square of the image in which the
    detector read the pose, where it has one; ``reading`` what a pose network on the detector's features read there, a
    batch of one.
    """

    xy: Float[np.ndarray, "joint 2"]
    conf: Float[np.ndarray, " joint"]
    score: float
    xyz: Float[np.ndarray, "joint 3"] | None
    track: int
    roi: Roi | None = None
    reading: PoseReading | None = None


@runtime_checkable
class Detector(Protocol):
    """Detects people, frame after frame; implement these three to add one, and register it in ``DETECTORS``."""

    skeleton: Skeleton

    def __call__(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Detection]:
        """The people in the next frame (RGB) of the video."""
        ...

    def reset(self) -> None:
        """Forget everyone: the next frame belongs to another video."""
        ...


@runtime_checkable
class ParallelDetector(Detector, Protocol):
    """A detector of which there can be several at the same time; implement this too where that is cheap."""

    def another(self) -> Detector:
        """The same for another video, to be called in another thread; it knows nobody yet."""
        ...


@runtime_checkable
class BatchDetector(Detector, Protocol):
    """A detector that reads every image by itself, and several at once faster; detection uses `batch` where it is there.

    It keeps nothing from frame to frame: its people have track -1, and detection links them.
    """

    batch_size: int

    def batch(self, images: Sequence[UInt8[np.ndarray, "height width 3"]]) -> list[list[Detection]]:
        """The people in each of at most ``batch_size`` images of one video, in order; all images have one size."""
        ...


@runtime_checkable
class PlanarDetector(Detector, Protocol):
    """A detector that takes a `YuvImage` in place of an RGB array, too: it looks at parts of images, made small.

    Detection gives it images of videos as their decoder stores them, which spares most of the conversion to RGB.
    """

    takes_planes: bool
