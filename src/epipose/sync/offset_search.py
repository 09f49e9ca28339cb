"""Exhaustive search for time offsets: support of every offset for the people of any two views, and their combination.

Two cues are added up. WHEN each joint moves fast is the same from every side (see `epipose.people.subject`): it tells
who may be the same person. And at the right offset, and only there, one fundamental matrix explains all frames of the
two views (`epipose.geometry.time_offset`). The offsets and persons of all views together are those with the most
support from all pairs of views: the offsets of the pairs must add up, and one wrong pair is outvoted.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.detection.joint_speeds import log_joint_speeds
from epipose.detection.tracklets import Tracklet
from epipose.geometry.time_offset import epipolar_scan

POSES_PER_SECOND = 2.0  # independent poses per second, for the freedom of F
NEIGHBOURHOOD_SECONDS = 1.5  # within which an offset must fit better than the others
MIN_OVERLAP_SECONDS = 1.0  # of two views
MAX_PERSON_PAIRS = 4  # that are tried for every two views
MAX_SEEDS = 40  # offsets of single pairs from which the common offsets are grown
SPEED_WEIGHT = 1.0  # of the correlation of speeds, beside the log ratio of epipolar residuals

# (view a, tracklet a, view b, tracklet b) -> support for every offset; view a < view b
Tables = dict[tuple[int, int, int, int], np.ndarray]


def offset_support(people: Sequence[Sequence[Tracklet]], rate: float, most: int) -> Tables:
    """Support for every offset (start of b minus start of a) of the likeliest pairs of people of every two views."""
    tables: Tables = {}
    for a, b in itertools.combinations(range(len(people)), 2):
        speeds = {
            (i, j): _speed_agreement(people[a][i], people[b][j], rate, most)
            for i, j in itertools.product(range(len(people[a])), range(len(people[b])))
        }
        likeliest = sorted(speeds, key=lambda pair: -speeds[pair].max())[:MAX_PERSON_PAIRS]
        for i, j in likeliest:
            fit = _epipolar_agreement(people[a][i], people[b][j], rate, most)
            tables[a, i, b, j] = np.where(fit > 0, fit + SPEED_WEIGHT * speeds[i, j].clip(0), 0)
    return tables


def _speed_agreement(a: Tracklet, b: Tracklet, rate: float, most: int) -> Float[np.ndarray, " offset"]:
    """Correlation of the joints' speeds at every offset, less where they overlap for a short time only."""
    (speed_a, weight_a), (speed_b, weight_b) = log_joint_speeds(a, rate), log_joint_speeds(b, rate)
    length = 1 << max(len(speed_a) + len(speed_b), 2 * most).bit_length()

    def spectra(speed: np.ndarray, weight: np.ndarray) -> np.ndarray:
        away = speed - (weight * speed).sum(0) / np.maximum(weight.sum(0), 1e-9)
        return np.fft.rfft(np.stack([weight * away, weight * away**2, weight]), length, axis=1)

    first, second = spectra(speed_a, weight_a), spectra(speed_b, weight_b).conj()
    sums = np.fft.irfft((first[[0, 1, 2, 2]] * second[[0, 2, 1, 2]]).sum(-1), length, axis=1)
    product, square_a, square_b, weight = np.concatenate([sums[:, length - most :], sums[:, : most + 1]], axis=1)
    least = 1e-6 * max(float(weight.max()), 1e-9)
    correlation = product / np.sqrt(np.maximum(square_a, least) * np.maximum(square_b, least))
    share = weight.clip(0) / max(float(weight.max()), 1e-9)
    return correlation * np.sqrt(share)


def _epipolar_agreement(a: Tracklet, b: Tracklet, rate: float, most: int) -> Float[np.ndarray, " offset"]:
    """Log ratio of the residual at other offsets (nearby, and all) to its own; 0 where the overlap is short."""
    residual, frames = (
        part.numpy() for part in epipolar_scan(*tensors(a), *tensors(b), most, poses_per_frame=POSES_PER_SECOND / rate)
    )
    valid = frames >= MIN_OVERLAP_SECONDS * rate
    if not valid.any():
        return np.zeros(2 * most + 1)
    known = np.where(valid, residual, np.nan)
    reach = max(1, round(NEIGHBOURHOOD_SECONDS * rate))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(known, reach, constant_values=np.nan), 2 * reach + 1)
    usual = np.full(len(known), float(np.nanmedian(known)))
    usual[valid] = np.minimum(usual[valid], np.nanmedian(windows[valid], axis=1))
    return np.where(valid, np.log(usual / np.where(valid, residual, 1)), 0).clip(0)


