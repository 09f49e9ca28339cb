"""Intrinsics of the camera of single images: given in a file or as a camera, or assumed."""

from __future__ import annotations

from pathlib import Path

from epipose.camera import Camera, Rig, assumed_camera
from epipose.errors import InputError
from epipose.io.files import AnyPath


def camera_in(path: AnyPath, name: str | None = None) -> Camera:
    """The one camera of an intrinsics file, or the one of several that is called ``name``.

    Raises InputError where none is called so, DamagedFileError for a file without cameras.
    """
    rig = Rig.load(path, intrinsics_only=True)
    if len(rig.names) == 1:
        return rig.camera[0]
    if name in rig.names:
        return rig.camera[rig.names.index(name)]
    wanted = "one camera was expected" if name is None else f"none is called '{name}'"
    raise InputError(
        f"{path} has cameras {', '.join(rig.names)}; {wanted}. Keep only the camera that took the images, or name it so."
    )


def camera_of(size: tuple[int, int], given: Camera | None) -> Camera:
    """The given camera, or an assumed one, of images of this width and height; InputError for one of another size."""
    width, height = size
    if given is None:
        return assumed_camera(width, height)
    if given.size.tolist() != [width, height]:
        raise InputError(
            f"An image is {width} x {height}, its intrinsics are for {given.size[0]} x {given.size[1]}. Give the "
            "intrinsics of this resolution, or none to have them assumed."
        )
    return given


def given_camera(intrinsics: Camera | AnyPath | None, name: str | None = None) -> Camera | None:
    """Intrinsics as a camera: themselves, or those of a file (see `camera_in`), or None where none are given."""
    if intrinsics is None or isinstance(intrinsics, Camera):
        return intrinsics
    return camera_in(Path(intrinsics), name)
