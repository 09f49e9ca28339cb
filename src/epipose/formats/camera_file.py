"""Cameras of a file of another program: intrinsics, poses where they are wanted, unit of length, and notes.

Programs differ in what they leave out. Few files say their unit; where one does not, it follows from how far apart the
cameras stand, for people are filmed from a metre to some tens of metres away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Camera, Rig, stack_cameras
from epipose.errors import DamagedFileError, InputError
from epipose.io.guard import checked_name
from epipose.io.images import LARGEST_SIDE
from epipose.lens.file_entry import coefficients, numbers

Unit = Literal["m", "mm", "nominal"]  # nominal: right up to one common factor
UNKNOWN_SIZE = (0, 0)
_METRES_UP_TO, _FROM = 100.0, 0.1  # the largest distance between two cameras that is taken as metres, and the smallest
_MILLIMETRES_UP_TO = 1000 * _METRES_UP_TO
_ROTATION_TOLERANCE = 1e-3  # of R R^T, for files with few digits
_GRID = 33  # points along each side of an image


@dataclass(frozen=True)
class CameraFile:
    """The cameras of a file, in metres where the rig is metric, and ``notes``: sentences on what was assumed.

    ``format``: what the file is, in words. Cameras whose size the file does not say have the size `UNKNOWN_SIZE`.
    """

    rig: Rig
    format: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class World:
    """What a file says of its world: its unit (None: nothing), and whether z points up with the floor at 0."""

    unit: Unit | None = None
    upright: bool = False


def camera_of(
    where: str,
    K: object,
    distortion: object,
    size: Sequence[float] | None,
    pose: tuple[Float[Tensor, "3 3"], Float[Tensor, "3"]] | None,
    *,
    fisheye: bool = False,
) -> Camera:
    """One camera from the numbers of a file, float64; at the origin without a pose, `UNKNOWN_SIZE` without a size.

    ``K`` is 3 x 3 and ``distortion`` a list, in OpenCV's order. Raises DamagedFileError that begins with ``where`` for
    what cannot be a camera, and for terms of a lens that are not supported.
    """
    matrix = numbers(f"{where}, camera matrix", K, (3, 3))
    if matrix[0, 0] <= 0 or matrix[1, 1] <= 0 or matrix[2].tolist() != [0, 0, 1] or matrix[1, 0] != 0:
        raise DamagedFileError(
            f"{where}: the camera matrix must be [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with positive focal lengths in "
            f"pixels, got {matrix.tolist()}."
        )
    R, t = (torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)) if pose is None else pose
    if float((R @ R.mT - torch.eye(3)).abs().max()) > _ROTATION_TOLERANCE or torch.linalg.det(R) < 0:
        raise DamagedFileError(f"{where}: the rotation is no rotation matrix: {R.tolist()}.")
    sides = numbers(f"{where}, image size", list(size or UNKNOWN_SIZE), (2,))
    if bool((sides < 0).any()) or bool((sides > LARGEST_SIDE).any()):
        raise DamagedFileError(f"{where}: the image size is {sides.tolist()}; expected width and height in pixels.")
    shown = sides.round().long()
    return Camera(matrix, coefficients(f"{where}, distortion", distortion, fisheye), R, t, shown, torch.tensor(fisheye))


def file_of(format: str, cameras: Mapping[str, Camera], world: World | None, notes: Sequence[str] = ()) -> CameraFile:
    """The cameras of a file by name; poses are made metres and a note says how, unless ``world`` is None: no poses.

    Raises DamagedFileError where there are no cameras, and for names that cannot be parts of paths.
    """
    if not cameras:
        raise DamagedFileError(f"A file was taken for {format}, and it names no cameras. Write it again.")
    names = tuple(checked_name(name, f"A camera of {format}") for name in cameras)
    rig = Rig(names, stack_cameras(list(cameras.values())))
    if world is None:
        return CameraFile(rig, format, tuple(notes))
    scale, metric, words = _in_metres(rig, world.unit)
    camera = rig.camera.with_pose(rig.camera.R, scale * rig.camera.t)
    return CameraFile(replace(rig, camera=camera, metric=metric, upright=world.upright), format, (*notes, words))


def missing_poses(path: object, names: Sequence[str], advice: str) -> InputError:
    """The error of a file that should say where its cameras stand, and does not."""
    return InputError(
        f"{path} does not say where its cameras stand ({', '.join(names)}: no rotation and translation). {advice} "
        "A file with intrinsics alone is for --intrinsics."
    )


def image_grid(camera: Camera) -> Float[Tensor, "point 2"]:
    """Pixels all over the image of one camera that have a ray: where two lens models are compared, float64."""
    across, down = (torch.linspace(0, side - 1, _GRID, dtype=torch.float64) for side in camera.size.tolist())
    pixels = torch.cartesian_prod(across, down)
    back = camera.from_normalized(camera.to_normalized(pixels))
    return pixels[(back - pixels).norm(dim=-1) < 1e-3]


def _in_metres(rig: Rig, unit: Unit | None) -> tuple[float, bool, str]:
    """What a file's lengths are multiplied by, whether they are metres then, and a sentence that says so."""
    farthest = float(torch.cdist(rig.camera.center, rig.camera.center).max())
    if unit == "nominal":
        return 1.0, False, "The file's lengths are right up to one common factor (the scale is nominal)."
    if unit is not None:
        scale, name = (1.0, "metres") if unit == "m" else (0.001, "millimetres")
        words = f"The file's lengths are {name}: the farthest cameras stand {scale * farthest:.2f} m apart."
        return scale, True, words
    words = "The file does not say its unit; its lengths are taken as {}: the farthest cameras stand {:.2f} m apart."
    if _FROM <= farthest <= _METRES_UP_TO:
        return 1.0, True, words.format("metres", farthest)
    if _METRES_UP_TO < farthest <= _MILLIMETRES_UP_TO:
        return 0.001, True, words.format("millimetres", farthest / 1000)
    words = (
        "The file does not say its unit, and neither metres nor millimetres are likely, for its farthest cameras stand "
        f"{farthest:.3g} units apart: its lengths are right up to one common factor (the scale is nominal)."
    )
    return 1.0, False, words
