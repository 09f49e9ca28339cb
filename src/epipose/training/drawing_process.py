"""Processes that draw scenes or sequences into shared memory, for whoever copies them on.

The images of one scene are tens of megabytes: a queue would copy them three times. So each process has a file in memory
with some slots; a queue tells it which are free, another tells the reader which are full, and carries the labels.
"""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8

from epipose.errors import EpiposeError
from epipose.io.processes import follow_parent
from epipose.studio.renderer import Renderer
from epipose.training.batches import StoredBatch
from epipose.training.studio_scenes import StreamOptions, draw_scene
from epipose.training.studio_sequences import Sequence, draw_sequence

_LOG = logging.getLogger(__name__)
_SLOTS = 3  # scenes that a process may be ahead


@dataclass(frozen=True)
class Job:
    """What process ``worker`` draws: ``first``, ``first + step``, ...; scenes, or with ``frames`` sequences at ``fps``."""

    options: StreamOptions
    worker: int
    first: int
    step: int
    frames: int | None = None
    fps: float = 25.0

    @property
    def images(self) -> int:
        """In one scene or sequence."""
        return self.options.per_scene if self.frames is None else self.frames

    def slots(self, folder: Path, mode: str) -> np.memmap:
        """The file of this process: (slot, image, side, side, 3), uint8. Mode w+ makes it."""
        side = self.options.side
        path = folder / f"{self.worker}.raw"
        return np.memmap(path, np.uint8, mode, shape=(_SLOTS, self.images, side, side, 3))  # type: ignore[call-overload]


@dataclass(frozen=True)
class DrawnScene:
    """Scene ``number`` lies in a slot of a worker; (u, v, d) and weights as in `StoredBatch`."""

    worker: int
    slot: int
    number: int
    uvd: Float32[np.ndarray, "image joint 3"]
    weight: Float32[np.ndarray, "image joint 2"]

    def batch(self, crops: UInt8[np.ndarray, "image side side 3"]) -> StoredBatch:
        """With its images."""
        return StoredBatch(crops, self.uvd, self.weight)


@dataclass(frozen=True)
class DrawnSequence:
    """A sequence lies in a slot of a worker; the rest of a `Sequence`."""

    worker: int
    slot: int
    uvd: Float32[np.ndarray, "frame joint 3"]
    box: Float32[np.ndarray, "frame 4"]
    focal: float

    def sequence(self, crops: UInt8[np.ndarray, "frame side side 3"]) -> Sequence:
        """With its images."""
        return Sequence(crops, self.uvd, self.box, self.focal)


Message = DrawnScene | DrawnSequence | EpiposeError


class DrawingProcess:
    """A process that draws a job from `start` on; `images` are valid until `free` is told of their slot."""

    def __init__(self, job: Job, folder: Path, spawn: SpawnContext, full: Queue[Message]) -> None:
        """``full`` is told of every slot that was filled, and of an error; ``folder`` is to lie in memory."""
        self._slots = job.slots(folder, "w+")
        self._free: Queue[int] = spawn.Queue()
        for slot in range(_SLOTS):
            self._free.put(slot)
        self.process: BaseProcess = spawn.Process(target=_work, args=(job, folder, self._free, full), daemon=True)

    def images(self, slot: int) -> UInt8[np.ndarray, "image side side 3"]:
        """A view of a slot."""
        return np.asarray(self._slots[slot])

    def free(self, slot: int) -> None:
        """The slot may be drawn into again."""
        self._free.put(slot)

    def end(self) -> None:
        """Terminate the process and wait for its end."""
        if self.process.pid is not None:
            self.process.terminate()
            self.process.join()
        self._free.cancel_join_thread()
        self._free.close()


def _work(job: Job, folder: Path, free: Queue[int], full: Queue[Message]) -> None:
    follow_parent()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        slots = job.slots(folder, "r+")
        with Renderer(4 if job.options.smooth else 0) as renderer:
            if job.worker == 0:
                _LOG.info("drawing with %s", renderer.device)
            for number in itertools.count(job.first, job.step):
                _draw(job, renderer, number, slots, free, full)
    except BaseException as error:  # whatever it is, the process that trains must hear of it
        _LOG.exception("This process drew for a training and failed.")  # first: whoever hears of it ends this process
        full.put(EpiposeError(f"A process that draws failed: {type(error).__name__}: {error}"))
        raise SystemExit(1) from error


def _draw(job: Job, renderer: Renderer, number: int, slots: np.memmap, free: Queue[int], full: Queue[Message]) -> None:
    """One scene or sequence into the next free slot."""
    if job.frames is None:
        scene = draw_scene(renderer, job.options, number)
        slot = free.get()
        slots[slot] = scene.crops
        full.put(DrawnScene(job.worker, slot, number, scene.uvd, scene.weight))
        return
    film = draw_sequence(renderer, job.options, number, job.frames, job.fps)
    slot = free.get()
    slots[slot] = film.crops
    full.put(DrawnSequence(job.worker, slot, film.uvd, film.box, film.focal))
