"""Batch loading: decoding and augmentation in threads ahead of the network, and the time it waited for them.

Every augmentation is a function of (seed, step, place in the batch), whichever process makes it: a run on two processes
sees what a run on one does.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.camera import Camera
from epipose.training.augment import augment
from epipose.training.batches import Source, StoredBatch
from epipose.training.distributed import ProcessGroup
from epipose.training.samples import WINDOW, decoded

_PREFETCH_BATCHES = 4  # prepared while the network works on one


class Batch(NamedTuple):
    """Images as the network sees them, (u, v, d), weights of (u, v) and d; boxes and cameras of paired views."""

    images: UInt8[Tensor, "batch size size 3"]
    uvd: Float[Tensor, "batch joint 3"]
    weight: Float[Tensor, "batch joint 2"]
    box: Float[Tensor, "batch 4"] | None = None
    camera: Camera | None = None

    def to(self, device: torch.device) -> Batch:
        """The batch on a device; from pinned memory the copy runs beside other work."""
        images, uvd, weight = (part.to(device, non_blocking=True) for part in self[:3])
        if self.box is None or self.camera is None:
            return Batch(images, uvd, weight)
        return Batch(images, uvd, weight, self.box.to(device), self.camera.to(device))

    def pinned(self) -> Batch:
        """The batch in pinned memory, which a GPU copies by itself."""
        images, uvd, weight = (part.pin_memory() for part in self[:3])
        return Batch(images, uvd, weight, self.box, self.camera)


def feed(
    source: Source,
    start_step: int,
    batch_size: int,
    size: int,
    seed: int,
    variation: dict[str, Any],
    processes: ProcessGroup,
    group: int = 1,
) -> Generator[Batch, None, None]:
    """This process's share of the batches from ``start_step`` on, endless, varied as `augment` says with ``variation``.

    ``size`` is the side of the images in pixels; ``group`` neighbouring images of a batch stay together.
    """

    def varied(stored: StoredBatch, step: int, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        crop = stored.crops[row]
        crop = decoded(crop) if isinstance(crop, bytes) else crop
        rng = np.random.default_rng((seed, step, 1 + row))  # (seed, step, 0) would be the stream of (seed, step)
        return augment(
            crop, stored.uvd[row], stored.weight[row], size, rng, window=WINDOW, flip_order=source.skeleton.flip,
            **variation,
        )  # fmt: skip

    def prepared(stored: StoredBatch, step: int) -> Batch:
        rows = range(len(stored.crops))[processes.share(len(stored.crops), group)]
        parts = zip(*pool.map(lambda row: varied(stored, step, row), rows), strict=True)
        images, uvd, weight = (torch.from_numpy(np.stack(part)) for part in parts)
        batch = Batch(images, uvd, weight)
        if stored.place is not None:
            place = stored.place.of(np.array(rows))
            batch = Batch(images, uvd, weight, place.box, place.camera)
        return batch.pinned() if processes.device.type == "cuda" else batch

    with ThreadPoolExecutor() as pool:
        numbered = enumerate(source.batches(start_step, batch_size), start_step)
        yield from _ahead((prepared(stored, step) for step, stored in numbered), _PREFETCH_BATCHES)


def _ahead(batches: Generator[Batch, None, None], count: int) -> Generator[Batch, None, None]:
    """Run an iterator in a thread of its own, ``count`` items ahead of the consumer."""
    thread = ThreadPoolExecutor(1)
    try:
        waiting = deque(thread.submit(next, batches, None) for _ in range(count))
        while (batch := waiting.popleft().result()) is not None:
            waiting.append(thread.submit(next, batches, None))
            yield batch
    finally:
        thread.shutdown(cancel_futures=True)


class WaitClock:
    """Seconds in which the device stood idle because the next batch was not there.

    On a GPU the host runs ahead, so its own waiting time means nothing: the device's clock is read by events before and
    after the wait, and only `seconds` waits for the device.
    """

    def __init__(self, device: torch.device, before: float = 0.0) -> None:
        """``before``: seconds already waited."""
        self._cuda, self._seconds = device.type == "cuda", before
        self._events: list[tuple[Any, Any]] = []

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The device has its work; inside, the next batch is awaited."""
        if self._cuda:
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            yield
            end.record()
            self._events.append((begin, end))
        else:
            since = time.perf_counter()
            yield
            self._seconds += time.perf_counter() - since

    def seconds(self) -> float:
        """Seconds waited so far."""
        if self._events:
            torch.cuda.synchronize()
            self._seconds += sum(begin.elapsed_time(end) for begin, end in self._events) / 1000
            self._events.clear()
        return self._seconds
