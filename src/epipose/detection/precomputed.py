"""2D poses from files: epipose's npz, or what other programs write, assembled for the views of a clip.

A file says who is where in which image. Here it is settled which view and which frame an image is, which skeleton the
joints are, what the scores mean as confidences, and who is the same person from frame to frame; whatever was taken for
granted is said in a note.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from epipose.clip import Clip, View
from epipose.detection.base import Detection
from epipose.detection.given_joints import FileJoints, check_skeleton, joints_of, score_scale
from epipose.detection.tracklets import Tracklet, stack_tracklets, tracklets_from_detections
from epipose.errors import InputError, NoPersonError
from epipose.formats.image_names import first_frame, view_in
from epipose.formats.joint_map import read_joint_map
from epipose.formats.keypoint_files import FORMATS, Series, is_npz, keypoint_series, series_label
from epipose.formats.keypoints import ImageKeypoints, PersonKeypoints
from epipose.poses import Poses2D

_LOG = logging.getLogger(__name__)


class GivenPoses(NamedTuple):
    """2D poses in the videos' own frames, and notes on what was taken for granted in reading them."""

    poses: Poses2D
    notes: tuple[str, ...] = ()


def read_keypoints(path: Path, clip: Clip, joints: str | None = None) -> GivenPoses:
    """Poses for a clip from a file or folder in any format that is read (see docs/formats.md).

    ``joints``: a joint map, or the name of the skeleton that the joints are. Views and frames go by name. Raises
    InputError for other views, frames or joints, and for a skeleton that cannot be calibrated on, NoPersonError for a
    view that shows nobody, DamagedFileError for a file that cannot be read.
    """
    if is_npz(path):
        return GivenPoses(_of_npz(path, clip, joints))
    chosen, notes = _by_view(keypoint_series(path), clip.names, path)
    found = joints_of(chosen, path, joints)
    firsts, notes_on_frames = _first_frames(chosen, [view.frames for view in clip.views])
    scale, notes_on_scores = score_scale(chosen)
    tracks = [
        _tracklets(one, view, first, found, scale) for one, view, first in zip(chosen, clip.views, firsts, strict=True)
    ]
    programs = ", ".join(dict.fromkeys(one.file.program for one in chosen))
    _LOG.info("%s: %s, %d joints (%s)", path, programs, len(found.columns), found.skeleton.name)
    poses = stack_tracklets(tracks, clip.names, max(view.frames for view in clip.views), found.skeleton)
    _check_seen(poses, path)
    return GivenPoses(poses, (*notes, *notes_on_frames, *notes_on_scores))


def _of_npz(path: Path, clip: Clip, joints: str | None) -> Poses2D:
    """epipose's own file: ``xy`` (view, frame, person, joint, 2) in pixels, ``conf``, ``skeleton``, ``views``."""
    poses = Poses2D.load(path)
    missing = [name for name in clip.names if name not in poses.views]
    if missing:
        raise InputError(
            f"{path} has views {', '.join(poses.views)}; the clip has {', '.join(clip.names)}. Name them alike."
        )
    longest = max(view.frames for view in clip.views)
    if poses.xy.shape[1] != longest:
        raise InputError(f"{path} has {poses.xy.shape[1]} frames; the videos have {longest}.")
    order = [poses.views.index(name) for name in clip.names]
    xyz = None if poses.xyz is None else poses.xyz[order]
    poses = replace(poses, xy=poses.xy[order], conf=poses.conf[order], xyz=xyz, views=clip.names)
    if joints is not None:
        own = poses.skeleton
        edges = tuple((parent, child) for parent, child in own.bones)
        skeleton, columns = read_joint_map(joints).applied(own.joints, len(own.joints), edges)
        xyz = None if poses.xyz is None else poses.xyz[..., columns, :]
        poses = Poses2D(poses.xy[..., columns, :], poses.conf[..., columns], skeleton, poses.views, xyz)
    check_skeleton(poses.skeleton, path)
    _check_seen(poses, path)
    return poses


