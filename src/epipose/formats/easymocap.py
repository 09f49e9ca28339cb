"""EasyMocap calibrations: ``intri.yml`` and ``extri.yml`` of OpenCV's FileStorage, all cameras in each.

``names`` lists the cameras; ``K_NAME``, ``dist_NAME`` (and, in newer files, ``H_NAME`` and ``W_NAME``) are in the first
file, ``R_NAME`` (a rotation vector), ``Rot_NAME`` (the same as a matrix) and ``T_NAME`` in the second: x_cam = R x_world
+ T. EasyMocap's own documentation says metres, and z is up where its calibration board lay on the floor; files that
other programs write under its names may be in millimetres.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from epipose.camera import Camera, Rig
from epipose.errors import DamagedFileError
from epipose.formats.camera_file import CameraFile, World, camera_of, file_of, missing_poses
from epipose.formats.file_storage import read_storage
from epipose.formats.opencv_storage import flat, matrix_lines, rotation_of, vector_of
from epipose.formats.rotations import rotation_vector_from_matrix
from epipose.io.files import AnyPath, replacing_folder
from epipose.io.guard import reads

INTRINSICS, EXTRINSICS = "intri.yml", "extri.yml"


def is_easymocap(content: Mapping[str, object]) -> bool:
    """Whether the content of a FileStorage lists ``names`` and has a matrix or a pose for each."""
    names = content.get("names")
    return isinstance(names, list) and bool(names) and all(_has(content, str(name)) for name in names)


@reads("an EasyMocap calibration", "Write it again.")
def read_easymocap(path: AnyPath, poses: bool = False) -> CameraFile:
    """All cameras of a folder, or of either of its files, with their poses if ``poses``.

    Raises DamagedFileError for what is no such file, InputError where poses are asked for and ``extri.yml`` is missing.
    """
    intrinsics, extrinsics = _files(Path(path))
    if not intrinsics.exists():
        raise DamagedFileError(f"{path} is EasyMocap's, and {intrinsics} is missing: put intri.yml beside extri.yml.")
    content = read_storage(intrinsics)
    names = [str(name) for name in flat(content.get("names", []))]
    if poses and not extrinsics.exists():
        raise missing_poses(intrinsics, names, f"EasyMocap's poses are in {extrinsics.name}: put it beside this file.")
    placed = read_storage(extrinsics) if poses else {}
    cameras = {name: _camera(intrinsics, content, placed, name, poses) for name in names}
    return file_of("an EasyMocap calibration", cameras, World() if poses else None)


def write_easymocap(rig: Rig, out: AnyPath) -> None:
    """Write a folder with ``intri.yml`` and ``extri.yml``; InputError where it is there and holds other files."""
    names = ["%YAML:1.0", "---", "names:", *(f'   - "{name}"' for name in rig.names)]
    intrinsics, extrinsics = [*names], [*names]
    for index, name in enumerate(rig.names):
        camera = rig.camera[index]
        width, height = camera.size.tolist()
        count = 8 if bool(camera.distortion[5:].any()) else 5
        intrinsics += matrix_lines(f"K_{name}", camera.K)
        intrinsics += matrix_lines(f"dist_{name}", camera.distortion[None, :count])
        intrinsics += [f"H_{name}: {height}", f"W_{name}: {width}"]
        extrinsics += matrix_lines(f"R_{name}", rotation_vector_from_matrix(camera.R)[:, None])
        extrinsics += matrix_lines(f"Rot_{name}", camera.R)
        extrinsics += matrix_lines(f"T_{name}", camera.t[:, None])
    with replacing_folder(out, (INTRINSICS, EXTRINSICS)) as part:
        for file, lines in ((INTRINSICS, intrinsics), (EXTRINSICS, extrinsics)):
            (part / file).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _files(path: Path) -> tuple[Path, Path]:
    """The two files: in the folder, or the one given and the other beside it."""
    if path.is_dir():
        return path / INTRINSICS, path / EXTRINSICS
    content = read_storage(path)
    first = str(flat(content.get("names", [""]))[0])
    if f"K_{first}" in content:
        return path, path.with_name(path.name.replace("intri", "extri")) if "intri" in path.name else path
    return path.with_name(path.name.replace("extri", "intri")), path


def _camera(path: Path, content: Mapping[str, object], placed: Mapping[str, object], name: str, poses: bool) -> Camera:
    where = f"{path}, camera '{name}'"
    if f"K_{name}" not in content:
        raise DamagedFileError(f"{where}: there is no K_{name}, although 'names' lists it. Write the file again.")
    distortion = content.get(f"dist_{name}", content.get(f"D_{name}"))
    sides = [content.get(f"{side}_{name}") for side in ("W", "H")]
    size = [side for side in sides if isinstance(side, float) and side > 0]
    pose = None
    if poses:
        rotation = placed.get(f"Rot_{name}", placed.get(f"R_{name}"))
        if rotation is None:
            raise missing_poses(path, [name], f"There is no R_{name} or Rot_{name} in {EXTRINSICS}.")
        pose = rotation_of(where, rotation), vector_of(where, placed.get(f"T_{name}"))
    coefficients = [0.0] * 5 if distortion is None else flat(distortion)
    return camera_of(where, content[f"K_{name}"], coefficients, size if len(size) == 2 else None, pose)


def _has(content: Mapping[str, object], name: str) -> bool:
    return any(f"{key}_{name}" in content for key in ("K", "R", "Rot"))
