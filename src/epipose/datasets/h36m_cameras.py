"""Human3.6M cameras, from the release's metadata.xml or from JSON files that others derived from it.

The element ``w0`` of metadata.xml (in the release's code, Release-v1.1 or v1.2) holds 300 numbers in square brackets:

- 4 cameras x 11 subjects (the subject runs faster) x 6: three Euler angles (radians), then the camera's CENTRE T (mm);
- 4 cameras x 9: focal lengths f1 f2, principal point c1 c2, radial k1 k2 k3, tangential p1 p2. They are the same for
  all subjects, and k3 comes before p1.

The rotation is R = Rx(a) Ry(b) Rz(c), and x_cam = R (X - T) (H36MCamera.m and ProjectPointRadial.m of the release; read
the same by 3d-pose-baseline, PosePile, and karfly's human36m-camera-parameters). Epipose's t is -R T.

The order of p1 and p2 differs between sources. The release adds [p2 p1]' r^2 to (x, y), so its p1 and p2 are
OpenCV's p1 and p2, as karfly and PosePile take them. VideoPose3D adds p r^2 in the order (x, y) and therefore lists
them swapped: do not take its table for OpenCV's. One thing the release does otherwise: it has x (p1 y + p2 x) where
Brown's model, and OpenCV, has x (2 p1 y + 2 p2 x). Its own 2D poses so differ from OpenCV's projection by x (p1 y + p2
x) f, under 0.4 px where people are.

Images are 1000 x 1000 or 1000 x 1002. The table ``mapping`` of metadata.xml says which: its row whose first two cells
are empty has for every subject "[a b;a b;a b;a b]", one pair a camera. Where a file lacks it, `size_of` knows: all of
S7's are 1002 high, and of the other subjects' the first and the last camera's (so they are listed by
those who extracted frames from the videos).

Pixels are taken as they stand, as every published use does. The release mirrors them by W - x + 1, so they may have
been counted from 1; we found no published check.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from jaxtyping import Float

from epipose.camera import Camera, Rig, nearest_rotation
from epipose.datasets.h36m_common import CAMERAS, SOURCE
from epipose.errors import DamagedFileError, InputError
from epipose.formats.rig_json import read_rigs
from epipose.io.files import read_json
from epipose.io.guard import reading

# Focal lengths (pixels), and k1 k2 p1 p2 k3, of each camera, as metadata.xml has them; the same for all subjects.
_INTRINSICS = {
    "54138969": ((1145.04940, 1143.78110), (-0.207098911, 0.247775183, -0.001424472, -0.000975699, -0.003075150)),
    "55011271": ((1149.67570, 1147.59162), (-0.194213630, 0.240408539, -0.002740894, -0.001619027, 0.006819976)),
    "58860488": ((1149.14072, 1148.79897), (-0.208338188, 0.255488007, -0.000759999, 0.001484387, -0.002460497)),
    "60457274": ((1145.51134, 1144.77393), (-0.198384094, 0.218323676, -0.001813362, -0.000587206, -0.008947807)),
}
WHERE_TO_GET = f"Get the release's code (Release-v1.2) at {SOURCE} and put its metadata.xml into the dataset's folder"


def find_rigs(root: Path) -> dict[str, Rig] | None:
    """The rigs by subject from a camera file; None where there is none.

    That is metadata.xml in ``root``, in a folder of it, or beside it; or cameras.json in ``root`` itself (others use
    that name, too): {"cameras": {"S1/54138969": {"K", "dist", "R", "t" (mm)}}}, as `read_rigs` of the studio reads it.
    """
    for folder in (root, *sorted(root.glob("*/")), root.parent):
        if os.path.isfile(folder / "metadata.xml"):  # False, too, in a folder that may not be read
            return read_metadata(folder / "metadata.xml")
    return _read_json_rigs(root / "cameras.json") if (root / "cameras.json").is_file() else None


def needed_rigs(root: Path) -> dict[str, Rig]:
    """As `find_rigs`, for readers that need cameras: InputError says where to get metadata.xml."""
    rigs = find_rigs(root)
    if rigs is None:
        raise InputError(f"There is no file metadata.xml in {root}: the cameras are in it. {WHERE_TO_GET}.")
    return rigs


def rig_of(rigs: Mapping[str, Rig], subject: str, views: tuple[str, ...], where: Path) -> Rig:
    """A subject's cameras, those of ``views`` where any are named; InputError where ``where`` has none."""
    if subject not in rigs:
        raise InputError(f"{where} has takes of {subject}, but no cameras of {subject}. {WHERE_TO_GET}.")
    return rigs[subject].select(views) if views else rigs[subject]


def read_metadata(path: Path) -> dict[str, Rig]:
    """The rigs of subjects S1 to S11 from metadata.xml, float64, metres, z up; else DamagedFileError."""
    with reading(path, "Human3.6M's metadata.xml", f"{WHERE_TO_GET}."):
        root = ElementTree.parse(path).getroot()
        found = next(root.iter("w0"), None)
        text = "" if found is None else found.text or ""
        numbers = np.array([float(number) for number in text.strip().strip("[]").split()])
    if len(numbers) != 300 or not np.isfinite(numbers).all():
        raise DamagedFileError(
            f"{path} is not Human3.6M's metadata.xml: its element w0 has {len(numbers)} numbers, expected 300 "
            f"(4 cameras x 11 subjects x 6, and 4 x 9). {WHERE_TO_GET}."
        )
    extrinsics, intrinsics = numbers[:264].reshape(4, 11, 6), numbers[264:].reshape(4, 9)
    with reading(path, "Human3.6M's metadata.xml", f"{WHERE_TO_GET}."):
        sizes = _sizes_in(root)
        return {f"S{n + 1}": _rig(sizes[f"S{n + 1}"], extrinsics[:, n], intrinsics) for n in range(11)}


