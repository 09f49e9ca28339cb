"""Refiner: a 3D pose corrected by the keypoints of a 2D detector and a learned prior over poses.

A network trained on images has met few bodies and rooms; how people move is known far better, from motion capture and
from the labels of the footage itself. The refiner is the small network that learns this prior (the refinement unit
of EpipolarPose, Kocabas et al. 2019, section 3.3; residual blocks after Martinez et al. 2017). It takes one person's
joints as PoseNet predicted them and as a 2D detector found them in the same image, and returns a better pose. Its
inputs hold no image, so that it can be trained on any poses, from viewpoints of virtual cameras (see
`epipose.training.refine`).
"""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epipose.errors import DamagedFileError
from epipose.io.files import AnyPath, replacing
from epipose.network.resnet import read_state
from epipose.skeleton import Skeleton

WEIGHTS = "refiner.safetensors"  # beside the network's own, in a model folder
REFINED = (WEIGHTS, "refine.json")  # what `epipose.training.refine` writes there
_UNIT = 0.25  # crop widths: about the standard deviation of a joint's place, so that inputs are about 1
_INPUTS = 6  # of a joint: u, v as detected and whether; u, v, d as predicted


class Refiner(nn.Module):
    """A predicted and a detected pose of one person to a corrected one; all in crop widths, as PoseNet's (u, v, d)."""

    def __init__(self, skeleton: Skeleton, width: int = 512, dropout: float = 0.1) -> None:
        """``width``: of the hidden layers."""
        super().__init__()
        self.skeleton, self.width = skeleton, width
        joints = len(skeleton.joints)
        self.enter = nn.Linear(_INPUTS * joints, width)
        self.blocks = nn.ModuleList([_Block(width, dropout) for _ in range(2)])
        self.answers = nn.ModuleList([nn.Linear(width, 3 * joints) for _ in range(2)])  # after each block

    def forward(
        self,
        predicted: Float[Tensor, "batch joint 3"],
        detected: Float[Tensor, "batch joint 2"],
        conf: Float[Tensor, "batch joint"],
    ) -> Float[Tensor, "batch joint 3"]:
        """The pose, its root at depth 0.

        ``predicted``: PoseNet's (u, v, d). ``detected``: the detector's (u, v) in the same crop, with confidence
        ``conf``; for joints with confidence 0 those of ``predicted`` are taken; all others count alike.
        """
        return self.both(predicted, detected, conf)[-1]

    def both(
        self,
        predicted: Float[Tensor, "batch joint 3"],
        detected: Float[Tensor, "batch joint 2"],
        conf: Float[Tensor, "batch joint"],
    ) -> tuple[Float[Tensor, "batch joint 3"], Float[Tensor, "batch joint 3"]]:
        """The outputs after the first and the second block: training uses both, prediction the second."""
        root = self.skeleton.root
        known = conf[..., None] > 0
        detected = torch.where(known, detected, predicted[..., :2])
        origin = detected[:, root, None]
        uv, d = predicted[..., :2] - origin, predicted[..., 2:] - predicted[:, root, None, 2:]
        detected = detected - origin
        hidden = self.enter(torch.cat([detected / _UNIT, known.to(predicted), uv / _UNIT, d / _UNIT], -1).flatten(1))
        poses = []
        for block, answer in zip(self.blocks, self.answers, strict=True):
            hidden = block(hidden)
            change = _UNIT * answer(hidden).unflatten(1, (-1, 3))
            depth = change[..., 2:] - change[:, root, None, 2:]
            poses.append(torch.cat([origin + detected + change[..., :2], depth], -1))
        return poses[0], poses[1]

    def save(self, path: AnyPath) -> None:
        """Write the weights to a .safetensors file."""
        from safetensors.torch import save_file

        state = {key: value.detach().cpu().contiguous() for key, value in self.state_dict().items()}
        with replacing(Path(path)) as part:
            save_file(state, part, metadata={"format": "epipose-refiner-1", "skeleton": self.skeleton.name})


def load_refiner(path: AnyPath, skeleton: Skeleton) -> Refiner | None:
    """The refiner in a file, ready to use on the CPU, or None without such a file; DamagedFileError for a damaged one."""
    path = Path(path)
    if not path.exists():
        return None
    state = read_state(path)
    try:
        refiner = Refiner(skeleton, width=len(state["enter.weight"]))
        refiner.load_state_dict(state)
    except (KeyError, TypeError, RuntimeError) as error:
        raise DamagedFileError(
            f"{path} is no refiner of the joints {skeleton.name} ({str(error)[:200]}). Make it again: epipose refine"
        ) from error
    return refiner.eval()


class _Block(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm1d(width), nn.LeakyReLU(), nn.Dropout(dropout), nn.Linear(width, width),
            nn.BatchNorm1d(width), nn.LeakyReLU(), nn.Dropout(dropout), nn.Linear(width, width),
        )  # fmt: skip

    def forward(self, hidden: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
        return hidden + self.layers(hidden)
