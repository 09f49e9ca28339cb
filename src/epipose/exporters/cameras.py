"""Cameras for other programs: calibration TOML, OpenCV, EasyMocap, COLMAP, Qualisys, Vicon.

The formats themselves are in `epipose.formats`, each with its reader; here is what becomes of a rig in any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from epipose.camera import Rig
from epipose.errors import InputError
from epipose.exporters.base import Recording, Written
from epipose.exporters.options import ExportOptions
from epipose.formats.calibration_toml import write_calibration_toml
from epipose.formats.colmap import CAMERAS, IMAGES, POINTS, write_colmap
from epipose.formats.easymocap import EXTRINSICS, INTRINSICS, write_easymocap
from epipose.formats.opencv_storage import write_opencv
from epipose.formats.qualisys import write_qualisys
from epipose.formats.vicon import write_vicon


def export_toml(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write a calibration TOML in the ``style`` of a program and in ``unit``."""
    rig = recording.need_rig()
    lost = write_calibration_toml(rig, out, options.style, options.unit)
    return Written((out,), (*_lost(rig, z_up=options.style != "anipose"), *lost))


def export_opencv(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write OpenCV's FileStorage in ``unit``, one file per camera: ``STEM_CAMERA.yml`` where there are several."""
    rig = recording.need_rig()
    return Written(write_opencv(rig, out, options.unit), _lost(rig, z_up=False))


def export_easymocap(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write a folder with ``intri.yml`` and ``extri.yml``, in metres."""
    rig = recording.need_rig()
    fisheyes = [name for name, fisheye in zip(rig.names, rig.camera.fisheye.tolist(), strict=True) if fisheye]
    if fisheyes:
        raise InputError(
            f"{recording.name}: EasyMocap has no fisheye lenses ({', '.join(fisheyes)}). Write another format, or "
            "undistort the videos first."
        )
    write_easymocap(rig, out)
    return Written((out / INTRINSICS, out / EXTRINSICS), _lost(rig, z_up=True))


def export_colmap(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write a folder with ``cameras.txt``, ``images.txt`` and an empty ``points3D.txt``, in metres."""
    rig = recording.need_rig()
    write_colmap(rig, out)
    return Written((out / CAMERAS, out / IMAGES, out / POINTS), _lost(rig, z_up=False))


def export_qualisys(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write a Qualisys ``.qca.txt``, in millimetres."""
    rig = recording.need_rig()
    lost = write_qualisys(rig, out)
    return Written((out,), (*_lost(rig, z_up=True), *lost))


def export_vicon(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write a Vicon ``.xcp``, in millimetres."""
    rig = recording.need_rig()
    lost = write_vicon(rig, out)
    return Written((out,), (*_lost(rig, z_up=True), *lost))


def _lost(rig: Rig, *, z_up: bool) -> tuple[str, ...]:
    """What no format of cameras holds, and, with ``z_up``, whether the program expects another world."""
    said = []
    if not rig.metric:
        said.append(
            "The cameras are not metric: lengths are right up to one common factor, and other programs take them as "
            "metres or millimetres. Calibrate with --height or --camera-distance."
        )
    if z_up and not rig.upright:
        said.append("Nothing says that the cameras' world has z up and the floor at 0, as the program expects.")
    late = _names(rig, rig.lag.abs().gt(0).tolist())
    if late:
        frames = ", ".join(f"{value:+.2f}" for value in rig.lag.tolist())
        said.append(f"Lags within a frame are left out ({late}: {frames} frames of {', '.join(rig.names)}).")
    skewed = _names(rig, rig.camera.K[:, 0, 1].ne(0).tolist())
    if skewed:
        said.append(f"The skew of {skewed} is left out by OpenCV and by the programs on it.")
    return tuple(said)


def _names(rig: Rig, chosen: Sequence[bool]) -> str:
    return ", ".join(name for name, one in zip(rig.names, chosen, strict=True) if one)
