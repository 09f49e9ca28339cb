"""Endless synthetic training samples, rendered by the studio while the network trains: no clip is written.

A scene is one random person in one random room, in a few poses each seen by another camera (`studio_scenes`). Scenes
are made by worker processes and mixed, so that a batch shows many people. Sample k of a stream is a function of
(seed, k), whatever the number of workers and whatever came before: a training run that was cut off goes on at its step
as if nothing had happened.

The mixing has no end and no barrier: there are some lanes of scenes, sample k comes from lane k modulo their number,
and the lanes begin their scenes at different times, so that workers are asked for one new scene every few samples.
"""

from __future__ import annotations

import itertools
import multiprocessing
import queue
from collections.abc import Generator
from contextlib import closing
from functools import lru_cache
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue

import cv2
import numpy as np
import torch
from jaxtyping import Float32

from epipose.errors import EpiposeError, InputError
from epipose.io.processes import follow_parent, worker_lost
from epipose.skeleton import Skeleton
from epipose.skeletons import H36M17
from epipose.studio.bodies import random_body
from epipose.studio.renderer import Renderer
from epipose.training.batches import StoredBatch
from epipose.training.studio_scenes import StreamOptions, draw_scene, stacked

_PREFETCH_SCENES = 2  # prepared by every worker
_MEASURED_BODIES = 32


class Stream:
    """An endless, seeded source of training samples in the joints of Human3.6M; metric."""

    skeleton: Skeleton = H36M17
    metric: bool = True

    def __init__(self, options: StreamOptions, workers: int = 0, images: int = 50_000) -> None:
        """``workers`` processes draw; 0: this one, when a batch is asked for. ``images`` are called an epoch."""
        if workers < 0 or options.seed < 0 or options.side < 32:
            raise InputError(
                f"Got {workers} workers, seed {options.seed} and crops of {options.side} pixels; workers and seed are "
                "whole numbers from 0 on, crops have at least 32 pixels."
            )
        self.options, self.workers, self.images = options, workers, images

    def __repr__(self) -> str:
        """Everything that the samples follow from, files by their names: two streams that print alike give the same."""
        of = {name: value for name, value in vars(self.options).items() if name != "cast"}
        files = {name: [path.name for path in of[name]] for name in ("motions", "photos")}
        return f"Stream({self.images}, {of | files})"

    @property
    def bone_lengths(self) -> Float32[np.ndarray, " bone"]:
        """Mean lengths of the skeleton's bones over random bodies, metres; 0 where no depth is labelled."""
        return _bone_lengths(self.options.seed) * np.float32(self.options.depth)

    def batches(self, start_step: int, batch_size: int) -> Generator[StoredBatch, None, None]:
        """Batches from step ``start_step`` on, for ever. Close the iterator (or let it go) to end the workers."""
        begin = start_step * batch_size
        first = min(self._place(sample)[0] for sample in range(begin, begin + self.options.lanes))
        scenes = (
            _drawn_here(self.options, first) if self.workers == 0 else _from_workers(self.options, first, self.workers)
        )
        held: dict[int, StoredBatch] = {}
        with closing(scenes):
            for start in itertools.count(begin, batch_size):
                rows = []
                for sample in range(start, start + batch_size):
                    scene, item = self._place(sample)
                    while scene not in held:
                        number, made = next(scenes)
                        held[number] = made
                    drawn, row = held[scene], item % self.options.per_scene
                    rows.append((drawn.crops[row], drawn.uvd[row], drawn.weight[row]))
                    if item == self.options.per_scene * self.options.repeats - 1:
                        del held[scene]
                yield stacked(rows)

    def _place(self, sample: int) -> tuple[int, int]:
        return place_of(sample, self.options.lanes, self.options.per_scene * self.options.repeats)


@lru_cache(maxsize=4)
def _bone_lengths(seed: int) -> Float32[np.ndarray, " bone"]:
    rng = np.random.default_rng(seed)
    parents, children = (list(ends) for ends in zip(*Stream.skeleton.bones, strict=True))
    lengths = []
    for _ in range(_MEASURED_BODIES):
        landmarks = random_body(rng).landmarks
        rest = np.stack([landmarks[joint][1] for joint in Stream.skeleton.joints])
        lengths.append(np.linalg.norm(rest[children] - rest[parents], axis=-1))
    return np.mean(lengths, 0).astype(np.float32)


def place_of(sample: int, lanes: int, per_scene: int) -> tuple[int, int]:
    """Scene and item of a sample. The scenes from any sample on are all those from one number on."""
    round_, lane = divmod(sample, lanes)
    number, item = divmod(round_ + (lanes - 1 - lane) * per_scene // lanes, per_scene)
    return number * lanes + lane, item


def _drawn_here(options: StreamOptions, first: int) -> Generator[tuple[int, StoredBatch], None, None]:
    with Renderer(4 if options.smooth else 0) as renderer:
        for number in itertools.count(first):
            yield number, draw_scene(renderer, options, number)


def _from_workers(options: StreamOptions, first: int, workers: int) -> Generator[tuple[int, StoredBatch], None, None]:
    """Scenes in order, worker w draws every ``workers``-th of them."""
    spawn = multiprocessing.get_context("spawn")  # neither OpenGL nor torch survives a fork
    outs = [spawn.Queue(_PREFETCH_SCENES) for _ in range(workers)]
    processes = [
        spawn.Process(target=_work, args=(options, first + w, workers, out), daemon=True) for w, out in enumerate(outs)
    ]
    for process in processes:
        process.start()
    try:
        for number in itertools.count(first):
            worker = (number - first) % workers
            made = _received(outs[worker], processes[worker])
            if isinstance(made, EpiposeError):
                raise made
            yield number, made
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _received(out: Queue[StoredBatch | EpiposeError], process: BaseProcess) -> StoredBatch | EpiposeError:
    while True:
        try:
            return out.get(timeout=5)
        except queue.Empty:
            if not process.is_alive():
                raise worker_lost(process.exitcode) from None


def _work(options: StreamOptions, first: int, step: int, out: Queue[StoredBatch | EpiposeError]) -> None:
    """A worker process: scenes ``first``, ``first + step``, ... into the queue."""
    follow_parent()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        with Renderer(4 if options.smooth else 0) as renderer:
            for number in itertools.count(first, step):
                out.put(draw_scene(renderer, options, number))
    except EpiposeError as error:
        out.put(error)
