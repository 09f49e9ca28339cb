"""Clips without videos, made from 2D poses alone: views as the files name them, frames as they number them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from epipose.clip import Clip, View
from epipose.errors import InputError
from epipose.formats.image_names import first_frame, view_label
from epipose.formats.keypoint_files import FORMATS, Series, is_npz, keypoint_series, series_label
from epipose.io.guard import checked_names
from epipose.poses import Poses2D


def clip_of_poses(path: Path, sizes: Sequence[tuple[int, int]], fps: float | None) -> Clip:
    """A clip without videos, for poses alone: views as the files name them, of these image sizes and frame rate.

    ``sizes``: one for all views or one for each, in order of the views' names; those that a file states need not be
    given, nor its frame rate. Raises InputError where one is missing.
    """
    if is_npz(path):
        poses = Poses2D.load(path)
        names, counts = list(poses.views), [poses.xy.shape[1]] * len(poses.views)
        stated_sizes, stated_fps = [None] * len(names), None
    else:
        series = _one_of_each(keypoint_series(path), path)
        names = series_label(series)
        order = sorted(range(len(names)), key=lambda k: names[k])
        series, names = [series[k] for k in order], [names[k] for k in order]
        first = first_frame([list(one.images) for one in series], None)[0]
        longest = max(max(one.images) for one in series) - first + 1
        counts = [longest] * len(names)
        stated_sizes = [next((image.size for image in one.images.values() if image.size), None) for one in series]
        stated_fps = next((one.file.fps for one in series if one.file.fps), None)
    names = list(checked_names(names, f"A view of {path}"))
    fps = fps or stated_fps
    if len(names) < 2:
        raise InputError(
            f"{path} has the view {', '.join(names)} alone. Two or more cameras are needed; one view has no depth."
        )
    if fps is None:
        raise InputError(f"Without videos the frame rate is not known: {path} does not say it. Give --fps.")
    given = list(sizes) * len(names) if len(sizes) == 1 else list(sizes)
    if len(given) not in (0, len(names)):
        raise InputError(
            f"--size has {len(given)} sizes; {path} has the {len(names)} views {', '.join(names)}: one each."
        )
    chosen = given or stated_sizes
    unknown = [name for name, size in zip(names, chosen, strict=True) if size is None]
    if unknown:
        raise InputError(
            f"Without videos the size of the images is not known: {path} does not say it of {', '.join(unknown)}. Give "
            "--size WIDTHxHEIGHT: one for all views, or one for each in the order of their names."
        )
    views = [
        View(name, None, size[0], size[1], count, fps)
        for name, size, count in zip(names, chosen, counts, strict=True)
        if size is not None
    ]
    return Clip(tuple(views), 0, 0.0).synchronised([0.0] * len(views))


def _one_of_each(series: list[Series], path: Path) -> list[Series]:
    """The series of the program that wrote most of them, the first of FORMATS where several did.

    Of the folders of a Pose2Sim project (``pose``, ``pose-sync``, ``pose-associated``), those of the first. Of files in
    one folder that differ in what a program adds to a name (DeepLabCut's ``_filtered``), the one that adds least.
    """
    programs = [one.file.program for one in series if one.file.program]
    best = max(set(programs), key=lambda program: (programs.count(program), -FORMATS.index(program)))
    kept = _once([one for one in series if one.file.program in (best, "")])
    if path.is_file():
        return kept
    folders: dict[str, list[Series]] = {}
    for one in kept:
        folders.setdefault(one.source.relative_to(path).parts[0], []).append(one)
    return folders["pose"] if "pose" in folders and all(name.startswith("pose") for name in folders) else kept


def _once(series: list[Series]) -> list[Series]:
    """The series without further ones of the same video in the same folder."""
    shortest: dict[tuple[str, ...], Series] = {}
    for one in sorted(series, key=lambda one: sum(map(len, one.labels[:1]))):
        shortest.setdefault((*map(view_label, one.labels[:1]), *one.labels[1:]), one)
    return [one for one in series if any(one is kept for kept in shortest.values())]
