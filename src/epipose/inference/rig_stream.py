"""Live triangulation: the images that calibrated cameras took at one moment, to the 3D pose of one person in the world.

Every moment stands for itself: joints are triangulated as `epipose label` does, from the views within the gate, but not
smoothed over time and without constant bones, which need later frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from epipose.camera import Camera, Rig, stack_cameras
from epipose.detection.base import Detection, Detector, ParallelDetector
from epipose.detection.detect import usable_cores
from epipose.detection.registry import detector_named
from epipose.errors import InputError
from epipose.geometry.observations import observe
from epipose.geometry.triangulate import Gated
from epipose.inference.live_subject import LiveSubject, detected
from epipose.poses import Poses3D
from epipose.reconstruction.label import GATE, MIN_PARALLAX_DEG, gated_joints
from epipose.skeleton import Skeleton
from epipose.skeletons import H36M17

_SAME_SHAPE = 0.01  # relative difference of two images' aspect ratios up to which one is the other resized

Image = UInt8[np.ndarray, "_ _ 3"]  # each view has a size of its own


@dataclass(frozen=True)
class WorldPose:
    """The pose of one person at one moment.

    ``xyz``: joints in the rig's world, metres where the rig is metric; ``conf``: their confidence in [0, 1], 0 where
    fewer than two views agree; ``joint_views``: how many views agree on each; ``views``: how many saw the person; ``t``:
    the moment in seconds, as it was given.
    """

    xyz: Float[np.ndarray, "joint 3"]
    conf: Float[np.ndarray, " joint"]
    joint_views: Int[np.ndarray, " joint"]
    views: int
    t: float


class RigStream:
    """One image of each camera in, the pose of one person out; ``skeleton`` names the joints.

    The person is followed over the moments, see `LiveSubject`. Not for use from several threads at once.
    """

    def __init__(
        self,
        rig: Rig,
        detector: str | Detector = "auto",
        detector_option: Sequence[str] = (),
        skeleton: Skeleton | None = H36M17,
    ) -> None:
        """``detector`` and its options as for `epipose.detect`, or a detector; ``skeleton``: None keeps its joints.

        Raises InputError for a rig of one camera, and for a detector that is not there.
        """
        if len(rig.names) < 2:
            raise InputError(f"The rig has {len(rig.names)} camera; two or more are needed to triangulate.")
        if isinstance(detector, str):
            threads = max(1, usable_cores() // len(rig.names))  # of each view: the views are parallel
            detector = detector_named(detector, detector_option, {"threads": str(threads)})
        self.rig = replace(rig, lag=torch.zeros_like(rig.lag))  # whoever reads the clocks has counted them
        self._detectors = _one_each(detector, rig.names)
        self._found = detector.skeleton
        self.skeleton = skeleton or detector.skeleton
        self._pool = ThreadPoolExecutor(min(len(self._detectors), usable_cores()), "live detection")
        self._sizes: list[tuple[int, int]] = [(int(width), int(height)) for width, height in rig.camera.size.tolist()]
        self.reset()

    def reset(self) -> None:
        """Forget everyone: the next images belong to another recording."""
        for detector in self._detectors:
            detector.reset()
        self._subject = LiveSubject()

    def close(self) -> None:
        """End the threads that detect; the stream cannot be called afterwards."""
        self._pool.shutdown()

    def __call__(self, images: Sequence[Image | None], t: float) -> WorldPose | None:
        """The pose at ``t`` seconds from one RGB image of each camera, in the rig's order; None stands for no image.

        None where fewer than two cameras see the person, or nothing of them agrees. Raises InputError for images of
        another shape than the rig's.
        """
        self._fit_sizes(images)
        people = list(self._pool.map(_people_in, self._detectors, images))
        chosen = self._subject.choose(people, self.rig, self._found, t)
        views = sum(one is not None for one in chosen)
        if views < 2:
            return None
        points = self._triangulated(chosen)
        xyz, conf = points.xyz[0], points.confidence[0]
        if not bool((conf > 0).any()):
            return None
        self._subject.remember(xyz, conf, t)
        return self._mapped(points, views, t)

    def _triangulated(self, chosen: Sequence[Detection | None]) -> Gated:
        """The person's joints, a batch of one moment, after sides that one view swapped have been put right."""
        observed = observe(detected([chosen], self.rig, self._found), self.rig, velocity=False)
        camera = self.rig.camera.to(torch.float64)
        _, points = gated_joints(observed, camera.R, camera.t, self._found.flip, GATE, math.radians(MIN_PARALLAX_DEG))
        known = (points.confidence > 0)[..., None]
        return points._replace(xyz=torch.where(known, points.xyz, torch.zeros_like(points.xyz)))

    def _mapped(self, points: Gated, views: int, t: float) -> WorldPose:
        """The pose in the stream's joints; a mean of joints has as many views as the part with the fewest."""
        native = Poses3D(points.xyz[:, None], points.confidence[:, None], self._found)
        poses = native.mapped_to(self.skeleton)
        count = (points.inlier.sum(-1) * (points.confidence > 0))[0]
        weights = self._found.mapping_to(self.skeleton)
        parts = torch.where(weights > 0, count.double(), torch.inf).amin(-1)
        agreeing = torch.where(poses.conf[0, 0] > 0, parts, torch.zeros_like(parts)).long()
        return WorldPose(poses.xyz[0, 0].numpy(), poses.conf[0, 0].numpy(), agreeing.numpy(), views, t)

    def _fit_sizes(self, images: Sequence[Image | None]) -> None:
        """Give the cameras the sizes of their images; InputError where an image is no resized one of the rig's."""
        for view, image in enumerate(images):
            if image is not None and (size := (image.shape[1], image.shape[0])) != self._sizes[view]:
                cameras = [self.rig.camera[index] for index in range(len(self.rig.names))]
                cameras[view] = _resized(cameras[view], size, self.rig.names[view])
                self.rig = replace(self.rig, camera=stack_cameras(cameras))
                self._sizes[view] = size


def _people_in(detector: Detector, image: Image | None) -> list[Detection]:
    return [] if image is None else [person for person in detector(image) if person.conf.any()]


def _one_each(detector: Detector, views: Sequence[str]) -> list[Detector]:
    """A detector for each view; InputError for one of which there cannot be several."""
    if not isinstance(detector, ParallelDetector):
        raise InputError(
            f"Detector {type(detector).__name__} cannot follow people in {len(views)} views at once. Take blazepose, "
            "or give it a method another() (docs/detectors.md)."
        )
    return [detector, *(detector.another() for _ in views[1:])]


def _resized(camera: Camera, size: tuple[int, int], name: str) -> Camera:
    width, height = camera.size.tolist()
    if abs(width * size[1] / (height * size[0]) - 1) > _SAME_SHAPE:
        raise InputError(
            f"Camera '{name}' of the rig has images of {width} x {height}, its source sends {size[0]} x {size[1]}, "
            "which is another shape. Let it send what it was calibrated with."
        )
    return camera.resized(*size)
