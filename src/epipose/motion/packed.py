"""Packed motions (``*.motion.npz``): the joints of a motion in a fiftieth of the space of motion capture.

Whole numbers, each array as differences from frame to frame, which are small and compress well (LZMA inside the npz,
which numpy reads by itself): the pelvis, the other joints and toes relative to it in units of 0.25 mm, and the two
directions of the face in units of 1/10000. No error adds up over time, for the numbers are rounded before they are
subtracted. A position is at most 0.25 mm from what it was.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int16, Int32

from epipose.errors import DamagedFileError, InputError
from epipose.io.files import AnyPath, read_npz, replacing
from epipose.io.guard import reads
from epipose.motion.motion import Motion, at_frames, sound
from epipose.motion.rotations import unit
from epipose.skeletons import H36M17

SUFFIX = ".motion.npz"
_METRES_PER_UNIT = 0.25e-3
_FACE_UNIT = 1e-4
_MADE_BY = "epipose.motion.packed.write_packed"


def write_packed(motion: Motion, path: AnyPath, fps: float | None = None) -> None:
    """Write a motion, at ``fps`` frames a second if it has more; raises InputError unless it can be packed.

    Joints that lie more than 8 m from the pelvis, or are not finite, cannot, nor can a name that is not ``SUFFIX``'s.
    """
    path = Path(path)
    if not path.name.endswith(SUFFIX) or (fps is not None and not fps > 0):
        raise InputError(f"Got {path.name} at {fps} frames/s; expected a name ending in {SUFFIX} and more than 0.")
    step = 1.0 if fps is None else max(motion.fps / fps, 1.0)
    motion = at_frames(motion, np.arange(0, len(motion.xyz) - 1 + 1e-9, step))._replace(fps=motion.fps / step)
    root = motion.xyz[:, H36M17.root]
    arrays = {"fps": np.array(motion.fps), "root": _coded(root, _METRES_PER_UNIT, motion, np.int32)}
    middle = root[:, None]
    others = np.delete(motion.xyz, H36M17.root, axis=1)
    arrays["joints"] = _coded(others - middle, _METRES_PER_UNIT, motion)
    if motion.toes is not None:
        arrays["toes"] = _coded(motion.toes - middle, _METRES_PER_UNIT, motion)
    if motion.face is not None:
        arrays["face"] = _coded(motion.face, _FACE_UNIT, motion)
    if motion.seat is not None:
        arrays["seat"] = np.array(motion.seat)
    with replacing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_LZMA)


@reads("a packed motion (npz)", f"Make it with {_MADE_BY}.")
def read_packed(path: AnyPath) -> Motion:
    """One motion; raises DamagedFileError for a file that is broken or is another npz."""
    path = Path(path)
    arrays = read_npz(path, ("fps", "root", "joints"), _MADE_BY, optional=("toes", "face", "seat"))
    frames, joints = len(arrays["root"]), len(H36M17.joints)
    expected = {"root": (frames, 3), "joints": (frames, joints - 1, 3), "toes": (frames, 2, 3), "face": (frames, 2, 3)}
    wrong = [name for name, shape in expected.items() if name in arrays and arrays[name].shape != shape]
    if wrong or not frames or arrays["fps"].shape or not arrays["fps"] > 0:
        shapes = {name: array.shape for name, array in arrays.items()}
        raise DamagedFileError(f"{path} holds {shapes}; expected {expected} and one fps. Make it with {_MADE_BY}.")
    root = _decoded(arrays["root"]) * _METRES_PER_UNIT
    others = _decoded(arrays["joints"]) * _METRES_PER_UNIT + root[:, None]
    toes = _decoded(arrays["toes"]) * _METRES_PER_UNIT + root[:, None] if "toes" in arrays else None
    face = unit(_decoded(arrays["face"]) * _FACE_UNIT) if "face" in arrays else None
    xyz = np.insert(others, H36M17.root, root, axis=1)
    seat = float(arrays["seat"]) if "seat" in arrays else None
    return sound(Motion(path.name.removesuffix(SUFFIX), xyz, float(arrays["fps"]), toes, face, seat), path)


def _coded(
    values: Float64[np.ndarray, "*batch 3"], step: float, motion: Motion, kind: type = np.int16
) -> Int16[np.ndarray, "*batch 3"] | Int32[np.ndarray, "*batch 3"]:
    """Whole numbers of ``step``: the first frame's, then differences."""
    if not np.isfinite(values).all() or np.abs(values).max() / step > np.iinfo(kind).max:
        raise InputError(
            f"{motion.name} cannot be packed: its numbers have to be finite and under {np.iinfo(kind).max * step:g}, "
            f"the largest is {np.abs(values).max():g}. Leave this motion out."
        )
    whole = np.rint(values / step).astype(np.int64)
    return np.diff(whole, axis=0, prepend=0).astype(kind)  # wraps around where it must; adding up wraps back


def _decoded(coded: np.ndarray) -> Float64[np.ndarray, "*batch 3"]:
    return np.cumsum(coded, axis=0, dtype=coded.dtype).astype(float)
