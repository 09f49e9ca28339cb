"""Refiner: one pose from a detector's keypoints, the detector's own depth and PoseNet's reading of the same image.

Each of the three sees what the others miss: keypoints are accurate in the image and have no depth, the detector's own
depth is flattened, PoseNet's reading errs most where the body is hidden. How they err together was learned from real
answers of a detector on images whose pose is known (the refinement unit of EpipolarPose, Kocabas et al. 2019, section
3.3; here a transformer over the joints). Any of the three may be missing, joint by joint. The inputs hold no image, so
that the refiner can go on learning from any poses (see `epipose.training.refine`).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epipose.io.files import AnyPath, write_tensors
from epipose.io.guard import reading
from epipose.io.staged import settle
from epipose.network.reading import PoseReading
from epipose.network.resnet import read_state
from epipose.network.token_head import TokenLayer, positive_scale
from epipose.skeleton import Skeleton

WEIGHTS = "refiner.safetensors"  # beside the network's own, in a model folder
REFINED = (WEIGHTS, "refine.json")  # what `epipose.training.refine` writes there
_UNIT, _SCALE_UNIT = 0.2, 0.03  # crop widths: typical places and errors, so that inputs are about 1
_STEP = 0.1  # crop widths: the size of corrections
_INPUTS = 13  # of a joint: keypoint, confidence, flag; own depth, flag; reading, its scale, flag


class Evidence(NamedTuple):
    """What is known of one person in a crop, all in crop widths; a weight of 0 means that it is missing.

    ``keypoints`` are a detector's (u, v) with confidence ``conf``; ``own_depth`` its depth, and ``own_known`` whether
    it has one; ``reading`` is PoseNet's (u, v, d), ``reading_scale`` its expected error, ``reading_known`` whether it
    is there.
    """

    keypoints: Float[Tensor, "batch joint 2"]
    conf: Float[Tensor, "batch joint"]
    own_depth: Float[Tensor, "batch joint"]
    own_known: Float[Tensor, "batch joint"]
    reading: Float[Tensor, "batch joint 3"]
    reading_scale: Float[Tensor, "batch joint 3"]
    reading_known: Float[Tensor, "batch joint"]


def evidence_of(
    reading: PoseReading,
    keypoints: Float[Tensor, "batch joint 2"] | None = None,
    conf: Float[Tensor, "batch joint"] | None = None,
) -> Evidence:
    """The evidence of a reading with a detector's keypoints in the crop, or with those of its own landmark network.

    Keypoints with confidence 0 are taken from the landmark network, where the reading has one.
    """
    known = torch.ones_like(reading.uvd[..., 0])
    none = torch.zeros_like(known)
    own = reading.own
    if keypoints is None or conf is None:
        keypoints, conf = (reading.uvd[..., :2], none) if own is None else (own.keypoints, own.conf)
    elif own is not None:
        keypoints = torch.where(conf[..., None] > 0, keypoints, own.keypoints)
        conf = torch.where(conf > 0, conf, own.conf)
    depth, deep = (none, none) if own is None else (own.depth, known)
    return Evidence(keypoints, conf, depth, deep, reading.uvd, reading.scale, known)


class Refiner(nn.Module):
    """A transformer over the joints that corrects the best that is known of each."""

    def __init__(self, skeleton: Skeleton, width: int = 192, layers: int = 5) -> None:
        """Sizes of the transformer; ``width`` is a multiple of 8."""
        super().__init__()
        self.skeleton = skeleton
        self.enter = nn.Linear(_INPUTS, width)
        self.place = nn.Parameter(0.02 * torch.randn(len(skeleton.joints), width))
        self.layers = nn.ModuleList([TokenLayer(width) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(width, 6)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)

    def forward(self, evidence: Evidence) -> PoseReading:
        """The pose, its root at depth 0, and the expected absolute error along each axis, in crop widths."""
        guess, origin = self.beginning(evidence)
        return self.reading_of(guess, origin, self.answered(joint_inputs(evidence, origin, self.skeleton.root)))

    def beginning(self, evidence: Evidence) -> tuple[Float[Tensor, "batch joint 3"], Float[Tensor, "batch 1 3"]]:
        """The `first_guess`, and its root in the image, to which everything is relative."""
        root = self.skeleton.root
        guess = first_guess(evidence, root)
        return guess, torch.cat([guess[:, root, None, :2], torch.zeros_like(guess[:, root, None, 2:])], -1)

    def answered(self, inputs: Float[Tensor, "batch joint 13"]) -> Float[Tensor, "batch joint 6"]:
        """What the transformer says of every joint: the correction of its place, and the expected error."""
        hidden = self.enter(inputs) + self.place
        for layer in self.layers:
            hidden = layer(hidden)
        return self.answer(self.norm(hidden)).float()

    def reading_of(
        self,
        guess: Float[Tensor, "batch joint 3"],
        origin: Float[Tensor, "batch 1 3"],
        answer: Float[Tensor, "batch joint 6"],
    ) -> PoseReading:
        """The pose from the transformer's answer."""
        root = self.skeleton.root
        pose = guess - origin + _STEP * answer[..., :3]
        pose = torch.cat([pose[..., :2], pose[..., 2:] - pose[:, root, None, 2:]], -1)
        return PoseReading(pose + origin, positive_scale(answer[..., 3:]))

    def save(self, path: AnyPath) -> None:
        """Write the weights to a .safetensors file, in half precision."""
        state = {key: value.detach().half().cpu().contiguous() for key, value in self.state_dict().items()}
        write_tensors(path, state, {"format": "epipose-refiner-2", "skeleton": self.skeleton.name})


