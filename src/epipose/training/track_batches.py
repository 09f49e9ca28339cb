"""Batches of tracks for training the temporal refiner: real errors of a single-image method, also on captured motion.

Tracks with a method's answers and the true poses are few; captured motion is plentiful and has no answers, and single
images with answers have no motion. A batch has some of each: tracks as they are; motion seen by virtual cameras, to
which the errors of a whole stretch of some track are added, for those are correlated along limbs and over time as errors
are, and simulated noise is not; and single images as people who stand still. Errors depend on the pose, so of a few
stretches the one is taken whose poses are nearest, and in half of the motions the errors' mean over time is replaced by
that of single images, which are many times more.

All are flipped, rolled about the line of sight, played backwards, at other rates and with gaps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from epipose.network.pose_track import TrackInputs, filled
from epipose.skeleton import Skeleton
from epipose.training.virtual_views import _level_cameras

_CANDIDATES = 12  # stretches of errors, of which the one of the nearest poses is taken
_NEAREST, _FARTHEST = 2.2, 7.0  # metres from a virtual camera to the person
_RATES = ((25.0, 1, 48), (25.0, 2, 24), (25.0, 3, 16), (50.0, 1, 48))  # motion's frames a second, stride, frames
_RATE_SHARES = (0.55, 0.15, 0.05, 0.25)
_GAPS, _NO_KEYPOINTS, _NO_ERROR, _JOINT_MISSED, _EXACT, _MIXED = 0.3, 0.15, 0.25, 0.03, 0.05, 0.4
_LEAST_ERROR = 0.005  # metres
_REAL, _STILL = 0.25, 0.25  # shares of tracks as they are, of single images
_LASTING = 0.9  # of the error of a single image, over time
_ROLL, _SIZE, _PACE = 0.25, 0.04, 0.15  # radians; of the pose and of the rate, relative


class TrackPairs(NamedTuple):
    """Tracks of equal length at 25 frames a second, with the true poses and keypoints in the same units."""

    inputs: TrackInputs
    true: Float[Tensor, "track frame joint 3"]
    true_keypoints: Float[Tensor, "track frame joint 2"]


class Motions(NamedTuple):
    """Captured motion of many people (metres, z up) and each one's frames a second: 25 or 50."""

    xyz: Float[Tensor, "motion frame joint 3"]
    fps: Float[Tensor, " motion"]


def random_tracks(
    pairs: TrackPairs,
    motions: Motions,
    stills: TrackPairs | None,
    batch: int,
    skeleton: Skeleton,
    random: torch.Generator,
    *,
    causal: bool,
) -> tuple[TrackInputs, Float[Tensor, "batch frame joint 3"], Float[Tensor, " batch"]]:
    """A batch at one rate: inputs, gaps filled, true poses, and frames a second."""
    rate, stride, frames = _RATES[int(torch.multinomial(torch.tensor(_RATE_SHARES), 1, generator=random))]
    real = int(_REAL * batch) if rate == 25.0 else 0
    still = 0 if stills is None else int(_STILL * batch)
    parts = [_on_motion(pairs, motions, stills, batch - real - still, (rate, stride, frames), skeleton, random)]
    if real:
        parts.append(_taken(pairs, _random_stretches(pairs, real, stride, frames, random), skeleton))
    if stills is not None:
        parts.append(_standing(pairs, stills, still, stride, frames, skeleton, random))
    one = _joined(parts)
    inputs, true = _varied(one, random)
    fps = rate / stride * (1 + _PACE * (2 * torch.rand(batch, generator=random) - 1))
    fps[0] = rate / stride  # the step in time follows from the first
    return filled(_with_gaps(inputs, random), causal=causal), true, fps


def _joined(parts: Sequence[TrackPairs]) -> TrackPairs:
    inputs = TrackInputs(*(torch.cat(field) for field in zip(*(part.inputs for part in parts), strict=True)))
    return TrackPairs(
        inputs, torch.cat([part.true for part in parts]), torch.cat([part.true_keypoints for part in parts])
    )


class _Stretches(NamedTuple):
    """Frames of tracks, some of them to be flipped."""

    track: Int64[Tensor, " stretch"]
    moment: Int64[Tensor, "stretch frame"]
    flip: Bool[Tensor, " stretch"]


def _random_stretches(pairs: TrackPairs, count: int, stride: int, frames: int, random: torch.Generator) -> _Stretches:
    """Of random tracks, half of them backwards, half of them flipped."""
    tracks, length = pairs.true.shape[:2]
    row = torch.randint(tracks, (count,), generator=random)
    spare = length - stride * (frames - 1)
    moment = torch.randint(spare, (count, 1), generator=random) + stride * torch.arange(frames)
    back = torch.rand(count, 1, generator=random) < 0.5
    return _Stretches(row, torch.where(back, moment.flip(1), moment), torch.rand(count, generator=random) < 0.5)


