"""COLMAP models as text: a folder with ``cameras.txt`` and ``images.txt``; its own world, of no stated scale.

``cameras.txt`` has a line per lens: number, model, width, height, parameters. ``images.txt`` has two lines per image:
number, quaternion (w, x, y, z) and translation of x_cam = R x_world + t, number of the lens, file name; and the image's
points, which are not read. COLMAP counts pixels from the corner of the image, so that the centre of the first one lies at
(0.5, 0.5): principal points are half a pixel larger than OpenCV's. A camera is called as its image: the file's
name without its ending, or, where these are alike, the folder that it is in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

import torch
from torch import Tensor

from epipose.camera import Camera, Rig
from epipose.errors import DamagedFileError, InputError
from epipose.formats.camera_file import CameraFile, Unit, World, camera_of, file_of, missing_poses
from epipose.formats.rotations import matrix_from_quaternion, quaternion_from_matrix
from epipose.io.files import AnyPath, replacing_folder
from epipose.io.guard import reads

CAMERAS, IMAGES, POINTS = "cameras.txt", "images.txt", "points3D.txt"
_HALF = 0.5  # from a pixel's corner to its centre
_OWN = "# epipose"  # begins the comment in which our files say unit and up


@dataclass(frozen=True)
class _Model:
    """How many focal lengths a model has, and the places of its coefficients in OpenCV's order."""

    focal: Literal[1, 2]
    coefficients: int  # as many as it has; OpenCV's order begins alike in every model that is read
    fisheye: bool = False


MODELS = {
    "SIMPLE_PINHOLE": _Model(1, 0),
    "PINHOLE": _Model(2, 0),
    "SIMPLE_RADIAL": _Model(1, 1),
    "RADIAL": _Model(1, 2),
    "OPENCV": _Model(2, 4),
    "FULL_OPENCV": _Model(2, 8),
    "SIMPLE_FISHEYE": _Model(1, 0, fisheye=True),
    "FISHEYE": _Model(2, 0, fisheye=True),
    "SIMPLE_RADIAL_FISHEYE": _Model(1, 1, fisheye=True),
    "RADIAL_FISHEYE": _Model(1, 2, fisheye=True),
    "OPENCV_FISHEYE": _Model(2, 4, fisheye=True),
}


def model_folder(path: AnyPath) -> Path | None:
    """The folder with ``cameras.txt``: the one given, its ``sparse`` or ``sparse/0``, or that of the file given."""
    path = Path(path)
    if path.is_file():
        return path.parent if path.name in (CAMERAS, IMAGES) else None
    folders = (path, path / "sparse" / "0", path / "sparse", path / "0")
    return next((folder for folder in folders if (folder / CAMERAS).is_file()), None)


@reads("a COLMAP model as text", "Write the model again.")
def read_colmap(path: AnyPath, poses: bool = False) -> CameraFile:
    """A camera per image of a model (per lens, where there is no ``images.txt``), with its pose if ``poses``.

    The scale is nominal but in our own files. Raises DamagedFileError for what is no such model and for lens models
    that are not supported, InputError where poses are asked for and ``images.txt`` is missing.
    """
    folder = model_folder(path)
    if folder is None:
        raise InputError(f"There is no {CAMERAS} in {path}; expected a COLMAP model as text.")
    lenses = {words[0]: _lens(f"{folder / CAMERAS}, camera {words[0]}", words) for words in _rows(folder / CAMERAS)}
    if not lenses:
        raise DamagedFileError(f"{folder / CAMERAS} has no camera; expected lines: number, model, width, height, ...")
    if not (folder / IMAGES).exists():
        if poses:
            raise missing_poses(folder, list(lenses), f"COLMAP's poses are in {IMAGES}.")
        return file_of("a COLMAP model", {f"camera{number}": lens for number, lens in lenses.items()}, None)
    images = _image_rows(folder / IMAGES)
    cameras = {}
    for name, words in zip(_names([words[9] for words in images]), images, strict=True):
        if words[8] not in lenses:
            raise DamagedFileError(
                f"{folder / IMAGES}: image '{words[9]}' is of camera {words[8]}, which is not there."
            )
        lens = lenses[words[8]]
        R, t = _pose(f"{folder / IMAGES}, image '{words[9]}'", words)
        cameras[name] = replace(lens, R=R, t=t) if poses else lens
    return file_of("a COLMAP model", cameras, _world(folder / CAMERAS) if poses else None)


