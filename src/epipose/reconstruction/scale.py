"""Metric scale: metres from one length that the user knows.

Cameras estimated from images are right up to one common factor. The person's height, the length of a bone or the
distance between two cameras fixes it; with several of them the factor is their weighted mean, and contradictions
between them are reported. Each has an error, for a scale is no better than the length it rests on: people's proportions
differ, and what a detector calls a hip is not where a tape measure would be put.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import CalibrationError, InputError, NoPersonError
from epipose.reconstruction.anatomy import part_length
from epipose.reconstruction.world_frame import measured_stature
from epipose.skeleton import Skeleton

_JOINT_SIGMA = 0.015  # metres: where a detector puts the ends of a bone, against where they were measured
_TAPE_SIGMA = 0.02  # metres: a distance between cameras, measured by hand

# Names for the bones of both sides; any two joints can be given as JOINT-JOINT too.
_BONES = {
    "thigh": ("hip", "knee"),
    "shank": ("knee", "ankle"),
    "upper_arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
}
_WIDTHS = {"shoulders": "shoulder", "hips": "hip"}


@dataclass(frozen=True)
class Scale:
    """``factor`` times a length of the world is metres; ``sigma``: its relative standard deviation.

    ``words``: one sentence for each length that was given; ``warnings``: contradictions between them.
    """

    factor: float
    sigma: float
    words: tuple[str, ...]
    warnings: tuple[str, ...]


class _Measurement(NamedTuple):
    what: str
    metres: float
    length: float  # in units of the world
    sigma: float  # relative


def metric_scale(
    xyz: Float[Tensor, "frame joint 3"],
    conf: Float[Tensor, "frame joint"],
    skeleton: Skeleton,
    rig: Rig,
    *,
    height: float | None = None,
    bones: Sequence[tuple[str, float]] = (),
    camera_distances: Sequence[tuple[str, str, float]] = (),
) -> Scale | None:
    """The factor from this world to metres; None where no length is given.

    ``height``: the person's, standing, in metres; ``bones``: (name or JOINT-JOINT, metres); ``camera_distances``:
    (camera, camera, metres). Raises InputError for unknown names and implausible lengths, NoPersonError for joints
    never seen, CalibrationError for cameras at one place.
    """
    measured = []
    if height is not None:
        measured.append(_height(xyz, conf, skeleton, height))
    measured += [_bone(xyz, conf, skeleton, name, metres) for name, metres in bones]
    measured += [_camera_distance(rig, *given) for given in camera_distances]
    if not measured:
        return None
    factor = torch.tensor([m.metres / m.length for m in measured], dtype=torch.float64).log()
    weight = torch.tensor([m.sigma**-2 for m in measured], dtype=torch.float64)
    mean = float((weight * factor).sum() / weight.sum())
    words = tuple(f"By {m.what} (to within {m.sigma:.1%}) the scale is {m.metres / m.length:.4g}." for m in measured)
    warnings = tuple(
        f"{m.what[0].upper()}{m.what[1:]} makes the world {math.exp(float(f) - mean):.2f} times as large as all given "
        "lengths together do. One of them is wrong, or a joint is not where it was measured."
        for m, f in zip(measured, factor, strict=True)
        if abs(float(f) - mean) > 3 * m.sigma
    )
    spread = float((weight * (factor - mean).square()).sum()) / max(1, len(measured) - 1)
    return Scale(math.exp(mean), math.sqrt(max(1.0, spread) / float(weight.sum())), words, warnings)


def check_height(metres: float) -> None:
    """Raise InputError for an implausible standing height."""
    _check_range("--height", metres, 0.5, 2.5)


def parse_bone(text: str) -> tuple[str, float]:
    """``NAME=METRES`` as written on the command line; the name is checked against a skeleton by `metric_scale`."""
    name, metres = _split("--bone", text, "thigh=0.42 or left_knee-left_ankle=0.42")
    _check_range(f"--bone {name}", metres, 0.02, 1.5)
    return name, metres


def parse_camera_distance(text: str, names: Sequence[str]) -> tuple[str, str, float]:
    """``CAMERA-CAMERA=METRES``; names of cameras may contain hyphens themselves. Raises InputError."""
    pair, metres = _split("--camera-distance", text, f"{names[0]}-{names[-1]}=3.5")
    found = [(a, b) for a in names for b in names if a != b and f"{a}-{b}" == pair]
    if len(found) != 1:
        raise InputError(
            f"--camera-distance {text}: '{pair}' is no pair of cameras. Write CAMERA-CAMERA=METRES with two of "
            f"{', '.join(names)}."
        )
    _check_range(f"--camera-distance {pair}", metres, 0.05, 200.0)
    return *found[0], metres


def check_bones(bones: Sequence[str], skeleton: Skeleton | None = None) -> list[tuple[str, float]]:
    """Bones as written on the command line, with their lengths; their names checked against a skeleton, if there is one.

    Raises InputError.
    """
    known = [parse_bone(text) for text in bones]
    for name, _ in known:
        if skeleton is not None:
            _joint_pairs(name, skeleton)
    return known


def _split(option: str, text: str, example: str) -> tuple[str, float]:
    name, equals, number = text.rpartition("=")
    try:
        metres = float(number)
    except ValueError:
        metres = math.nan
    if not equals or not name.strip() or not math.isfinite(metres):
        raise InputError(f"{option} {text}: expected a name, '=' and a length in metres, such as {example}.")
    return name.strip(), metres


def _check_range(option: str, metres: float, least: float, most: float) -> None:
    if not least <= metres <= most:
        raise InputError(
            f"{option} is {metres:g} m; expected metres between {least:g} and {most:g}."
            + (f" Were centimetres meant? Then write {metres / 100:g}." if least <= metres / 100 <= most else "")
        )


def _height(xyz: Tensor, conf: Tensor, skeleton: Skeleton, metres: float) -> _Measurement:
    """The standing height, from the parts of the body that are seen."""
    check_height(metres)
    found = measured_stature(xyz, conf, skeleton)
    if found is None:
        raise NoPersonError(
            "--height: no limb of the subject is ever seen by two views at once, so the height cannot be measured. Give "
            "--camera-distance instead."
        )
    by = "" if "shanks" in found.parts else f", measured by {' and '.join(found.parts)} alone"
    return _Measurement(f"the person's height of {metres:g} m{by}", metres, found.value, found.sigma)


def _bone(xyz: Tensor, conf: Tensor, skeleton: Skeleton, name: str, metres: float) -> _Measurement:
    """The bone's median length; of both sides where the name means both."""
    _check_range(f"--bone {name}", metres, 0.02, 1.5)
    lengths = [part_length(xyz, conf, skeleton, [a], [b]) for a, b in _joint_pairs(name, skeleton)]
    lengths = [length for length in lengths if length.frames and length.value > 0]
    if not lengths:
        raise NoPersonError(f"--bone {name}: its joints were never seen by two views at once. Give another length.")
    mean = sum(length.value for length in lengths) / len(lengths)
    spread = max(length.spread for length in lengths) / math.sqrt(min(length.frames for length in lengths))
    return _Measurement(f"the bone {name} of {metres:g} m", metres, mean, math.hypot(_JOINT_SIGMA / metres, spread))


