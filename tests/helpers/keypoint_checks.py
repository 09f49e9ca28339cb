"""Every format of 2D poses, written by its program's layout and read by us: the largest difference in pixels.

For tests, and for benchmarks/results/formats.json: `keypoint_checks` yields a row per format with who wrote the files,
in which version, what was compared and the error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from epipose import Clip, Poses2D, View
from epipose.detection.precomputed import read_keypoints
from epipose.skeleton import Skeleton
from epipose.skeletons import BLAZEPOSE33, BODY25, COCO17, COCO_WHOLEBODY133, HALPE26, OPENPOSE18
from tests.helpers import keypoint_files as written

FRAMES, SIZE, VIEWS = 12, (1280, 720), ("cam01", "cam02")
_BODY_25 = [
    "Nose",
    "Neck",
    "RShoulder",
    "RElbow",
    "RWrist",
    "LShoulder",
    "LElbow",
    "LWrist",
    "MidHip",
    "RHip",
    "RKnee",
    "RAnkle",
    "LHip",
    "LKnee",
    "LAnkle",
    "REye",
    "LEye",
    "REar",
    "LEar",
    "LBigToe",
    "LSmallToe",
    "LHeel",
    "RBigToe",
    "RSmallToe",
    "RHeel",
]
_LAYOUT = "the program's documented layout"


class KeypointCheck(NamedTuple):
    """One format: ``writer`` of the files and its version, what was ``compared``, and the largest error in pixels."""

    format: str
    writer: str
    version: str
    compared: str
    error_px: float


def keypoint_checks(folder: Path) -> Iterator[KeypointCheck]:
    """All formats, each in a folder of its own below ``folder``."""
    for number, (name, (writer, about, skeleton, write)) in enumerate(_checks().items()):
        root = folder / str(number)
        truth = {view: _person(len(skeleton.joints), k) for k, view in enumerate(VIEWS)}
        for view, person in truth.items():
            write(root, view, person)
        clip = Clip(tuple(View(view, None, *SIZE, FRAMES, 30.0) for view in VIEWS), FRAMES, 30.0)
        found = read_keypoints(root, clip).poses
        assert found.skeleton == skeleton, f"{name}: {found.skeleton.name}"
        yield KeypointCheck(name, writer, about, "xy and score of every joint, frame and view", _error(found, truth))


def _person(joints: int, seed: int) -> np.ndarray:
    """(frame, joint, 3): a person who walks through the image, all joints seen."""
    rng = np.random.default_rng(seed)
    shape = rng.uniform(100, 500, (1, joints, 2)) + np.arange(FRAMES)[:, None, None] * [4.0, 0.5]
    return np.concatenate([shape, rng.uniform(0.2, 1.0, (FRAMES, joints, 1))], -1)


def _error(found: Poses2D, truth: dict[str, np.ndarray]) -> float:
    expected = torch.from_numpy(np.stack(list(truth.values())))
    assert found.xy.shape[2] == 1
    with_scores = bool((found.conf != 1).any())  # Sports2D's TRC has none
    if with_scores:
        assert float((found.conf[:, :, 0] - expected[..., 2]).abs().max()) < 1e-6
    return float((found.xy[:, :, 0] - expected[..., :2]).abs().max())


class _Format(NamedTuple):
    writer: str
    version: str
    skeleton: Skeleton
    write: Callable[[Path, str, np.ndarray], object]  # one view: folder, its name, (frame, joint, 3)


def _checks() -> dict[str, _Format]:
    tables = f"{version('pandas')}, {version('tables')}"
    return {
        "OpenPose BODY_25": _Format("JSON", _LAYOUT, BODY25, _openpose),
        "OpenPose COCO": _Format("JSON", _LAYOUT, OPENPOSE18, _openpose),
        "Pose2Sim HALPE_26": _Format("JSON", _LAYOUT, HALPE26, _pose2sim),
        "Pose2Sim COCO_133": _Format("JSON", _LAYOUT, COCO_WHOLEBODY133, _pose2sim),
        "AlphaPose": _Format("JSON", _LAYOUT, HALPE26, _alphapose),
        "MMPose": _Format("JSON", _LAYOUT, COCO17, _mmpose),
        "COCO results": _Format("JSON", _LAYOUT, COCO17, _coco),
        "MediaPipe": _Format("JSON", "landmarks as shares of the image", BLAZEPOSE33, _mediapipe),
        "DeepLabCut csv": _Format("pandas", version("pandas"), BODY25, _deeplabcut_csv),
        "DeepLabCut h5": _Format("pandas and tables", tables, BODY25, _deeplabcut_h5),
        "SLEAP analysis": _Format("h5py", _LAYOUT, BODY25, _sleap),
        "Sports2D trc": _Format("text", _LAYOUT, BODY25, _sports2d),
    }


def _people(person: np.ndarray) -> list[list[np.ndarray]]:
    return [[frame] for frame in person]


def _openpose(root: Path, view: str, person: np.ndarray) -> None:
    written.openpose(root / view, _people(person), stem=view)


def _pose2sim(root: Path, view: str, person: np.ndarray) -> None:
    written.openpose(root / "pose" / f"{view}_json", _people(person), "{stem}_{k:06d}.json", stem=view)


def _alphapose(root: Path, view: str, person: np.ndarray) -> None:
    written.alphapose(root / view / "alphapose-results.json", _people(person), (4,))


def _mmpose(root: Path, view: str, person: np.ndarray) -> None:
    written.mmpose(root / f"results_{view}.json", _people(person))


def _coco(root: Path, view: str, person: np.ndarray) -> None:
    written.coco_results(root / f"{view}.json", _people(person))


def _mediapipe(root: Path, view: str, person: np.ndarray) -> None:
    written.mediapipe(root / f"{view}.json", _people(person), SIZE)


def _deeplabcut_csv(root: Path, view: str, person: np.ndarray) -> None:
    written.deeplabcut(root / f"{view}DLC_net.csv", person[:, None], _BODY_25)


def _deeplabcut_h5(root: Path, view: str, person: np.ndarray) -> None:
    written.deeplabcut(root / f"{view}DLC_net.h5", person[:, None], _BODY_25, format="table")


def _sleap(root: Path, view: str, person: np.ndarray) -> None:
    root.mkdir(parents=True, exist_ok=True)
    written.sleap(root / f"{view}.analysis.h5", person[:, None, :, :2], person[:, None, :, 2], _BODY_25, ("one",))


def _sports2d(root: Path, view: str, person: np.ndarray) -> None:
    written.sports2d(root / f"{view}_Sports2D_px_person00.trc", person[..., :2], _BODY_25)
