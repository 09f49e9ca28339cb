"""Intrinsics from a file, matched to the views of a clip: the one thing calibration is told about the cameras."""

from __future__ import annotations

from pathlib import Path

from epipose.camera import Camera, Rig, assumed_camera, stack_cameras
from epipose.clip import Clip
from epipose.errors import EpiposeError
from epipose.qualisys import read_qualisys


def intrinsics_from(path: Path, clip: Clip) -> tuple[Rig, str]:
    """K, distortion and size of every view in the order of the clip, at the origin, and how they were matched.

    Reads epipose's JSON (R and t are ignored) or a Qualisys ``.qca.txt``. Cameras go by name; where no name matches
    but the counts agree, by order, and the second value says so (it is empty otherwise). Raises EpiposeError for
    another number of cameras, other names, or another resolution than the video has: a file for another resolution
    is never rescaled in silence, for nothing says whether the video was scaled, cropped or padded.
    """
    rig = _read(path)
    note = ""
    if set(clip.names) <= set(rig.names):
        rig = rig.select(clip.names)
    elif not set(clip.names) & set(rig.names) and len(rig.names) == len(clip.names):
        pairs = ", ".join(f"{view} = {camera}" for view, camera in zip(clip.names, rig.names, strict=True))
        note = f"No camera of {path} has the name of a view, so they were matched by order: {pairs}."
    else:
        raise EpiposeError(
            f"{path} has {len(rig.names)} cameras ({', '.join(rig.names)}); the clip has {len(clip.names)} views "
            f"({', '.join(clip.names)}). Give a file with one camera per view, under the same names."
        )
    for view, camera, size in zip(clip.views, rig.names, rig.camera.size.tolist(), strict=True):
        if size != [view.width, view.height]:
            raise EpiposeError(
                f"{path}: camera '{camera}' was calibrated at {size[0]}x{size[1]} pixels; the video of view "
                f"'{view.name}' has {view.width}x{view.height}. Give a file for the video's resolution: scale, crop or "
                "pad K and size as the video was (epipose.Camera has resized and cropped)."
            )
    camera = Camera.from_intrinsics(rig.camera.K, rig.camera.distortion, rig.camera.size)
    return Rig(clip.names, camera), note


def known_rig_from(path: Path, clip: Clip) -> tuple[Rig, str]:
    """Like `intrinsics_from`, for cameras whose R and t are known too and are kept."""
    intrinsics, note = intrinsics_from(path, clip)
    rig = _read(path, intrinsics_only=False)
    known = rig.select(clip.names) if set(clip.names) <= set(rig.names) else rig
    return Rig(clip.names, intrinsics.camera.with_pose(known.camera.R, known.camera.t), rig.metric), note


def assumed_intrinsics(clip: Clip) -> tuple[Rig, str]:
    """An ordinary lens for every view, and the warning that belongs to it."""
    camera = stack_cameras([assumed_camera(view.width, view.height) for view in clip.views])
    return Rig(clip.names, camera), (
        "No intrinsics were given, so an ordinary lens was assumed (focal length 0.8 of the longer side, no "
        "distortion). Cameras and depths are wrong by about the share by which that is. Give --intrinsics for results "
        "that can be trusted."
    )


def _read(path: Path, intrinsics_only: bool = True) -> Rig:
    if not path.exists():
        raise EpiposeError(f"There is no file {path}.")
    with path.open("rb") as file:
        start = file.read(200).lstrip(b"\xef\xbb\xbf \r\n\t")
    if start.startswith(b"{"):
        return Rig.load(path, intrinsics_only)
    if start.startswith(b"<"):
        return read_qualisys(path)
    raise EpiposeError(
        f'{path} is no camera file: expected epipose\'s JSON ({{"cameras": ...}}) or a Qualisys .qca.txt (XML).'
    )
