"""The training loop: batches in, a trained network out.

Step k is a function of the seed and k, so a run that was killed goes on from its last checkpoint and ends as if it had
not been: on a CPU to the last bit. Several processes (see `epipose.training.distributed`) share every batch, and the
loss is the mean over the whole of it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from epipose.errors import EpiposeError
from epipose.network.posenet import PoseNet, to_input
from epipose.training.batches import Source, epoch_steps
from epipose.training.checkpoint import load_checkpoint, save_checkpoint
from epipose.training.distributed import Team
from epipose.training.loader import Batch, Waits, feed
from epipose.training.losses import smooth_l1, spread
from epipose.training.lr_schedule import Schedule, rate
from epipose.training.self_targets import own_targets
from epipose.training.weight_average import Average, measure_norms

_MEASURING = 50  # batches on which the normalisation of an averaged network is measured


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are the paper's."""

    epochs: int = 140
    batch_size: int = 32
    lr: float = 1e-3  # of Adam
    backbone_lr: float = 1.0  # the backbone's, over that of the rest
    frozen_norm: bool = False  # the backbone's batch normalisation keeps its statistics
    schedule: Schedule = "steps"
    warmup: float = 0.0  # epochs
    lr_drops: Sequence[int] = (90, 120)
    clip_gradient: float = 0.0  # largest norm of a gradient; 0: any
    ema: float = 0.0  # decay per step of the average of the weights that is kept; 0: the last weights are
    beta: float = 0.02  # of `smooth_l1`
    unfrozen: bool = False  # targets are `own_targets`
    seed: int = 0


