"""Clip folders for the viewer: the synthetic person and rig, drawn videos, keypoints, and what a page holds of them."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.geometry.rotation import exp
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17
from epipose.viz.plots import draw_skeleton
from tests.helpers import synthetic

FRAMES = 10


def moved_world(scale: float) -> tuple[Rig, Poses3D, torch.Tensor]:
    """The synthetic person and rig in a tilted world of another scale, and what is up there."""
    rig = synthetic.rig()
    turn, shift = exp(torch.tensor([1.1, -0.7, 0.4], dtype=torch.float64)), torch.tensor([3.0, -2.0, 5.0]).double()
    R = rig.camera.R @ turn.T
    moved = rig.camera.with_pose(R, scale * rig.camera.t - R @ shift)
    xyz = (scale * synthetic.moving_skeleton(FRAMES) @ turn.T + shift).float()[:, None]
    return Rig(rig.names, moved), Poses3D(xyz, torch.ones(FRAMES, 1, 17), H36M17), turn[:, 2]


def keypoints_of(rig: Rig, poses: Poses3D, shift: float = 0.0) -> Poses2D:
    """The projections of the poses, ``shift`` pixels to the right."""
    uv = rig.camera.spread(3).project(poses.xyz.double()).float() + torch.tensor([shift, 0.0])
    return Poses2D(uv, poses.conf.repeat(len(rig.names), 1, 1, 1), poses.skeleton, rig.names)


def save_clip(path: Path) -> None:
    """Four drawn videos, a rig and poses in a world without scale, and keypoints three pixels beside."""
    rig, poses, _ = moved_world(scale=0.3)
    uv = rig.camera.spread(2).project(poses.xyz[:, 0].double()).float() * 0.25
    for view_index, name in enumerate(rig.names):
        with av.open(str(path / f"{name}.mp4"), "w") as container:
            stream: Any = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 250, 250, "yuv420p"
            for frame in range(FRAMES):
                grey = np.full((250, 250, 3), 90 + 10 * frame, dtype=np.uint8)
                drawn = draw_skeleton(grey, uv[view_index, frame], torch.ones(17), H36M17)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(drawn, format="rgb24")))
            container.mux(stream.encode())
    Clip.from_videos([path / f"{name}.mp4" for name in rig.names]).save(path)
    rig.save(path / "rig.json")
    poses.save(path / "poses3d.npz")
    keypoints_of(rig, poses, shift=3.0).save(path / "poses2d.npz")


def page_in(html: str) -> dict[str, Any]:
    """The data of the viewer in a page."""
    found = re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def decoded(text: str, *shape: int) -> np.ndarray:
    """Numbers of 16 bits of a page, with this shape."""
    return np.frombuffer(base64.b64decode(text), "<i2").reshape(shape)
