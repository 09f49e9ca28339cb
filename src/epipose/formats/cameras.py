"""Camera files of calibration programs, told apart by their content.

To add a format: one file with a function of a path and whether poses are wanted, one line in ``FORMATS``, one in
`format_of`, one test.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from epipose.camera import Rig
from epipose.errors import DamagedFileError, InputError
from epipose.formats import colmap, easymocap
from epipose.formats.calibration_toml import is_calibration_toml, read_calibration_toml
from epipose.formats.camera_file import CameraFile
from epipose.formats.colmap import model_folder, read_colmap
from epipose.formats.easymocap import is_easymocap, read_easymocap
from epipose.formats.file_storage import read_storage
from epipose.formats.opencv_storage import is_one_camera, read_opencv
from epipose.formats.qualisys import read_qualisys
from epipose.formats.vicon import ROOT as VICON_ROOT
from epipose.formats.vicon import read_vicon
from epipose.io.files import AnyPath
from epipose.io.guard import reading, reads

_LONGEST_START = 4096  # bytes that tell binary files from text
_OPENCV_ROOT, _QUALISYS_ROOT = "opencv_storage", "calibration"
_CLIP, _CLIPS_RIG = "clip.json", "rig.json"  # files of a clip folder
_SUFFIXES = (".json", ".toml", ".yml", ".yaml", ".xml", ".xcp", ".txt")  # of what is looked at in a folder


@dataclass(frozen=True)
class CameraFormat:
    """A format of cameras: what it is called in messages, and its reader of a path and whether poses are wanted."""

    words: str
    read: Callable[[Path, bool], CameraFile]


def _read_json(path: Path, poses: bool) -> CameraFile:
    return CameraFile(Rig.load(path, intrinsics_only=not poses), "epipose's JSON")


def _read_qualisys(path: Path, poses: bool) -> CameraFile:
    rig = read_qualisys(path)
    words = "The file's lengths are millimetres, as Qualisys' are." if poses else ""
    return CameraFile(rig, "a Qualisys .qca.txt", (words,) if words else ())


FORMATS = {
    "json": CameraFormat("epipose's JSON (rig.json, intrinsics.json)", _read_json),
    "toml": CameraFormat("TOML of Pose2Sim, anipose, FreeMoCap or Caliscope", read_calibration_toml),
    "opencv": CameraFormat(
        "OpenCV's FileStorage (YAML, XML; a file or a folder of files with one camera each)",
        lambda path, poses: read_opencv(_opencv_files(path), poses),
    ),
    "easymocap": CameraFormat("EasyMocap (intri.yml, extri.yml)", read_easymocap),
    "qualisys": CameraFormat("Qualisys (.qca.txt)", _read_qualisys),
    "vicon": CameraFormat("Vicon (.xcp)", read_vicon),
    "colmap": CameraFormat("COLMAP (a folder with cameras.txt and images.txt)", read_colmap),
}


def read_cameras(path: AnyPath, poses: bool = False) -> CameraFile:
    """The cameras of a file or folder in any of the ``FORMATS``; their rotations and translations if ``poses``.

    With poses, lengths are metres where the rig is metric, and the notes say how that is known. Raises InputError
    where there is nothing, or no poses although they are wanted; DamagedFileError, which lists the formats, for
    anything else.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    found = format_of(path)
    if found is None:
        listing = "; ".join(known.words for known in FORMATS.values())
        raise DamagedFileError(f"{path} is no camera file that is read{_hint(path)}. These are: {listing}.")
    return FORMATS[found].read(_inner(path) if found not in ("colmap", "easymocap", "opencv") else path, poses)


def files_of(path: AnyPath) -> tuple[Path, ...]:
    """The files that `read_cameras` reads for a path, for fingerprints; the path itself where it is none of these."""
    path = Path(path)
    kind = format_of(path) if path.exists() else None
    if kind == "colmap":
        folder = model_folder(path) or path
        files = (folder / colmap.CAMERAS, folder / colmap.IMAGES)
    elif kind == "easymocap":
        folder = path if path.is_dir() else path.parent
        files = tuple({path if path.is_file() else folder / easymocap.INTRINSICS: 0, folder / easymocap.INTRINSICS: 0,
                       folder / easymocap.EXTRINSICS: 0})  # fmt: skip
    elif kind == "opencv":
        files = tuple(_opencv_files(path))
    else:
        files = (_inner(path),) if kind else (path,)
    return tuple(file for file in files if file.exists()) or (path,)


def format_of(path: Path) -> str | None:
    """The key in ``FORMATS`` of a file or folder that exists; None for what is none of them."""
    if model_folder(path) is not None:
        return "colmap"
    if path.is_dir():
        if (path / easymocap.INTRINSICS).exists():
            return "easymocap"
        kinds = _kinds_in(path)
        if len(kinds) == 1 or set(kinds.values()) == {"opencv"}:
            return next(iter(kinds.values()))
        if kinds:
            listing = ", ".join(sorted(file.name for file in kinds))
            raise InputError(f"{path} holds several camera files ({listing}); give one of them.")
        return None
    return _format_of_file(path)


def _kinds_in(folder: Path) -> dict[Path, str]:
    """The camera files directly in a folder, with their formats, by name; of a clip folder its rig alone."""
    if (folder / _CLIP).exists() and (folder / _CLIPS_RIG).exists():
        return {folder / _CLIPS_RIG: "json"}
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES and file.is_file())
    found = {file: _format_of_file(file) for file in files}
    return {file: kind for file, kind in found.items() if kind is not None and not _is_record(file, kind)}


def _is_record(file: Path, kind: str) -> bool:
    """Whether a JSON file of a folder is something else than cameras: only what has "cameras" is looked at."""
    return kind == "json" and b'"cameras"' not in _start(file)


def _inner(path: Path) -> Path:
    """The one camera file of a folder; a file itself."""
    return next(iter(_kinds_in(path))) if path.is_dir() else path


def _opencv_files(path: Path) -> list[Path]:
    return list(_kinds_in(path)) if path.is_dir() else [path]


def _format_of_file(path: Path) -> str | None:
    start = _start(path)
    if b"\0" in start:
        return None
    if start.startswith(b"{"):
        return "opencv" if b"opencv-matrix" in start else "json"
    if start.startswith(b"<"):
        return _format_of_xml(path)
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    if is_calibration_toml(text):
        return "toml"
    if text.startswith("%YAML") or "opencv-matrix" in text or "camera_matrix" in text:
        content = read_storage(path)
        return "easymocap" if is_easymocap(content) else "opencv" if is_one_camera(content) else None
    return None


def _start(path: Path) -> bytes:
    with reading(path, "a camera file"), path.open("rb") as file:
        return file.read(_LONGEST_START).lstrip(b"\xef\xbb\xbf \r\n\t")


@reads("XML", "Export it again.")
def _format_of_xml(path: Path) -> str | None:
    root = ElementTree.parse(path).getroot().tag
    return {_QUALISYS_ROOT: "qualisys", VICON_ROOT: "vicon", _OPENCV_ROOT: "opencv"}.get(root)


def _hint(path: Path) -> str:
    """What to do about some files that are close to what is read."""
    if path.is_dir() and any(path.rglob("cameras.bin")):
        return " (COLMAP's binary model is not: colmap model_converter --output_type TXT makes text of it)"
    if path.suffix in (".pickle", ".pkl", ".npz", ".npy", ".mat"):
        return f" ({path.suffix} has no fixed names for a camera's parts)"
    return ""
