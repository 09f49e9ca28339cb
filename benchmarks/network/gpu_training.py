"""Heads and the refiner on BlazePose's frozen landmark networks, all trained side by side on the same batches."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from epipose.network.blazepose import LandmarkReading, load_landmarks
from epipose.network.blazepose import Variant as Network
from epipose.network.config import HeadSizes
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.posenet import TrainedPoseNet
from epipose.network.reading import PoseReading
from epipose.network.refiner import Refiner, evidence_of
from epipose.skeletons import H36M17
from epipose.training.device_augment import Jitter, vary
from epipose.training.evidence import mixed, with_gaps
from epipose.training.losses import per_axis, smooth_l1
from epipose.training.samples import WINDOW

SIZE = 256  # pixels of the networks' input
NETWORKS: tuple[Network, ...] = ("full", "heavy")
_LR, _WARMUP, _DECAY = 1e-3, 0.02, 0.9995
_OUTSIDE_WEIGHT = 0.3  # of joints that the image does not show
_CERTAINTY_WEIGHT = 0.01  # of the likelihood of the errors, beside the errors
_WARMING_STEPS = 3  # before a step is recorded

Batch = tuple[Tensor, Tensor, Tensor]  # images (stored crops, or the networks' input), (u, v, d), weights


WIDTH, LAYERS = 256, 6  # of the heads
_HEAVY = 0.4  # share of the poses whose evidence is that of heavy
_MARGIN = 1.25  # of upright boxes, which these networks do not read


class Training:
    """The heads and the refiner, their averages, and one optimiser for all.

    On a card a whole step is recorded once and replayed: hundreds of small kernels cost more to launch than to run.
    """

    def __init__(self, device: torch.device, batch: int) -> None:
        """``batch``: images in every step."""
        torch.manual_seed(0)
        self.device, self.size, self.cuda = device, batch, device.type == "cuda"
        self.half = torch.float16 if self.cuda else torch.float32  # keeps a tenth of a pixel
        self.trunks = {name: load_landmarks(name).eval().requires_grad_(False) for name in NETWORKS}
        heads = {name: LandmarkPoseNet(_sizes(name), self.trunks[name]).head for name in NETWORKS}
        for trunk in self.trunks.values():
            trunk.to(device, self.half, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.nets = nn.ModuleDict(heads | {"refiner": Refiner(H36M17)}).to(device)
        self.average = copy.deepcopy(self.nets).requires_grad_(False).eval()
        self.optimiser = torch.optim.AdamW(_groups(self.nets), _LR, fused=self.cuda, betas=(0.9, 0.99))
        joints = len(H36M17.joints)
        images = torch.zeros(batch, 3, SIZE, SIZE, device=device, dtype=self.half)
        self.images = images.contiguous(memory_format=torch.channels_last)
        self.uvd = torch.zeros(batch, joints, 3, device=device)
        self.weight = torch.ones(batch, joints, 2, device=device)
        self.losses: dict[str, Tensor] = {}
        self.steps = 0
        self.graph: torch.cuda.CUDAGraph | None = None

    def record(self, batch: Batch) -> bool:
        """Record a step; whether that worked. Where it did not, steps are computed one operation at a time."""
        self._take(batch)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARMING_STEPS):
                self._gradients()
        torch.cuda.current_stream().wait_stream(stream)
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._gradients()
            self.graph = graph
        except Exception as error:
            print(f"no recording: {type(error).__name__}: {error}", flush=True)
            torch.cuda.synchronize()
        return self.graph is not None

    def read(self, images: Tensor) -> dict[str, LandmarkReading]:
        """What both landmark networks read."""
        images = images.to(self.half).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            return {name: _whole(trunk(images)) for name, trunk in self.trunks.items()}

    def heads(self, nets: nn.ModuleDict, readings: dict[str, LandmarkReading]) -> dict[str, PoseReading]:
        """The reading of the head on each landmark network."""
        return {name: nets[name](readings[name]) for name in NETWORKS}

    def step(self, batch: Batch, done: float) -> dict[str, Tensor]:
        """One step on all networks; the loss of each. ``done``: how much of the time is over."""
        rate = _LR * min(1.0, done / _WARMUP) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self._take(batch)
        if self.graph is None:
            self._gradients()
        else:
            self.graph.replay()
        self.optimiser.step()
        self.steps += 1
        decay = min(_DECAY, (1 + self.steps) / (10 + self.steps))
        get_ema_multi_avg_fn(decay)(list(self.average.parameters()), list(self.nets.parameters()), self.steps)
        return self.losses

    def _take(self, batch: Batch) -> None:
        varied = vary(*batch, H36M17.flip, WINDOW, SIZE, Jitter())
        for own, given in zip((self.images, self.uvd, self.weight), varied, strict=True):
            own.copy_(given)

    def _gradients(self) -> None:
        """Losses and clipped gradients of all networks on the batch that was taken."""
        self.optimiser.zero_grad(set_to_none=False)
        readings = self.read(self.images)
        inside = (self.uvd[..., :2].abs() < 0.5).all(-1, keepdim=True)
        weight = torch.where((self.weight > 0) & inside, 1.0, _OUTSIDE_WEIGHT)
        outputs = self.heads(self.nets, readings)
        full, heavy = (evidence_of(_detached(outputs[name])) for name in NETWORKS)
        evidence = with_gaps(mixed(full, heavy, _HEAVY), self.uvd)
        answers = outputs | {"refiner": self.nets["refiner"](evidence)}
        losses = {name: loss_of(output, self.uvd, weight) for name, output in answers.items()}
        torch.stack(list(losses.values())).sum().backward()
        for net in self.nets.values():
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        self.losses = {name: loss.detach() for name, loss in losses.items()}

    def save(self, folder: Path, bone_lengths: Tensor) -> None:
        """A model folder for each landmark network, with the averaged weights and the refiner."""
        for name in NETWORKS:
            net = LandmarkPoseNet(_sizes(name), load_landmarks(name))
            net.head.load_state_dict(self.average[name].state_dict())
            refiner = Refiner(H36M17)
            refiner.load_state_dict(self.average["refiner"].state_dict())
            TrainedPoseNet(net, H36M17, bone_lengths, True, _MARGIN, refiner).save(folder / name)


def loss_of(output: PoseReading, uvd: Tensor, weight: Tensor) -> Tensor:
    """Smooth-L1 of the pose, and the likelihood of its error under a Laplace distribution of the stated scale."""
    error, counted = smooth_l1(output.uvd, uvd, weight)
    off = (output.uvd.detach() - uvd).abs()
    scale = output.scale.clamp(min=1e-4)
    unlikely = ((off / scale + scale.log()) * per_axis(weight)).sum()
    return (error + _CERTAINTY_WEIGHT * unlikely) / counted.clamp(min=1)


def _sizes(name: Network) -> HeadSizes:
    return HeadSizes(f"blazepose_{name}", len(H36M17.joints), SIZE, WIDTH, LAYERS)


def _detached(reading: PoseReading) -> PoseReading:
    """The reading without its gradient: the refiner does not teach the head."""
    return reading._replace(uvd=reading.uvd.detach(), scale=reading.scale.detach())


def _groups(nets: nn.Module) -> list[dict[str, list[nn.Parameter] | float]]:
    """Parameters with weight decay, and vectors, which have none."""
    decayed = [p for p in nets.parameters() if p.ndim > 1]
    others = [p for p in nets.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]


def _whole(reading: LandmarkReading) -> LandmarkReading:
    """In single precision."""
    landmarks, score, heatmaps, world = (part.float() for part in reading[:4])
    return LandmarkReading(landmarks, score, heatmaps, world, tuple(tap.float().contiguous() for tap in reading.taps))
