"""Folder with the files that the blocks of the pages name, small enough that all blocks run in a minute or two."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from epipose.calibration.calibrate import RigEstimate
from epipose.calibration.rig_options import RigOptions
from epipose.camera import Rig
from epipose.cli.main import main
from epipose.clip import Clip
from epipose.io.video import read_frames
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17
from tests.helpers.dot_videos import Dots, small_rig, videos
from tests.helpers.keypoint_files import deeplabcut
from tests.helpers.synthetic import moving_skeleton

FRAMES, FPS = 40, 20.0
_VIDEO_FOLDERS = (
    "recordings/tuesday",
    "recordings/friday",
    "tuesday/videos",
    "friday/videos",
    "calibration",
    "recording",
)
_PROVIDED = ".provided"  # marks a clip folder that no block of the page has made
_BODY25 = {  # H36M17 joint of each joint of OpenPose's BODY_25 that has one
    1: "thorax",
    2: "right_shoulder",
    3: "right_elbow",
    4: "right_wrist",
    5: "left_shoulder",
    6: "left_elbow",
    7: "left_wrist",
    8: "pelvis",
    9: "right_hip",
    10: "right_knee",
    11: "right_ankle",
    12: "left_hip",
    13: "left_knee",
    14: "left_ankle",
}


def make_footage(folder: Path) -> Path:
    """Videos, photos, intrinsics, keypoints, a labelled clip folder and a model, with the stand-in detectors in place."""
    for number, path in enumerate(videos(folder, frames=FRAMES, fps=FPS), 1):
        path.rename(folder / f"cam{number}.mp4")
    cameras = sorted(folder.glob("cam*.mp4"))
    for name in ("videos", *_VIDEO_FOLDERS):
        (folder / name).mkdir(parents=True)
        for path in cameras:
            shutil.copy(path, folder / name / path.name)
    image = Image.fromarray(next(read_frames(folder / "cam1.mp4")))
    image.save(folder / "photo.jpg", quality=95)
    (folder / "photos").mkdir()
    for name in ("a.jpg", "b.jpg"):
        image.save(folder / "photos" / name, quality=95)
    poses = moving_skeleton(60).float()[:, None]
    Poses3D(poses, torch.ones(poses.shape[:-1]), H36M17, "world", metric=True).save(folder / "training.npz")
    rig = small_rig()
    Rig(tuple(path.stem for path in cameras), rig.camera).save(folder / "intrinsics.json", intrinsics_only=True)
    shutil.copy(folder / "intrinsics.json", folder / "cameras.json")
    _model(folder / "model")
    walk = str(folder / "walk")
    for arguments in (
        ["detect", *map(str, cameras), "--out", walk],
        ["calibrate", walk, "--height", "1.82", "--intrinsics", str(folder / "intrinsics.json")],
        ["label", walk],
    ):
        assert main(arguments) == 0, arguments
    shutil.copy(folder / "walk" / "rig.json", folder / "rig.json")
    for name in ("walk", "model"):
        (folder / name / _PROVIDED).touch()
    names = [path.stem for path in cameras]
    keypoints = Poses2D.load(folder / "walk" / "poses2d.npz")
    _openpose(keypoints, names, folder / "pose")
    _deeplabcut(keypoints, names, folder)
    np.save(folder / "pred.npy", poses[:, 0].numpy() * 1000)
    np.savez(folder / "truth.npz", poses[:, 0].numpy() * 1000)
    return folder


def _model(folder: Path) -> None:
    """A network that has learned nothing."""
    torch.manual_seed(0)
    net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    torch.nn.init.normal_(net.volume.weight, std=0.5)
    TrainedPoseNet(net.eval(), H36M17, torch.full((16,), 0.25), True, 1.25).save(folder)


def _openpose(poses: Poses2D, names: list[str], folder: Path) -> None:
    """The keypoints as OpenPose writes them: a folder per camera, a file per frame."""
    rows = [poses.skeleton.joints.index(joint) for joint in _BODY25.values()]
    for view, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for frame in range(poses.xy.shape[1]):
            numbers = torch.zeros(25, 3)
            found = torch.cat([poses.xy[view, frame, 0], poses.conf[view, frame, 0, :, None]], dim=-1)
            numbers[list(_BODY25)] = found[rows].float()
            people = [{"person_id": [-1], "pose_keypoints_2d": numbers.flatten().tolist()}]
            text = json.dumps({"version": 1.3, "people": people})
            (folder / name / f"{name}_{frame:012d}_keypoints.json").write_text(text, encoding="utf-8")


def _deeplabcut(poses: Poses2D, names: list[str], folder: Path) -> None:
    """The keypoints as a table of DeepLabCut for each camera, with joints of its own, and the map of these."""
    (folder / "dlc").mkdir()
    parts = [f"part{number}" for number in range(len(poses.skeleton.joints))]
    for view, name in enumerate(names):
        found = torch.cat([poses.xy[view, :, :1], poses.conf[view, :, :1, :, None]], dim=-1)
        deeplabcut(folder / "dlc" / f"{name}DLC_resnet50.csv", found.numpy(), parts, ["climber"])
    lines = [f'{part} = "{joint}"' for part, joint in zip(parts, poses.skeleton.joints, strict=True)]
    (folder / "climber.toml").write_text("\n".join(["[joints]", *lines, ""]), encoding="utf-8")


class _AnyDots(Dots):
    """Dots in several views at once."""

    def another(self) -> Dots:
        """Itself: nothing is kept from image to image."""
        return self


def any_detector(weights: Path | None = None, device: str = "auto", threads: int = 0, tolerance: float = 60.0) -> Dots:
    """A detector of the dots under any name, with the options that the pages give."""
    return _AnyDots()


def small_sample(out: str | Path, wheel: str | Path | None = None) -> Clip:
    """The sample clip's files, of small videos instead of a download."""
    folder = Path(out)
    for number, path in enumerate(videos(folder / "videos", frames=FRAMES, fps=FPS), 1):
        path.rename(folder / "videos" / f"cam{number:02d}.mp4")
    clip = Clip.from_videos([folder / "videos"])
    clip.save(folder)
    rig = small_rig()
    rig = Rig(tuple(view.name for view in clip.views), rig.camera)
    rig.save(folder / "intrinsics.json", intrinsics_only=True)
    (folder / "reference").mkdir()
    rig.save(folder / "reference" / "rig.json")
    return clip


