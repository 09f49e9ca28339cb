"""Vicon calibrations: ``.xcp`` as Nexus, Shogun and Tracker write them, XML; millimetres, z up.

Per camera: ``SENSOR_SIZE`` and ``FOCAL_LENGTH`` in pixels, the vertical one divided by ``PIXEL_ASPECT_RATIO``;
``PRINCIPAL_POINT``; ``ORIENTATION`` a quaternion (x, y, z, w) of the rotation from world to camera, ``POSITION`` the
camera's centre. Axes of the camera are OpenCV's.

The lens is the reverse of OpenCV's: a polynomial of the distorted pixel gives the undistorted one,
u = c + (1 + k1 r^2 + k2 r^4 + k3 r^6) (d - c), r = |d - c| in pixels (``VICON_RADIAL2``: name, c, k1, k2, k3; in older
files ``VICON_RADIAL``: k1, k2 about the principal point). Neither model can be written as the other exactly, so
coefficients are fitted over the image in both directions, and what is left is said.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Camera, Rig
from epipose.errors import DamagedFileError, InputError
from epipose.formats.calibration_toml import camera_numbers
from epipose.formats.camera_file import CameraFile, World, camera_of, file_of, image_grid
from epipose.formats.rotations import matrix_from_quaternion, quaternion_from_matrix
from epipose.io.files import AnyPath, replacing
from epipose.io.guard import reads
from epipose.lens.fit import fitted_distortion

ROOT = "Cameras"
OWN = "epipose"  # NAME of the root of our files, whose cameras go by NAME; Vicon's go by DEVICEID, as their videos do
_MM = 1000.0
_EXACT_PX = 0.01  # below it a fit needs no more coefficients
_FARTHEST = 10.0  # image sides between a pixel and the undistorted one
_SAID_PX = 0.05  # from here on the difference of a fit is said
_TAKEN_PX = 2.0  # beyond it another lens would be written, not this one
_ROUNDS, _LONGEST_STEP = 10, 100.0  # of the search for the centre; pixels


@reads("a Vicon calibration (XML)", "Export it again.")
def read_vicon(path: AnyPath, poses: bool = False) -> CameraFile:
    """The video cameras of a file (all of them where none is called so), with their poses if ``poses``, in metres.

    Raises DamagedFileError for what is no such file, or has no calibrated camera.
    """
    path = Path(path)
    nodes = ElementTree.parse(path).getroot()
    every = [node for node in nodes.iter("Camera") if node.find("KeyFrames/KeyFrame") is not None]
    video = [node for node in every if "video" in f"{node.get('TYPE')} {node.get('DISPLAY_TYPE')}".lower()] or every
    if not video:
        raise DamagedFileError(f"{path} has no calibrated <Camera>; expected a Vicon .xcp with KeyFrames.")
    key = "NAME" if nodes.get("NAME") == OWN else "DEVICEID"
    notes, cameras = [], {}
    for index, node in enumerate(video):
        name = node.get(key, f"camera{index}")
        cameras[name], left = _camera(f"{path}, camera '{name}'", node, poses)
        if left > _SAID_PX:
            notes.append(f"{path.name}, camera '{name}': OpenCV's lens model comes within {left:.2f} px of Vicon's.")
    world = World("nominal" if nodes.get("UNIT") == "nominal" else "mm", nodes.get("UPRIGHT") == "1")
    return file_of("a Vicon .xcp", cameras, world if poses else None, notes)


def write_vicon(rig: Rig, out: AnyPath) -> tuple[str, ...]:
    """Write a rig in millimetres (one of nominal scale as it is); returns a sentence for each thing that is lost.

    Raises InputError for a lens that Vicon's model misses by more than two pixels, such as a fisheye.
    """
    unit = "mm" if rig.metric else "nominal"
    lines = [
        '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>',
        f'<{ROOT} NAME="{OWN}" VERSION="1.0" UNIT="{unit}" UPRIGHT="{int(rig.upright)}">',
    ]
    numbered, said = camera_numbers(rig.names), []
    for index, (name, number) in enumerate(zip(rig.names, numbered, strict=True)):
        camera = rig.camera[index]
        radial, left = _radial(f"camera '{name}'", camera)
        if left > _SAID_PX:
            said.append(
                f"Vicon's lens model comes within {left:.2f} px of that of '{name}' (it is radial about a point)."
            )
        lines += _element(name, number, camera, radial, _MM if rig.metric else 1.0)
    with replacing(out) as part:
        part.write_text("\n".join([*lines, f"</{ROOT}>"]) + "\n", encoding="utf-8")
    pairs = ", ".join(f"{name} = {number}" for name, number in zip(rig.names, numbered, strict=True))
    return (*said, f"Vicon knows its cameras by number: {pairs}.")


def undistorted_by(
    distorted: Float[Tensor, "point 2"], center: Float[Tensor, "2"], k: Float[Tensor, "3"]
) -> Float[Tensor, "point 2"]:
    """Vicon's lens model: distorted pixels to those of a lens without distortion."""
    offset = distorted - center
    r2 = offset.square().sum(-1, keepdim=True)
    return center + offset * (1 + k[0] * r2 + k[1] * r2**2 + k[2] * r2**3)


