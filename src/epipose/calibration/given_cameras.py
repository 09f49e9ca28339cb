"""Cameras of a file matched to the views of a clip: by name, a name within a name, the number in it, or by order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from epipose.camera import Rig
from epipose.clip import Clip, View
from epipose.errors import InputError
from epipose.formats.camera_file import UNKNOWN_SIZE, CameraFile
from epipose.formats.cameras import read_cameras
from epipose.io.files import AnyPath

_OFF_CENTRE = 0.15  # of an image side: principal points of uncropped images lie within a third of it


def given_cameras(source: Rig | AnyPath, clip: Clip, poses: bool) -> tuple[Rig, str]:
    """The cameras of a rig or a file in the order of the clip's views and under their names, and a note for the user.

    The note says what was assumed: how cameras were matched, sizes that the file does not have, the unit of length.
    Raises InputError for another number of cameras, other names, or another resolution than the video has: a file for
    another resolution is never rescaled in silence, for nothing says whether the video was scaled, cropped or padded.
    """
    given = isinstance(source, Rig)
    file = CameraFile(source, "a rig") if given else read_cameras(source, poses)
    words = "The given rig" if given else str(Path(source))
    cameras, note = _in_order(file.rig, clip.names)
    if cameras is None:
        raise InputError(
            f"{words} has {len(file.rig.names)} cameras ({', '.join(file.rig.names)}); the clip has {len(clip.names)} "
            f"views ({', '.join(clip.names)}). Give a file with one camera per view, under the same names."
        )
    notes = [note.format(of=words[0].lower() + words[1:] if given else words)] if note else []
    chosen = file.rig.select(cameras)
    chosen, without = _with_sizes(chosen, clip.views, words)
    if without:
        notes.append(
            f"{words} does not say the size of the images of {', '.join(without)}; that of the videos is assumed, in whose "
            "middle the principal points lie."
        )
    for view, name, size in zip(clip.views, chosen.names, chosen.camera.size.tolist(), strict=True):
        if size != [view.width, view.height]:
            raise InputError(_of_another_size(f"{words}: camera '{name}'", size, view))
    return replace(chosen, names=clip.names), " ".join([*notes, *file.notes])


def _in_order(rig: Rig, views: Sequence[str]) -> tuple[tuple[str, ...] | None, str]:
    """The names of the views' cameras (None where they do not match), and a sentence on how they were matched."""
    if set(views) <= set(rig.names):
        return tuple(views), ""
    within = [[camera for camera in rig.names if _within(camera, view) or _within(view, camera)] for view in views]
    if all(len(names) == 1 for names in within) and len({names[0] for names in within}) == len(views):
        cameras = tuple(names[0] for names in within)
        return cameras, f"Cameras of {{of}} were matched to views by the names within names: {_pairs(views, cameras)}."
    numbered = {_last_number(camera): camera for camera in rig.names}
    numbers = [_last_number(view) for view in views]
    if len(numbers) == len(rig.names) and None not in numbers and set(numbers) == set(numbered) and _differ(numbers):
        cameras = tuple(numbered[number] for number in numbers)
        return cameras, f"Cameras of {{of}} were matched to views by the numbers in names: {_pairs(views, cameras)}."
    if not set(views) & set(rig.names) and len(rig.names) == len(views):
        pairs = _pairs(views, rig.names)
        return rig.names, f"No camera of {{of}} has the name of a view, so they were matched by order: {pairs}."
    return None, ""


def _within(short: str, long: str) -> bool:
    """Whether a name is a part of another, between what are no letters or digits: 21404 of Trial_Miqus_21404."""
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(short)}(?![A-Za-z0-9])", long) is not None


def _last_number(name: str) -> int | None:
    """The last number in a name, 10 of port_10: where sorting by text has port_10 before port_2."""
    found = re.findall(r"\d+", name)
    return int(found[-1]) if found else None


def _differ(values: Sequence[object]) -> bool:
    return len(set(values)) == len(values)


def _pairs(views: Sequence[str], cameras: Sequence[str]) -> str:
    return ", ".join(f"{view} = {camera}" for view, camera in zip(views, cameras, strict=True))


def _with_sizes(rig: Rig, views: Sequence[View], words: str) -> tuple[Rig, list[str]]:
    """Sizes of the views' images for cameras that have none, and which these are.

    Raises InputError where a principal point does not lie about the middle of the images.
    """
    size, without = rig.camera.size.clone(), []
    for index, (name, view) in enumerate(zip(rig.names, views, strict=True)):
        if tuple(size[index].tolist()) != UNKNOWN_SIZE:
            continue
        shown = torch.tensor([view.width, view.height])
        center = rig.camera.K[index, :2, 2]
        if bool(((center - (shown - 1) / 2).abs() > _OFF_CENTRE * shown).any()):
            x, y = center.tolist()
            raise InputError(
                f"{words}: camera '{name}' has no image size, and its principal point ({x:.0f}, {y:.0f}) is not about the "
                f"middle of the images of view '{view.name}', {view.width}x{view.height}: it was calibrated with other "
                "images. Give a file with the size, for the video's resolution."
            )
        size[index] = shown
        without.append(name)
    return replace(rig, camera=replace(rig.camera, size=size)), without


def _of_another_size(camera: str, size: list[int], view: View) -> str:
    """What to say of intrinsics for another size than that of a view's images."""
    shown = f"{view.width}x{view.height}"
    if view.sample_aspect_ratio != 1 and size == list(view.stored_size):
        return (
            f"{camera} was calibrated at {size[0]}x{size[1]} pixels, as the video of view '{view.name}' stores them; but "
            f"that video has non-square pixels (sample aspect ratio {view.sample_aspect_ratio:.4g}), and is read at its "
            f"display size, {shown}. Give a file for {shown}: epipose.Camera.resized({view.width}, {view.height}) makes "
            "its K, if the calibration took the images as they are stored."
        )
    return (
        f"{camera} was calibrated at {size[0]}x{size[1]} pixels; the video of view '{view.name}' has {shown}. Give a "
        "file for the video's resolution: scale, crop or pad K and size as the video was (epipose.Camera has resized "
        "and cropped)."
    )
