"""Pool of drawn scenes on the training device, filled by processes that draw while the network trains.

A graphics card trains faster than processors draw, and how much faster depends on the machine. So drawing and training
are not in step: processes put finished scenes into shared memory, a thread copies them to the device in place of the
oldest, and every batch is drawn at random from what is there. Every twelfth scene is kept out for measuring.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import shutil
import tempfile
import threading
import time
from multiprocessing.context import SpawnContext
from multiprocessing.queues import Queue
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.errors import EpiposeError, InputError
from epipose.io.processes import worker_lost
from epipose.io.temporary import remove_litter, temporary
from epipose.skeletons import H36M17
from epipose.training.batches import StoredBatch
from epipose.training.drawing_process import DrawingProcess, DrawnScene, Job, Message
from epipose.training.studio_scenes import StreamOptions
from epipose.training.studio_sequences import Sequence

_HELD_OUT = 12  # one scene in so many
_ROOMY_BYTES = 4e9

DeviceBatch = tuple[
    UInt8[Tensor, "sample side side 3"], Float[Tensor, "sample joint 3"], Float[Tensor, "sample joint 2"]
]


class ScenePool:
    """Use as a context manager; `batch` gives random samples of the scenes drawn so far.

    ``held_out`` scenes and ``sequences`` are kept in memory, up to ``max_held_out`` and ``max_sequences`` of them;
    ``drawn`` samples have come to the device. All are written by a thread.
    """

    def __init__(
        self,
        options: StreamOptions,
        workers: int,
        capacity: int,
        device: torch.device,
        sequence_workers: int = 1,
        frames: int = 48,
        fps: float = 25.0,
    ) -> None:
        """``capacity`` in samples, on the device. ``sequence_workers`` draw sequences of ``frames`` at ``fps``.

        Raises InputError where there is room for no scene, or where nobody draws.
        """
        if workers < 1 or sequence_workers < 0 or capacity < options.per_scene:
            raise InputError(
                f"Got {workers} workers, {sequence_workers} for sequences, and a capacity of {capacity} samples; a pool "
                f"needs a worker, and room for a scene of {options.per_scene} samples."
            )
        self.options, self.frames = options, frames
        self.held_out: list[StoredBatch] = []
        self.sequences: list[Sequence] = []
        self.max_held_out, self.max_sequences = 250, 250
        self._store = _Store(options, capacity // options.per_scene, device)
        films = range(sequence_workers)
        self._jobs = [Job(options, worker, worker, workers) for worker in range(workers)]
        self._jobs += [Job(options, workers + film, film, sequence_workers, frames, fps) for film in films]
        self._drawing: list[DrawingProcess] = []
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._collect, daemon=True)

    @property
    def drawn(self) -> int:
        """Samples that have come to the device."""
        return self._store.scenes * self.options.per_scene

    def __enter__(self) -> ScenePool:
        spawn: SpawnContext = multiprocessing.get_context("spawn")  # neither OpenGL nor torch survives a fork
        self._folder = _scene_folder()
        self._full: Queue[Message] = spawn.Queue()
        self._drawing = [DrawingProcess(job, self._folder, spawn, self._full) for job in self._jobs]
        for drawing in self._drawing:
            drawing.process.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()  # first: a process that ends while it writes would leave the reader waiting for the rest
        for drawing in self._drawing:
            drawing.end()
        self._drawing.clear()
        self._full.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def wait_for(self, samples: int) -> None:
        """Until so many samples are there; raises EpiposeError that says why a drawing process failed."""
        while self.drawn < samples:
            self._check()
            time.sleep(0.05)

    def batch(self, size: int) -> DeviceBatch:
        """Stored crops, (u, v, d) and weights of random samples; raises as `wait_for`."""
        self._check()
        return self._store.random(size)

    def paused(self) -> threading.Lock:
        """A lock in which nothing is copied to the device."""
        return self._store.lock

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if not any(drawing.process.is_alive() for drawing in self._drawing):
            raise worker_lost(self._drawing[0].process.exitcode if self._drawing else None)

    def _collect(self) -> None:
        """The thread: what was drawn to where it belongs, until the pool is left."""
        while not self._stop.is_set():
            try:
                message = self._full.get(timeout=0.2)
            except queue.Empty:
                continue
            try:
                self._sort(message)
            except BaseException as error:  # the thread that trains must hear of it
                self._error = error
                return

    def _sort(self, message: Message) -> None:
        if isinstance(message, EpiposeError):
            raise message
        drawing = self._drawing[message.worker]
        images = drawing.images(message.slot)
        if not isinstance(message, DrawnScene):
            if len(self.sequences) < self.max_sequences:
                self.sequences.append(message.sequence(images.copy()))
        elif message.number % _HELD_OUT == 0 and len(self.held_out) < self.max_held_out:
            self.held_out.append(message.batch(images.copy()))
        else:
            self._store.put(images, message.uvd, message.weight)
        drawing.free(message.slot)


class _Store:
    """Scenes on the device, the oldest replaced first; a lock keeps batches from half a scene."""

    def __init__(self, options: StreamOptions, capacity: int, device: torch.device) -> None:
        """``capacity`` in scenes."""
        self._each, self._capacity, self._device = options.per_scene, capacity, device
        samples, joints = capacity * options.per_scene, len(H36M17.joints)
        self._images = torch.zeros(samples, options.side, options.side, 3, dtype=torch.uint8, device=device)
        self._uvd = torch.zeros(samples, joints, 3, device=device)
        self._weight = torch.zeros(samples, joints, 2, device=device)
        self.scenes, self.lock = 0, threading.Lock()

    def put(
        self,
        images: UInt8[np.ndarray, "image side side 3"],
        uvd: Float[np.ndarray, "image joint 3"],
        weight: Float[np.ndarray, "image joint 2"],
    ) -> None:
        """One more scene."""
        start = self.scenes % self._capacity * self._each
        with self.lock:
            for kept, given in ((self._images, images), (self._uvd, uvd), (self._weight, weight)):
                kept[start : start + self._each] = torch.from_numpy(given).to(self._device)
            self.scenes += 1

    def random(self, size: int) -> DeviceBatch:
        """Random samples, with repetition."""
        with self.lock:
            there = min(self.scenes, self._capacity) * self._each
            rows = torch.randint(there, (size,), device=self._device)
            return self._images[rows], self._uvd[rows], self._weight[rows]


def _scene_folder() -> Path:
    """A new temporary folder for scenes; those that dead processes left, which may be large, are removed."""
    place = _roomy_folder()
    remove_litter(place)
    folder = temporary(place / "epipose-scenes")
    folder.mkdir(mode=0o700)
    return folder


def _roomy_folder() -> Path:
    """The folder in memory where there is one with room, else that of temporary files."""
    shared = Path("/dev/shm")
    if shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > _ROOMY_BYTES:
        return shared
    return Path(tempfile.gettempdir())
