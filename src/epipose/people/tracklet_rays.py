"""Rays of tracklets: every tracklet of every view, observed in the frames that are asked for.

All tracklets of a long clip as rays would take many times the memory of its keypoints, so they are made block by block.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import NoPersonError
from epipose.geometry.observation_source import ObservationSource
from epipose.geometry.observations import Observations
from epipose.poses import Poses2D

_BLOCK_OBSERVATIONS = 20_000  # of tracklets in frames, at a time


@dataclass(frozen=True)
class TrackletRays:
    """Every tracklet of every view: its view, its person, when it is seen, and its rays where they are asked for."""

    view: tuple[int, ...]
    person: tuple[int, ...]
    seen: Bool[Tensor, "tracklet frame"]
    sources: tuple[ObservationSource, ...]  # by person

    def at(self, frames: Int[Tensor, " frame"]) -> Observations:
        """Rays on z = 1 of all tracklets in some frames, in ascending order: `Observations` by tracklet."""
        people = [source.at(frames, velocity=False) for source in self.sources]

        def stacked(field: str) -> Tensor:
            return torch.stack([getattr(people[p], field)[v] for v, p in zip(self.view, self.person, strict=True)])

        return Observations(stacked("x"), stacked("weight"), stacked("noise"))

    def of(self, tracklet: int, frames: Int[Tensor, " frame"]) -> Observations:
        """Rays of one tracklet in some frames, as those of a single view."""
        return self.sources[self.person[tracklet]].at(frames, velocity=False).views([self.view[tracklet]])

    def blocks(self) -> tuple[Int[Tensor, " frame"], ...]:
        """All frames, so many at a time that the rays of all tracklets in them need little memory."""
        frames = self.seen.shape[1]
        return torch.arange(frames).tensor_split(max(1, frames * len(self.view) // _BLOCK_OBSERVATIONS))


def tracklet_rays(poses: Poses2D, rig: Rig) -> TrackletRays:
    """The tracklets that are seen at all, view by view; raises NoPersonError where there are none."""
    sources = tuple(ObservationSource.of(poses, rig, person) for person in range(poses.conf.shape[2]))
    seen = [torch.cat([(block.weight > 0).any(-1) for block in source.blocks()], 1) for source in sources]
    found = [(v, p) for v in range(len(rig.names)) for p, there in enumerate(seen) if bool(there[v].any())]
    if not found:
        raise NoPersonError("Nobody is seen in any view, so no people can be associated. Detect again.")
    whole = torch.stack([seen[p][v] for v, p in found])
    return TrackletRays(tuple(v for v, _ in found), tuple(p for _, p in found), whole, sources)
