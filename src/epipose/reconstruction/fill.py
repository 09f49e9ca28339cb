"""Filling of short gaps in joint trajectories.

A gap is closed by the cubic that meets the path at both ends with its velocity there. The velocities are those of lines
through the few labelled frames next to the gap: two frames alone would carry the noise of single labels far into it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from epipose.errors import InputError
from epipose.poses import Poses3D
from epipose.reconstruction.paths import jumps

FILLED_CONFIDENCE = 0.01  # of a joint that was interpolated: no label, but not missing either
_SLOPE_FRAMES = 4  # labels before the last one, and after the next, that tell the velocity

_Numbers = Int[np.ndarray, " n"]
_Places = Float[np.ndarray, "n 3"]


def fill_gaps(poses: Poses3D, longest: int) -> tuple[Poses3D, int]:
    """The poses with gaps of at most ``longest`` frames filled, and how many joint positions that were.

    A gap lies between two labelled frames of a joint of one person; what comes before the first or after the last one
    stays missing, and so does one at whose end the whole body has jumped (a cut, or another person). A filled joint has
    the confidence `FILLED_CONFIDENCE`. Raises InputError for a negative ``longest``.
    """
    if longest < 0:
        raise InputError(f"Gaps of up to {longest} frames were to be filled; expected 0 or more.")
    columns = poses.conf[0].numel()
    xyz = poses.xyz.double().numpy().reshape(len(poses.xyz), columns, 3).copy()
    labelled = _labelled(xyz, (poses.conf > 0).numpy().reshape(len(xyz), columns))
    step = np.diff(labelled.frame)
    short = (np.diff(labelled.column) == 0) & (step > 1) & (step <= longest + 1)
    gaps = np.flatnonzero(short & ~_across_jumps(labelled, poses))
    if len(gaps) == 0:
        return poses, 0
    gap, behind = _missing(step[gaps] - 1)
    frame, column = labelled.frame[gaps][gap] + behind, labelled.column[gaps][gap]
    xyz[frame, column] = _cubic(labelled, gaps)(gap, behind)
    conf = poses.conf.clone().reshape(len(xyz), columns)
    conf[torch.from_numpy(frame), torch.from_numpy(column)] = FILLED_CONFIDENCE
    filled = torch.from_numpy(xyz).to(poses.xyz.dtype).reshape(poses.xyz.shape)
    return replace(poses, xyz=filled, conf=conf.reshape(poses.conf.shape)), len(frame)


class _Labelled(NamedTuple):
    """All labelled positions, column by column (a joint of a person) and in each by frame."""

    frame: Int[np.ndarray, " label"]
    column: Int[np.ndarray, " label"]
    xyz: Float[np.ndarray, "label 3"]


def _labelled(xyz: Float[np.ndarray, "frame column 3"], there: Bool[np.ndarray, "frame column"]) -> _Labelled:
    column, frame = np.nonzero(there.T)
    return _Labelled(frame, column, xyz[frame, column])


def _across_jumps(labelled: _Labelled, poses: Poses3D) -> Bool[np.ndarray, " next"]:
    """Whether a jump of the person lies between each labelled position and the next."""
    begun = np.zeros(poses.conf.shape[:2], np.int64)  # stretches without a jump that have begun until then
    for person in range(poses.conf.shape[1]):
        begun[jumps(poses.xyz[:, person].double(), poses.conf[:, person] > 0), person] = 1
    stretch = begun.cumsum(0)[labelled.frame, labelled.column // poses.conf.shape[2]]
    return np.asarray(np.diff(stretch) != 0)


def _missing(lengths: Int[np.ndarray, " gap"]) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Of every missing position the number of its gap, and by how many frames it is behind the last label."""
    gap = np.repeat(np.arange(len(lengths)), lengths)
    return gap, 1 + np.arange(len(gap)) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def _cubic(labelled: _Labelled, gaps: Int[np.ndarray, " gap"]) -> Callable[[_Numbers, _Numbers], _Places]:
    """Positions in a gap, so many frames behind the label ``gaps`` before it."""
    length = np.diff(labelled.frame)[gaps].astype(float)
    start, end = labelled.xyz[gaps], labelled.xyz[gaps + 1]
    straight = (end - start) / length[:, None]
    leave, arrive = (length[:, None] * _slope(labelled, at, way, straight) for at, way in ((gaps, -1), (gaps + 1, 1)))

    def at(gap: _Numbers, behind: _Numbers) -> _Places:
        s = (behind / length[gap])[:, None]
        smooth = s * s * (3 - 2 * s)
        ends = (1 - smooth) * start[gap] + smooth * end[gap]
        return ends + s * (1 - s) * ((1 - s) * leave[gap] - s * arrive[gap])

    return at


def _slope(labelled: _Labelled, at: _Numbers, way: int, otherwise: _Places) -> _Places:
    """Velocity per frame of the least-squares line through a label and the next few on one side of it.

    Those beyond another gap count where it is short; a label with none near it has the velocity ``otherwise``.
    """
    chosen = at[:, None] + way * np.arange(_SLOPE_FRAMES + 1)
    there = (chosen >= 0) & (chosen < len(labelled.frame))
    chosen = chosen.clip(0, len(labelled.frame) - 1)
    moment = (labelled.frame[chosen] - labelled.frame[at, None]).astype(float)
    near = (labelled.column[chosen] == labelled.column[at, None]) & (np.abs(moment) <= 2 * _SLOPE_FRAMES)
    weight = (there & near).astype(float)
    moment = moment - ((weight * moment).sum(1) / weight.sum(1))[:, None]
    spread = (weight * moment**2).sum(1)[:, None]
    product = np.einsum("gk,gkc->gc", weight * moment, labelled.xyz[chosen])
    return np.where(spread > 0, product / np.where(spread > 0, spread, 1.0), otherwise)