def _sizes_in(root: ElementTree.Element) -> dict[str, list[tuple[int, int]]]:
    """The sizes of every subject's images from metadata.xml; those of `size_of` where it has none."""
    sizes = {f"S{n + 1}": [size_of(f"S{n + 1}", camera) for camera in CAMERAS] for n in range(11)}
    for row in root.iterfind(".//mapping/tr"):
        cells = [(cell.text or "").strip() for cell in row]
        if any(cells[:2]):
            continue
        for subject, cell in zip(sizes, cells[2:], strict=False):
            numbers = [int(number) for number in re.findall(r"\d+", cell)]
            if len(numbers) == 2 * len(CAMERAS):  # no image is wider than it is high
                sizes[subject] = [(min(pair), max(pair)) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
    return sizes


def size_of(subject: str, camera: str) -> tuple[int, int]:
    """Width and height of the images that a camera took of a subject."""
    return 1000, 1002 if subject == "S7" or camera in (CAMERAS[0], CAMERAS[3]) else 1000


def sizes_of(rigs: Mapping[str, Rig], subject: str) -> list[tuple[int, int]]:
    """Width and height of a subject's images, of the four cameras; as published where ``rigs`` lacks one."""
    known = {camera: size_of(subject, camera) for camera in CAMERAS}
    if subject in rigs:
        rig = rigs[subject]
        known |= {name: (int(w), int(h)) for name, (w, h) in zip(rig.names, rig.camera.size.tolist(), strict=True)}
    return [known[camera] for camera in CAMERAS]


def _rig(
    sizes: Sequence[tuple[int, int]],
    extrinsics: Float[np.ndarray, "camera 6"],
    intrinsics: Float[np.ndarray, "camera 9"],
) -> Rig:
    """Cameras from the sizes of their images, angles and centres (mm), and f1 f2 c1 c2 k1 k2 k3 p1 p2."""
    R = np.stack([_rotation(*angles) for angles in extrinsics[:, :3]])
    t = -np.einsum("vij,vj->vi", R, extrinsics[:, 3:]) / 1000
    K = np.stack([[[f1, 0, c1], [0, f2, c2], [0, 0, 1]] for f1, f2, c1, c2 in intrinsics[:, :4]])
    return rig_from(CAMERAS, sizes, K, intrinsics[:, [4, 5, 7, 8, 6]], R, t)


def _rotation(a: float, b: float, c: float) -> Float[np.ndarray, "3 3"]:
    """Rx(a) Ry(b) Rz(c)."""
    Rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    Ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    Rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return Rx @ Ry @ Rz


def rig_from(
    names: tuple[str, ...],
    sizes: Sequence[tuple[int, int]],
    K: Float[np.ndarray, "camera 3 3"],
    distortion: Float[np.ndarray, "camera 5"],
    R: Float[np.ndarray, "camera 3 3"],
    t: Float[np.ndarray, "camera 3"],
) -> Rig:
    """A rig of some of the four cameras; ``sizes`` are (width, height), metres, OpenCV's order k1 k2 p1 p2 k3."""
    tensors = (torch.from_numpy(np.asarray(part, dtype=np.float64)) for part in (K, distortion, R, t))
    matrix, coefficients, rotation, translation = tensors
    size = torch.tensor(list(sizes))
    return Rig(
        names, Camera(matrix, coefficients, nearest_rotation(rotation), translation, size), metric=True, upright=True
    )


def distortion_of(name: str, focal: Float[np.ndarray, "2"]) -> Float[np.ndarray, "5"]:
    """The published distortion of a camera, for files without it; zeros where the focal length is another one."""
    published, distortion = _INTRINSICS[name]
    return np.array(distortion) if np.abs(np.array(published) - focal).max() < 0.01 else np.zeros(5)


def _read_json_rigs(path: Path) -> dict[str, Rig]:
    """Rigs by subject from a file in which cameras are called "S1/54138969"."""
    rigs = read_rigs(path)
    subjects = list(dict.fromkeys(name.partition("/")[0] for name in read_json(path)["cameras"]))
    known = {f"cam{name}": name for name in CAMERAS}
    if len(rigs) != len(subjects) or any(not set(rig.names) <= set(known) for rig in rigs):
        raise DamagedFileError(
            f'{path} has no cameras of Human3.6M: expected {{"cameras": {{"S1/54138969": ...}}}} with the four cameras '
            f"{', '.join(CAMERAS)}. {WHERE_TO_GET}."
        )
    return {
        subject: rig_from(
            tuple(known[name] for name in rig.names),
            [size_of(subject, known[name]) for name in rig.names],
            *(part.numpy() for part in (rig.camera.K, rig.camera.distortion[:, :5], rig.camera.R, rig.camera.t)),
        )
        for subject, rig in zip(subjects, rigs, strict=True)
    }
