"""humancalib (PyPI, MIT) on our 2D poses: its linear start from single-image 3D poses and its bundle adjustment.

It runs as the package's own commands in a Python of its own, because it needs opencv-contrib-python, which must not
stand beside our OpenCV: python -m venv DIR && DIR/bin/pip install humancalib, then --humancalib DIR/bin/python. Its
own detector (MeTRAbs) is not used; it gets the same joints as everybody, as OpenPose's 25, without distortion, and the
3D of the detector (BlazePose on the sample). In simulation that 3D is the true pose with 30 mm of independent error
per axis, 48 mm in the mean, what VideoPose3D is published with on Human3.6M (46.8 mm; Pavllo et al., CVPR 2019).
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.geometry.rivals import Rival
from benchmarks.geometry.simulation import Simulated
from epipose.camera import Rig
from epipose.poses import Poses2D
from epipose.skeletons import BODY25

_SUBSET = "noise_1_0"  # names and numbers that its commands expect
_FRAMES = 100  # its default budget for the bundle adjustment
_LIFTING_ERROR = 0.03  # metres per axis


def with_lifted(clip: Simulated, seed: int) -> Poses2D:
    """The clip's 2D poses with simulated single-image 3D: relative to the pelvis, in each camera's axes."""
    noise = np.random.default_rng(seed).standard_normal((*clip.poses.xy.shape[:2], 1, *clip.xyz.shape[1:]))
    in_camera = clip.rig.camera.spread(2).into_frame(clip.xyz)[:, :, None]
    xyz = (
        in_camera - in_camera[..., clip.poses.skeleton.root, :][..., None, :] + _LIFTING_ERROR * torch.from_numpy(noise)
    )
    return replace(clip.poses, xyz=xyz)


def humancalib(python: Path, timeout: float = 600.0) -> Rival:
    """The rival, given a Python that has the package."""

    def run(poses: Poses2D, intrinsics: Rig) -> Rig | None:
        if poses.xyz is None:
            return None
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), poses, intrinsics)
            skip = str(max(1, round(poses.xy.shape[1] / _FRAMES)))
            commands = (
                ["linear", folder, "1", "1", "1", _SUBSET, skip, "MyDataset", "--conf_threshold", "0.3"],
                ["ba", "--prefix", folder, "--frame_skip", skip, "--save_obs_mask", "false", "--conf_threshold", "0.3"],
            )
            for command in commands:
                done = subprocess.run(
                    [str(python), "-m", "humancalib", *command], capture_output=True, text=True, timeout=timeout
                )
                if done.returncode:
                    print(f"humancalib {command[0]}: {done.stderr[-500:]}")
                    return None
            result = Path(folder) / "results" / "linear_1_0_ba.json"
            found = json.loads(result.read_text(encoding="utf-8")) if result.exists() else None
        if found is None:
            return None
        R = torch.tensor(found["R_w2c"], dtype=torch.float64)
        t = torch.tensor(found["t_w2c"], dtype=torch.float64).reshape(-1, 3)
        return Rig(poses.views, intrinsics.camera.to(torch.float64).with_pose(R, t))

    return run


def _write(folder: Path, poses: Poses2D, intrinsics: Rig) -> None:
    """The files its steps read: cameras, poses per camera in 2D and 3D, an empty world skeleton, settings."""
    assert poses.xyz is not None
    views, frames = poses.xy.shape[:2]
    camera = intrinsics.camera.to(torch.float64)
    pixels = camera.spread(2).undistort(poses.xy[:, :, 0].double())
    xy, conf = _as_body25(poses, pixels, poses.conf[:, :, 0].double())
    xyz, _ = _as_body25(poses, poses.xyz[:, :, 0].double(), poses.conf[:, :, 0].double())
    subset = folder / _SUBSET
    for kind, coordinates in (("2d_joint", xy), ("3d_joint", xyz)):
        (subset / kind).mkdir(parents=True)
        for view in range(views):
            data = [
                {
                    "frame_index": frame,
                    "skeleton": [
                        {
                            "pose": coordinates[view, frame].flatten().tolist(),
                            "score": conf[view, frame].tolist(),
                        }
                    ],
                }
                for frame in range(frames)
            ]
            (subset / kind / f"A001_P001_G001_C{view + 1:03d}.json").write_text(json.dumps({"data": data}))
    numbers = list(range(1, views + 1))
    cameras = {
        "CAMID": numbers,
        "K": camera.K.tolist(),
        "R_w2c": [np.eye(3).tolist()] * views,
        "t_w2c": [[[0.0]] * 3] * views,
    }
    (subset / "cameras_G001.json").write_text(json.dumps(cameras))
    world = {"skeleton": np.zeros((frames, 25, 3)).tolist(), "frame_indices": list(range(frames))}
    (subset / "skeleton_w_G001.json").write_text(json.dumps(world))
    width, height = intrinsics.camera.size[0].tolist()
    session = {
        "camera_ids": numbers,
        "available_joints": list(range(25)),
        **dict.fromkeys(("aid", "pid", "gid"), 1),
        "video_dir": str(folder),
        "width": width,
        "height": height,
        "frame_rate": 50.0,
    }
    (subset / "session.yaml").write_text(json.dumps(session))  # JSON is YAML


def _as_body25(
    poses: Poses2D, coordinates: Float[Tensor, "view frame joint axis"], conf: Float[Tensor, "view frame joint"]
) -> tuple[Float[Tensor, "view frame 25 axis"], Float[Tensor, "view frame 25"]]:
    """OpenPose's joints as far as they can be expressed; a mean is as confident as its least confident part."""
    weights = poses.skeleton.mapping_to(BODY25).double()
    part = torch.where(weights > 0, conf[..., None, :], torch.inf).amin(-1)
    return torch.einsum("tj,vfjc->vftc", weights, coordinates), torch.where(weights.any(-1), part, 0.0)