def _joint_pairs(name: str, skeleton: Skeleton) -> list[tuple[str, str]]:
    if name in _BONES:
        start, end = _BONES[name]
        return [(f"{side}_{start}", f"{side}_{end}") for side in ("left", "right")]
    if name in _WIDTHS:
        return [(f"left_{_WIDTHS[name]}", f"right_{_WIDTHS[name]}")]
    start, _, end = name.partition("-")
    if start == end or not {start, end} <= set(skeleton.joints):
        raise InputError(
            f"--bone {name}: no such bone. Name one of {', '.join((*_BONES, *_WIDTHS))}, or two joints as JOINT-JOINT "
            f"out of {', '.join(skeleton.joints)}."
        )
    return [(start, end)]


def _camera_distance(rig: Rig, a: str, b: str, metres: float) -> _Measurement:
    pair = rig.select((a, b)).camera.center
    length = float((pair[1] - pair[0]).norm())
    if length < 1e-9:
        raise CalibrationError(
            f"--camera-distance {a}-{b}: both cameras were estimated at one place, so nothing can be measured."
        )
    return _Measurement(
        f"the distance of {metres:g} m from {a} to {b}", metres, length, max(0.005, _TAPE_SIGMA / metres)
    )


def scale_estimator(
    skeleton: Skeleton,
    names: Sequence[str],
    height: float | None,
    bones: Sequence[str],
    camera_distances: Sequence[str],
) -> Callable[[Tensor, Tensor, Rig], Scale | None]:
    """`metric_scale` for lengths as written on the command line, which are checked now. Raises InputError."""
    if height is not None:
        check_height(height)
    known_bones = check_bones(bones, skeleton)
    distances = [parse_camera_distance(text, names) for text in camera_distances]

    def measure(xyz: Tensor, conf: Tensor, rig: Rig) -> Scale | None:
        return metric_scale(xyz, conf, skeleton, rig, height=height, bones=known_bones, camera_distances=distances)

    return measure
