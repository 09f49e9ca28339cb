"""Suspect view: which view contradicts the others, and what would make it agree.

A view that is out of sync, plays at another speed, or is mirrored fits nowhere as it is, and the cameras that were
estimated with it say little about why. So every view is left out in turn. The views without which the rest agree best
are the suspect's others: their points are where the suspect has to see the person. Resected by those points as it is,
read earlier or later, faster or slower, mirrored, stretched, or as two cameras one after the other, it tells by its
inliers which of these it is.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.calibration.evidence import Finding
from epipose.calibration.initial_rig import InitialRig
from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.geometry.observation_source import ObservationSource
from epipose.geometry.observations import Observations
from epipose.geometry.reprojection import reproject
from epipose.geometry.resection import resect_refined
from epipose.geometry.robust import MEDIAN_OF_RAYLEIGH
from epipose.geometry.sampling import evenly, evenly_with_ends
from epipose.geometry.triangulate import triangulate_robust
from epipose.geometry.view_graph import reconstruct, triangulate_views
from epipose.poses import Poses2D

RATES = (0.25, 0.5, 2.0, 4.0)  # frames of the suspect for one of the others
STRETCHES = (3 / 4, 4 / 3)  # of images with non-square pixels
MAX_LAG = 60  # frames, before and after, that are tried
_COARSE_STEP = 4  # frames between the lags that are tried first
_RATE_STEP = 8
_MOMENTS = 60
_MAX_SUSPECTS = 4
FITTING_SHARE = 0.6  # of inliers, from which a view fits as it is
_MAX_POINTS = 300  # of a resection
_GATE_SIGMAS = 6.0  # of the other views' noise, within which a keypoint is an inlier;
_GATE_RANGE = (0.6, 2.0)  # but in expected errors between these
_MIN_POINTS = 30
_MIN_COVERAGE = 0.6  # of the moments that a reading can have at its rate

_CLEAR_SHARE, _MAX_MISFIT_RATIO = 0.7, 0.5  # inliers of a finding, and its share of outliers over that as it is
_SPLITS = (0.3, 0.4, 0.5, 0.6, 0.7)  # shares of the clip after which a camera may have been moved


@dataclass(frozen=True)
class SuspectView:
    """The view that the others agree best without, and shares of its joints that are where the others say.

    ``as_it_is``: resected by the others' points, as it is. ``finding``: the reading of the view that fits clearly better,
    with the share of inliers ``found``. ``lag``: frames by which it is late; ``rate``: its frames for one of the others;
    ``moved_at``: the frame, roughly, from which its camera stood elsewhere.
    """

    name: str
    as_it_is: float
    finding: Finding = "as it is"
    found: float = 0.0
    lag: float = 0.0
    rate: float = 1.0
    moved_at: int = 0


class _Reading(NamedTuple):
    """A view read otherwise: frame = rate * moment + lag."""

    lag: float
    rate: float = 1.0
    mirrored: bool = False
    swapped: bool = False  # left and right
    stretch: float = 1.0  # of the image's width
    moved_after: float = 0.0  # share of the clip


@dataclass(frozen=True)
class _Scene:
    """Points by the other views at some moments, and the suspect's observations of all frames."""

    xyz: Float[Tensor, "moment joint 3"]
    agreed: Float[Tensor, "moment joint"]
    moments: Tensor
    suspect: Observations
    flip: list[int]
    gate: float  # of an inlier, in expected errors
    tried: dict[_Reading, float] = field(default_factory=dict)

    def share(self, reading: _Reading) -> float:
        """Share of the suspect's joints that are where the others say, once its camera is resected."""
        if reading not in self.tried:
            end = reading.moved_after
            if end:
                early = torch.arange(len(self.moments)) < end * len(self.moments)
                share = end * self._share(reading, early) + (1 - end) * self._share(reading, ~early)
            else:
                share = self._share(reading, torch.ones(len(self.moments), dtype=torch.bool))
            self.tried[reading] = share
        return self.tried[reading]

    def _share(self, reading: _Reading, counted: Bool[Tensor, " moment"]) -> float:
        frames = self.suspect.weight.shape[1]
        at = (reading.rate * self.moments + reading.lag).round().long()
        inside = (at >= 0) & (at < frames)
        if float(inside.double().mean()) < _MIN_COVERAGE * min(1.0, 1 / reading.rate):
            return 0.0
        inside &= counted
        seen = self.suspect.frames(at.clamp(0, frames - 1))
        x, weight, noise = seen.x[0], seen.weight[0], seen.noise[0]
        if reading.swapped:
            x, weight, noise = x[:, self.flip], weight[:, self.flip], noise[:, self.flip]
        x = x * x.new_tensor([-reading.stretch if reading.mirrored else reading.stretch, 1.0])
        usable = (weight > 0) & (self.agreed > 0) & inside[:, None]
        if int(usable.sum()) < _MIN_POINTS:
            return 0.0
        points, seen_at, error = self.xyz[usable], x[usable], noise[usable]
        some = evenly_with_ends(len(points), _MAX_POINTS)
        pose = resect_refined(points[some], seen_at[some], self.gate * float(error.median()), _MIN_POINTS / 3)
        if pose is None:
            return 0.0
        u, depth = reproject(*pose, points)
        return float((((u - seen_at).norm(dim=-1) < self.gate * error) & (depth > 0)).double().mean())


