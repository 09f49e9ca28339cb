"""Refinement over time of a live track: the causal refiner, and constant bone lengths, with what is known so far."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from epipose.geometry.constant_bones import RunningBones
from epipose.inference.main_person import PersonKeypoints
from epipose.inference.over_time import USUAL_BONES
from epipose.network.pose_track import keypoints_in_metres
from epipose.network.refiner_stream import RefinerStream
from epipose.network.temporal import TemporalRefiner


class LiveRefinement:
    """State of the one track that is refined; the counterpart of `refined_over_time` for frames that are yet to come."""

    def __init__(self, refiner: TemporalRefiner, fps: float) -> None:
        """``refiner`` is causal; frames come at ``fps`` a second."""
        self._skeleton = refiner.skeleton
        self._stream = RefinerStream(refiner, fps)
        self.reset()

    def reset(self) -> None:
        """Begin a new track."""
        self._stream.reset()
        self._bones = RunningBones(self._skeleton)
        self._missed = 0

    def miss(self, frames: int, limit: int) -> None:
        """So many frames went by without the person; more than ``limit`` in a row end the track."""
        for _ in range(min(frames, limit + 1)):
            self._missed += 1
            if self._missed > limit:
                return self.reset()
            self._stream.push(None)

    def refined(
        self, xyz: Float[Tensor, "joint 3"], uv: Float[Tensor, "joint 2"], person: PersonKeypoints
    ) -> Float[Tensor, "joint 3"]:
        """The pose of the next frame, in the unit of ``xyz``; ``uv`` and ``person`` as in `refined_over_time`."""
        self._missed = 0
        unit = USUAL_BONES / self._skeleton.bone_lengths(xyz).sum().clamp(min=1e-9)
        keypoints = keypoints_in_metres(xyz, uv, person.xy[0], self._skeleton.root)
        pose = self._stream.push(unit * xyz, unit * keypoints, person.conf[0])
        assert pose is not None  # only frames without a pose before the first have none
        return self._bones.push(pose / unit)
