"""Lens distortion in camera files: the entries "distortion" and "model" of a camera."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.errors import DamagedFileError
from epipose.lens.distortion import COUNTS, expected, padded, without_zero_tail

_BROWN_CONRADY, _FISHEYE = "brown-conrady", "fisheye"  # the first is also what a camera without "model" has


def lens_entry(distortion: Float[Tensor, "8"], is_fisheye: bool) -> dict[str, list[float] | str]:
    """The entries of one camera; eight numbers are written only where the last three are not all 0."""
    if is_fisheye:
        return {"model": _FISHEYE, "distortion": distortion[:4].tolist()}
    return {"distortion": distortion[: 8 if bool(distortion[5:].any()) else 5].tolist()}


def read_lens(where: str, entry: Mapping[str, object]) -> tuple[Float[Tensor, "8"], bool]:
    """Coefficients of a camera's entries (zeros where there are none), and whether it is a fisheye.

    ``where`` names file and camera in the DamagedFileError that another model or count raises.
    """
    model, given = entry.get("model", _BROWN_CONRADY), entry.get("distortion", [0.0] * 4)
    if model not in (_BROWN_CONRADY, _FISHEYE):
        raise DamagedFileError(
            f"{where}, 'model' is {model!r}. Expected \"{_BROWN_CONRADY}\" (as without 'model') or \"{_FISHEYE}\"; other "
            "lenses are not supported: undistort the video first."
        )
    return coefficients(f"{where}, 'distortion'", given, model == _FISHEYE), model == _FISHEYE


def coefficients(where: str, given: object, is_fisheye: bool) -> Float[Tensor, "8"]:
    """Distortion of one camera as eight numbers, from 4, 5, 8, 12 or 14 of OpenCV's, or the 4 of a fisheye.

    Zeros beyond the supported terms are left out; raises DamagedFileError that begins with ``where`` for another count,
    and for thin-prism or tilt terms.
    """
    value = numbers(where, given, (len(given) if isinstance(given, list) else 5,))
    if is_fisheye and len(value) > 4 and not bool(value[4:].any()):
        value = value[:4]
    value = without_zero_tail(value)
    if len(value) not in ((4,) if is_fisheye else COUNTS):
        words = "A fisheye has k1, k2, k3, k4." if is_fisheye else expected(len(value))
        raise DamagedFileError(f"{where} has {len(value)} numbers. {words}")
    return padded(value)


def entry_numbers(where: str, entry: Mapping[str, object], key: str, shape: tuple[int, ...]) -> Float[Tensor, "..."]:
    """`numbers` under a key of a camera's entries; DamagedFileError that begins with ``where`` also where it is missing."""
    if key not in entry:
        raise DamagedFileError(f"{where} has no '{key}' (expected numbers of shape {shape}).")
    return numbers(f"{where}, '{key}'", entry[key], shape)


def numbers(where: str, given: object, shape: tuple[int, ...]) -> Float[Tensor, "..."]:
    """Numbers of a file as a tensor of this shape; raises DamagedFileError for what is none, or not finite."""
    try:
        value = torch.tensor(given, dtype=torch.float64)
    except Exception as error:  # torch raises half a dozen types, by what it is given
        raise DamagedFileError(f"{where} must be numbers of shape {shape}: {error}.") from error
    if value.shape != shape or not bool(value.isfinite().all()):
        raise DamagedFileError(f"{where} must be finite of shape {shape}, got {value.tolist()}.")
    return value
