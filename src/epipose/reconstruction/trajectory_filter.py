"""Zero-phase filters of joint trajectories: Butterworth, Savitzky-Golay, Gaussian, median.

Every joint of every person is filtered for itself, over each run of frames in which it is labelled and never across a
gap or a jump of the whole body. All see frames before and after, so nothing is delayed. At the ends of a run a path goes
on as its own point reflection, which keeps place and velocity there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import atan, isfinite, pi, tan

import numpy as np
import torch
from jaxtyping import Float

from epipose.errors import InputError, optional
from epipose.poses import Poses3D
from epipose.reconstruction.paths import jumps

Path3D = Float[np.ndarray, "frame column"]

# By name: the parameters with their defaults, of which the last ones may be left out.
_DEFAULTS: dict[str, dict[str, float]] = {
    "butterworth": {"cutoff in Hz": 6.0, "order": 4.0},
    "savgol": {"window in frames": 9.0, "degree": 3.0},
    "gaussian": {"sigma in frames": 1.5},
    "median": {"window in frames": 5.0},
}
_PASSES = 2  # forwards and backwards


@dataclass(frozen=True)
class TrajectoryFilter:
    """A filter by name and the values of its parameters: see `parse_filter`."""

    name: str
    values: tuple[float, ...]


def parse_filter(text: str) -> TrajectoryFilter:
    """A filter from its name and parameters, colons between them.

    butterworth:CUTOFF_HZ[:ORDER] (even: half of it forwards, half backwards), savgol:WINDOW:DEGREE, gaussian:SIGMA,
    median:WINDOW; windows are odd numbers of frames, sigma is in frames. What is left out has a default:
    butterworth:6:4, savgol:9:3, gaussian:1.5, median:5. Raises InputError for anything else.
    """
    name, *given = text.strip().lower().split(":")
    if name not in _DEFAULTS:
        raise InputError(f"Unknown filter '{text}'; there are {', '.join(map(_usage, _DEFAULTS))}.")
    defaults = _DEFAULTS[name]
    try:
        values = tuple(float(value) for value in given)
    except ValueError as error:
        raise InputError(f"The filter '{text}' is not {_usage(name)} with numbers.") from error
    if len(values) > len(defaults):
        raise InputError(f"The filter '{text}' has {len(values)} parameters; expected {_usage(name)}.")
    values += tuple(defaults.values())[len(values) :]
    if fault := _fault(name, values):
        raise InputError(f"The filter '{text}': {fault}.")
    return TrajectoryFilter(name, values)


def filtered(poses: Poses3D, by: TrajectoryFilter, fps: float) -> Poses3D:
    """The poses with every joint's path filtered; confidences stay, and so does a joint that is labelled in one frame.

    A run that is shorter than the filter's window is filtered with the largest window that it holds. Raises InputError
    for a cutoff that is not below half the frame rate, MissingExtraError without SciPy (extra ``export``).
    """
    run = _filter(by, fps)
    xyz = poses.xyz.double().clone()
    for person in range(xyz.shape[1]):
        known = poses.conf[:, person] > 0
        for begin, end in pairwise([0, *jumps(xyz[:, person], known), len(xyz)]):
            columns = xyz[begin:end, person].flatten(1).numpy().copy()
            for first, last, of_run in _runs(known[begin:end].numpy()):
                chosen = np.repeat(of_run, 3)
                columns[first:last, chosen] = run(columns[first:last, chosen])
            xyz[begin:end, person] = torch.from_numpy(columns).reshape(end - begin, -1, 3)
    return replace(poses, xyz=xyz.to(poses.xyz.dtype))


def _runs(labelled: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """(first frame, end, columns that are labelled in just this run of frames) of all runs of two frames or more."""
    edges = np.diff(np.pad(labelled.astype(np.int8), ((1, 1), (0, 0))), axis=0)
    column, first = np.nonzero(edges.T == 1)
    spans = np.stack([first, np.nonzero(edges.T == -1)[1]], 1)
    distinct, which = np.unique(spans, axis=0, return_inverse=True)
    columns = np.zeros((len(distinct), labelled.shape[1]), bool)
    columns[which.ravel(), column] = True
    return [(int(a), int(b), own) for (a, b), own in zip(distinct, columns, strict=True) if b - a > 1]


def _filter(by: TrajectoryFilter, fps: float) -> Callable[[Path3D], Path3D]:
    """The function that filters paths of one run."""
    signal = optional("scipy.signal", "export")
    if by.name == "butterworth":
        return _butterworth(by.values[0], by.values[1], fps)
    if by.name == "savgol":
        window, degree = map(int, by.values)

        def smooth(path: Path3D) -> Path3D:
            fits = min(window, (len(path) - 1) // 2 * 2 + 1)
            return path if fits <= degree else signal.savgol_filter(path, fits, degree, axis=0)

        return smooth
    images = optional("scipy.ndimage", "export")
    if by.name == "gaussian":
        sigma = by.values[0]
        reach = int(4 * sigma + 0.5)
        return lambda path: _between_reflections(path, reach, lambda x: images.gaussian_filter1d(x, sigma, axis=0))
    window = int(by.values[0])
    return lambda path: _between_reflections(path, window // 2, lambda x: images.median_filter(x, (window, 1)))


def _butterworth(cutoff: float, order: float, fps: float) -> Callable[[Path3D], Path3D]:
    """Half the order forwards, half backwards.

    Two passes halve the power at the cutoff twice. So each is designed for a higher one (Winter, Biomechanics and Motor
    Control of Human Movement, 2009, 3.4.4.2, here exactly, in the bilinear transform's warped frequency): both
    together halve it once, -3 dB at the cutoff that was asked for.
    """
    if cutoff >= fps / 2:
        raise InputError(
            f"A cutoff of {cutoff:g} Hz is not below half the frame rate, {fps / 2:g} Hz. Ask for a lower one."
        )
    signal = optional("scipy.signal", "export")
    each = int(order) // _PASSES
    correction = (2 ** (1 / _PASSES) - 1) ** (1 / (2 * each))
    design = fps / pi * atan(tan(pi * cutoff / fps) / correction)
    sections = signal.butter(each, design, fs=fps, output="sos")
    reach = int(np.ceil(2 * fps / cutoff * each))
    return lambda path: signal.sosfiltfilt(sections, path, axis=0, padlen=min(reach, len(path) - 1))


def _between_reflections(path: Path3D, reach: int, run: Callable[[Path3D], Path3D]) -> Path3D:
    """A filter applied to paths that go on, by so many frames at most, as point reflections about their ends."""
    reach = min(reach, len(path) - 1)
    before = 2 * path[:1] - path[reach:0:-1]
    after = 2 * path[-1:] - path[-2 : -reach - 2 : -1]
    return run(np.concatenate([before, path, after]))[reach : reach + len(path)]


def _usage(name: str) -> str:
    return ":".join((name, *(key.upper().replace(" IN ", "_").replace("_FRAMES", "") for key in _DEFAULTS[name])))


def _fault(name: str, values: tuple[float, ...]) -> str:
    """What is wrong with the values; empty where nothing is."""
    first, rest = values[0], values[1:]
    if not (isfinite(first) and first > 0):
        return f"its {next(iter(_DEFAULTS[name]))} is {first:g}; expected a number above 0"
    if name == "butterworth" and (rest[0] not in range(2, 17, 2)):
        return f"its order is {rest[0]:g}; expected 2, 4, ... 16, half of it forwards and half backwards"
    if name in ("savgol", "median") and (first < 3 or first % 2 != 1):
        return f"its window is {first:g} frames; expected an odd number from 3 on"
    if name == "savgol" and rest[0] not in range(int(first)):
        return f"its degree is {rest[0]:g}; expected a whole number below the window of {first:g}"
    return ""
