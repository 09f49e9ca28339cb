"""SLEAP's analysis files (HDF5): the tracks of one video.

``tracks`` has the axes track, x or y, node, frame, which SLEAP writes in MATLAB's order; newer files state their axes in
the attribute ``dims``. ``point_scores`` is alike without x and y; ``node_names`` and ``edge_inds`` are the skeleton. NaN
is a missing node.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from jaxtyping import Float

from epipose.errors import InputError
from epipose.formats.keypoints import ImageKeypoints, KeypointFile, person_of

PROGRAM = "SLEAP analysis"
_AXES = ("frame", "track", "node", "xy")


def parse_sleap(file: Any) -> KeypointFile | None:
    """The tracks of an open HDF5 file; None for a file of another kind, ValueError for arrays that do not fit.

    Raises InputError for a SLEAP project, whose labels are not exported.
    """
    if "instances" in file and "tracks_json" in file:
        raise InputError(
            f"{file.filename} is a SLEAP project (.slp). Export its tracks for analysis as HDF5, in SLEAP's menu or by "
            "sleap-convert --format analysis, and give that file."
        )
    if "tracks" not in file:
        return None
    names = file["node_names"][()] if "node_names" in file else ()
    nodes = tuple(_text(name) for name in names)
    tracks = _ordered(file["tracks"], len(nodes))
    scores = np.ones(tracks.shape[:3])
    if "point_scores" in file and file["point_scores"].size:
        found = _ordered_scores(file["point_scores"], tracks.shape[:3])
        scores = np.where(np.isfinite(found), found, 1.0)  # what was marked by hand has none
    whose = [_text(name) for name in file["track_names"][()]] if "track_names" in file else []
    if len(whose) != tracks.shape[1]:
        whose = [str(number) for number in range(tracks.shape[1])]
    images = []
    for frame, (places, score) in enumerate(zip(tracks, scores, strict=True)):
        people = (person_of(xy, name, s) for xy, name, s in zip(places, whose, score, strict=True))
        images.append(ImageKeypoints(frame, tuple(person for person in people if person.score.any())))
    return KeypointFile(PROGRAM, tuple(images), nodes, _edges(file, len(nodes)))


def _ordered(tracks: Any, nodes: int) -> Float[np.ndarray, "frame track node 2"]:
    """The array with its axes in one order: as its attribute says, else MATLAB's, else frame first."""
    array = np.asarray(tracks[()], np.float64)
    if array.ndim != 4:
        raise ValueError(f"tracks has shape {array.shape}, expected tracks, 2, nodes, frames")
    stated = _dims(tracks)
    if sorted(stated) == sorted(_AXES):
        return array.transpose([stated.index(axis) for axis in _AXES])
    if array.shape[1:3] == (2, nodes) or (not nodes and array.shape[1] == 2):
        return array.transpose(3, 0, 2, 1)
    if array.shape[1:3] == (nodes, 2):  # frames, nodes, 2, tracks: written without the transposition
        return array.transpose(0, 3, 1, 2)
    raise ValueError(f"tracks has shape {array.shape}, expected tracks, 2, {nodes or 'all'} nodes, frames")


def _ordered_scores(scores: Any, shape: tuple[int, ...]) -> Float[np.ndarray, "frame track node"]:
    array, stated = np.asarray(scores[()], np.float64), _dims(scores)
    if sorted(stated) == sorted(_AXES[:3]):
        array = array.transpose([stated.index(axis) for axis in _AXES[:3]])
    elif array.ndim == 3 and array.shape != shape:
        array = array.transpose(2, 0, 1) if array.shape == (shape[1], shape[2], shape[0]) else array.transpose(0, 2, 1)
    if array.shape != shape:
        raise ValueError(f"point_scores has shape {array.shape}, tracks has {shape} frames, tracks and nodes")
    return array


def _dims(dataset: Any) -> list[str]:
    stated = dataset.attrs.get("dims")
    if stated is None:
        return []
    if isinstance(stated, str | bytes):
        return [str(axis) for axis in json.loads(_text(stated))]
    return [_text(axis) for axis in stated]


def _edges(file: Any, nodes: int) -> tuple[tuple[int, int], ...]:
    if "edge_inds" not in file or not file["edge_inds"].size:
        return ()
    pairs = np.asarray(file["edge_inds"][()], int)
    pairs = pairs.T if pairs.ndim == 2 and pairs.shape[0] == 2 and pairs.shape[1] != 2 else pairs
    pairs = pairs.reshape(-1, 2)
    return tuple((int(a), int(b)) for a, b in pairs if 0 <= a < nodes and 0 <= b < nodes)


def _text(value: object) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
