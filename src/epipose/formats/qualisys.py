"""Qualisys calibration files: ``.qca.txt`` as Qualisys Track Manager exports them, XML inside.

Checked against the images of a lab that publishes both: focal lengths and principal point are in 1/64 pixel, the
distortion coefficients are dimensionless, and the matrix and position give the pose of the camera in a world whose
camera looks along -z with y up. Turning y and z over makes it OpenCV's: R = diag(1, -1, -1) M, t = -R C. Positions are
in millimetres, and z is up. Where the video shows a part of the sensor, ``fov_video`` says which.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from xml.sax.saxutils import quoteattr

import torch
from torch import Tensor

from epipose.camera import Camera, Rig
from epipose.errors import DamagedFileError, InputError
from epipose.formats.camera_file import image_grid
from epipose.io.files import AnyPath, replacing
from epipose.io.guard import checked_names, reads
from epipose.lens.fit import fitted_distortion

UNITS_PER_PIXEL = 64.0  # of focal lengths and principal points
MM_PER_METRE = 1000.0
_SAID_PX, _TAKEN_PX = 0.05, 2.0  # of a lens that five coefficients miss: said, and refused
_FLIP = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))  # Qualisys' axes of a camera to OpenCV's


@reads("a Qualisys calibration (XML)", "Export it again.")
def read_qualisys(path: AnyPath) -> Rig:
    """Every camera of the file, named by its serial, in metres.

    Raises InputError where there is no file, DamagedFileError for what is no such file.
    """
    path = Path(path)
    nodes = ElementTree.parse(path).getroot().findall("cameras/camera")
    if not nodes:
        raise DamagedFileError(
            f"{path} is no Qualisys calibration: it has no <cameras><camera> element. Export it again."
        )
    serials = [node.get("serial", f"camera{index}") for index, node in enumerate(nodes)]
    names = checked_names(serials, f"A camera of {path}")
    cameras = [_camera(node, f"{path}, camera '{name}'") for node, name in zip(nodes, names, strict=True)]
    batch = Camera(*(torch.stack(field) for field in zip(*cameras, strict=True)))
    return Rig(names, batch, metric=True)


def write_qualisys(rig: Rig, out: AnyPath) -> tuple[str, ...]:
    """Write a rig in millimetres; returns a sentence for each thing that is lost.

    Raises InputError for a lens that k1, k2, p1, p2, k3 miss by more than two pixels, such as a fisheye.
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<calibration created="" qtm-version="" source="epipose" type="regular">',
        '  <results std-dev="0" min-max-diff="0"/>',
        "  <cameras>",
    ]
    said = []
    for index, name in enumerate(rig.names):
        camera, left = _of_five(f"camera '{name}'", rig.camera[index])
        if left > _SAID_PX:
            said.append(f"Qualisys' lens model comes within {left:.2f} px of that of '{name}' (it has no k4 to k6).")
        lines += _element(name, camera)
    with replacing(out) as part:
        part.write_text("\n".join([*lines, "  </cameras>", "</calibration>"]) + "\n", encoding="utf-8")
    return tuple(said)


def _of_five(where: str, camera: Camera) -> tuple[Camera, float]:
    """A camera whose lens has k1, k2, p1, p2, k3 alone, and by how many pixels at most it misses the one given."""
    if bool(camera.five_numbers):
        return camera, 0.0
    seen = image_grid(camera)
    xy = camera.to_normalized(seen)
    K, size = camera.K.double(), camera.size
    distorted = Camera.from_intrinsics(K, K.new_zeros(5), size).to_normalized(seen)
    fitted = Camera(K, fitted_distortion(xy, distorted), camera.R, camera.t, size)
    left = float((fitted.from_normalized(xy) - seen).norm(dim=-1).max())
    if left > _TAKEN_PX:
        raise InputError(
            f"{where}: Qualisys' lens model (k1, k2, p1, p2, k3) would miss this lens by {left:.1f} px. Write another "
            "format, or undistort the video first."
        )
    return fitted, left


def _element(name: str, camera: Camera) -> list[str]:
    """The lines of a <camera>."""
    (fu, _, cu), (_, fv, cv), _ = (UNITS_PER_PIXEL * camera.K).tolist()
    k1, k2, p1, p2, k3 = camera.distortion[:5].tolist()
    width, height = camera.size.tolist()
    matrix = _FLIP @ camera.R.double()
    cells = " ".join(
        f'r{row + 1}{column + 1}="{float(matrix[row, column])!r}"' for row in range(3) for column in range(3)
    )
    x, y, z = (MM_PER_METRE * camera.center).tolist()
    fov = f'left="0" top="0" right="{width - 1}" bottom="{height - 1}"'
    return [
        f'    <camera active="1" avg-residual="0" serial={quoteattr(name)} model="Video" viewrotation="0">',
        *(f"      <{field} {fov}/>" for field in ("fov_marker", "fov_marker_max", "fov_video", "fov_video_max")),
        f'      <transform x="{x!r}" y="{y!r}" z="{z!r}" {cells}/>',
        f'      <intrinsic focalLengthU="{fu!r}" focalLengthV="{fv!r}" centerPointU="{cu!r}" centerPointV="{cv!r}" '
        f'skew="0" radialDistortion1="{k1!r}" radialDistortion2="{k2!r}" radialDistortion3="{k3!r}" '
        f'tangentalDistortion1="{p1!r}" tangentalDistortion2="{p2!r}" sensorMinU="0" sensorMinV="0" '
        f'sensorMaxU="{64 * width}" sensorMaxV="{64 * height}"/>',
        "    </camera>",
    ]


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
    R = _FLIP @ matrix
    center = numbers("transform", "x", "y", "z") / MM_PER_METRE
    left, right, top, bottom = numbers("fov_video", "left", "right", "top", "bottom")
    K[0, 2], K[1, 2] = K[0, 2] - left, K[1, 2] - top
    size = torch.stack([right - left + 1, bottom - top + 1]).round().long()
    return K, distortion, R, -R @ center, size
