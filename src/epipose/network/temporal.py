"""Temporal refiner: single-image poses of one person over time to better and smoother ones.

A network that sees one image at a time errs anew in every frame, so its poses jitter, and where a limb is hidden it
guesses although the frames before and after show it. The temporal refiner takes what any single-image method gives per
frame: the root-relative pose, and where they are known the keypoints and the expected errors. A stack of dilated
convolutions over time (Bai et al. 2018; for poses Pavllo et al., CVPR 2019) reads them and gives two things: the
weights of a filter over the neighbouring frames, for every joint and frame its own, and a correction. The filter's
weights add up to 1, so a pose that is right and still passes unchanged; the correction has to carry only what the
neighbours do not know.

Causal, it reads the frames up to the present one (live use, `RefinerStream`); centred, as many before as after. At rates
above `RATE` the input is a running mean and the steps in time are longer, so that both reach equally far in seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epipose.io.files import AnyPath, write_tensors
from epipose.io.guard import reading
from epipose.io.staged import settle
from epipose.network.pose_track import TrackInputs
from epipose.network.resnet import read_state
from epipose.skeleton import Skeleton
from epipose.skeletons import skeleton_named

WEIGHTS = {"centred": "temporal.safetensors", "causal": "temporal_causal.safetensors"}  # in a model folder
RATE = 27.0  # frames a second; see `step_of`
_MOST = 4096  # of a size of a refiner in a file
FORMAT = "epipose-temporal-1"
_UNIT, _NEAR, _ERROR, _CHANGE = 0.3, 0.1, 0.05, 0.1  # metres: poses, keypoints off the pose, their error, corrections


class TemporalRefiner(nn.Module):
    """Dilated convolutions over time that give every joint a filter over its neighbouring frames and a correction."""

    base: Tensor

    def __init__(
        self,
        skeleton: Skeleton,
        *,
        causal: bool,
        width: int = 192,
        dilations: Sequence[int] = (1, 2, 4, 8, 16),
        taps: Sequence[int] = (0, 1, 2, 3, 4, 6, 8, 12, 16),
        dropout: float = 0.0,
    ) -> None:
        """``width``: of the hidden layers. ``dilations``: of the convolutions.

        ``taps``: of the filter, in steps back, and where it is centred ahead, too. ``dropout``: in training.
        """
        super().__init__()
        self.skeleton, self.causal, self.width = skeleton, causal, width
        self.dilations, self.taps = tuple(dilations), tuple(taps)
        joints = len(skeleton.joints)
        self.enter = nn.Linear(7 * joints + 2, width)
        self.blocks = nn.ModuleList([_Block(width, dropout) for _ in dilations])
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(width, 3 * joints + 2 * joints * len(self.offsets))
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)
        away = torch.tensor(self.offsets, dtype=torch.float32)
        shape = torch.exp(away / 1.5) if causal else torch.exp(-away.square() / 8)
        self.register_buffer("base", shape / shape.sum())

    @property
    def offsets(self) -> list[int]:
        """Frames of the filter's taps, in steps, relative to the present one: never positive where causal."""
        past = [-tap for tap in self.taps]
        return past if self.causal else [*past[:0:-1], *self.taps]

    @property
    def reach(self) -> int:
        """Steps in time, in one direction, that an output depends on."""
        return max((2 if self.causal else 1) * sum(self.dilations), *map(abs, self.offsets))

    def forward(self, inputs: TrackInputs, fps: Float[Tensor, " batch"]) -> Float[Tensor, "batch frame joint 3"]:
        """Root-relative poses in metres, one for each frame; all of the batch must have the same step (`step_of`).

        The mean of the outputs for the input and for the horizontally flipped one: flipping commutes with refining.
        """
        both = [torch.cat(pair) for pair in zip(inputs, inputs.flipped(self.skeleton), strict=True)]
        poses, flipped = self.once(TrackInputs(*both), fps.repeat(2)).chunk(2)
        flipped = flipped[..., list(self.skeleton.flip), :] * flipped.new_tensor([-1.0, 1.0, 1.0])
        return (poses + flipped) / 2

    def once(self, inputs: TrackInputs, fps: Float[Tensor, " batch"]) -> Float[Tensor, "batch frame joint 3"]:
        """`forward` of the input alone, for training, where flipped inputs are drawn at random."""
        step = step_of(float(fps[0]))
        calm = calmed(inputs, step, causal=self.causal)
        hidden = self.enter(features_of(calm, fps / step))
        for block, dilation in zip(self.blocks, self.dilations, strict=True):
            past = -2 * dilation * step if self.causal else -dilation * step
            taps = [past, past + dilation * step, past + 2 * dilation * step]
            hidden = block(hidden, partial(_shifted, offsets=taps))
        near = torch.stack(_shifted(calm.xyz, [offset * step for offset in self.offsets]), -1)
        return self.answered(hidden, near)

    def answered(
        self, hidden: Float[Tensor, "batch frame width"], near: Float[Tensor, "batch frame joint 3 tap"]
    ) -> Float[Tensor, "batch frame joint 3"]:
        """The poses from the last layer and the poses at the filter's taps."""
        joints = len(self.skeleton.joints)
        answer = self.answer(self.norm(hidden))
        change = _CHANGE * answer[..., : 3 * joints].unflatten(-1, (joints, 3))
        weight = answer[..., 3 * joints :].unflatten(-1, (joints, 2, len(self.offsets)))
        weight = self.base + weight - weight.mean(-1, keepdim=True)  # they add up to 1
        filtered = torch.cat([near[..., :2, :] * weight[..., :1, :], near[..., 2:, :] * weight[..., 1:, :]], -2).sum(-1)
        pose = filtered + change
        return pose - pose[..., self.skeleton.root, None, :]

    def save(self, path: AnyPath, *, half: bool = False) -> None:
        """Write weights and sizes to a .safetensors file; with ``half`` in 16 bits."""
        kind = torch.float16 if half else torch.float32
        state = {key: value.detach().cpu().to(kind).contiguous() for key, value in self.state_dict().items()}
        sizes = {"causal": self.causal, "width": self.width, "dilations": self.dilations, "taps": self.taps}
        about = {"format": FORMAT, "skeleton": self.skeleton.name, "sizes": json.dumps(sizes)}
        write_tensors(path, state, about)