def _camera(where: str, node: ElementTree.Element, poses: bool) -> tuple[Camera, float]:
    """A camera, and by how many pixels at most its lens misses the file's."""
    frame = node.find("KeyFrames/KeyFrame")
    assert frame is not None
    size = _floats(where, node, "SENSOR_SIZE", 2)
    aspect = _floats(where, node, "PIXEL_ASPECT_RATIO", 1)[0] if node.get("PIXEL_ASPECT_RATIO") else 1.0
    focal = _floats(where, frame, "FOCAL_LENGTH", 1)[0]
    center = _floats(where, frame, "PRINCIPAL_POINT", 2)
    pose = None
    if poses:
        x, y, z, w = _floats(where, frame, "ORIENTATION", 4)
        R = matrix_from_quaternion(torch.tensor([w, x, y, z], dtype=torch.float64))
        pose = R, -R @ torch.tensor(_floats(where, frame, "POSITION", 3), dtype=torch.float64)
    K = [[focal, 0.0, center[0]], [0.0, focal / aspect, center[1]], [0.0, 0.0, 1.0]]
    camera = camera_of(where, K, [0.0] * 5, size, pose)
    about, k = _lens(where, frame, center)
    if not any(k):
        return camera, 0.0
    seen = image_grid(camera)
    ideal = undistorted_by(seen, seen.new_tensor(about), seen.new_tensor(k))
    if not len(seen) or float((ideal - seen).abs().max()) > _FARTHEST * max(size):
        raise DamagedFileError(f"{where}: the lens about {about} with coefficients {k} is none. Export it again.")
    xy, distorted = camera.to_normalized(ideal), camera.to_normalized(seen)
    for rational in (False, True):
        distortion = fitted_distortion(xy, distorted, rational=rational)
        fitted = camera_of(where, K, distortion.tolist(), size, pose)
        left = float((fitted.from_normalized(xy) - seen).norm(dim=-1).max())
        if left < _EXACT_PX:
            break
    return fitted, left


def _lens(where: str, frame: ElementTree.Element, center: Sequence[float]) -> tuple[list[float], list[float]]:
    """Centre and coefficients k1, k2, k3 of a key frame's lens."""
    newer, older = frame.get("VICON_RADIAL2"), frame.get("VICON_RADIAL")
    try:
        if newer and newer.split():
            values = [float(word) for word in newer.split()[1:]]
            if len(values) in (2, 3, 4, 5) and all(map(math.isfinite, values)):
                return values[:2], (values[2:] + [0.0] * 3)[:3]
            raise ValueError
        k = [float(word) for word in (older or "").split()]
        if len(k) <= 3 and all(map(math.isfinite, k)):
            return list(center), (k + [0.0] * 3)[:3]
        raise ValueError
    except ValueError as error:
        raise DamagedFileError(
            f"{where}: VICON_RADIAL2 must be a name, two numbers of a centre and up to three coefficients, VICON_RADIAL "
            f"up to three coefficients; got {newer or older}."
        ) from error


