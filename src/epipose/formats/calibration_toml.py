"""Calibration TOML of Pose2Sim, anipose, FreeMoCap and Caliscope: one table per camera, OpenCV's conventions.

All have ``matrix``, ``distortions``, ``rotation`` (a rotation vector; Caliscope's older files a matrix), ``translation``
(x_cam = R x_world + t), ``size`` and ``fisheye``. They differ in the tables' names and in the unit: Pose2Sim calls them
as the cameras and is in metres, anipose and FreeMoCap call them ``cam_0``, ``cam_1``, ... and are in the unit of the
board (FreeMoCap: millimetres), Caliscope has ``cameras.0``, ``cameras.1``, ... in metres and no names. The world is that
of the board or of the wand: nothing in the files says which axis is up.

The writer adds ``unit`` and ``upright`` to the table ``metadata``, which all of these programs keep or ignore.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from epipose.camera import Camera, Rig
from epipose.errors import DamagedFileError
from epipose.formats.camera_file import CameraFile, World, camera_of, file_of, missing_poses
from epipose.formats.rotations import matrix_from_rotation_vector, rotation_vector_from_matrix
from epipose.io.files import AnyPath, replacing
from epipose.io.guard import reads
from epipose.lens.file_entry import numbers

Style = Literal["pose2sim", "anipose", "caliscope"]
_CALISCOPE = "cameras"  # the table that holds its cameras
_UNITS = ("m", "mm", "nominal")


def is_calibration_toml(text: str) -> bool:
    """Whether a text is TOML with at least one table that has a camera's ``matrix``, or Caliscope's ``cameras``."""
    try:
        return bool(_tables(tomllib.loads(text)))
    except Exception:  # for text that is no TOML, tomllib raises more than its own error
        return False


@reads("TOML", "Write it again or give another file.")
def read_calibration_toml(path: AnyPath, poses: bool = False) -> CameraFile:
    """The cameras of a file, with their poses if ``poses``, in metres where the unit is stated or can be told.

    Raises DamagedFileError for what is no such file, InputError where poses are asked for and a camera has none.
    """
    path = Path(path)
    content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    tables = _tables(content)
    known = {name: table for name, table in tables.items() if _given(table, "matrix")}
    if not known:
        raise DamagedFileError(f"{path} has no calibrated camera: expected tables with 'matrix' and 'distortions'.")
    notes = []
    if len(known) < len(tables):
        without = ", ".join(name for name in tables if name not in known)
        notes.append(f"{path.name} has no intrinsics for {without}, which are left out.")
    if poses:
        without = [name for name, table in known.items() if not _posed(table)]
        if without:
            raise missing_poses(path, without, "Run the extrinsic calibration there and give its file.")
    cameras = {name: _camera(f"{path}, camera '{name}'", table, poses) for name, table in known.items()}
    kind = "a Caliscope TOML" if _CALISCOPE in content else "a TOML calibration of Pose2Sim or anipose"
    return file_of(kind, cameras, _world(content) if poses else None, notes)


def write_calibration_toml(rig: Rig, out: AnyPath, style: Style, unit: Literal["m", "mm"] = "m") -> tuple[str, ...]:
    """Write a rig of metres (or nominal scale) in ``unit``; returns a sentence for each thing that is lost."""
    scale = 1000.0 if unit == "mm" else 1.0
    ids = camera_numbers(rig.names) if style == "caliscope" else ()
    lines = []
    for index, name in enumerate(rig.names):
        key = {"pose2sim": _key(name), "anipose": f"cam_{_padded(index, len(rig.names))}"}.get(style)
        lines.append(f"[{_CALISCOPE}.{ids[index]}]\ncam_id = {ids[index]}" if key is None else f"[{key}]")
        lines += [f"{entry} = {value}" for entry, value in _entries(name, rig.camera[index], scale, style)]
        lines.append("")
    lines += ["[metadata]", "adjusted = false", "error = 0.0"]
    lines += [f"unit = {json.dumps(unit if rig.metric else 'nominal')}", f"upright = {json.dumps(rig.upright)}"]
    with replacing(out) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tuple(_losses(rig, style, unit, ids))


def camera_numbers(names: Sequence[str]) -> tuple[int, ...]:
    """A number for each camera: the one its name ends with where all have one and none has it twice, else its index."""
    found = [re.search(r"(\d+)$", name) for name in names]
    ends = [int(match.group(1)) for match in found if match]
    return tuple(ends) if len(set(ends)) == len(names) else tuple(range(len(names)))


def _tables(content: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """The cameras' tables by the cameras' names."""
    inner = content.get(_CALISCOPE)
    if isinstance(inner, dict):
        return {str(table.get("name", f"cam_{key}")): table for key, table in inner.items() if isinstance(table, dict)}
    return {
        str(table.get("name", key)): table
        for key, table in content.items()
        if isinstance(table, dict) and "matrix" in table and ("distortions" in table or "translation" in table)
    }


def _given(table: Mapping[str, object], key: str) -> bool:
    """Whether a table has a value; Caliscope's older files say "null" for none."""
    return table.get(key) not in (None, "null")