def remembering(estimate: Callable[..., RigEstimate]) -> Callable[..., RigEstimate]:
    """The estimate of a rig, computed once for the same keypoints: many blocks calibrate the same videos."""
    known: dict[bytes, RigEstimate] = {}

    def remembered(poses: Poses2D, intrinsics: Rig, options: RigOptions = RigOptions()) -> RigEstimate:
        camera = intrinsics.camera
        parts = (poses.xy, poses.conf, camera.K, camera.distortion, camera.size)
        digest = hashlib.sha256(repr((poses.views, intrinsics.names, camera.fisheye, options)).encode())
        for part in parts:
            digest.update(part.contiguous().numpy().tobytes())
        key = digest.digest()
        if key not in known:
            known[key] = estimate(poses, intrinsics, options)
        return known[key]

    return remembered


_SHORTER = {
    "train": ["--epochs", "1", "--backbone", "resnet18", "--input-size", "64", "--depth-bins", "8", "--channels", "16"],
    "refine": ["--steps", "2", "--batch-size", "8"],
    "run": ["--network", "none"],
    "batch": ["--network", "none", "--jobs", "1"],  # in this process, where the stand-ins are
}


def shortened(words: Sequence[str]) -> list[str]:
    """The words of a command, with options that make training short; what a network learns is tested elsewhere.

    A command that begins a clip or model folder which the page's folder came with finds a new one.
    """
    words = list(words)
    if words and words[0] in ("detect", "run", "train") and "--out" in words:
        out = Path(words[words.index("--out") + 1])
        if (out / _PROVIDED).exists():
            shutil.rmtree(out)
    if words[:1] == ["view"] and not {"--html", "--video", "--help"} & set(words):  # it would serve until interrupted
        words += ["--html", "served.html"]
    return [*words, *_SHORTER.get(words[0] if words else "", [])]