def _radial(where: str, camera: Camera) -> tuple[list[float], float]:
    """Vicon's centre and k1, k2, k3 that come closest to a lens, and by how many pixels they miss it at most.

    The centre is moved from the principal point where that makes up for tangential distortion (Gauss-Newton steps on
    the centre, with the best coefficients for each).
    """
    seen = image_grid(camera)
    ideal, center = camera.undistort(seen), camera.K[:2, 2].double()
    if not bool(camera.distortion.any()):
        return [*center.tolist(), 0.0, 0.0, 0.0], 0.0
    k, error = _best_about(center, seen, ideal)
    for _ in range(_ROUNDS):
        moved = [_best_about(center + shift, seen, ideal)[1] for shift in torch.eye(2, dtype=torch.float64)]
        jacobian = torch.stack([(one - error).flatten() for one in moved], -1)
        step = -torch.linalg.lstsq(jacobian, error.flatten()[:, None], driver="gelsd").solution[:, 0]
        step = step * min(1.0, _LONGEST_STEP / float(step.norm().clamp(min=1e-9)))
        further, less = _best_about(center + step, seen, ideal)
        if float(less.square().sum()) >= float(error.square().sum()):
            break
        center, k, error = center + step, further, less
    left = float(error.norm(dim=-1).max())
    if left > _TAKEN_PX:
        raise InputError(
            f"{where}: Vicon's lens model would miss this lens by {left:.1f} px (it is radial about a point, and has no "
            "fisheyes). Write another format, or undistort the video first."
        )
    return [*center.tolist(), *k.tolist()], left


def _best_about(
    center: Float[Tensor, "2"], seen: Float[Tensor, "point 2"], ideal: Float[Tensor, "point 2"]
) -> tuple[Float[Tensor, "3"], Float[Tensor, "point 2"]]:
    """The best k1, k2, k3 about a centre, and what they leave of the distances to the undistorted pixels."""
    offset = seen - center
    reach = float(offset.norm(dim=-1).max())
    r2 = (offset / reach).square().sum(-1)
    columns = torch.stack([(offset * (r2**power)[:, None]).flatten() for power in (1, 2, 3)], -1)
    found = torch.linalg.lstsq(columns, (ideal - seen).flatten()[:, None], driver="gelsd").solution[:, 0]
    k = found / torch.tensor([reach**2, reach**4, reach**6], dtype=torch.float64)
    return k, undistorted_by(seen, center, k) - ideal


def _element(name: str, number: int, camera: Camera, lens: Sequence[float], scale: float) -> list[str]:
    """The lines of a <Camera>."""
    (fx, _, cx), (_, fy, cy), _ = camera.K.tolist()
    width, height = camera.size.tolist()
    w, x, y, z = quaternion_from_matrix(camera.R).tolist()
    position = " ".join(repr(value) for value in (scale * camera.center).tolist())
    radial = " ".join(repr(value) for value in lens)
    return [
        f'  <Camera ACTIVE_THRESHOLD="0" DEVICEID="{number}" DISPLAY_TYPE="VideoFile" ISDV="2" NAME={quoteattr(name)} '
        f'PIXEL_ASPECT_RATIO="{fx / fy!r}" SENSOR="" SENSOR_SIZE="{width} {height}" SKEW="0" SYSTEM="" '
        f'TYPE="VideoFile" USERID="{number}">',
        "    <KeyFrames>",
        f'      <KeyFrame FOCAL_LENGTH="{fx!r}" FRAME="0" IMAGE_ERROR="0" ORIENTATION="{x!r} {y!r} {z!r} {w!r}" '
        f'POSITION="{position}" PRINCIPAL_POINT="{cx!r} {cy!r}" VICON_RADIAL2="Vicon3Parameter {radial}" '
        'WORLD_ERROR="0"/>',
        "    </KeyFrames>",
        "  </Camera>",
    ]


def _floats(where: str, node: ElementTree.Element, key: str, count: int) -> list[float]:
    """So many numbers of an attribute."""
    words = (node.get(key) or "").split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != count or not all(map(math.isfinite, values)):
        raise DamagedFileError(f"{where}: {key} must be {count} numbers, got '{node.get(key)}'. Export it again.")
    return values
