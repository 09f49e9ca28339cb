"""Keypoint files as other programs write them, from one array: people[frame] = list of (joint, 3) arrays x, y, score.

Written from the programs' documented layouts, not with our readers; DeepLabCut's tables are written by pandas, as
DeepLabCut does it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

People = Sequence[Sequence[np.ndarray]]


def walking(joints: int, frames: int = 6, x: float = 100.0, step: float = 2.0, score: float = 0.8) -> People:
    """One person who moves ``step`` pixels a frame; joint j is at (x + step * frame + 3 j, 50 + 7 j)."""
    index = np.arange(joints)
    return [
        [np.column_stack([x + step * k + 3.0 * index, 50.0 + 7.0 * index, np.full(joints, score)])]
        for k in range(frames)
    ]


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def openpose(
    folder: Path, people: People, name: str = "{stem}_{k:012d}_keypoints.json", stem: str = "cam", first: int = 0
):
    """OpenPose's ``--write_json``; ``name`` may be Pose2Sim's or anybody's."""
    for k, each in enumerate(people):
        listed = [{"person_id": [-1], "pose_keypoints_2d": one.ravel().tolist()} for one in each]
        write(folder / name.format(stem=stem, k=k + first), {"version": 1.3, "people": listed})
    return folder


def coco_results(path: Path, people: People, first: int = 0, names: Sequence[str] | None = None) -> Path:
    """COCO's results format (cocodataset.org, "results format", keypoints)."""
    entries = [
        {
            "image_id": names[k] if names else k + first,
            "category_id": 1,
            "keypoints": one.ravel().tolist(),
            "score": 0.9,
        }
        for k, each in enumerate(people)
        for one in each
    ]
    return write(path, entries)


def alphapose(path: Path, people: People, tracks: Sequence[int] | None = None) -> Path:
    """AlphaPose's alphapose-results.json: COCO's results with the image's name, the tracked number and a large score."""
    entries = []
    for k, each in enumerate(people):
        for number, one in enumerate(each):
            entry = {"image_id": f"{k}.jpg", "category_id": 1, "keypoints": one.ravel().tolist(), "score": 2.9}
            entries.append({**entry, "box": [0, 0, 1, 1], **({"idx": tracks[number]} if tracks else {})})
    return write(path, entries)


def mmpose(path: Path, people: People, names: Sequence[str] = (), first: int = 1) -> Path:
    """MMPose's demo with ``--save-predictions``: frames from 1, x, y apart from the scores."""
    info = [
        {
            "frame_id": k + first,
            "instances": [
                {
                    "keypoints": one[:, :2].tolist(),
                    "keypoint_scores": one[:, 2].tolist(),
                    "bbox": [[0, 0, 1, 1]],
                    "bbox_score": 0.9,
                }
                for one in each
            ],
        }
        for k, each in enumerate(people)
    ]
    meta = {"keypoint_id2name": {str(k): name for k, name in enumerate(names)}, "skeleton_links": [[0, 1]]}
    return write(path, {"meta_info": meta, "instance_info": info} if names else info)


def mediapipe(path: Path, people: People, size: tuple[int, int]) -> Path:
    """Frames of landmarks as MediaPipe names them, x and y as shares of an image of ``size``."""
    frames = []
    for k, each in enumerate(people):
        landmarks = [
            {"x": (x + 0.5) / size[0], "y": (y + 0.5) / size[1], "z": -0.1, "visibility": score}
            for x, y, score in (each[0] if each else [])
        ]
        frames.append({"frame": k, "pose_landmarks": landmarks})
    return write(path, frames)


def deeplabcut(
    path: Path, arrays: np.ndarray, parts: Sequence[str], individuals: Sequence[str] = (), **how: str
) -> Path:
    """DeepLabCut's table from (frame, individual, part, 3), written by pandas: CSV, or HDF5 in format table or fixed."""
    import pandas

    levels = [["DLC_resnet50_walkJan1shuffle1_50000"], list(individuals), list(parts), ["x", "y", "likelihood"]]
    names = ["scorer", "individuals", "bodyparts", "coords"]
    if not individuals:
        del levels[1], names[1]
    columns = pandas.MultiIndex.from_product(levels, names=names)
    frame = pandas.DataFrame(arrays.reshape(len(arrays), -1), columns=columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        frame.to_csv(path)
    else:
        frame.to_hdf(path, key="df_with_missing", mode="w", **how)
    return path


def sleap(path: Path, tracks: np.ndarray, scores: np.ndarray, nodes: Sequence[str], names: Sequence[str]) -> Path:
    """SLEAP's analysis file from tracks (frame, track, node, 2), in the transposed order in which SLEAP writes it."""
    import h5py

    with h5py.File(path, "w") as file:
        file["tracks"] = tracks.transpose(1, 3, 2, 0)
        file["point_scores"] = scores.transpose(1, 2, 0)
        file["track_occupancy"] = np.isfinite(tracks).any((2, 3)).astype(np.uint8)
        file["node_names"] = np.array([node.encode() for node in nodes])
        file["track_names"] = np.array([name.encode() for name in names])
        file["edge_inds"] = np.array([[0, 1], [1, 2]])
    return path


def sports2d(path: Path, people: np.ndarray, names: Sequence[str], rate: float = 30.0, first: int = 0) -> Path:
    """Sports2D's ``_px_personNN.trc`` from (frame, marker, 2), NaN as an empty cell, Z 0."""
    head = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate}\t{rate}\t{len(people)}\t{len(names)}\tpx\t{rate}\t0\t{len(people)}",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"X{k}\tY{k}\tZ{k}" for k in range(1, len(names) + 1)),
    ]
    rows = []
    for k, markers in enumerate(people):
        cells = [f"{x}\t{y}\t0.0" if np.isfinite(x) else "\t\t" for x, y in markers]
        rows.append(f"{k}\t{(k + first) / rate:.6f}\t" + "\t".join(cells))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")
    return path