def _by_view(series: list[Series], views: Sequence[str], path: Path) -> tuple[list[Series], list[str]]:
    """One series for each view, and a note where there were several. Raises InputError for views without one."""
    rivals: dict[str, list[tuple[tuple[int, ...], Series]]] = {view: [] for view in views}
    for one in series:
        found = view_in(one.labels, views)
        if found is not None:
            view, level = found
            rank = (not one.joints, FORMATS.index(one.file.program or FORMATS[0]), level, len(one.labels[level]))
            rivals[view].append((rank, one))
    if len(views) == 1 and len(series) == 1:
        rivals[views[0]] = [((0, 0, 0), series[0])]
    missing = [view for view, found in rivals.items() if not found]
    if missing:
        raise InputError(
            f"{path} has no keypoints of view {', '.join(missing)}; it has {', '.join(series_label(series))}. Name files "
            f"or folders after the views, which are {', '.join(views)}."
        )
    chosen, notes = [], []
    for view, found in rivals.items():
        ranked = [one for _, one in sorted(found, key=lambda pair: pair[0])]
        chosen.append(ranked[0])
        if len(ranked) > 1:
            taken, *left = (f"{one.file.program} in {_below(one.source, path)}" for one in ranked)
            notes.append(
                f"View {view}: {taken} was taken, not {', '.join(left)}. To have it otherwise, give a folder with the "
                "others alone."
            )
    return chosen, notes


def _below(file: Path, path: Path) -> str:
    return file.relative_to(path).as_posix() if file != path else file.name


def _first_frames(series: Sequence[Series], frames: Sequence[int]) -> tuple[list[int], list[str]]:
    firsts = first_frame([list(one.images) for one in series], frames)
    notes = []
    if set(firsts) != {0}:
        each = ", ".join(map(str, dict.fromkeys(firsts)))
        notes.append(
            f"Frames are counted from {each} in the keypoint files: that is taken for the videos' first frame."
        )
    return firsts, notes


def _tracklets(series: Series, view: View, first: int, joints: FileJoints, scale: float) -> list[Tracklet]:
    """The people of a view over its frames. Who is numbered in the file keeps the number; others are linked.

    Numbers of which one stands twice in an image are none: AlphaPose gives everybody 0 where it does not track.
    """
    size = np.array([view.width, view.height]) if series.file.normalised else None
    numbers: dict[str, int] = {}
    frames = [
        [_detection(person, joints.columns, scale, size, numbers) for person in _people(series.images, first + frame)]
        for frame in range(view.frames)
    ]
    if any(len({found.track for found in people}) < len(people) for people in frames):
        frames = [[replace(found, track=-1) for found in people] for people in frames]
    return tracklets_from_detections(frames, len(joints.columns), view.fps)


def _people(images: Mapping[int, ImageKeypoints], number: int) -> tuple[PersonKeypoints, ...]:
    image = images.get(number)
    return () if image is None else image.people


def _detection(
    person: PersonKeypoints, columns: list[int], scale: float, size: np.ndarray | None, numbers: dict[str, int]
) -> Detection:
    xy, conf = person.xy[columns], (person.score[columns] / scale).clip(0, 1)
    if size is not None:  # shares of the image's sides, from its left and upper edge; pixel centres are at integers
        xy = np.where(conf[:, None] > 0, xy * size - 0.5, 0.0)
    track = -1 if person.track is None else numbers.setdefault(person.track, len(numbers))
    return Detection(xy, conf, float(conf.mean()), None, track)


def _check_seen(poses: Poses2D, path: Path) -> None:
    empty = [name for name, conf in zip(poses.views, poses.conf, strict=True) if not bool(conf.any())]
    if empty:
        raise NoPersonError(f"{path}: nobody is seen in view {', '.join(empty)}. Leave the view out of the clip.")