def fit(
    net: PoseNet,
    source: Source,
    recipe: Recipe,
    variation: dict[str, Any],
    out: Path,
    team: Team,
    *,
    compiled: bool = False,
    checkpoint_steps: int | None = None,
    checkpoint_seconds: float = 300.0,
) -> PoseNet:
    """Train ``net`` on ``source``, varied as `augment` says with ``variation``; returns the network to keep.

    Goes on from a checkpoint in ``out``, writes one every ``checkpoint_steps`` steps (else every
    ``checkpoint_seconds``), and a line of ``log.jsonl`` per epoch. Raises EpiposeError when training diverges.
    """
    steps = epoch_steps(source, recipe.batch_size)
    learner = _Learner(net, recipe, steps, source.skeleton.root, team)
    state = team.told(load_checkpoint(out, steps) if team.first else None)
    first, seconds, waited = learner.restore(state) if state else (0, 0.0, 0.0)
    learner.start(compiled)
    size, total = net.sizes["input_size"], recipe.epochs * steps
    group = 2 if recipe.unfrozen else 1  # two views of a moment stay together
    batches = feed(source, first, recipe.batch_size, size, recipe.seed, variation, team, group)
    bar = tqdm(total=total, initial=first, desc="train", unit="step", delay=2, disable=None if team.first else True)
    with closing(batches), bar:
        waits, since, saved = Waits(team.device, waited), time.perf_counter() - seconds, time.monotonic()
        for step in range(first, total):
            with waits.waiting():
                batch = next(batches).to(team.device)
            loss = learner.step(batch, step)
            if bar.update():  # only where it was drawn: to read the loss is to wait for the GPU
                bar.set_postfix(epoch=step // steps + 1, loss=f"{float(loss):.4f}", refresh=False)
            if (step + 1) % steps == 0:
                _log(out, learner, step, source.images, time.perf_counter() - since, waits.seconds())
                waits, since = Waits(team.device), time.perf_counter()
            late = time.monotonic() - saved > checkpoint_seconds
            due = late if checkpoint_steps is None else (step + 1) % checkpoint_steps == 0
            if due and team.first and step + 1 < total:
                clock = {"seconds": time.perf_counter() - since, "waited": waits.seconds()}
                save_checkpoint(out, {"step": step + 1, **clock, **learner.state()})
                saved = time.monotonic()
    with closing(feed(source, 0, recipe.batch_size, size, recipe.seed, variation, Team(0, 1, team.device))) as batches:
        return learner.outcome(islice(batches, min(_MEASURING, total)))


class _Learner:
    """A network with everything that a step changes: itself, Adam's moments, the average, the sums for the log."""

    def __init__(self, net: PoseNet, recipe: Recipe, epoch_steps: int, root: int, team: Team) -> None:
        self.net, self.recipe, self.epoch_steps, self.root, self.team = net, recipe, epoch_steps, root, team
        net.to(team.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        head = [*net.head.parameters(), *net.volume.parameters()]
        self.optimizer = torch.optim.Adam([{"params": list(net.backbone.parameters())}, {"params": head}], recipe.lr)
        self.average = Average(net, recipe.ema) if recipe.ema > 0 else None
        self.sums = torch.zeros(2, dtype=torch.float64, device=team.device)  # loss and spread, over the epoch so far

    def state(self) -> dict[str, Any]:
        self.means()  # a network that has diverged is nothing to go on from
        states = {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict(), "sums": self.sums}
        return states if self.average is None else {**states, "average": self.average.net.state_dict()}

    def restore(self, state: dict[str, Any]) -> tuple[int, float, float]:
        """Take over a checkpoint; the next step, and the seconds spent and waited in its epoch."""
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.net.load_state_dict(state["average"])
        self.sums.copy_(state["sums"])
        return int(state["step"]), float(state["seconds"]), float(state["waited"])

    def start(self, compiled: bool) -> None:
        """Get ready to step."""
        self.net.train()
        for norm in self._frozen(self.net):
            norm.eval()
        model = self.team.joined(self.net)
        self.model = torch.compile(model) if compiled else model

    def _frozen(self, net: PoseNet) -> list[torch.nn.Module]:
        norms = (module for module in net.backbone.modules() if isinstance(module, torch.nn.BatchNorm2d))
        return list(norms) if self.recipe.frozen_norm else []

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        recipe = self.recipe
        factor = rate(step, self.epoch_steps, recipe.epochs, recipe.schedule, recipe.warmup, recipe.lr_drops)
        return recipe.lr * factor

    def step(self, batch: Batch, step: int) -> Tensor:
        """One step of Adam on this process's share of a batch; the loss of the whole batch."""
        for group, share in zip(self.optimizer.param_groups, (self.recipe.backbone_lr, 1.0), strict=True):
            group["lr"] = share * self.rate(step)
        device = self.team.device.type
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):  # on CPUs bf16 was slower
            predicted, _ = self.model(to_input(batch.images))
        target, weight = batch.uvd, batch.weight
        if self.recipe.unfrozen:
            assert batch.box is not None and batch.camera is not None  # noqa: PT018
            target, weight = own_targets(predicted[..., :2], batch.box, batch.camera, self.root)
        error, counted = smooth_l1(predicted, target, weight, self.recipe.beta)
        error_all, counted_all, spread_all = self.team.total(torch.stack([error, counted, spread(predicted)])).unbind()
        counted_all = counted_all.clamp(min=1e-6)
        self.optimizer.zero_grad(set_to_none=True)
        (error / counted_all * self.team.size).backward()  # processes average their gradients
        if self.recipe.clip_gradient > 0:
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip_gradient)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(step)
        loss = error_all / counted_all
        self.sums += torch.stack([loss, spread_all / self.team.size])
        return loss

    def means(self) -> tuple[float, float]:
        """Mean loss and spread of an epoch that is complete; EpiposeError when they are no longer finite."""
        loss, wide = (self.sums / self.epoch_steps).tolist()
        if not math.isfinite(loss):
            raise EpiposeError(
                "The loss became infinite: training diverged. Use a smaller learning rate, in another --out."
            )
        return loss, wide

    def outcome(self, batches: Iterator[Batch]) -> PoseNet:
        """The network to keep: the last one, or the average, whose normalisation is measured on these batches."""
        if self.average is None:
            return self.net
        net = self.average.net
        images = (to_input(batch.to(self.team.device).images) for batch in batches)
        measure_norms(net, images, self._frozen(net))
        return net


def _log(out: Path, learner: _Learner, step: int, images: int, seconds: float, waited: float) -> None:
    """A line for the epoch that ends with this step."""
    loss, wide = learner.means()
    learner.sums.zero_()
    values = {
        "loss": loss, "spread": wide, "lr": learner.rate(step), "seconds": seconds,
        "images_per_second": images / seconds, "data_wait_share": waited / seconds,
    }  # fmt: skip
    rounded = {key: float(f"{value:.6g}") for key, value in values.items()}
    if learner.team.first:
        with (out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"epoch": step // learner.epoch_steps, **rounded}) + "\n")
