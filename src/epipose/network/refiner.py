"""A second look at a pose: what the joints in the image, read by two, say of the depth that one of them guessed.

A network that reads images knows few bodies and rooms; how people move is known far better, from motion capture and
from the labels of the footage itself. The refiner is the small network that holds this knowledge (the refinement unit
of EpipolarPose, Kocabas et al. 2019, section 3.3; residual blocks after Martinez et al. 2017). It takes one person's
joints as PoseNet read them, and as a 2D detector saw them in the same image, and answers with a better pose. It never
sees an image, so that it can be trained on any poses, from viewpoints where no camera ever stood (see
`epipose.training.refine`).
"""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epipose.errors import EpiposeError
from epipose.io.files import replacing
from epipose.network.resnet import read_state
from epipose.skeleton import Skeleton

WEIGHTS = "refiner.safetensors"  # beside the network's own, in a model folder
REFINED = (WEIGHTS, "refine.json")  # what `epipose.training.refine` writes there
_UNIT = 0.25  # crop widths: about the standard deviation of a joint's place, so that inputs are about 1
_INPUTS = 6  # of a joint: u, v as seen and whether; u, v, d as read


class Refiner(nn.Module):
    """Two readings of one person's joints to one pose; all in crop widths, as PoseNet's (u, v, d)."""

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
        read: Float[Tensor, "batch joint 3"],
        seen: Float[Tensor, "batch joint 2"],
        conf: Float[Tensor, "batch joint"],
    ) -> Float[Tensor, "batch joint 3"]:
        """The pose, its root at depth 0.

        ``read``: PoseNet's (u, v, d). ``seen``: the detector's (u, v) in the same crop, with confidence ``conf``;
        joints that it did not see have confidence 0, and then those of ``read`` are taken; all others count alike.
        """
        return self.both(read, seen, conf)[-1]

    def both(
        self,
        read: Float[Tensor, "batch joint 3"],
        seen: Float[Tensor, "batch joint 2"],
        conf: Float[Tensor, "batch joint"],
    ) -> tuple[Float[Tensor, "batch joint 3"], Float[Tensor, "batch joint 3"]]:
        """The answers after the first and after the second block: training asks for both, reading for the second."""
        root = self.skeleton.root
        known = conf[..., None] > 0
        seen = torch.where(known, seen, read[..., :2])
        origin = seen[:, root, None]
        seen, uv, d = seen - origin, read[..., :2] - origin, read[..., 2:] - read[:, root, None, 2:]
        hidden = self.enter(torch.cat([seen / _UNIT, known.to(read), uv / _UNIT, d / _UNIT], -1).flatten(1))
        poses = []
        for block, answer in zip(self.blocks, self.answers, strict=True):
            hidden = block(hidden)
            change = _UNIT * answer(hidden).unflatten(1, (-1, 3))
            depth = change[..., 2:] - change[:, root, None, 2:]
            poses.append(torch.cat([origin + seen + change[..., :2], depth], -1))
        return poses[0], poses[1]

    def save(self, path: Path) -> None:
        """Write the weights to a .safetensors file."""
        from safetensors.torch import save_file

        state = {key: value.detach().cpu().contiguous() for key, value in self.state_dict().items()}
        with replacing(path) as part:
            save_file(state, part, metadata={"format": "epipose-refiner-1", "skeleton": self.skeleton.name})


def load_refiner(path: Path, skeleton: Skeleton) -> Refiner | None:
    """The refiner in a file, ready to use on the CPU; None where there is no such file, EpiposeError for a damaged one."""
    if not path.exists():
        return None
    state = read_state(path)
    try:
        refiner = Refiner(skeleton, width=len(state["enter.weight"]))
        refiner.load_state_dict(state)
    except (KeyError, TypeError, RuntimeError) as error:
        raise EpiposeError(
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
