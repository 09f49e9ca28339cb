"""A Panoptic sequence and a Pose2Sim project as their makers write them, from a known scene: the raw numbers come back.

The scene is a person who walks, in epipose's world (metres, z up), seen by cameras with distortion.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import torch

from epipose.skeletons import BODY25, PANOPTIC19
from tests.helpers.walker import walker

SIZE = (64, 48)  # width, height
K = np.array([[50.0, 0, 31.2], [0, 51.0, 23.7], [0, 0, 1]])
LENS = np.array([-0.11, 0.05, 0.002, -0.001, 0.01])
# The order that the toolbox's README publishes.
PUBLISHED = [
    "neck", "nose", "pelvis", "left_shoulder", "left_elbow", "left_wrist", "left_hip", "left_knee", "left_ankle",
    "right_shoulder", "right_elbow", "right_wrist", "right_hip", "right_knee", "right_ankle",
    "left_eye", "left_ear", "right_eye", "right_ear",
]  # fmt: skip
MARKERS = {
    "Hip": "pelvis", "RHip": "right_hip", "RKnee": "right_knee", "RAnkle": "right_ankle", "RBigToe": "right_big_toe",
    "RSmallToe": "right_small_toe", "RHeel": "right_heel", "LHip": "left_hip", "LKnee": "left_knee",
    "LAnkle": "left_ankle", "LBigToe": "left_big_toe", "LSmallToe": "left_small_toe", "LHeel": "left_heel",
    "Neck": "neck", "Head": "", "Nose": "nose", "RShoulder": "right_shoulder", "RElbow": "right_elbow",
    "RWrist": "right_wrist", "LShoulder": "left_shoulder", "LElbow": "left_elbow", "LWrist": "left_wrist",
}  # fmt: skip


def looking(center: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """R and t of a camera in a z up world that looks at a point above the origin."""
    forward = np.array([0.0, 0.0, 1.0]) - center
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    return R, -R @ center


CENTERS = {"00_00": (5.0, 1.0, 1.5), "00_01": (-3.0, 4.0, 2.0), "00_12": (-1.0, -5.0, 1.0)}


def write_images(folder: Path, names: list[str], size: tuple[int, int] = SIZE) -> None:
    """Small images of one colour each."""
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((size[1], size[0], 3), 10 * number % 255, np.uint8))


def panoptic(folder: Path, numbers: list[int], images: bool = True, every: int = 1) -> dict[int, np.ndarray]:
    """A sequence ``folder`` with a body of id 3 in the frames ``numbers``; the raw joints19 by frame.

    World: y down, z as epipose's y, centimetres. A body of id 0 is in the first of these frames only, one of id -1 too.
    """
    xyz = walker(max(numbers) + 1, PANOPTIC19, radius=0.5)[0].numpy()
    from_ours = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    cameras = [{"name": "01_01", "type": "vga", "resolution": [640, 480], "panel": 1, "node": 1}]
    for name, center in CENTERS.items():
        R, t = looking(center)
        cameras.append(
            {
                "name": name, "type": "hd", "resolution": list(SIZE), "panel": 0, "node": int(name[3:]), "K": K.tolist(),
                "distCoef": LENS.tolist(), "R": (R @ from_ours.T).tolist(), "t": (100 * t[:, None]).tolist(),
            }
        )  # fmt: skip
    folder.mkdir(parents=True)
    (folder / f"calibration_{folder.name}.json").write_text(json.dumps({"calibDataSource": "x", "cameras": cameras}))
    (folder / "hdPose3d_stage1_coco19").mkdir()
    raw = {}
    for number in numbers:
        joints = np.concatenate([100 * xyz[number] @ from_ours.T, np.linspace(0.3, 0.9, 19)[:, None]], -1)
        joints = joints[[PANOPTIC19.index(name) for name in PUBLISHED]]
        joints[4, 3] = -1
        raw[number] = joints
        bodies = [{"id": 3, "joints19": joints.flatten().tolist()}]
        if number == numbers[0]:
            bodies = [{"id": who, "joints19": (joints + who).flatten().tolist()} for who in (-1, 0)] + bodies
        _body(folder, number, bodies)
    if images:
        for name in CENTERS:
            there = [f"{name}_{number:08d}.jpg" for number in range(0, max(numbers) + 1, every)]
            write_images(folder / "hdImgs" / name, there)
    return raw


def _body(folder: Path, number: int, bodies: list[dict]) -> None:
    content = {"version": 0.7, "univTime": 53541.542, "fpsType": "hd_29_97", "bodies": bodies}
    path = folder / "hdPose3d_stage1_coco19" / f"body3DScene_{number:08d}.json"
    path.write_text(json.dumps(content))


def calibration_toml(lens: np.ndarray = LENS[:4], names: tuple[str, ...] = ("cam01", "cam02", "cam03")) -> str:
    """What Pose2Sim's toml_write writes."""
    text = ""
    for name, center in zip(names, CENTERS.values(), strict=True):
        R, t = looking(center)
        r = cv2.Rodrigues(R)[0].ravel()
        text += (
            f'[{name}]\nname = "{name}"\nsize = [ {float(SIZE[0])}, {float(SIZE[1])}]\n'
            f"matrix = [ [ {K[0, 0]}, 0.0, {K[0, 2]}], [ 0.0, {K[1, 1]}, {K[1, 2]}], [ 0.0, 0.0, 1.0]]\n"
            f"distortions = [ {', '.join(str(float(k)) for k in lens)}]\nrotation = [ {r[0]}, {r[1]}, {r[2]}]\n"
            f"translation = [ {t[0]}, {t[1]}, {t[2]}]\nfisheye = false\n\n"
        )
    return text + "[metadata]\nadjusted = false\nerror = 0.0\n"


def trc(path: Path, frames: range, unit: str = "m", missing: tuple[int, str] | None = None) -> torch.Tensor:
    """A result as Pose2Sim's make_trc writes it; returns the walk in epipose's world (frame, joint of BODY25, 3)."""
    xyz = walker(frames.stop, BODY25, radius=0.5)[0]
    scale = {"m": 1.0, "mm": 1000.0}[unit]
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        "\t".join(map(str, [25, 25, len(frames), len(MARKERS), unit, 25, frames.start, len(frames)])),
        "Frame#\tTime\t" + "\t\t\t".join(MARKERS) + "\t\t\t",
        "\t\t" + "\t".join(f"X{i + 1}\tY{i + 1}\tZ{i + 1}" for i in range(len(MARKERS))) + "\t",
    ]
    for frame in frames:
        cells = [str(frame), str(frame / 25)]
        for marker, joint in MARKERS.items():
            x, y, z = xyz[frame, BODY25.index(joint)].tolist() if joint else (7.0, 7.0, 7.0)
            gone = missing == (frame, marker)
            cells += [""] * 3 if gone else [repr(scale * value) for value in (y, z, x)]  # zup2yup: X->Y, Y->Z, Z->X
        lines.append("\t".join(cells))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return xyz


def pose2sim(folder: Path, frames: int = 6) -> Path:
    """A project with images for three cameras and no result."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Config.toml").write_text("[project]\nmulti_person = false\n")
    (folder / "calibration").mkdir()
    (folder / "calibration" / "Calib_scene.toml").write_text(calibration_toml())
    for name in ("cam01", "cam02", "cam03"):
        write_images(folder / "videos" / name, [f"{name}_{k:04d}.png" for k in range(frames)])
    return folder
