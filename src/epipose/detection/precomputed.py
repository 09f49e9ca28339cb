"""Keypoints from files: poses2d.npz, or OpenPose's JSON folders, one folder per view."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from epipose.clip import Clip
from epipose.detection.base import Detection
from epipose.detection.tracklets import link_detections, stack_tracklets, tracklets_from_detections
from epipose.errors import DamagedFileError, InputError, NoPersonError
from epipose.io.files import read_json
from epipose.poses import Poses2D
from epipose.skeletons import BODY25, COCO17

# Numbers per person in "pose_keypoints_2d" -> the skeleton they are. COCO with 18 keypoints (an added neck in second
# place) has no skeleton here: OpenPose's default is BODY_25.
OPENPOSE = {3 * len(skeleton.joints): skeleton for skeleton in (BODY25, COCO17)}


def read_keypoints(path: Path, clip: Clip) -> Poses2D:
    """Poses for a clip from ``path``: a file poses2d.npz or a folder with one folder of JSON files per view.

    The npz holds ``xy`` (view, frame, person, joint, 2) in pixels, ``conf`` without the last axis, ``skeleton`` and
    ``views`` (see docs/formats.md). Views go by name. Raises InputError for other views, frames or joints,
    NoPersonError for a view that shows nobody.
    """
    if path.is_dir():
        return read_openpose(path, clip)
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
    _check_seen(poses, path)
    return poses


def read_openpose(folder: Path, clip: Clip) -> Poses2D:
    """Read ``folder/VIEW/*_keypoints.json`` (or ``VIEW_json``), one file per frame in the order of their names.

    BODY_25 and 17 COCO keypoints are told apart by their count. A frame may be empty. OpenPose does not number
    people over time: they are linked here by nearness. Raises InputError for missing views or frames,
    DamagedFileError for files of another format, NoPersonError for a view that shows nobody.
    """
    people, skeletons = [], set()
    for view in clip.views:
        frames = [_people(file) for file in _files(folder, view.name, view.frames)]
        skeletons |= {len(person) for frame in frames for person in frame}
        people.append(frames)
    if len(skeletons) != 1:
        raise InputError(
            f"{folder}: "
            + (
                f"people have {sorted(skeletons)} numbers each; give one kind only."
                if skeletons
                else "nobody is in it."
            )
        )
    skeleton = OPENPOSE[skeletons.pop()]
    tracks = [
        tracklets_from_detections(
            link_detections([[_detection(person) for person in frame] for frame in frames]),
            len(skeleton.joints),
            view.fps,
        )
        for view, frames in zip(clip.views, people, strict=True)
    ]
    poses = stack_tracklets(tracks, clip.names, max(view.frames for view in clip.views), skeleton)
    _check_seen(poses, folder)
    return poses


def _files(folder: Path, view: str, frames: int) -> list[Path]:
    place = next((p for p in (folder / view, folder / f"{view}_json") if p.is_dir()), None)
    if place is None:
        there = ", ".join(sorted(p.name for p in folder.iterdir() if p.is_dir())) or "none"
        raise InputError(f"{folder} has no folder '{view}' with the JSON files of that view; its folders: {there}.")
    files = sorted(place.glob("*_keypoints.json"))
    if len(files) != frames:
        raise InputError(
            f"{place} has {len(files)} files *_keypoints.json; the video has {frames} frames: give one each."
        )
    return files


def _people(file: Path) -> list[np.ndarray]:
    content = read_json(file)
    try:
        people = [np.asarray(person["pose_keypoints_2d"], float) for person in content["people"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(
            f"{file} is no OpenPose output: people/pose_keypoints_2d cannot be read ({error})."
        ) from error
    for person in people:
        if person.shape not in [(size,) for size in OPENPOSE] or not np.isfinite(person).all():
            kinds = ", ".join(f"{size} ({skeleton.name})" for size, skeleton in OPENPOSE.items())
            raise DamagedFileError(
                f"{file}: a person has {person.size} numbers; expected {kinds}: x, y, confidence each."
            )
    return people


def _detection(person: np.ndarray) -> Detection:
    joints = person.reshape(-1, 3)
    conf = joints[:, 2].clip(0, 1)
    return Detection(joints[:, :2], conf, float(conf.mean()), None, -1)


def _check_seen(poses: Poses2D, path: Path) -> None:
    empty = [name for name, conf in zip(poses.views, poses.conf, strict=True) if not bool(conf.any())]
    if empty:
        raise NoPersonError(f"{path}: nobody is seen in view {', '.join(empty)}. Leave the view out of the clip.")