def first_guess(evidence: Evidence, root: int) -> Float[Tensor, "batch joint 3"]:
    """(u, v) of the keypoint where there is one, else of the reading; d of the reading, else the detector's own, else 0."""
    uv = torch.where(evidence.conf[..., None] > 0, evidence.keypoints, evidence.reading[..., :2])
    read = evidence.reading[..., 2] - evidence.reading[:, root, None, 2]
    own = evidence.own_depth - evidence.own_depth[:, root, None]
    d = torch.where(evidence.reading_known > 0, read, own * (evidence.own_known > 0))
    return torch.cat([uv, d[..., None]], -1)


def joint_inputs(evidence: Evidence, origin: Tensor, root: int) -> Float[Tensor, "batch joint 13"]:
    """Each joint's inputs relative to the origin, 0 where they are missing."""
    seen, own, known = (weight[..., None] > 0 for weight in (evidence.conf, evidence.own_known, evidence.reading_known))
    reading = evidence.reading - torch.cat([origin[..., :2], evidence.reading[:, root, None, 2:]], -1)
    depth = (evidence.own_depth - evidence.own_depth[:, root, None])[..., None]
    parts = [
        (evidence.keypoints - origin[..., :2]) / _UNIT * seen, evidence.conf[..., None] * seen, seen,
        depth / _UNIT * own, own, reading / _UNIT * known, evidence.reading_scale / _SCALE_UNIT * known, known,
    ]  # fmt: skip
    return torch.cat([part.to(origin) for part in parts], -1)


def load_refiner(path: AnyPath, skeleton: Skeleton) -> Refiner | None:
    """The refiner in a file, ready to use on the CPU, or None without such a file; DamagedFileError for a damaged one."""
    path = Path(path)
    settle(path.parent)
    if not path.exists():
        return None
    with reading(path, f"a refiner of the joints {skeleton.name}", "Make it again: epipose refine"):
        state = read_state(path)
        numbers = {int(key.split(".")[1]) for key in state if key.startswith("layers.")}
        if numbers != set(range(len(numbers))):
            raise ValueError(f"it has the layers {sorted(numbers)[:8]}")
        refiner = Refiner(skeleton, len(state["enter.bias"]), len(numbers))
        refiner.load_state_dict({key: value.float() for key, value in state.items()})
    return refiner.eval()
