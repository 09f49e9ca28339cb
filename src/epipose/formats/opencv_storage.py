"""Cameras in OpenCV's FileStorage (YAML, XML, JSON), one per file, under the names that calibration programs give them.

OpenCV has no format for a calibration, only for its parts; programs mostly follow its samples: ``camera_matrix`` and
``distortion_coefficients``, ``image_width`` and ``image_height``, and ``fisheye_model``. ROS writes the same names
without OpenCV's tag for matrices. ``R`` (a matrix, or a rotation vector) and ``T`` are the camera's pose, x_cam =
R x_world + T, in the world and the unit of the board.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Camera, Rig
from epipose.errors import DamagedFileError, InputError
from epipose.formats.camera_file import CameraFile, World, camera_of, file_of, missing_poses
from epipose.formats.file_storage import read_storage
from epipose.formats.rotations import matrix_from_rotation_vector
from epipose.io.files import AnyPath, replacing
from epipose.io.guard import checked_name, reading

MATRIX = ("camera_matrix", "cameraMatrix", "Camera_Matrix", "intrinsic_matrix", "intrinsics", "mtx", "K", "M")
DISTORTION = (
    "distortion_coefficients", "distCoeffs", "dist_coeffs", "Distortion_Coefficients", "distortion", "dist", "D",
)  # fmt: skip
ROTATION = ("R", "rotation_matrix", "rotation", "rvec", "Rot")
TRANSLATION = ("T", "t", "translation_vector", "translation", "tvec")
_WIDTH, _HEIGHT = ("image_width", "Image_width", "width"), ("image_height", "Image_height", "height")
_SIZE = ("image_size", "imageSize", "image_Size", "size")
_MODEL = ("distortion_model", "camera_model", "model")
_FISHEYE = ("fisheye", "equidistant", "kannala-brandt", "kannala_brandt", "kb4")
_UNITS = ("m", "mm", "nominal")


def is_one_camera(content: Mapping[str, object]) -> bool:
    """Whether the content of a FileStorage has a camera matrix under one of the usual names."""
    return _first(content, MATRIX) is not None


def read_opencv(paths: Sequence[AnyPath], poses: bool = False) -> CameraFile:
    """One camera per file, named by ``camera_name`` in the file, else by the file; with their poses if ``poses``.

    Raises DamagedFileError for what is no camera, InputError where poses are asked for and a file has none, and for two
    cameras of one name.
    """
    cameras: dict[str, Camera] = {}
    world, unposed = World(), []
    for path in map(Path, paths):
        content = read_storage(path)
        name = checked_name(str(content.get("camera_name", path.stem)), f"The camera of {path}")
        if name in cameras:
            raise InputError(f"{path}: there are two cameras called '{name}'. Rename the file or its camera_name.")
        posed = _first(content, ROTATION) is not None and _first(content, TRANSLATION) is not None
        unposed += [] if posed else [name]
        with reading(path, "a camera in OpenCV's FileStorage", "Write it again."):
            cameras[name] = camera_from(str(path), content, poses and posed)
        unit = content.get("unit")
        world = World(unit if unit in _UNITS else None, content.get("upright") == 1)  # type: ignore[arg-type]
    if poses and unposed:
        raise missing_poses(Path(paths[0]), unposed, "R and T (world to camera) are read where files have them.")
    return file_of("a file of OpenCV's FileStorage", cameras, world if poses else None)


def camera_from(where: str, content: Mapping[str, object], poses: bool) -> Camera:
    """The camera of a FileStorage's content; at the origin unless ``poses``, without a size where it says none."""
    matrix, distortion = _first(content, MATRIX), _first(content, DISTORTION)
    if matrix is None:
        raise DamagedFileError(
            f"{where} has no camera matrix; expected one of {', '.join(MATRIX)}, got {', '.join(content) or 'nothing'}."
        )
    pose = None
    if poses:
        pose = rotation_of(where, _first(content, ROTATION)), vector_of(where, _first(content, TRANSLATION))
    size = _first(content, _SIZE)
    sides = flat(size) if isinstance(size, list) else [_first(content, _WIDTH), _first(content, _HEIGHT)]
    shown = [float(side) for side in sides if isinstance(side, float)]
    coefficients = [0.0] * 5 if distortion is None else flat(distortion)
    return camera_of(
        where, _square(matrix), coefficients, shown if len(shown) == 2 else None, pose, fisheye=_is_fisheye(content)
    )