def _taken(pairs: TrackPairs, stretches: _Stretches, skeleton: Skeleton) -> TrackPairs:
    index = stretches.track[:, None], stretches.moment
    inputs = TrackInputs(*(field[index] for field in pairs.inputs))
    true = TrackInputs(pairs.true[index], pairs.true_keypoints[index], *inputs[2:])  # they are flipped alike
    chosen = [
        [torch.where(stretches.flip.view(-1, *[1] * (a.ndim - 1)), b, a) for a, b in zip(one, other, strict=True)]
        for one, other in ((inputs, inputs.flipped(skeleton)), (true, true.flipped(skeleton)))
    ]
    return TrackPairs(TrackInputs(*chosen[0]), chosen[1][0], chosen[1][1])


def _on_motion(
    pairs: TrackPairs,
    motions: Motions,
    stills: TrackPairs | None,
    count: int,
    pace: tuple[float, int, int],
    skeleton: Skeleton,
    random: torch.Generator,
) -> TrackPairs:
    """Captured motion seen by virtual cameras, with the errors of the tracks whose poses are nearest of a few.

    In some batches they are the errors of two tracks, in random proportion and of the same size in all.
    """
    rate, stride, frames = pace
    true, seen = _viewed(motions, count, pace, skeleton, random)
    size = skeleton.bone_lengths(pairs.true[0, 0]).sum() / skeleton.bone_lengths(true[:, 0]).sum(-1)
    true, seen = true * size[:, None, None, None], seen * size[:, None, None, None]
    slow = rate > 25.0 and bool(torch.rand((), generator=random) < 0.5)  # errors that change as slowly as the motion
    length = frames // 2 + 1 if slow else frames
    mixed = bool(torch.rand((), generator=random) < _MIXED)
    angle = 0.5 * math.pi * torch.rand(count, 1, 1, 1, generator=random) * mixed
    scale = 0.5 + 0.6 * torch.rand(count, 1, 1, 1, generator=random)
    scale = scale * (torch.rand(count, 1, 1, 1, generator=random) >= _EXACT)
    xyz, keypoints, error, conf = true, seen, torch.zeros(count, frames, true.shape[2]), None
    for share in (scale * angle.cos(), scale * angle.sin())[: 1 + mixed]:
        found = _nearest(pairs, true, length, stride, skeleton, random)
        fields = (*found.inputs[:4], found.true, found.true_keypoints)
        read, places, sure, judged, own, own_places = (_twice(f)[:, :frames] if slow else f for f in fields)
        off, off_places = read - own, places - own_places
        if stills is not None:
            off, off_places = _from_stills(off, off_places, stills, true, skeleton, random)
        xyz, keypoints = xyz + share * off, keypoints + share * off_places
        error = torch.hypot(error, share[..., 0] * judged)
        conf = sure if conf is None else torch.where(angle[..., 0] > 0.25 * math.pi, sure, conf)
    assert conf is not None
    known = error / error.amax((1, 2), keepdim=True).clamp(min=1e-9) > 0
    error = torch.where(known, error.clamp(min=_LEAST_ERROR), torch.zeros_like(error))
    return TrackPairs(TrackInputs(xyz, keypoints, conf, error, torch.ones(count, frames)), true, seen)


def _from_stills(
    off: Float[Tensor, "batch frame joint 3"],
    places: Float[Tensor, "batch frame joint 2"],
    stills: TrackPairs,
    true: Float[Tensor, "batch frame joint 3"],
    skeleton: Skeleton,
    random: torch.Generator,
) -> tuple[Float[Tensor, "batch frame joint 3"], Float[Tensor, "batch frame joint 2"]]:
    """Errors of half of the tracks, and of their keypoints, with another mean: from one single image's to another's.

    The two images' poses are the nearest of a few to those of the first and the last frame.
    """
    count, frames = off.shape[:2]
    ends = [_nearest(stills, true[:, [at] * 3], 1, 1, skeleton, random) for at in (0, frames - 1)]
    late = torch.linspace(0, 1, frames)[:, None, None]
    chosen = torch.rand(count, 1, 1, 1, generator=random) < 0.5
    found = []
    for own, (first, last) in zip(
        (off, places),
        (
            [end.inputs.xyz - end.true for end in ends],
            [end.inputs.keypoints - end.true_keypoints for end in ends],
        ),
        strict=True,
    ):
        other = own - own.mean(1, keepdim=True) + _LASTING * ((1 - late) * first + late * last)
        found.append(torch.where(chosen, other, own))
    return found[0], found[1]


def _standing(
    pairs: TrackPairs,
    stills: TrackPairs,
    count: int,
    stride: int,
    frames: int,
    skeleton: Skeleton,
    random: torch.Generator,
) -> TrackPairs:
    """Single images as people who stand still, whose errors vary about their mean as those of some track do."""
    still = _taken(stills, _random_stretches(stills, count, 1, 1, random), skeleton)
    moved = _taken(pairs, _random_stretches(pairs, count, stride, frames, random), skeleton)
    off, places = moved.inputs.xyz - moved.true, moved.inputs.keypoints - moved.true_keypoints
    size = torch.rand(count, 1, 1, 1, generator=random)
    conf, error = (field.expand(-1, frames, -1) for field in still.inputs[2:4])
    inputs = TrackInputs(
        still.inputs.xyz + size * (off - off.mean(1, keepdim=True)),
        still.inputs.keypoints + size * (places - places.mean(1, keepdim=True)),
        conf,
        error,
        torch.ones(count, frames),
    )
    shape = (-1, frames, -1, -1)
    return TrackPairs(inputs, still.true.expand(shape), still.true_keypoints.expand(shape))


