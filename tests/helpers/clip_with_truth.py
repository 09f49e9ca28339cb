"""The drawn clip with its ground truth, and simulated results of a detector and a calibration."""

import math
from dataclasses import replace
from pathlib import Path

import torch

from epipose.camera import Rig
from epipose.poses import Poses2D, Poses3D
from tests.helpers.drawn_clips import clip_folder


def studio_folder(folder: Path, frames: int = 4, views: int = 3, noise: float = 0.6) -> Path:
    """A clip folder as epipose studio, detect and calibrate leave it: truth/, noisy poses2d.npz, a rig that is turned.

    Its poses3d.npz are the truth, moved by a centimetre, so that one sees where a label came from.
    """
    clip_folder(folder, frames=frames, views=views)
    (folder / "truth").mkdir()
    rig = Rig.load(folder / "rig.json")
    rig.save(folder / "truth" / "rig.json")
    for name in ("poses2d.npz", "poses3d.npz"):
        (folder / name).replace(folder / "truth" / name)
    true2d, true3d = Poses2D.load(folder / "truth" / "poses2d.npz"), Poses3D.load(folder / "truth" / "poses3d.npz")
    generator = torch.Generator().manual_seed(1)
    wrong = noise * torch.randn(true2d.xy.shape, generator=generator)
    replace(true2d, xy=true2d.xy + wrong, conf=0.6 * true2d.conf).save(folder / "poses2d.npz")
    replace(true3d, xyz=true3d.xyz + 0.01).save(folder / "poses3d.npz")
    a = math.radians(1.0)
    turn = torch.tensor([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]]).double()
    R = rig.camera.R.clone()
    R[1:] = R[1:] @ turn
    replace(rig, camera=rig.camera.with_pose(R, rig.camera.t)).save(folder / "rig.json")
    return folder
