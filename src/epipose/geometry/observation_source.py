"""Observations of the frames that are asked for, so that memory does not grow with the length of the clip.

An hour of keypoints as rays, with weights, expected errors and velocities in float64, takes gigabytes, and calibration
looks at a few hundred frames of it. A frame's observations hang on its neighbours, by the lag and the velocity, and on
the person's usual size over the whole clip. So the usual size is measured once, and rays are made of the frames that
are asked for and their neighbours: what comes out is what `observe` gives of all frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from epipose.camera import Rig
from epipose.geometry.observations import (
    MIN_CONFIDENCE,
    VELOCITY_HALF_WINDOW,
    Observations,
    check_same_views,
    delayed,
    observe,
    same_rays,
)
from epipose.geometry.person_size import diagonals, usual_size
from epipose.poses import Poses2D

_BLOCK_KEYPOINTS = 100_000  # of all views, at a time, where all frames are looked at


class Seen(NamedTuple):
    """What is seen of a person in the whole clip: keypoints per view, and frames that two views or more show."""

    keypoints: Int[Tensor, " view"]
    frames: Bool[Tensor, " frame"]

    def indices(self) -> Int[Tensor, " seen"]:
        """The frames in which two views or more see four joints or more."""
        return self.frames.nonzero()[:, 0]

    def busiest(self, count: int) -> Int[Tensor, " chosen"]:
        """The ``count`` successive frames (fewer where there are no more) that show the person most."""
        total = len(self.frames)
        if total <= count:
            return torch.arange(total)
        before = torch.nn.functional.pad(self.frames.long().cumsum(0), (1, 0))
        return int((before[count:] - before[:-count]).argmax()) + torch.arange(count)


@dataclass(frozen=True)
class ObservationSource:
    """One person's keypoints and the cameras that see them, of which `at` makes observations.

    ``usual``: the person's usual size in every view, in pixels (`epipose.geometry.person_size`).
    """

    poses: Poses2D
    rig: Rig
    usual: Float[Tensor, "view 1"]
    person: int = 0

    @staticmethod
    def of(poses: Poses2D, rig: Rig, person: int = 0) -> ObservationSource:
        """The source of a person; person 0 is the subject. Raises InputError where poses and rig have other views."""
        check_same_views(poses, rig)
        sizes = []
        for view in range(len(poses.views)):  # a view at a time, for the same reason
            xy, conf = poses.xy[[view], :, person].double(), poses.conf[[view], :, person].double()
            weight = torch.where(conf >= MIN_CONFIDENCE, conf, torch.zeros_like(conf))
            sizes.append(usual_size(diagonals(*delayed(xy, weight, rig.lag[[view]]))))
        return ObservationSource(poses, rig, torch.cat(sizes), person)

    def through(self, rig: Rig) -> ObservationSource:
        """The same person as other cameras see it."""
        if torch.equal(rig.lag.double(), self.rig.lag.double()):
            return replace(self, rig=rig)
        return ObservationSource.of(self.poses, rig, self.person)

    @property
    def frames(self) -> int:
        """Number of frames of the clip."""
        return self.poses.xy.shape[1]

    def at(self, frames: Int[Tensor, " frame"], velocity: bool = True) -> Observations:
        """Observations of some frames, in ascending order: what `observe` gives of all. Without velocities it is faster."""
        reach = velocity * VELOCITY_HALF_WINDOW + math.ceil(float(self.rig.lag.abs().max()))
        at_once = max(1, _BLOCK_KEYPOINTS // (self.poses.conf[:, 0, 0].numel() * (2 * reach + 1)))
        return joined([self._near(part, reach, velocity) for part in frames.split(at_once)])

    def _near(self, frames: Tensor, reach: int, velocity: bool) -> Observations:
        """Observations of a few frames, made of those ``reach`` frames before and after them, too."""
        near = torch.zeros(self.frames, dtype=torch.bool)
        steps = torch.arange(-reach, reach + 1)
        near[(frames[:, None] + steps).clamp(0, self.frames - 1).flatten()] = True
        near = near.nonzero()[:, 0]
        one = slice(self.person, self.person + 1)
        xy, conf = self.poses.xy[:, near][:, :, one], self.poses.conf[:, near][:, :, one]
        part = Poses2D(xy, conf, self.poses.skeleton, self.poses.views)
        found = observe(part, self.rig, usual=self.usual, velocity=velocity)
        return found.frames(torch.searchsorted(near, frames))

    def blocks(self, frames: int | None = None) -> Iterator[Observations]:
        """Observations of all frames without velocities, so many at a time or somewhat more; some megabytes without."""
        frames = frames or max(1, _BLOCK_KEYPOINTS // self.poses.conf[:, 0, 0].numel())
        for block in torch.arange(self.frames).tensor_split(max(1, self.frames // frames)):
            yield self.at(block, velocity=False)

    def seen(self) -> Seen:
        """What is seen of the person."""
        keypoints, frames = torch.zeros(len(self.poses.views), dtype=torch.long), list[Tensor]()
        for observed in self.blocks():
            there = observed.weight > 0
            keypoints += there.flatten(1).sum(1)
            frames.append((there.sum(0) >= 2).sum(-1) >= 4)
        return Seen(keypoints, torch.cat(frames))

    def everything(self) -> Observations:
        """Observations of all frames at once, without velocities: memory grows with the clip."""
        return joined(list(self.blocks()))


def joined(parts: Sequence[Observations]) -> Observations:
    """The observations of successive frames as one."""
    if len(parts) == 1:
        return parts[0]
    x, weight, noise = (torch.cat([getattr(part, field) for part in parts], 1) for field in ("x", "weight", "noise"))
    velocities = [part.velocity for part in parts if part.velocity is not None]
    return Observations(x, weight, noise, torch.cat(velocities, 1) if velocities else None)


@dataclass(frozen=True)
class SampledObservations:
    """A source, and its observations of some frames, which are made once as long as the rays are the same."""

    source: ObservationSource
    index: Int[Tensor, " chosen"]
    observed: Observations

    @staticmethod
    def of(source: ObservationSource, index: Int[Tensor, " chosen"]) -> SampledObservations:
        """The observations of some frames, in ascending order."""
        return SampledObservations(source, index, source.at(index))

    def at(self, frames: Int[Tensor, " frame"], rig: Rig) -> Observations:
        """Observations of some of these frames, or of others, as a rig sees them."""
        source = self.source.through(rig)
        if same_rays(rig, self.source.rig):
            place = torch.searchsorted(self.index, frames).clamp(max=len(self.index) - 1)
            if torch.equal(self.index[place], frames):
                return self.observed.frames(place)
        return source.at(frames)
