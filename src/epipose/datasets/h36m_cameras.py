"""Human3.6M's cameras, from the release's metadata.xml and from what others made of it.

The element ``w0`` of metadata.xml (in the release's code, Release-v1.1 or v1.2) holds 300 numbers in square brackets:

- 4 cameras x 11 subjects (the subject runs faster) x 6: three Euler angles (radians), then the camera's CENTRE T (mm);
- 4 cameras x 9: focal lengths f1 f2, principal point c1 c2, radial k1 k2 k3, tangential p1 p2. They are the same for all
  subjects, and k3 comes before p1.

The rotation is R = Rx(a) Ry(b) Rz(c), and x_cam = R (X - T) (H36MCamera.m and ProjectPointRadial.m of the release; read
the same by 3d-pose-baseline, PosePile, and karfly's human36m-camera-parameters). Epipose's t is -R T.

The order of p1 and p2 differs between sources. The release adds [p2 p1]' r^2 to (x, y), so its p1 and p2 are
OpenCV's p1 and p2, as karfly and PosePile take them. VideoPose3D adds p r^2 in the order (x, y) and therefore lists them
swapped: do not take its table for OpenCV's. One thing the release does otherwise: it has x (p1 y + p2 x) where Brown's
model, and OpenCV, has x (2 p1 y + 2 p2 x). Its own 2D poses so differ from OpenCV's projection by x (p1 y + p2 x) f, under
0.4 px where people are.

Pixels are taken as they stand, as every published use does. The release mirrors them by W - x + 1, so they may have been
counted from 1; we found no published check.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from jaxtyping import Float

from epipose.camera import Camera, Rig
from epipose.data.studio.cameras import h36m_rig, read_rigs
from epipose.datasets.h36m_names import CAMERAS, SIZES, SOURCE
from epipose.errors import EpiposeError
from epipose.files import read_json
from epipose.geometry.rotation import nearest_rotation

WHERE = f"Get the release's code (Release-v1.2) at {SOURCE} and put its metadata.xml into the dataset's folder"


def find_rigs(root: Path) -> dict[str, Rig] | None:
    """The rigs by subject from the camera file in ``root``, in a folder of it, or beside it; None where there is none.

    That is metadata.xml, or cameras.json: {"cameras": {"S1/54138969": {"K", "dist", "R", "t" (mm)}}}, as
    `epipose.data.studio.cameras.read_rigs` reads it.
    """
    for name, read in (("metadata.xml", read_metadata), ("cameras.json", _read_json_rigs)):
        for folder in (root, *sorted(root.glob("*/")), root.parent):
            if (folder / name).is_file():
                return read(folder / name)
    return None


def needed_rigs(root: Path) -> dict[str, Rig]:
    """As `find_rigs`, for readers that cannot do without: raises EpiposeError that says where to get metadata.xml."""
    rigs = find_rigs(root)
    if rigs is None:
        raise EpiposeError(f"There is no file metadata.xml in {root}: the cameras are in it. {WHERE}.")
    return rigs


def rig_of(rigs: Mapping[str, Rig], subject: str, views: tuple[str, ...], where: Path) -> Rig:
    """A subject's cameras, those of ``views`` where any are named; EpiposeError where ``where`` has none of them."""
    if subject not in rigs:
        raise EpiposeError(f"{where} has takes of {subject}, but no cameras of {subject}. {WHERE}.")
    return rigs[subject].select(views) if views else rigs[subject]


def read_metadata(path: Path) -> dict[str, Rig]:
    """The rigs of subjects S1 to S11 from metadata.xml, float64, metres, z up; raises EpiposeError for anything else."""
    try:
        found = next(ElementTree.parse(path).iter("w0"), None)
        text = "" if found is None else found.text or ""
        numbers = np.array([float(number) for number in text.strip().strip("[]").split()])
    except (ElementTree.ParseError, ValueError, OSError, UnicodeDecodeError) as error:
        raise EpiposeError(f"{path} cannot be read as Human3.6M's metadata.xml ({error}). {WHERE}.") from error
    if len(numbers) != 300 or not np.isfinite(numbers).all():
        raise EpiposeError(
            f"{path} is not Human3.6M's metadata.xml: its element w0 has {len(numbers)} numbers, expected 300 "
            f"(4 cameras x 11 subjects x 6, and 4 x 9). {WHERE}."
        )
    places, lenses = numbers[:264].reshape(4, 11, 6), numbers[264:].reshape(4, 9)
    return {f"S{subject + 1}": _rig(places[:, subject], lenses) for subject in range(11)}


def _rig(places: Float[np.ndarray, "camera 6"], lenses: Float[np.ndarray, "camera 9"]) -> Rig:
    """Cameras from angles and centres (mm), and from f1 f2 c1 c2 k1 k2 k3 p1 p2."""
    R = np.stack([_rotation(*angles) for angles in places[:, :3]])
    t = -np.einsum("vij,vj->vi", R, places[:, 3:]) / 1000
    K = np.stack([[[f1, 0, c1], [0, f2, c2], [0, 0, 1]] for f1, f2, c1, c2 in lenses[:, :4]])
    return rig_from(CAMERAS, K, lenses[:, [4, 5, 7, 8, 6]], R, t)


def _rotation(a: float, b: float, c: float) -> Float[np.ndarray, "3 3"]:
    """Rx(a) Ry(b) Rz(c)."""
    Rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    Ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    Rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return Rx @ Ry @ Rz


def rig_from(
    names: tuple[str, ...],
    K: Float[np.ndarray, "camera 3 3"],
    distortion: Float[np.ndarray, "camera 5"],
    R: Float[np.ndarray, "camera 3 3"],
    t: Float[np.ndarray, "camera 3"],
) -> Rig:
    """A rig of these of the four cameras, which have their known sizes; metres, OpenCV's order k1 k2 p1 p2 k3."""
    size = torch.tensor([SIZES[name] for name in names])
    tensors = (torch.from_numpy(np.asarray(part, dtype=np.float64)) for part in (K, distortion, R, t))
    matrix, lens, rotation, translation = tensors
    return Rig(names, Camera(matrix, lens, nearest_rotation(rotation), translation, size), metric=True, upright=True)


def lens_of(name: str, focal: Float[np.ndarray, "2"]) -> Float[np.ndarray, "5"]:
    """The published distortion of a camera, for files that leave it out; zeros where the focal length is not its own."""
    known = h36m_rig()
    camera = known.camera[known.names.index(f"cam{name}")]
    same = np.abs(camera.K.diagonal()[:2].numpy() - focal).max() < 0.01
    return camera.distortion.numpy() if same else np.zeros(5)


def _read_json_rigs(path: Path) -> dict[str, Rig]:
    """Rigs by subject from a file in which cameras are called "S1/54138969"."""
    rigs = read_rigs(path)
    subjects = list(dict.fromkeys(name.partition("/")[0] for name in read_json(path)["cameras"]))
    known = {f"cam{name}": name for name in CAMERAS}
    if len(rigs) != len(subjects) or any(not set(rig.names) <= set(known) for rig in rigs):
        raise EpiposeError(
            f'{path} has no cameras of Human3.6M: expected {{"cameras": {{"S1/54138969": ...}}}} with the four cameras '
            f"{', '.join(CAMERAS)}. {WHERE}."
        )
    named = (([known[name] for name in rig.names], rig.camera) for rig in rigs)
    return {
        subject: rig_from(tuple(names), *(part.numpy() for part in (camera.K, camera.distortion, camera.R, camera.t)))
        for subject, (names, camera) in zip(subjects, named, strict=True)
    }
