"""Token head: 3D pose from the features and the answers of a frozen landmark network, by a transformer.

BlazePose's landmark network has seen very many real people. Its feature maps are sampled where its landmarks lie, one
token per landmark with the landmark's own coordinates, and a transformer over the tokens says what depth they mean
(context-aware lifting, Zhao et al. 2023). Both branches of EpipolarPose (Kocabas et al. 2019, figure 2) begin as one
pose network: the frozen one gives 2D, the other learns depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from epipose.network.blazepose import CROP_SIDE, LANDMARKS, LandmarkReading, refined_points
from epipose.network.reading import OwnAnswer, PoseReading
from epipose.skeleton import Skeleton
from epipose.skeletons import BLAZEPOSE33, H36M17

HEADS = 8  # of an attention layer
_MIN_SPREAD = 1e-3
_SMALL = 4  # side of a feature map that is taken as a whole
_STEP = 0.1  # crop widths: the size of corrections


def own_pose(
    landmarks: Float[Tensor, "batch point 5"], world: Float[Tensor, "batch point 3"]
) -> Float[Tensor, "batch 33 3"]:
    """The landmark network's own 3D in the crop's units: its (u, v), and its metric depth scaled as its image is.

    The depth is relative to the middle of the hips. The scale is that which takes the metric x and y, as
    weak perspective would, to the spread of (u, v).
    """
    uv = landmarks[:, :LANDMARKS, :2] / CROP_SIDE - 0.5
    xyz = world[:, :LANDMARKS]
    spread_uv, spread_xy = (part - part.mean(1, keepdim=True) for part in (uv, xyz[..., :2]))
    scale = spread_uv.norm(dim=(1, 2)) / spread_xy.norm(dim=(1, 2)).clamp(min=_MIN_SPREAD)
    return torch.cat([uv, scale[:, None, None] * xyz[..., 2:]], -1)


def _seen(reading: LandmarkReading) -> Float[Tensor, "batch 33"]:
    """Probability that a landmark is in the crop and visible."""
    return reading.landmarks[:, :LANDMARKS, 3:5].sigmoid().prod(-1)


def _answers(reading: LandmarkReading, own: Float[Tensor, "batch 33 3"]) -> Float[Tensor, "batch 33 7"]:
    """Per landmark: (u, v), the two depths that the network has, the other two world axes, and how well it is seen."""
    image_depth = reading.landmarks[:, :LANDMARKS, 2:3] / CROP_SIDE
    return torch.cat([4 * own, 4 * image_depth, reading.world[:, :LANDMARKS, :2], _seen(reading)[..., None]], -1)


class LandmarkTokens(NamedTuple):
    """What a head takes from a landmark network's reading; no head changes it.

    ``own``: the landmarks (u, v, d) in crop widths, see `own_pose`; ``answers``: per landmark what the network answers;
    ``features``: its feature maps sampled at the landmarks; ``summary``: its smallest ones as a whole; ``keypoints``: the
    landmarks refined by their heatmaps.
    """

    own: Float[Tensor, "batch 33 3"]
    answers: Float[Tensor, "batch 33 7"]
    features: tuple[Float[Tensor, "batch 33 channel"], ...]
    summary: tuple[Float[Tensor, "batch channel"], ...]
    keypoints: Float[Tensor, "batch 33 2"]


def landmark_tokens(reading: LandmarkReading) -> LandmarkTokens:
    """The answers of a reading, and its features where its landmarks lie."""
    own = own_pose(reading.landmarks, reading.world)
    grid = (2 * own[:, :, None, :2]).clamp(-1, 1)  # grid_sample's -1 to 1 is the crop's -0.5 to 0.5
    features = tuple(
        functional.grid_sample(tap, grid.to(tap), mode="bilinear", align_corners=False)[..., 0].mT
        for tap in reading.taps
        if tap.shape[-1] > _SMALL
    )
    summary = tuple(tap.flatten(1) for tap in reading.taps if tap.shape[-1] <= _SMALL)
    keypoints = refined_points(reading)[:, :LANDMARKS] - 0.5
    return LandmarkTokens(own, _answers(reading, own), features, summary, keypoints)


class TokenHead(nn.Module):
    """A transformer over tokens that are the landmarks' answers and the features sampled where they lie."""

    def __init__(
        self, taps: Sequence[tuple[int, int]], skeleton: Skeleton = H36M17, *, width: int = 256, layers: int = 6
    ) -> None:
        """``taps``: (channels, side) of the feature maps; those of side 4 or less are one token of their own."""
        super().__init__()
        joints = self.joints = len(skeleton.joints)
        local = [channels for channels, side in taps if side > _SMALL]
        whole = [channels * side**2 for channels, side in taps if side <= _SMALL]
        self.enter = nn.Linear(7, width)
        self.place = nn.Parameter(0.02 * torch.randn(LANDMARKS, width))
        self.query = nn.Parameter(0.02 * torch.randn(joints, width))
        self.features = nn.ModuleList([nn.Linear(channels, width) for channels in local])
        self.summary = nn.ModuleList([nn.Linear(channels, width) for channels in whole])
        self.layers = nn.ModuleList([TokenLayer(width) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(width, 6)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)
        self.base = nn.Linear(LANDMARKS, joints, bias=False)  # joints as weighted means of landmarks, to begin with
        self.register_buffer("mapping", BLAZEPOSE33.mapping_to(skeleton), persistent=False)
        self.mapping: Tensor
        with torch.no_grad():
            self.base.weight.copy_(self.mapping)

    def forward(self, reading: LandmarkReading) -> PoseReading:
        """Joints as a weighted mean of the landmarks, corrected by what the tokens say; and the network's own answer."""
        return self.read(landmark_tokens(reading))

    def read(self, tokens: LandmarkTokens) -> PoseReading:
        """As `forward`, from what was taken out of the landmark network's reading before."""
        return self.reading_of(tokens, self.answered(tokens))

    def answered(self, tokens: LandmarkTokens) -> Float[Tensor, "batch joint 6"]:
        """What the transformer says of every joint: the correction of its place, and the expected error."""
        own = tokens.own
        hidden = torch.cat([self.query.expand(own.shape[0], -1, -1).to(own), *self._entered(tokens)], 1)
        for layer in self.layers:
            hidden = layer(hidden)
        return self.answer(self.norm(hidden[:, : self.joints])).float()

    def reading_of(self, tokens: LandmarkTokens, answer: Float[Tensor, "batch joint 6"]) -> PoseReading:
        """The reading from the transformer's answer."""
        own = tokens.own
        base = self.base.weight.float() @ own.float()
        return PoseReading(base + _STEP * answer[..., :3], positive_scale(answer[..., 3:]), self._own_answer(tokens))

    def _entered(self, tokens: LandmarkTokens) -> list[Tensor]:
        entered = self.enter(tokens.answers) + self.place
        for layer, sampled in zip(self.features, tokens.features, strict=True):
            entered = entered + layer(sampled)
        whole = [layer(summary)[:, None] for layer, summary in zip(self.summary, tokens.summary, strict=True)]
        return [entered, *whole]

    def _own_answer(self, tokens: LandmarkTokens) -> OwnAnswer:
        """The landmarks in the head's joints; a joint's confidence is the least of the landmarks that it is a mean of."""
        seen = tokens.answers[..., -1]
        conf = torch.where(self.mapping > 0, seen[:, None], torch.inf).amin(-1)
        depth = tokens.own[..., 2] @ self.mapping.T
        return OwnAnswer(self.mapping @ tokens.keypoints, conf.clamp(1e-3, 1.0), depth)


def positive_scale(raw: Tensor) -> Tensor:
    """An expected error in crop widths from an output without bounds; 0 means 2 %."""
    return 0.02 * functional.softplus(raw + 0.5) + 1e-4


class TokenLayer(nn.Module):
    """Self-attention and a two-layer perceptron, each with a residual and normalised first."""

    def __init__(self, width: int, heads: int = HEADS) -> None:
        """``width`` is a multiple of ``heads``."""
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, hidden: Float[Tensor, "batch token width"]) -> Float[Tensor, "batch token width"]:
        """The tokens after the layer."""
        q, k, v = self.qkv(self.before(hidden)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v)
        hidden = hidden + self.out(mixed.transpose(1, 2).flatten(2))
        return hidden + self.mlp(self.between(hidden))
