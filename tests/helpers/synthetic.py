"""A moving skeleton with exactly constant bones, seen by a real rig: the ground truth of the geometry tests.

The rig is subject S1's of Human3.6M; neighbours are 134, 46, 133 and 48 degrees apart.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from epipose.camera import Rig
from epipose.formats.rig_json import h36m_rig
from epipose.geometry.rotation import exp
from epipose.skeletons import H36M17


def rig() -> Rig:
    """The four cameras of S1, float64, metres, z up; whether it is up nobody has said yet."""
    return replace(h36m_rig(), upright=False)


# Direction and length (metres) of each bone of a standing person who looks along +y, z up, x to the person's right.
_REST = {
    "right_hip": (0.13, 0.0, 0.0),
    "right_knee": (0.0, 0.0, -0.44),
    "right_ankle": (0.0, 0.0, -0.42),
    "left_hip": (-0.13, 0.0, 0.0),
    "left_knee": (0.0, 0.0, -0.44),
    "left_ankle": (0.0, 0.0, -0.42),
    "spine": (0.0, 0.0, 0.24),
    "thorax": (0.0, 0.0, 0.25),
    "neck_nose": (0.0, 0.07, 0.11),
    "head": (0.0, -0.03, 0.11),
    "left_shoulder": (-0.16, 0.0, -0.02),
    "left_elbow": (0.0, 0.0, -0.28),
    "left_wrist": (0.0, 0.0, -0.25),
    "right_shoulder": (0.16, 0.0, -0.02),
    "right_elbow": (0.0, 0.0, -0.28),
    "right_wrist": (0.0, 0.0, -0.25),
}


def moving_skeleton(frames: int, seed: int = 0, roam: float = 1.2) -> torch.Tensor:
    """(frame, joint, 3) in metres: a person who walks about on a smooth random path and swings every limb.

    ``roam``: half the extent of the path; 0 is a person who stays in place.
    """
    generator = torch.Generator().manual_seed(seed)

    def smooth(channels: int) -> torch.Tensor:
        """Sums of four slow sines, about unit size: (frame, channel)."""
        time = torch.arange(frames, dtype=torch.float64)[:, None, None] / 50
        rate = 0.3 + 2.2 * torch.rand(1, channels, 4, generator=generator, dtype=torch.float64)
        phase = 6.28 * torch.rand(1, channels, 4, generator=generator, dtype=torch.float64)
        return (rate * time * 2 + phase).sin().mean(-1) * 1.4

    swing = exp(smooth(len(H36M17.joints) * 3).reshape(frames, -1, 3) * 0.6)
    heading = exp(smooth(1) * 3 * torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    place = smooth(3) * torch.tensor([roam, roam, 0.04], dtype=torch.float64) + torch.tensor(
        [0.0, 0.0, 0.92], dtype=torch.float64
    )
    xyz = torch.zeros(frames, len(H36M17.joints), 3, dtype=torch.float64)
    turn: dict[int, torch.Tensor] = {}
    for joint, parent in enumerate(H36M17.parents):
        if parent < 0:
            xyz[:, joint], turn[joint] = place, heading
            continue
        turn[joint] = turn[parent] @ swing[:, joint]
        bone = torch.tensor(_REST[H36M17.joints[joint]], dtype=torch.float64)
        xyz[:, joint] = xyz[:, parent] + turn[joint] @ bone
    return xyz


def detections(
    rig: Rig, xyz: torch.Tensor, pixels: float = 0.0, outliers: float = 0.0, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Distorted pixels (view, frame, joint, 2) with Gaussian noise and 60-pixel outliers, and confidences (all 1)."""
    generator = torch.Generator().manual_seed(seed)
    uv = rig.camera.spread(2).project(xyz)
    uv = uv + pixels * torch.randn(uv.shape, generator=generator, dtype=uv.dtype)
    wild = torch.rand(uv.shape[:-1], generator=generator) < outliers
    uv = uv + wild[..., None] * 60 * torch.randn(uv.shape, generator=generator, dtype=uv.dtype)
    return uv, torch.ones(uv.shape[:-1], dtype=uv.dtype)


def two_views(frames=10):
    """Normalised joints of cameras 0 and 1, b_from_a, and points in camera a's frame."""
    camera, xyz = rig().camera, moving_skeleton(frames).reshape(-1, 3)
    in_frame = camera.spread(1).into_frame(xyz)
    a, b = (p[..., :2] / p[..., 2:] for p in in_frame[:2])
    R = camera.R[1] @ camera.R[0].mT
    return a, b, R, camera.t[1] - R @ camera.t[0], in_frame[0]