def load_temporal(path: AnyPath) -> TemporalRefiner | None:
    """The refiner in a file, ready to use on the CPU; None without such a file, DamagedFileError for a damaged one."""
    path = Path(path)
    settle(path.parent)
    if not path.exists():
        return None
    from safetensors import safe_open

    with reading(path, "a temporal refiner", "Get the file again."):
        state = {key: value.float() for key, value in read_state(path).items()}
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
        if about.get("format") != FORMAT:
            raise ValueError(f"its format is {about.get('format')}, not {FORMAT}")
        sizes = json.loads(about["sizes"])
        if not 0 < sizes["width"] <= _MOST or len(sizes["dilations"]) > _MOST:
            raise ValueError(f"its sizes are {str(sizes)[:80]}")
        refiner = TemporalRefiner(skeleton_named(about["skeleton"]), **sizes)
        refiner.load_state_dict(state)
    return refiner.eval()


def step_of(fps: float) -> int:
    """Frames from one step in time to the next: 1 below 40 frames a second, 2 at 50 and 60, 4 at 120."""
    return max(1, round(fps / RATE))


def features_of(inputs: TrackInputs, fps: Float[Tensor, " batch"]) -> Float[Tensor, "batch frame feature"]:
    """What the first layer reads of each frame; ``fps`` counts steps."""
    known, judged = (inputs.conf > 0)[..., None], (inputs.error > 0)[..., None]
    off = (inputs.keypoints - inputs.xyz[..., :2]) / _NEAR * known
    error = (inputs.error[..., None] / _ERROR - 1).clamp(max=5) * judged
    parts = torch.cat([inputs.xyz / _UNIT, off.clamp(-5, 5), inputs.conf[..., None], error], -1).flatten(-2)
    pace = (25 / fps).log()[:, None, None].expand(*parts.shape[:2], 1)
    return torch.cat([parts, inputs.seen[..., None], pace], -1)


def _shifted(values: Float[Tensor, "batch frame *rest"], offsets: Sequence[int]) -> list[Tensor]:
    """The values so many frames later, for every offset; before the first and after the last these are repeated."""
    before, after = max(0, -min(offsets)), max(0, max(offsets))
    frames = values.shape[1]
    ends = [
        values[:, :1].expand(-1, before, *values.shape[2:]),
        values,
        values[:, -1:].expand(-1, after, *values.shape[2:]),
    ]
    padded = torch.cat(ends, 1)
    return [padded[:, before + offset : before + offset + frames] for offset in offsets]


def calmed(inputs: TrackInputs, step: int, *, causal: bool = True) -> TrackInputs:
    """The mean over a step; centred over an even number of frames the two at the ends count half.

    Keypoints that are missing are put where the pose has them before.
    """
    pose = inputs.xyz[..., :2]
    inputs = inputs._replace(keypoints=torch.where(inputs.conf[..., None] > 0, inputs.keypoints, pose))
    offsets = list(range(1 - step, 1)) if causal else list(range(-(step // 2), step // 2 + 1))
    weight = torch.ones(len(offsets))
    if len(offsets) > step:
        weight[[0, -1]] = 0.5
    share = (weight / weight.sum()).tolist()

    def mean(values: Tensor) -> Tensor:
        return torch.stack([w * part for w, part in zip(share, _shifted(values, offsets), strict=True)]).sum(0)

    return TrackInputs(*(mean(values) for values in inputs))


class _Block(nn.Module):
    """A convolution over three frames, normalised beforehand, and a layer over channels, added to the input."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Linear(3 * width, width)
        self.drop = nn.Dropout(dropout)
        self.leave = nn.Linear(width, width)

    def forward(
        self,
        hidden: Float[Tensor, "batch frame width"],
        taps: Callable[[Float[Tensor, "batch frame width"]], Sequence[Float[Tensor, "batch frame width"]]],
    ) -> Float[Tensor, "batch frame width"]:
        """``taps`` gives the three frames that each frame's output is computed from."""
        mixed = self.mix(torch.cat(list(taps(self.norm(hidden))), -1))
        return hidden + self.leave(self.drop(nn.functional.gelu(mixed)))
