"""Live refinement of poses over time: one frame in, one pose out, by a causal temporal refiner.

Every layer keeps as many of its last inputs as it reads back, so a frame costs what one frame costs, however long the
network's reach. What comes out is what the refiner gives for the whole track at once.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.errors import InputError
from epipose.network.pose_track import TrackInputs
from epipose.network.temporal import TemporalRefiner, calmed, features_of, step_of

_T = TypeVar("_T")


class RefinerStream:
    """State of one person's live track; a new person, or one who was away for long, needs `reset`."""

    def __init__(self, refiner: TemporalRefiner, fps: float) -> None:
        """``fps``: of the frames to come. Raises InputError for a refiner that is not causal, and without a rate."""
        if not refiner.causal or not fps > 0:
            kind = "causal" if refiner.causal else "centred"
            raise InputError(f"Got a {kind} refiner and {fps} frames/s; live use needs a causal one and a rate over 0.")
        self._refiner, self._fps, self._step = refiner.eval(), float(fps), step_of(fps)
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._inputs: deque[TrackInputs] = deque(maxlen=self._step)
        self._hidden: list[deque[Tensor]] = [
            deque(maxlen=2 * dilation * self._step + 1) for dilation in self._refiner.dilations
        ]
        self._poses: deque[Tensor] = deque(maxlen=max(self._refiner.taps) * self._step + 1)

    def push(
        self,
        xyz: Float[Tensor, "joint 3"] | None,
        keypoints: Float[Tensor, "joint 2"] | None = None,
        conf: Float[Tensor, " joint"] | None = None,
        error: Float[Tensor, " joint"] | None = None,
    ) -> Float[Tensor, "joint 3"] | None:
        """The refined pose of the next frame; fields as in `TrackInputs`, None for what is not known.

        A frame in which the person was not found has ``xyz`` None and gets a pose from the ones before; None as long as
        there is none.
        """
        refiner = self._refiner
        if xyz is None:
            if not self._inputs:
                return None
            last = self._inputs[-1]
            zero = torch.zeros_like(last.conf)
            inputs = last._replace(conf=zero, error=zero, seen=torch.zeros_like(last.seen))
        else:
            inputs = _one_frame(xyz, keypoints, conf, error)
            both = zip(inputs, inputs.flipped(refiner.skeleton), strict=True)
            inputs = TrackInputs(*(torch.cat(pair) for pair in both))
        with torch.inference_mode():
            poses, flipped = self._refined(inputs)
        flipped = flipped[list(refiner.skeleton.flip)] * flipped.new_tensor([-1.0, 1.0, 1.0])
        return (poses + flipped) / 2

    def _refined(self, inputs: TrackInputs) -> Float[Tensor, "2 joint 3"]:
        """The last frame's pose and the flipped one's."""
        refiner, step = self._refiner, self._step
        recent = zip(*_held(self._inputs, inputs), strict=True)
        calm = TrackInputs(*(field[:, -1:] for field in calmed(TrackInputs(*(torch.cat(f, 1) for f in recent)), step)))
        hidden = refiner.enter(features_of(calm, torch.full((2,), self._fps / step)))
        for block, dilation, held in zip(refiner.blocks, refiner.dilations, self._hidden, strict=True):
            hidden = block(hidden, partial(_taps, held, dilation * step))
        past = _held(self._poses, calm.xyz)
        near = torch.stack([past[len(past) - 1 + offset * step] for offset in refiner.offsets], -1)
        return refiner.answered(hidden, near)[:, 0]


def _one_frame(xyz: Tensor, keypoints: Tensor | None, conf: Tensor | None, error: Tensor | None) -> TrackInputs:
    """Inputs of one track and one frame."""
    none = torch.zeros_like(xyz[..., 0])
    known = none if keypoints is None or conf is None else conf
    fields = xyz, xyz[..., :2] if keypoints is None else keypoints, known, none if error is None else error
    xyz, keypoints, known, error = (field[None, None] for field in fields)
    return TrackInputs(xyz, keypoints, known, error, torch.ones(1, 1).to(xyz))


def _taps(past: deque[Tensor], reach: int, newest: Tensor) -> list[Tensor]:
    """The newest value and those ``reach`` and twice as many frames before, in order."""
    values = _held(past, newest)
    return [values[0], values[reach], values[-1]]


def _held(past: deque[_T], newest: _T) -> list[_T]:
    """The last values with the newest; before the first there was the first."""
    past.append(newest)
    while len(past) < (past.maxlen or 1):
        past.appendleft(past[0])
    return list(past)
