"""Live prediction: images of one camera one by one, each to the 3D pose of one person as soon as it is there.

    stream = epipose.PoseStream()
    for image, t in frames:
        pose = stream(image, t)
        if pose is not None:
            print(pose.t, pose.xyz)

The poses are those that `epipose.predict` gives of the same frames without refinement over time, as long as both follow
the same person: `predict` knows the whole video and takes who is seen longest; the stream takes the largest person and
stays with them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from epipose.camera import Camera, stack_cameras
from epipose.detection.base import Detection
from epipose.errors import InputError
from epipose.inference.followed_person import PATIENCE_S, FollowedPerson
from epipose.inference.intrinsics import camera_of, given_camera
from epipose.inference.lift import LiftedPoses, lift, read_flipped
from epipose.inference.live_refinement import LiveRefinement
from epipose.inference.main_person import PersonKeypoints, person_of
from epipose.inference.options import PredictOptions
from epipose.inference.over_time import temporal_refiner
from epipose.inference.predictor import load_predictor
from epipose.io.files import AnyPath
from epipose.io.options import with_changes
from epipose.network.choices import Runtime
from epipose.network.crops import crop_image
from epipose.skeleton import Skeleton


@dataclass(frozen=True)
class FramePose:
    """The pose of one person in one image.

    ``xyz``: joints relative to the root in the camera's axes (x right, y down, z away from it), metres where the stream
    is ``metric``; ``conf``: their confidence in [0, 1]; ``uv``: the joints in pixels; ``box``: the square that was read
    (centre x, centre y, side in pixels, angle in radians); ``t``: the image's time in seconds, as it was given.
    """

    xyz: Float[np.ndarray, "joint 3"]
    conf: Float[np.ndarray, " joint"]
    uv: Float[np.ndarray, "joint 2"]
    box: Float[np.ndarray, "4"]
    t: float


class PoseStream:
    """Images of one camera in, the pose of one person out; ``skeleton`` names the joints, ``metric`` says their unit.

    One person is followed: the largest confident one, then the same one; who is away for half a second is given up for
    the largest person there is. Not for use from several threads at once; several cameras take a stream each.
    """

    def __init__(
        self,
        model: AnyPath | None = None,
        intrinsics: Camera | AnyPath | None = None,
        *,
        temporal: bool = False,
        fps: float = 30.0,
        runtime: Runtime = "auto",
        detector: str = "auto",
        device: str = "auto",
    ) -> None:
        """``model``: a model folder or an ONNX file, by default the pretrained network.

        ``intrinsics``: a camera, or a file as for `predict`; assumed where not given. ``temporal``: refine over time with
        the model's causal refiner, for frames that come at ``fps`` a second; frames that were dropped show in ``t``.
        The rest: see `PredictOptions`. Raises InputError for a model, detector or device that is not there, and for
        ``temporal`` without a causal refiner.
        """
        options = with_changes(PredictOptions(), {"runtime": runtime, "detector": detector, "device": device})
        if not fps > 0:
            raise InputError(f"Got {fps} frames/s; the rate must be over 0.")
        self._predictor = load_predictor(model, options)
        self._given = given_camera(intrinsics)
        self._interval = 1.0 / fps
        self._over_time = self._refinement(fps) if temporal else None
        self.reset()

    @property
    def skeleton(self) -> Skeleton:
        """The joints of ``xyz``, ``conf`` and ``uv``."""
        return self._predictor.trained.skeleton

    @property
    def metric(self) -> bool:
        """Whether ``xyz`` is in metres."""
        return self._predictor.trained.metric

    def reset(self) -> None:
        """Forget everyone: the next image belongs to another recording."""
        self._predictor.detector.reset()
        self._person = FollowedPerson()
        self._last: float | None = None
        if self._over_time is not None:
            self._over_time.reset()

    def __call__(self, image: UInt8[np.ndarray, "height width 3"], t: float | None = None) -> FramePose | None:
        """The pose in the next RGB image, or None where nobody is seen; ``t``: its time in seconds.

        Without ``t`` images are one frame at ``fps`` apart. Raises InputError for an image that is not RGB bytes, for a
        time before the last one's, and for intrinsics of another size.
        """
        image, t = _checked(image), self._time(t)
        missed = 0 if self._last is None else round((t - self._last) / self._interval) - 1
        self._last = t
        chosen = self._person.choose(self._predictor.detector(image), t)
        if self._over_time is not None and missed > 0:
            self._over_time.miss(missed, limit=round(PATIENCE_S / self._interval))
        if chosen is None:
            if self._over_time is not None:
                self._over_time.miss(1, limit=round(PATIENCE_S / self._interval))
            return None
        person, lifted = self._read(image, chosen)
        xyz = lifted.xyz[0]
        if self._over_time is not None:
            xyz = self._over_time.refined(xyz, lifted.uv[0], person)
        return FramePose(xyz.numpy(), lifted.conf[0].numpy(), lifted.uv[0].numpy(), person.box[0].numpy(), t)

    def _time(self, t: float | None) -> float:
        last = self._last
        if t is None:
            return 0.0 if last is None else last + self._interval
        if not np.isfinite(t) or (last is not None and t < last):
            raise InputError(
                f"Got an image at {t} s after one at {last} s; times are seconds that increase. Call reset() before "
                "another recording."
            )
        return float(t)

    def _read(self, image: np.ndarray, chosen: Detection) -> tuple[PersonKeypoints, LiftedPoses]:
        """The person's keypoints in the network's joints, with the box that was read, and their pose."""
        predictor, trained = self._predictor, self._predictor.trained
        cameras = stack_cameras([camera_of(image.shape[1::-1], self._given)])
        keypoints = torch.from_numpy(chosen.xy[None]).float(), torch.from_numpy(chosen.conf[None]).float()
        person = person_of(*keypoints, predictor.detector.skeleton, trained.skeleton, trained.margin, trained.crop)
        if chosen.reading is not None and chosen.roi is not None:
            person = person._replace(box=torch.from_numpy(chosen.roi.box[None]).float())
            return person, lift(trained, chosen.reading, person.box, cameras)
        crop = torch.from_numpy(crop_image(image, person.box[0].numpy(), trained.input_size))
        reading = read_flipped(trained, crop[None], predictor.device, flip_test=False)
        return person, lift(trained, reading, person.box, cameras, person)

    def _refinement(self, fps: float) -> LiveRefinement:
        refiner = temporal_refiner(self._predictor.folder, self.skeleton, causal=True)
        if refiner is None:
            raise InputError(
                f"{self._predictor.folder} has no causal temporal refiner for the joints {self.skeleton.name}. Leave out "
                "temporal=True, or take the pretrained network."
            )
        return LiveRefinement(refiner, fps)


def _checked(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(
            f"Got an image of shape {image.shape} and type {image.dtype}; expected RGB bytes (height, width, 3). Images "
            "of OpenCV are BGR: image[..., ::-1]."
        )
    return image
