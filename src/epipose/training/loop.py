"""The training loop: batches in, a trained network out.

Step k is a function of the seed and k, so a run that was killed goes on from its last checkpoint and ends as if it had
not been: on a CPU to the last bit. Several processes (see `epipose.training.distributed`) share every batch, and the
loss is the mean over the whole of it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from epipose.errors import InputError
from epipose.io.progress import progress
from epipose.io.write_errors import writing_to
from epipose.network.posenet import Net, to_input
from epipose.training.batches import Source, epoch_steps
from epipose.training.checkpoint import Checkpoint, TrainingState, load_checkpoint, save_checkpoint
from epipose.training.distributed import ProcessGroup
from epipose.training.loader import Batch, WaitClock, feed
from epipose.training.losses import smooth_l1, spread
from epipose.training.lr_schedule import rate
from epipose.training.options import TrainOptions
from epipose.training.self_targets import own_targets
from epipose.training.weight_average import WeightAverage, measure_norms

_NORM_BATCHES = 50  # on which the normalisation of an averaged network is measured


def fit(net: Net, source: Source, options: TrainOptions, out: Path, processes: ProcessGroup) -> Net:
    """Train ``net`` on ``source``; returns the network to keep.

    Resumes from a checkpoint in ``out``, writes one every ``checkpoint_steps`` steps (else every
    ``checkpoint_seconds``), and a line of ``log.jsonl`` per epoch. Raises InputError when training diverges.
    """
    steps = epoch_steps(source, options.batch_size)
    run = _TrainingRun(net, options, steps, source.skeleton.root, processes)
    checkpoint = processes.broadcast(load_checkpoint(out, steps) if processes.first else None)
    first, seconds, waited = (0, 0.0, 0.0) if checkpoint is None else run.restore(checkpoint)
    run.start(options.compile)
    total = options.epochs * steps
    batches = _batches(source, first, options, processes)
    bar = progress(total=total, initial=first, desc="train", unit="step", quiet=not processes.first)
    with closing(batches), bar:
        clock, since, saved = WaitClock(processes.device, waited), time.perf_counter() - seconds, time.monotonic()
        for step in range(first, total):
            with clock.waiting():
                batch = next(batches).to(processes.device)
            loss = run.step(batch, step)
            if bar.update():  # only where it was drawn: to read the loss is to wait for the GPU
                bar.set_postfix(epoch=step // steps + 1, loss=f"{float(loss):.4f}", refresh=False)
            if (step + 1) % steps == 0:
                _log(out, run, step, source.images, time.perf_counter() - since, clock.seconds())
                clock, since = WaitClock(processes.device), time.perf_counter()
            late = time.monotonic() - saved > options.checkpoint_seconds
            due = late if options.checkpoint_steps is None else (step + 1) % options.checkpoint_steps == 0
            if due and processes.first and step + 1 < total:
                taken = time.perf_counter() - since
                save_checkpoint(out, Checkpoint(step + 1, taken, clock.seconds(), run.state()))
                saved = time.monotonic()
    with closing(_batches(source, 0, options, ProcessGroup(0, 1, processes.device))) as batches:
        return run.outcome(islice(batches, min(_NORM_BATCHES, total)))


def _batches(
    source: Source, first: int, options: TrainOptions, processes: ProcessGroup
) -> Generator[Batch, None, None]:
    """Batches from step ``first`` on, augmented as the options say; two views of a moment stay together."""
    variation = {
        "rotation": math.radians(options.rotation_deg), "scale": options.scale, "shift": options.shift,
        "colour": options.colour, "occlusion": options.occlusion, "flip": options.flip,
    }  # fmt: skip
    if options.unfrozen:  # the way from crop to camera is the box alone
        variation |= {"rotation": 0.0, "scale": (1.0, 1.0), "shift": 0.0, "flip": 0.0}
    group = 2 if options.unfrozen else 1
    return feed(source, first, options.batch_size, options.input_size, options.seed, variation, processes, group)


class _TrainingRun:
    """A network with everything that a step changes: Adam's moments, the averaged weights, the sums for the log."""

    def __init__(self, net: Net, options: TrainOptions, epoch_steps: int, root: int, processes: ProcessGroup) -> None:
        self.net, self.options, self.epoch_steps, self.root = net, options, epoch_steps, root
        self.processes = processes
        net.to(processes.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        groups = [{"params": list(part)} for part in (net.backbone.parameters(), net.trained_parameters())]
        self.optimizer = torch.optim.Adam(groups, options.lr)
        self.average = WeightAverage(net, options.ema) if options.ema > 0 else None
        self.sums = torch.zeros(
            2, dtype=torch.float64, device=processes.device
        )  # loss and spread, over the epoch so far

    def state(self) -> TrainingState:
        self.means()  # a network that has diverged is not worth resuming from
        average = None if self.average is None else self.average.net.state_dict()
        return TrainingState(self.net.state_dict(), self.optimizer.state_dict(), self.sums, average)

    def restore(self, checkpoint: Checkpoint) -> tuple[int, float, float]:
        """Take over a checkpoint; the next step, and the seconds taken and waited in its epoch."""
        state = checkpoint.state
        self.net.load_state_dict(state.net)
        self.optimizer.load_state_dict(state.optimizer)
        if self.average is not None and state.average is not None:
            self.average.net.load_state_dict(state.average)
        self.sums.copy_(state.sums)
        return checkpoint.step, checkpoint.seconds, checkpoint.waited

    def start(self, compiled: bool) -> None:
        """Get ready to step."""
        self.net.train()
        for norm in self._frozen(self.net):
            norm.eval()
        model = self.processes.data_parallel(self.net)
        self.model = torch.compile(model) if compiled else model

    def _frozen(self, net: Net) -> list[torch.nn.Module]:
        norms = (module for module in net.backbone.modules() if isinstance(module, torch.nn.BatchNorm2d))
        return list(norms) if self.options.frozen_norm else []

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        options = self.options
        factor = rate(step, self.epoch_steps, options.epochs, options.schedule, options.warmup, options.lr_drops)
        return options.lr * factor

    def step(self, batch: Batch, step: int) -> Tensor:
        """One step of Adam on this process's share of a batch; the loss of the whole batch."""
        for group, share in zip(self.optimizer.param_groups, (self.options.backbone_lr, 1.0), strict=True):
            group["lr"] = share * self.rate(step)
        device = self.processes.device.type
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):  # on CPUs bf16 was slower
            predicted, _ = self.model(to_input(batch.images))
        target, weight = batch.uvd, batch.weight
        if self.options.unfrozen:
            assert batch.box is not None and batch.camera is not None  # noqa: PT018
            target, weight = own_targets(predicted[..., :2], batch.box, batch.camera, self.root)
        error, counted = smooth_l1(predicted, target, weight, self.options.beta)
        error_all, counted_all, spread_all = self.processes.sum(
            torch.stack([error, counted, spread(predicted)])
        ).unbind()
        counted_all = counted_all.clamp(min=1e-6)
        self.optimizer.zero_grad(set_to_none=True)
        (error / counted_all * self.processes.size).backward()  # processes average their gradients
        if self.options.clip_gradient > 0:
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.options.clip_gradient)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(step)
        loss = error_all / counted_all
        self.sums += torch.stack([loss, spread_all / self.processes.size])
        return loss

    def means(self) -> tuple[float, float]:
        """Mean loss and spread of an epoch that is complete; InputError when they are no longer finite."""
        loss, wide = (self.sums / self.epoch_steps).tolist()
        if not math.isfinite(loss):
            raise InputError(
                "The loss became infinite: training diverged. Use a smaller learning rate, in another --out."
            )
        return loss, wide

    def outcome(self, batches: Iterator[Batch]) -> Net:
        """The network to keep: the last one, or the average, whose normalisation is measured on these batches."""
        if self.average is None:
            return self.net
        net = self.average.net
        images = (to_input(batch.to(self.processes.device).images) for batch in batches)
        measure_norms(net, images, self._frozen(net))
        return net


def _log(out: Path, run: _TrainingRun, step: int, images: int, seconds: float, waited: float) -> None:
    """A line for the epoch that ends with this step."""
    loss, wide = run.means()
    run.sums.zero_()
    values = {
        "loss": loss, "spread": wide, "lr": run.rate(step), "seconds": seconds,
        "images_per_second": images / seconds, "data_wait_share": waited / seconds,
    }  # fmt: skip
    rounded = {key: float(f"{value:.6g}") for key, value in values.items()}
    if run.processes.first:
        with writing_to(out / "log.jsonl"), (out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"epoch": step // run.epoch_steps, **rounded}) + "\n")
