"""Skeletool and Captury calibration files: the two text formats of MPI-INF-3DHP's cameras.

Skeletool (``camera.calibration``): a header line, then per camera the lines ``name``, ``sensor`` (mm), ``size``
(pixels), ``animated``, ``intrinsic`` and ``extrinsic`` (4 x 4, row by row; camera from world, mm) and ``radial``.

The Captury (``*.calib``, "tc camera calibration v0.3"): focal lengths in millimetres of the sensor, comments
after ``#``. With p = width / sensor width pixels per millimetre: fx = p f, fy = p f pixelAspect, and the principal
point lies ``centerOffset`` (right and down) from the image's centre; the distortion is OpenCV's k1 k2 p1 p2 k3.
Readers differ in whether the aspect stretches the principal point, too: Skeletool's own writer and reader say that it
does not.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from epipose.camera import Camera
from epipose.errors import DamagedFileError
from epipose.io.files import AnyPath
from epipose.io.guard import checked_name, reading, reads

SKELETOOL = "Skeletool Camera Calibration File"
CAPTURY = "tc camera calibration"


@reads("a Skeletool camera file", "Download it again.")
def read_skeletool(path: AnyPath, advice: str = "") -> dict[str, Camera]:
    """The cameras of a Skeletool file by name, in its own world and unit; else DamagedFileError."""
    path = Path(path)
    cameras: dict[str, dict[str, Tensor]] = {}
    for key, *values in _lines(path, SKELETOOL, advice):
        if key == "name" and values:
            cameras[checked_name(values[0], f"A camera of {path}")] = {}
        elif key in ("size", "intrinsic", "extrinsic", "radial") and cameras:
            cameras[list(cameras)[-1]][key] = _numbers(path, key, values)
    if not cameras:
        raise DamagedFileError(f"{path} describes no camera. {advice}")
    return {name: _skeletool(f"{path}, camera {name}", entries, advice) for name, entries in cameras.items()}


@reads("a camera file of the Captury", "Download it again.")
def read_captury(path: AnyPath, width: int, height: int) -> Camera:
    """The first camera of a Captury file, at the origin, for images of this size; else DamagedFileError."""
    path = Path(path)
    entries: dict[str, Tensor] = {}
    for key, *values in _lines(path, CAPTURY, ""):
        if key in ("sensorSize", "focalLength", "pixelAspect", "centerOffset", "distortion") and key not in entries:
            entries[key] = _numbers(path, key, values)
    sizes = {"sensorSize": 2, "focalLength": 1, "pixelAspect": 1, "centerOffset": 2, "distortion": 5}
    _expect(str(path), entries, sizes, "")
    return captury_camera(
        float(entries["focalLength"]),
        float(entries["pixelAspect"]),
        (float(entries["sensorSize"][0]), float(entries["sensorSize"][1])),
        (float(entries["centerOffset"][0]), float(entries["centerOffset"][1])),
        tuple(entries["distortion"].tolist()),
        (width, height),
    )


def captury_camera(
    focal: float,
    aspect: float,
    sensor: tuple[float, float],
    offset: tuple[float, float],
    distortion: tuple[float, ...],
    size: tuple[int, int],
) -> Camera:
    """Captury intrinsics (mm) as a camera at the origin with images of ``size`` pixels."""
    across, down = size[0] / sensor[0], size[1] / sensor[1]  # pixels per millimetre
    K = torch.tensor(
        [
            [focal * across, 0, size[0] / 2 + offset[0] * across],
            [0, focal * across * aspect, size[1] / 2 + offset[1] * down],
            [0, 0, 1],
        ],
        dtype=torch.float64,
    )
    return Camera.from_intrinsics(K, torch.tensor(distortion, dtype=torch.float64), torch.tensor(size))


def _skeletool(where: str, entries: dict[str, Tensor], advice: str) -> Camera:
    _expect(where, entries, {"size": 2, "intrinsic": 16, "extrinsic": 16, "radial": 1}, advice)
    if float(entries["radial"]) != 0:
        raise DamagedFileError(
            f"{where}: radial is {float(entries['radial'])}; the release's files say 0, for its images have no "
            f"distortion, and what another number would mean is not published. {advice}"
        )
    K, pose = entries["intrinsic"].reshape(4, 4)[:3, :3], entries["extrinsic"].reshape(4, 4)
    R = pose[:3, :3]
    if K[0, 0] <= 0 or K[1, 1] <= 0 or float((R @ R.mT - torch.eye(3)).abs().max()) > 1e-3 or torch.linalg.det(R) < 0:
        raise DamagedFileError(
            f"{where}: intrinsic or extrinsic is no camera matrix: {K.tolist()}, {pose.tolist()}. {advice}"
        )
    U, _, Vh = torch.linalg.svd(R)  # the file's seven digits are not quite a rotation
    return Camera(K, torch.zeros(5, dtype=torch.float64), U @ Vh, pose[:3, 3], entries["size"].long())


def _lines(path: Path, header: str, advice: str) -> list[list[str]]:
    """The words of each line after the header, comments left out."""
    with reading(path, f'a camera file that begins with "{header}"'):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    if not lines or not lines[0].startswith(header):
        raise DamagedFileError(f'{path} should begin with "{header}", got "{lines[0][:60] if lines else ""}". {advice}')
    words = (line.partition("#")[0].split() for line in lines[1:])
    return [line for line in words if line]


def _numbers(path: Path, key: str, values: list[str]) -> Tensor:
    try:
        return torch.tensor([float(value) for value in values], dtype=torch.float64)
    except ValueError as error:
        raise DamagedFileError(
            f"{path}: {key} should be numbers, got {' '.join(values)}. Download it again."
        ) from error


def _expect(where: str, entries: dict[str, Tensor], counts: dict[str, int], advice: str) -> None:
    """Raise DamagedFileError unless every entry is there with as many finite numbers as it must have."""
    for key, count in counts.items():
        found = entries.get(key)
        if found is None or found.numel() != count or not bool(found.isfinite().all()):
            got = "nothing" if found is None else found.tolist()
            raise DamagedFileError(f"{where}: {key} should be {count} finite numbers, got {got}. {advice}")
