"""Bare arrays of poses: npy and npz files of other programs, which state neither joints nor unit.

What such a file does not say is asked for (``--skeleton``, ``--unit``), never guessed; a number that is NaN or infinite
marks a missing joint.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from zipfile import is_zipfile

import numpy as np
import torch
from jaxtyping import Shaped

from epipose.errors import InputError
from epipose.evaluation.options import LengthUnit
from epipose.io.guard import reading
from epipose.io.npz import npy_array, npz_arrays
from epipose.poses import Poses3D
from epipose.skeleton import Skeleton
from epipose.skeletons import SKELETONS, skeleton_named

_METRES: dict[LengthUnit, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001, "none": 1.0}
_EXPECTED = "plain numbers (npy or npz): epipose's poses, or an array (frame, joint, 3) of numpy.save or numpy.savez"
_REMEDY = "A list, dict or other Python object has to be made such an array first."
_OURS = {"xyz", "skeleton"}  # keys by which epipose's files are known
UNSTATED = "unstated"  # the axes of a bare array, taken for those that it is compared in


class BareArrays(NamedTuple):
    """What bare arrays do not state themselves: the name of their skeleton, and the unit of their lengths."""

    skeleton: str | None = None
    unit: LengthUnit = "m"


def poses_in(path: Path, bare: BareArrays) -> Poses3D:
    """Poses of an npz of epipose, or of a bare array: npy, or npz with one array of poses (and confidences, ``conf``).

    Its shape is (frame, joint, 3), (frame, joint * 3) or (frame, person, joint, 3); ``space`` is then `UNSTATED`.
    Raises InputError where the skeleton is not named, or has another number of joints; DamagedFileError for a file that
    is neither npy nor npz, or holds Python objects.
    """
    arrays = _arrays_in(path)
    if arrays.keys() >= _OURS:
        return Poses3D.load(path)
    if bare.skeleton is None:
        raise InputError(
            f"{path} does not say which joints it holds, and in which order: give --skeleton NAME, one of "
            f"{', '.join(SKELETONS)}, and --unit mm unless its lengths are metres."
        )
    skeleton = skeleton_named(bare.skeleton)
    xyz = _METRES[bare.unit] * _xyz(path, arrays, skeleton)
    conf = _conf(path, arrays, xyz)
    conf = np.where(np.isfinite(xyz).all(-1), conf, 0)
    xyz = np.where(conf[..., None] > 0, xyz, 0)
    points, confidence = torch.from_numpy(xyz).float(), torch.from_numpy(conf).float()
    return Poses3D(points, confidence, skeleton, UNSTATED, metric=bare.unit != "none")


def _arrays_in(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an npz, by name; that of an npy, under the name "array"."""
    with reading(path, _EXPECTED, _REMEDY):
        return npz_arrays(path) if is_zipfile(path) else {"array": npy_array(path)}


def _xyz(path: Path, arrays: dict[str, np.ndarray], skeleton: Skeleton) -> Shaped[np.ndarray, "frame person joint 3"]:
    """The one array that has the shape of poses of this skeleton; "xyz" where there are several."""
    joints = len(skeleton.joints)
    found = {name: array for name, array in arrays.items() if _is_numbers(array) and _fits(array.shape, joints)}
    if len(found) > 1 and "xyz" in found:
        found = {"xyz": found["xyz"]}
    if len(found) != 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
        which = "several arrays that could be the poses; keep one, or call it xyz" if found else "no poses"
        others = [
            other.name
            for other in SKELETONS.values()
            if any(_fits(a.shape, len(other.joints)) for a in arrays.values())
        ]
        hint = f" That fits {', '.join(others)}." if others and not found else ""
        raise InputError(
            f"{path} holds {which}: {shapes}. Expected (frames, {joints}, 3) for {skeleton.name}, or (frames, persons, "
            f"{joints}, 3), or (frames, {3 * joints}).{hint}"
        )
    (array,) = found.values()
    array = array.astype(np.float64)
    return array if array.ndim == 4 else array.reshape(len(array), 1, joints, 3)


def _conf(path: Path, arrays: dict[str, np.ndarray], xyz: np.ndarray) -> np.ndarray:
    """Confidences beside the poses where there are any, else 1."""
    if "conf" not in arrays:
        return np.ones(xyz.shape[:-1])
    conf = arrays["conf"].reshape(-1)
    if conf.size != xyz[..., 0].size or not _is_numbers(conf) or not bool(((conf >= 0) & (conf <= 1)).all()):
        raise InputError(
            f"{path}: conf has shape {arrays['conf'].shape}; expected {xyz.shape[:-1]}, numbers from 0 (missing) to 1."
        )
    return conf.reshape(xyz.shape[:-1]).astype(np.float64)


def _is_numbers(array: np.ndarray) -> bool:
    return array.dtype.kind in "fiu"


def _fits(shape: tuple[int, ...], joints: int) -> bool:
    """Whether this is a shape of poses of so many joints."""
    return shape[1:] in ((joints, 3), (3 * joints,)) or (len(shape) == 4 and shape[2:] == (joints, 3))
