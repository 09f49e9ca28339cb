"""Qualisys calibration files: ``.qca.txt`` as Qualisys Track Manager exports them, XML inside.

Checked against the images of a lab that publishes both: focal lengths and principal point are in 1/64 pixel, the
distortion coefficients are dimensionless, and the matrix and position give the pose of the camera in a world whose
camera looks along -z with y up. Turning y and z over makes it OpenCV's: R = diag(1, -1, -1) M, t = -R C.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import torch
from torch import Tensor

from epipose.camera import Camera, Rig
from epipose.errors import DamagedFileError, InputError
from epipose.io.files import AnyPath

UNITS_PER_PIXEL = 64.0  # of focal lengths and principal points
MM_PER_METRE = 1000.0


def read_qualisys(path: AnyPath) -> Rig:
    """Every camera of the file, named by its serial, in metres.

    Raises InputError where there is no file, DamagedFileError for what is no such file.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    try:
        nodes = ElementTree.parse(path).getroot().findall("cameras/camera")
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise DamagedFileError(
            f"{path} is no Qualisys calibration: it is not valid XML ({error}). Export it again."
        ) from error
    if not nodes:
        raise DamagedFileError(
            f"{path} is no Qualisys calibration: it has no <cameras><camera> element. Export it again."
        )
    names = tuple(node.get("serial", f"camera{index}") for index, node in enumerate(nodes))
    cameras = [_camera(node, f"{path}, camera '{name}'") for node, name in zip(nodes, names, strict=True)]
    batch = Camera(*(torch.stack(field) for field in zip(*cameras, strict=True)))
    return Rig(names, batch, metric=True)


def _camera(node: ElementTree.Element, where: str) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """K, distortion, R, t and size of one camera."""

    def numbers(element: str, *keys: str) -> Tensor:
        found = node.find(element)
        values = [None if found is None else found.get(key) for key in keys]
        try:
            return torch.tensor([float(value) for value in values], dtype=torch.float64)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            listing = ", ".join(f"{key}={value}" for key, value in zip(keys, values, strict=True))
            raise DamagedFileError(
                f"{where}: <{element}> must give numbers, got {listing}. Export it again."
            ) from error

    fu, fv, cu, cv = (
        numbers("intrinsic", "focalLengthU", "focalLengthV", "centerPointU", "centerPointV") / UNITS_PER_PIXEL
    )
    K = torch.eye(3, dtype=torch.float64)
    K[0, 0], K[1, 1], K[0, 2], K[1, 2] = fu, fv, cu, cv
    distortion = numbers(
        "intrinsic",
        "radialDistortion1",
        "radialDistortion2",
        "tangentalDistortion1",
        "tangentalDistortion2",
        "radialDistortion3",
    )
    matrix = numbers("transform", *(f"r{row}{column}" for row in (1, 2, 3) for column in (1, 2, 3))).reshape(3, 3)
    R = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)) @ matrix
    center = numbers("transform", "x", "y", "z") / MM_PER_METRE
    left, right, top, bottom = numbers("fov_video", "left", "right", "top", "bottom")
    size = torch.stack([right - left + 1, bottom - top + 1]).round().long()
    return K, distortion, R, -R @ center, size