def _posed(table: Mapping[str, object]) -> bool:
    return _given(table, "rotation") and _given(table, "translation")


def _camera(where: str, table: Mapping[str, object], poses: bool) -> Camera:
    pose = None
    if poses:
        pose = _rotation(where, table["rotation"]), numbers(f"{where}, translation", _flat(table["translation"]), (3,))
    size = table.get("size")
    if size is not None:
        size = numbers(f"{where}, size", size, (2,)).tolist()
    distortion = _flat(table["distortions"]) if _given(table, "distortions") else [0.0] * 5
    return camera_of(where, table["matrix"], distortion, size, pose, fisheye=bool(table.get("fisheye", False)))


def _rotation(where: str, given: object) -> Float[Tensor, "3 3"]:
    flat = _flat(given)
    if isinstance(flat, list) and len(flat) == 9:
        return numbers(f"{where}, rotation", flat, (9,)).reshape(3, 3)
    return matrix_from_rotation_vector(numbers(f"{where}, rotation", flat, (3,)))


def _flat(given: object) -> object:
    """A list of lists as one list: some programs write vectors as columns."""
    if isinstance(given, list) and given and all(isinstance(row, list) for row in given):
        return [value for row in given for value in row]
    return given


def _world(content: Mapping[str, object]) -> World:
    metadata = content.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    unit = metadata.get("unit")
    return World(unit if unit in _UNITS else None, metadata.get("upright") is True)


def _entries(name: str, camera: Camera, scale: float, style: Style) -> list[tuple[str, str]]:
    """Keys and values of a camera's table."""
    fisheye = bool(camera.fisheye)
    count = 4 if fisheye else 8 if bool(camera.distortion[5:].any()) else 5
    if style == "pose2sim" and count == 5 and float(camera.distortion[4]) == 0:
        count = 4  # as Pose2Sim writes them
    size = [float(side) if style == "pose2sim" else int(side) for side in camera.size.tolist()]
    rotation = rotation_vector_from_matrix(camera.R)
    return [
        ("name", json.dumps(name)),
        ("size", str(size)),
        ("matrix", str(camera.K.tolist())),
        ("distortions", str(camera.distortion[:count].tolist())),
        ("rotation", str(rotation.tolist())),
        ("translation", str((scale * camera.t).tolist())),
        ("fisheye", json.dumps(fisheye)),
    ]


def _key(name: str) -> str:
    """A name as a key of TOML, in quotes where it must be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _padded(index: int, count: int) -> str:
    """A camera's number with leading zeros, so that sorting by text, as aniposelib does, keeps the order."""
    return str(index).zfill(len(str(count - 1)))


def _losses(rig: Rig, style: Style, unit: str, ids: Sequence[int]) -> list[str]:
    """What programs of this style do not take from the file."""
    said = []
    fisheyes = [name for name, fisheye in zip(rig.names, rig.camera.fisheye.tolist(), strict=True) if fisheye]
    if style == "pose2sim" and fisheyes:
        said.append(
            f"Pose2Sim knows no fisheye lenses: it takes the distortion of {', '.join(fisheyes)} as that of an ordinary "
            "lens. Undistort their videos for it."
        )
    if style != "anipose" and unit == "mm":
        said.append(f"{style.capitalize()} expects metres, and the file is in millimetres.")
    if style == "caliscope":
        pairs = ", ".join(f"{name} = {number}" for name, number in zip(rig.names, ids, strict=True))
        said.append(f"Caliscope knows its cameras by number, not by name: {pairs}.")
    return said
