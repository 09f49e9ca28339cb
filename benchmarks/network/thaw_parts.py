"""Parts of a pretrained network that go on learning: its head, parts of the landmark network, adapters between the two.

`VARIANTS` are those that `benchmarks.network.thaw` compares. The rate of the landmark network is a share of the head's.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epipose.errors import InputError
from epipose.network.blazepose import LandmarkReading
from epipose.network.graph_net import Graph
from epipose.network.graph_ops import MaxPool
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.reading import PoseReading

PULL = 0.1  # L2-SP: half of this times the squared distance from the initial weights is added to the loss


@dataclass(frozen=True)
class Variant:
    """What learns beside the head: a part of the landmark network, at ``rate`` times the head's rate, or adapters.

    ``pull`` is the strength of the pull towards the landmark network's initial weights (L2-SP). ``backwards``: the
    batches come in reverse order, and the variant is compared with ``control``.
    """

    name: str
    trunk: Literal["nothing", "last stage", "all"] = "nothing"
    rate: float = 0.0
    pull: float = 0.0
    adapters: bool = False
    backwards: bool = field(default=False, repr=False)
    control: str = field(default="frozen", repr=False)


VARIANTS = (  # a control comes before what is compared with it
    Variant("frozen"),
    Variant("last_stage", "last stage", 0.1),
    Variant("all_hundredth", "all", 0.01),
    Variant("all_tenth_pulled", "all", 0.1, PULL),
    Variant("adapters", adapters=True),
    Variant("frozen_backwards", backwards=True),  # how much of a difference is chance
    Variant("all_hundredth_backwards", "all", 0.01, backwards=True, control="frozen_backwards"),
    Variant("all_full", "all", 1.0),  # known to fail: what a loss of real images looks like here
)


class ThawedReading(NamedTuple):
    """What the landmark network answers, and what the head makes of it."""

    landmarks: LandmarkReading
    pose: PoseReading


class ThawedNet(nn.Module):
    """A copy of a pretrained network of which more than the head learns."""

    def __init__(self, net: LandmarkPoseNet, variant: Variant) -> None:
        """``net`` is not changed. At the start the copy answers as it does."""
        super().__init__()
        self.variant = variant
        self.trunk = copy.deepcopy(net.backbone).requires_grad_(False)
        self.head = copy.deepcopy(net.head)
        self.adapters = nn.ModuleDict()
        if variant.adapters:
            for index, layer in enumerate(net.head.features):  # of the first feature maps, the large ones
                assert isinstance(layer, nn.Linear)
                self.adapters[str(index)] = Adapter(layer.in_features)
        network = self.trunk.network
        names = {"nothing": set(), "last stage": last_stage(network.graph), "all": set(network.tensors)}[variant.trunk]
        self.thawed = [network.tensors[name].requires_grad_(True) for name in sorted(names)]
        self.initial = [tensor.detach().clone() for tensor in self.thawed]
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Float[Tensor, "batch 3 256 256"]) -> ThawedReading:
        """RGB in [0, 1] to the landmark network's answers and the pose; the head sees the features adapted."""
        reading = self.trunk(images.contiguous(memory_format=torch.channels_last))
        taps = list(reading.taps)
        for index, adapter in self.adapters.items():
            taps[int(index)] = adapter(taps[int(index)])
        return ThawedReading(reading, self.head(reading._replace(taps=tuple(taps))))

    def at_full_rate(self) -> list[nn.Parameter]:
        """The head's parameters and the adapters'."""
        return [*self.head.parameters(), *self.adapters.parameters()]

    def squared_distance(self) -> Float[Tensor, ""]:
        """Of the thawed weights from their initial values, summed; 0 where nothing is thawed."""
        pairs = zip(self.thawed, self.initial, strict=True)
        return sum(((now - before).square().sum() for now, before in pairs), torch.zeros(()))

    def moved(self) -> float:
        """Distance of the thawed weights from their initial values over the norm of these; 0 where none are thawed."""
        norm = sum(float(before.square().sum()) for before in self.initial)
        return (float(self.squared_distance().detach()) / norm) ** 0.5 if norm else 0.0


class Adapter(nn.Module):
    """1 x 1 convolutions to half of the channels and back, added to the features; at the start they add nothing.

    The rectifier between them matters: the head samples features and multiplies them by a matrix, in which a linear
    adapter would drown (residual adapters, Rebuffi et al. 2017; bottlenecks, Houlsby et al. 2019).
    """

    def __init__(self, channels: int) -> None:
        """``channels`` of the features."""
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, channels // 2, 1), nn.Conv2d(channels // 2, channels, 1)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)  # type: ignore[arg-type]

    def forward(self, features: Float[Tensor, "batch channel side side"]) -> Float[Tensor, "batch channel side side"]:
        """The features with what the adapter adds."""
        return features + self.up(self.down(features).relu())


def last_stage(graph: Graph) -> set[str]:
    """Names of the weights behind the last max-pooling's input: the residual blocks at 2 x 2 pixels, and the outputs.

    Heatmaps and decoder come before it. Raises InputError for a graph without max-pooling.
    """
    pools = [op for op in graph.ops if isinstance(op, MaxPool)]
    if not pools:
        raise InputError("The graph has no max-pooling, behind which its last stage would begin.")
    start = next(i for i, op in enumerate(graph.ops) if op.output == pools[-1].inputs[0])
    return {name for op in graph.ops[start + 1 :] for name in op.weights}