def suspect_view(poses: Poses2D, rig: Rig, first: InitialRig) -> SuspectView | None:
    """The view that contradicts the others most and what would make it agree; None with two views.

    ``rig``: gives the intrinsics and lags. ``first``: the initial rig, whose pairs are used again. Three views may agree
    with a wrong one among them where the person moved little: so where the first suspect fits as it is, the others are
    examined, too.
    """
    views = len(rig.names)
    if views < 3:
        return None
    weights = poses.skeleton.evidence_weights
    source = ObservationSource.of(poses, rig)
    on_file = source.through(replace(rig, lag=torch.zeros_like(rig.lag))).everything().weighted(weights)
    frames = source.seen().indices()
    some = frames[evenly(len(frames), _MOMENTS)]
    observed = source.at(some, velocity=False).weighted(weights)
    scenes: list[tuple[float, int, _Scene]] = []
    for view in range(views):
        others = [other for other in range(views) if other != view]
        number = {other: place for place, other in enumerate(others)}
        pairs = {(number[i], number[j]): pair for (i, j), pair in first.pairs.items() if view not in (i, j)}
        seen = observed.views(others)
        with suppress(EpiposeError):  # without it the rest agree on nothing
            rest = reconstruct(seen, pairs)
            gate = _gate(seen, rest.R, rest.t)
            points = triangulate_views(seen, rest.R, rest.t)
            suspect = on_file.views([view])
            scenes.append((rest.cost, view, _Scene(*points, some.double(), suspect, list(poses.skeleton.flip), gate)))
    scenes.sort(key=lambda scene: scene[0])
    found: SuspectView | None = None
    for _, view, scene in scenes[:_MAX_SUSPECTS]:
        examined = _examined(scene, rig.names[view], float(rig.lag[view]))
        if found is None or examined.finding != "as it is":
            found = examined
        if found.finding != "as it is" or found.as_it_is < FITTING_SHARE:
            break
    return found


def _gate(seen: Observations, R: Float[Tensor, "view 3 3"], t: Float[Tensor, "view 3"]) -> float:
    """Errors of an inlier, in expected errors, by how well the other views agree."""
    x, weight, noise = seen.per_point()
    residual = triangulate_robust(R, t, x, weight, noise).residual[weight > 0]
    return min(max(_GATE_SIGMAS * float(residual.median()) / MEDIAN_OF_RAYLEIGH, _GATE_RANGE[0]), _GATE_RANGE[1])


def _examined(scene: _Scene, name: str, known_lag: float) -> SuspectView:
    frames = scene.suspect.weight.shape[1]
    as_it_is = max((_Reading(0.0), _Reading(known_lag)), key=scene.share)
    reach = min(MAX_LAG, frames // 3)
    late = _best(scene, [_Reading(float(lag)) for lag in range(-reach, reach + 1, _COARSE_STEP)], _COARSE_STEP)
    rates = [_best(scene, [_Reading(lag, rate) for lag in _lags_at(rate, frames)], _RATE_STEP) for rate in RATES]
    moved = max((as_it_is._replace(moved_after=share) for share in _SPLITS), key=scene.share)
    readings: list[tuple[Finding, _Reading]] = [
        ("as it is", as_it_is),
        ("lag", late),
        # the detector took left for right in a mirrored image, unless that was put right already
        *(("mirrored", as_it_is._replace(mirrored=True, swapped=swapped)) for swapped in (True, False)),
        ("moved", moved),
        *(("squeezed", as_it_is._replace(stretch=stretch)) for stretch in STRETCHES),
        *(("rate", reading) for reading in rates),
    ]
    finding, best = max(readings, key=lambda each: scene.share(each[1]))
    clear = 1 - scene.share(best) < _MAX_MISFIT_RATIO * (1 - scene.share(as_it_is))
    if scene.share(best) < _CLEAR_SHARE or not clear:
        finding, best = "as it is", as_it_is
    moved_at = int(scene.moments[int(best.moved_after * len(scene.moments))]) if best.moved_after else 0
    return SuspectView(name, scene.share(as_it_is), finding, scene.share(best), best.lag, best.rate, moved_at)


def _lags_at(rate: float, frames: int) -> list[float]:
    """Lags at a rate: about those that let the clip's beginnings, middles or ends coincide."""
    anchors = [(1 - rate) * place for place in (0.0, frames / 2, float(frames))]
    return sorted({round(anchor) + step * float(_RATE_STEP) for anchor in anchors for step in range(-3, 4)})


def _best(scene: _Scene, readings: list[_Reading], step: int) -> _Reading:
    """The best of some readings, then of those between it and its neighbours."""
    best = max(readings, key=scene.share)
    while step > 1:
        step //= 2
        around = [best._replace(lag=best.lag + sign * step) for sign in (-1, 0, 1)]
        best = max(around, key=scene.share)
    return best