def write_opencv(rig: Rig, out: AnyPath, unit: Literal["m", "mm"] = "m") -> tuple[Path, ...]:
    """Write one file for each camera, ``out`` itself for a single one, else ``STEM_CAMERA.yml`` beside it."""
    out = Path(out)
    paths = [out] if len(rig.names) == 1 else [out.with_stem(f"{out.stem}_{_as_file(name)}") for name in rig.names]
    scale = 1000.0 if unit == "mm" else 1.0
    for index, (name, path) in enumerate(zip(rig.names, paths, strict=True)):
        camera = rig.camera[index]
        count = 4 if bool(camera.fisheye) else 8 if bool(camera.distortion[5:].any()) else 5
        width, height = camera.size.tolist()
        lines = [
            "%YAML:1.0",
            "---",
            f'camera_name: "{name}"',
            f"image_width: {width}",
            f"image_height: {height}",
            f"fisheye_model: {int(camera.fisheye)}",
            f'unit: "{unit if rig.metric else "nominal"}"',
            f"upright: {int(rig.upright)}",
            *matrix_lines("camera_matrix", camera.K),
            *matrix_lines("distortion_coefficients", camera.distortion[None, :count]),
            *matrix_lines("R", camera.R),
            *matrix_lines("T", scale * camera.t[:, None]),
        ]
        with replacing(path) as part:
            part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tuple(paths)


def matrix_lines(key: str, matrix: Float[Tensor, "row column"]) -> list[str]:
    """A matrix as lines of FileStorage's YAML, with all digits."""
    rows, columns = matrix.shape
    data = ", ".join(repr(float(value)) for value in matrix.double().flatten().tolist())
    return [f"{key}: !!opencv-matrix", f"   rows: {rows}", f"   cols: {columns}", "   dt: d", f"   data: [ {data} ]"]


def flat(given: object) -> list[object]:
    """A matrix of one row or one column as a list."""
    rows = given if isinstance(given, list) else [given]
    return [value for row in rows for value in (row if isinstance(row, list) else [row])]


def rotation_of(where: str, given: object) -> Float[Tensor, "3 3"]:
    """A rotation given as a matrix or as a rotation vector."""
    values = flat(given) if given is not None else []
    if len(values) == 9:
        return vector_of(where, values, 9).reshape(3, 3)
    return matrix_from_rotation_vector(vector_of(where, values))


def vector_of(where: str, given: object, count: int = 3) -> Float[Tensor, " count"]:
    """So many numbers of a matrix; raises DamagedFileError for anything else."""
    values = flat(given) if given is not None else []
    if len(values) != count or not all(isinstance(value, float) for value in values):
        raise DamagedFileError(f"{where}: expected {count} numbers of a camera's pose, got {str(given)[:80]}.")
    return torch.tensor(values, dtype=torch.float64)


def _square(given: object) -> object:
    """A camera matrix that was written as nine numbers in a row, as three rows."""
    values = flat(given)
    return [values[:3], values[3:6], values[6:]] if len(values) == 9 else given


def _is_fisheye(content: Mapping[str, object]) -> bool:
    model = str(_first(content, _MODEL) or "").lower()
    stated = content.get("fisheye_model", content.get("fisheye", 0.0))
    return model in _FISHEYE or stated == 1 or str(stated).lower() == "true"


def _first(content: Mapping[str, object], names: Sequence[str]) -> object:
    """The value of the first of these names that there is."""
    return next((content[name] for name in names if name in content), None)


def _as_file(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)