def _nearest(
    pairs: TrackPairs,
    true: Float[Tensor, "batch frame joint 3"],
    length: int,
    stride: int,
    skeleton: Skeleton,
    random: torch.Generator,
) -> TrackPairs:
    """For each pose the nearest of a few random stretches, by its first, middle and last frame."""
    count, frames = true.shape[:2]
    drawn = _random_stretches(pairs, count * _CANDIDATES, stride, length, random)
    theirs = pairs.true[drawn.track[:, None], drawn.moment[:, [0, length // 2, length - 1]]]
    other = theirs[..., list(skeleton.flip), :] * torch.tensor([-1.0, 1.0, 1.0])
    theirs = torch.where(drawn.flip[:, None, None, None], other, theirs).unflatten(0, (count, _CANDIDATES))
    apart = (theirs - true[:, None, [0, frames // 2, frames - 1]]).square().sum((2, 3, 4))
    best = apart.argmin(1) + _CANDIDATES * torch.arange(count)
    return _taken(pairs, _Stretches(*(field[best] for field in drawn)), skeleton)


def _viewed(
    motions: Motions, count: int, pace: tuple[float, int, int], skeleton: Skeleton, random: torch.Generator
) -> tuple[Float[Tensor, "batch frame joint 3"], Float[Tensor, "batch frame joint 2"]]:
    """Root-relative poses in the axes of random cameras, and their keypoints in metres at the root's distance."""
    rate, stride, frames = pace
    rows = (motions.fps == rate).nonzero()[:, 0]
    row = rows[torch.randint(len(rows), (count,), generator=random)]
    spare = motions.xyz.shape[1] - stride * (frames - 1)
    moment = torch.randint(spare, (count, 1), generator=random) + stride * torch.arange(frames)
    xyz = motions.xyz[row[:, None], moment]
    xyz = xyz - xyz[..., skeleton.root, None, :]
    true = torch.einsum("bij,bfkj->bfki", _level_cameras(count, random), xyz)
    away = _NEAREST + (_FARTHEST - _NEAREST) * torch.rand(count, 1, 1, 1, generator=random)
    return true, true[..., :2] * away / (away + true[..., 2:]).clamp(min=0.3)


def _twice(values: Float[Tensor, "batch frame *rest"]) -> Float[Tensor, "batch frames *rest"]:
    """Twice as many frames, those between two being their mean."""
    middle = (values[:, 1:] + values[:, :-1]) / 2
    return torch.stack([values[:, :-1], middle], 2).flatten(1, 2)


def _varied(pairs: TrackPairs, random: torch.Generator) -> tuple[TrackInputs, Float[Tensor, "batch frame joint 3"]]:
    """All tracks rolled about the line of sight and made a little larger or smaller."""
    inputs, batch = pairs.inputs, len(pairs.true)
    angle = _ROLL * torch.randn(batch, generator=random)
    size = torch.exp(_SIZE * torch.randn(batch, generator=random))
    c, s, zero = size * angle.cos(), size * angle.sin(), torch.zeros(batch)
    R = torch.stack(
        [torch.stack([c, -s, zero], -1), torch.stack([s, c, zero], -1), torch.stack([zero, zero, size], -1)], 1
    )
    inputs = inputs._replace(
        xyz=inputs.xyz @ R.mT[:, None],
        keypoints=inputs.keypoints @ R[:, :2, :2].mT[:, None],
        error=inputs.error * size[:, None, None],
    )
    return inputs, pairs.true @ R.mT[:, None]


def _with_gaps(inputs: TrackInputs, random: torch.Generator) -> TrackInputs:
    """Some tracks without keypoints, without errors, with joints missed, or with the person out of sight for a while."""
    batch, frames, joints = inputs.conf.shape

    def chance(share: float, *shape: int) -> Tensor:
        return torch.rand(batch, *shape, generator=random) < share

    conf = inputs.conf * ~chance(_NO_KEYPOINTS, 1, 1) * ~chance(_JOINT_MISSED, frames, joints)
    error = inputs.error * ~chance(_NO_ERROR, 1, 1)
    begin = torch.randint(1, frames, (batch, 1), generator=random)
    length = torch.randint(1, max(2, frames // 6), (batch, 1), generator=random)
    number = torch.arange(frames)
    out = (number >= begin) & (number < begin + length) & chance(_GAPS, 1)
    out |= chance(0.05, frames) & chance(_GAPS, 1) & (number > 0)
    return inputs._replace(conf=conf, error=error, seen=inputs.seen * ~out)