def tensors(track: Tracklet) -> tuple[Float[Tensor, "frame joint 2"], Float[Tensor, "frame joint"]]:
    """A tracklet's pixels and confidences."""
    return torch.from_numpy(track.xy), torch.from_numpy(track.conf)


def best_offsets(tables: Tables, counts: Sequence[int], most: int) -> tuple[np.ndarray, np.ndarray]:
    """One person and one start per view with the largest summed support, grown from the peaks of single pairs."""
    peaks = [
        (float(table[offset]), key, int(offset) - most)
        for key, table in tables.items()
        for offset in np.argsort(-table)[: 12 * MAX_PERSON_PAIRS : 4]
    ]
    best_sum, best = -1.0, (np.zeros(len(counts), int), np.zeros(len(counts), int))
    for _, (a, i, b, j), offset in sorted(peaks, reverse=True, key=lambda peak: peak[0])[:MAX_SEEDS]:
        placed = {a: (i, 0), b: (j, offset)}
        while len(placed) < len(counts):
            view, person, start, _ = max(
                (
                    _best_placement(tables, placed, view, counts[view], most)
                    for view in range(len(counts))
                    if view not in placed
                ),
                key=lambda found: found[3],
            )
            placed[view] = (person, start)
        for _ in range(4):
            before = dict(placed)
            for view in range(len(counts)):
                others = {key: value for key, value in placed.items() if key != view}
                placed[view] = _best_placement(tables, others, view, counts[view], most)[1:3]
            if placed == before:
                break
        chosen, starts = (np.array(values) for values in zip(*(placed[v] for v in range(len(counts))), strict=True))
        total = float(_pair_support(tables, chosen, starts).sum())
        if total > best_sum + 1e-9:
            best_sum, best = total, (chosen, starts - starts.min())
    return best


def _best_placement(
    tables: Tables, placed: dict[int, tuple[int, int]], view: int, people: int, most: int
) -> tuple[int, int, int, float]:
    """The person and start of a view that the views placed already support most: (view, person, start, support).

    Without any support it starts in the middle of the others.
    """
    low = min(start for _, start in placed.values()) - most
    high = max(start for _, start in placed.values()) + most
    best = (view, 0, sorted(start for _, start in placed.values())[len(placed) // 2], 0.0)
    for person in range(max(1, people)):
        support = np.zeros(high - low + 1)
        for other, (its_person, start) in placed.items():
            table = _pair_table(tables, other, its_person, view, person)
            if table is not None:
                support[start - most - low : start + most + 1 - low] += table
        peak = int(support.argmax())
        if support[peak] > best[3]:
            best = (view, person, peak + low, float(support[peak]))
    return best


def _pair_table(tables: Tables, a: int, i: int, b: int, j: int) -> np.ndarray | None:
    if a < b:
        return tables.get((a, i, b, j))
    table = tables.get((b, j, a, i))
    return None if table is None else table[::-1]


def _pair_support(tables: Tables, chosen: np.ndarray, starts: np.ndarray) -> Float[np.ndarray, "view view"]:
    support = np.zeros((len(starts), len(starts)))
    for a, b in itertools.permutations(range(len(starts)), 2):
        table = _pair_table(tables, a, int(chosen[a]), b, int(chosen[b]))
        offset = int(starts[b] - starts[a])
        if table is not None and abs(offset) <= len(table) // 2:
            support[a, b] = table[offset + len(table) // 2]
    return support


def view_support(tables: Tables, chosen: np.ndarray, starts: np.ndarray) -> Float[np.ndarray, " view"]:
    """Mean support of each view by the others, for the persons and starts (in steps of the tables) given."""
    return _pair_support(tables, chosen, starts).sum(1) / max(1, len(starts) - 1)
