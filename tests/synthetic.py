"""A moving skeleton with exactly constant bones, seen by a real rig: the truth the geometry is tested against.

The rig is subject S1's of Human3.6M, whose cameras are published (numbers below rounded to a tenth of a millimetre
and 1e-6); its four consecutive pairs are 134, 48, 46 and 133 degrees apart.
"""

from __future__ import annotations

import torch

from epipose.camera import Camera, Rig
from epipose.geometry.rotation import exp, nearest_rotation
from epipose.skeleton import H36M17

_S1 = {
    "cam54138969": {
        "K": [[1145.0494, 0.0, 512.5415], [0.0, 1143.7811, 515.4515], [0.0, 0.0, 1.0]],
        "distortion": [-0.207099, 0.247775, -0.001424, -0.000976, -0.003075],
        "R": [[-0.915362, 0.401808, 0.025748], [0.051548, 0.180374, -0.982246], [-0.399319, -0.897784, -0.18582]],
        "t": [-0.3461, 0.547, 5.4745],
    },
    "cam55011271": {
        "K": [[1149.6757, 0.0, 508.8486], [0.0, 1147.5916, 508.0649], [0.0, 0.0, 1.0]],
        "distortion": [-0.194214, 0.240409, -0.002741, -0.001619, 0.00682],
        "R": [[0.928168, 0.372154, 0.002248], [0.081664, -0.197772, -0.97684], [-0.36309, 0.906856, -0.213958]],
        "t": [0.2514, 0.4209, 5.5882],
    },
    "cam58860488": {
        "K": [[1149.1407, 0.0, 519.8158], [0.0, 1148.799, 501.4027], [0.0, 0.0, 1.0]],
        "distortion": [-0.208338, 0.255488, -0.00076, 0.001484, -0.00246],
        "R": [[-0.914155, -0.402778, -0.045723], [-0.045623, 0.214308, -0.9757], [0.402789, -0.889855, -0.214287]],
        "t": [0.4805, 0.2538, 5.7042],
    },
    "cam60457274": {
        "K": [[1145.5113, 0.0, 514.9682], [0.0, 1144.7739, 501.882], [0.0, 0.0, 1.0]],
        "distortion": [-0.198384, 0.218324, -0.001813, -0.000587, -0.008948],
        "R": [[0.914156, -0.400607, 0.061906], [-0.05641, -0.276953, -0.959226], [0.401418, 0.87339, -0.275777]],
        "t": [0.0519, 0.3784, 4.4061],
    },
}


def rig() -> Rig:
    """The four cameras of S1, float64, metres, z up."""
    fields = {
        key: torch.tensor([camera[key] for camera in _S1.values()], dtype=torch.float64)
        for key in ("K", "distortion", "R", "t")
    }
    size = torch.tensor([[1000, 1002], [1000, 1000], [1000, 1000], [1000, 1002]])
    camera = Camera(fields["K"], fields["distortion"], nearest_rotation(fields["R"]), fields["t"], size)
    return Rig(tuple(_S1), camera, metric=True)


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