def write_colmap(rig: Rig, out: AnyPath) -> None:
    """Write a folder with the three files of a model; points are none, and each camera has one image, ``NAME.jpg``.

    Raises InputError where the folder is there and holds other files.
    """
    unit = "m" if rig.metric else "nominal"
    cameras = [
        f"{_OWN} unit={unit} upright={int(rig.upright)}",
        "# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]",
    ]
    images = ["# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME", "# POINTS2D[] as (X, Y, POINT3D_ID)"]
    for index, name in enumerate(rig.names):
        camera, number = rig.camera[index], index + 1
        model, parameters = _model_of(camera)
        width, height = camera.size.tolist()
        cameras.append(f"{number} {model} {width} {height} {_words(parameters)}")
        pose = _words([*quaternion_from_matrix(camera.R).tolist(), *camera.t.tolist()])
        images += [f"{number} {pose} {number} {name}.jpg", ""]
    points = ["# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as (IMAGE_ID, POINT2D_IDX)"]
    with replacing_folder(out, (CAMERAS, IMAGES, POINTS)) as part:
        for file, lines in ((CAMERAS, cameras), (IMAGES, images), (POINTS, points)):
            (part / file).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _model_of(camera: Camera) -> tuple[str, list[float]]:
    """The simplest model that holds a lens, and its parameters."""
    (fx, _, cx), (_, fy, cy), _ = camera.K.tolist()
    focal = [fx, fy, cx + _HALF, cy + _HALF]
    k = camera.distortion.tolist()
    if bool(camera.fisheye):
        return "OPENCV_FISHEYE", focal + k[:4]
    if any(k[4:]):
        return "FULL_OPENCV", focal + k
    return ("OPENCV", focal + k[:4]) if any(k) else ("PINHOLE", focal)


def _lens(where: str, words: Sequence[str]) -> Camera:
    """A camera at the origin from a line of ``cameras.txt``."""
    model = MODELS.get(words[1]) if len(words) > 1 else None
    if model is None:
        raise DamagedFileError(
            f"{where}: the lens model is {words[1] if len(words) > 1 else 'missing'}; {', '.join(MODELS)} are read. "
            "Calibrate with one of these, or undistort the images (colmap image_undistorter)."
        )
    numbers = _floats(where, words[2:])
    count = 2 + model.focal + 2 + model.coefficients
    if len(numbers) != count:
        raise DamagedFileError(f"{where}: {words[1]} has {count - 2} parameters, got {len(numbers) - 2}.")
    size, parameters = numbers[:2], numbers[2:]
    fx, fy = (parameters[0], parameters[model.focal - 1])
    cx, cy = (value - _HALF for value in parameters[model.focal : model.focal + 2])
    coefficients = parameters[model.focal + 2 :] + [0.0] * (4 if model.coefficients < 4 else 0)
    distortion = coefficients[: max(4, model.coefficients)]
    return camera_of(
        where, [[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]], distortion, size, None, fisheye=model.fisheye
    )


def _pose(where: str, words: Sequence[str]) -> tuple[Tensor, Tensor]:
    values = torch.tensor(_floats(where, words[1:8]), dtype=torch.float64)
    if float(values[:4].norm()) == 0:
        raise DamagedFileError(f"{where}: the quaternion is 0. Write the model again.")
    return matrix_from_quaternion(values[:4]), values[4:]


def _rows(path: Path) -> list[list[str]]:
    """The words of each line; comments and empty lines are left out."""
    return [line.split() for line in _text(path).splitlines() if line.strip() and not line.startswith("#")]


def _image_rows(path: Path) -> list[list[str]]:
    """The words of each image's first line; its second one, which may be empty or left out, holds the points."""
    lines = [line for line in _text(path).splitlines() if not line.startswith("#")]
    rows, number = [], 0
    while number < len(lines):
        if lines[number].strip():
            rows.append(lines[number].split(maxsplit=9))
        number += 2 if number + 1 < len(lines) and _are_points(lines[number + 1]) else 1
    for words in rows:
        if len(words) < 10:
            raise DamagedFileError(
                f"{path}: expected lines in pairs: number, QW, QX, QY, QZ, TX, TY, TZ, camera, name, and the points; got "
                f"'{' '.join(words)[:80]}'."
            )
    if not rows:
        raise DamagedFileError(f"{path} has no image: the model has no poses.")
    return rows


def _are_points(line: str) -> bool:
    """Whether a line is of an image's points, x, y and a number of each, or of none; an image's has ten words."""
    words = line.split()
    return len(words) % 3 == 0 and all(re.fullmatch(r"[-+.\deE]+", word) for word in words)


def _names(images: Sequence[str]) -> list[str]:
    """A name for each image's camera; InputError where neither files nor folders tell them apart."""
    paths = [PurePosixPath(image.strip()) for image in images]
    for names in ([path.stem for path in paths], ["_".join(path.parent.parts) for path in paths]):
        if len(set(names)) == len(names):
            return names
    raise InputError(
        f"{len(images)} images of a COLMAP model ({', '.join(images[:3])}, ...) are not one image per camera. Give a model "
        "with one image of each camera."
    )


def _world(path: Path) -> World:
    first = next((line for line in _text(path).splitlines() if line.startswith(_OWN)), "")
    stated: Mapping[str, str] = dict(word.split("=") for word in first.split() if "=" in word)
    unit: Unit = "m" if stated.get("unit") == "m" else "nominal"
    return World(unit, stated.get("upright") == "1")


@reads("text", "Export the model as text.")
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig")


def _floats(where: str, words: Sequence[str]) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise DamagedFileError(
            f"{where}: expected numbers, got {' '.join(words)[:80]}. Write the model again."
        ) from error


def _words(values: Sequence[float]) -> str:
    return " ".join(repr(float(value)) for value in values)
