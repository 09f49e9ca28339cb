"""The files of MPI-INF-3DHP as the release has them, made from a scene that is known."""

from pathlib import Path

import av
import cv2
import numpy as np
import scipy.io
from PIL import Image

from epipose.datasets.mpi_inf_3dhp import JOINTS

FRAMES = 7
THEIRS = {"thorax": "neck", "neck_nose": "head", "head": "head_top"}  # the rest has Human3.6M's names


def cloud(joints: int, seed: int = 0) -> np.ndarray:
    """(frame, joint, 3): a person of sorts about the origin of a world with y up, millimetres."""
    generator = np.random.default_rng(seed)
    place = np.cumsum(generator.normal(0, 60, (FRAMES, 1, 3)), 0) + np.array([0, 900, 0])
    return place + generator.normal(0, [300, 500, 200], (FRAMES, joints, 3))


def camera_from_world(number: int) -> tuple[np.ndarray, np.ndarray]:
    """R and t (mm) of a camera on a circle round the origin, y up, looking at the person's hips."""
    angle, height = number * 0.45, 400 + 150 * number
    center = np.array([3800 * np.cos(angle), height, 3800 * np.sin(angle)])
    forward = np.array([0, 900, 0]) - center
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    return R, -R @ center


def cells(arrays: list[np.ndarray]) -> np.ndarray:
    """MATLAB's cell(n, 1)."""
    out = np.empty((len(arrays), 1), object)
    for k, array in enumerate(arrays):
        out[k, 0] = array
    return out


def sequence(folder: Path, order: range | list[int] = range(14), rows: int = FRAMES) -> dict[str, np.ndarray]:
    """annot.mat and camera.calibration as the release writes them; the raw arrays by camera."""
    folder.mkdir(parents=True)
    text, world = ["Skeletool Camera Calibration File V1.0"], cloud(len(JOINTS))[:rows]
    raw = {"world": world, "annot2": [], "annot3": [], "univ_annot3": []}
    for number in range(14):
        R, t = camera_from_world(number)
        K = np.array([[1497.7 + number, 0, 1024.7], [0, 1497.1, 1051.4 - number], [0, 0, 1]])
        intrinsic, extrinsic = np.eye(4), np.eye(4)
        intrinsic[:3, :3], extrinsic[:3, :3], extrinsic[:3, 3] = K, R, t
        in_camera = world @ R.T + t
        pixels, _ = cv2.projectPoints(world.reshape(-1, 3), cv2.Rodrigues(R)[0], t, K, np.zeros(5))
        pelvis = in_camera[:, [JOINTS.index("pelvis")]]
        raw["annot2"].append(pixels.reshape(rows, -1))
        raw["annot3"].append(in_camera.reshape(rows, -1))
        raw["univ_annot3"].append((pelvis + 0.91 * (in_camera - pelvis)).reshape(rows, -1))
        text += [f"name          {number}", "  sensor      10 10", "  size        2048 2048", "  animated    0"]
        for name, matrix in (("intrinsic", intrinsic), ("extrinsic", extrinsic)):
            text.append(f"  {name}   {' '.join(f'{value:.12g}' for value in matrix.ravel())} ")
        text.append("  radial      0")
    (folder / "camera.calibration").write_text("\n".join(text) + "\n")
    saved = {name: cells([raw[name][k] for k in order]) for name in ("annot2", "annot3", "univ_annot3")}
    numbers = {"cameras": np.array(list(order), np.uint8)[None], "frames": np.arange(rows)[:, None].astype(float)}
    scipy.io.savemat(folder / "annot.mat", saved | numbers, do_compression=True)
    return raw


def images(folder: Path, count: int, size: tuple[int, int] = (8, 8), name: str = "frame_{:06d}.jpg") -> None:
    folder.mkdir(parents=True)
    for k in range(count):
        Image.new("RGB", size, (k * 9, 0, 0)).save(folder / name.format(k + 1))


def video(path: Path, frames: int) -> None:
    """64 x 64, as AVI."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for level in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), level * 9, np.uint8))))
        container.mux(stream.encode())
