"""A pose as a network reads it from a crop: (u, v, d) with its expected error, and a detector's answer beside it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

_NEAR = 1 / 16  # crop widths: the error that confidence is about
_LEAST = 1e-3  # of a confidence: 0 would mean that there is no joint at all


class OwnAnswer(NamedTuple):
    """What the landmark network below a head answers itself, in the head's joints and in crop widths.

    ``keypoints`` (u, v) with confidence ``conf`` in [0, 1]; ``depth`` relative to the root, away from the camera.
    """

    keypoints: Float[Tensor, "image joint 2"]
    conf: Float[Tensor, "image joint"]
    depth: Float[Tensor, "image joint"]


class PoseReading(NamedTuple):
    """Joints (u, v, d) in crop widths and the expected absolute error along each axis, one row per crop."""

    uvd: Float[Tensor, "image joint 3"]
    scale: Float[Tensor, "image joint 3"]
    own: OwnAnswer | None = None

    @property
    def conf(self) -> Float[Tensor, "image joint"]:
        """Probability that a joint is within 1/16 crop width, along the axis where it is least certain."""
        return confidence(self.scale)

    def cpu(self) -> PoseReading:
        """The reading in main memory."""
        own = None if self.own is None else OwnAnswer(*(field.cpu() for field in self.own))
        return PoseReading(self.uvd.cpu(), self.scale.cpu(), own)

    def at(self, rows: Tensor | slice) -> PoseReading:
        """Some of the crops."""
        own = None if self.own is None else OwnAnswer(*(field[rows] for field in self.own))
        return PoseReading(self.uvd[rows], self.scale[rows], own)


def confidence(scale: Float[Tensor, "*batch 3"]) -> Float[Tensor, " *batch"]:
    """Probability of an error below 1/16 crop width under Laplace distributions of these scales; the least of three."""
    return (1 - torch.exp(-_NEAR / scale)).amin(-1).clamp(_LEAST, 1.0)


def scale_of(conf: Float[Tensor, " *batch"]) -> Float[Tensor, "*batch 3"]:
    """The scale whose `confidence` is that, alike along the three axes."""
    scale = -_NEAR / torch.log1p(-conf.clamp(_LEAST, 0.999))
    return scale[..., None].expand(*scale.shape, 3)


def cat_readings(parts: list[PoseReading]) -> PoseReading:
    """The readings of several batches of crops as one; all with an own answer, or none."""
    uvd, scale = torch.cat([part.uvd for part in parts]), torch.cat([part.scale for part in parts])
    owns = [part.own for part in parts if part.own is not None]
    own = OwnAnswer(*(torch.cat(field) for field in zip(*owns, strict=True))) if owns else None
    return PoseReading(uvd, scale, own)
