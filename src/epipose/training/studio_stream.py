"""Endless synthetic training samples, rendered by the studio while the network trains: no clip is written.

A scene is one random person in one random room, in a few poses each seen by another camera; only the crop that the
network takes is drawn. Scenes are made by worker processes and mixed, so that a batch shows many
people. Sample k of a stream is a function of (seed, k), whatever the number of workers and whatever came before: a
training run that was cut off goes on at its step as if nothing had happened.

The mixing has no end and no barrier: there are some lanes of scenes, sample k comes from lane k modulo their number,
and the lanes begin their scenes at different times, so that workers are asked for one new scene every few samples.
"""

from __future__ import annotations

import itertools
import math
import multiprocessing
import queue
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32

from epipose.camera import Camera
from epipose.errors import EpiposeError, InputError
from epipose.network.crops import box_around, pose_to_crop
from epipose.skeleton import Skeleton
from epipose.skeletons import H36M17
from epipose.studio.actor import FULL_CHANCE_S, Cast, random_actor
from epipose.studio.bodies import random_body
from epipose.studio.camera_effects import imaged, random_imaging, random_occluder
from epipose.studio.renderer import Renderer
from epipose.studio.rigs import RigKind, random_rig
from epipose.studio.room import random_light, random_room
from epipose.training.batches import StoredBatch
from epipose.training.samples import WINDOW

_PREFETCH_SCENES = 2  # prepared by every worker
_POSE_RATE = 3.0  # poses a second of the motion that become samples
_MIN_FACE_PX = 1.0  # smaller faces of the body are merged
_BOX_HEIGHT_M = 2.0  # about
_MAX_CAMERA_DISTANCE_M = 8.5  # of all cameras from the middle
_MIN_INSIDE_SHARE = 0.6  # of the joints, within the image
_OCCLUDED_SHARE, _BLURRED_SHARE = 0.25, 0.25  # of the images
_MEASURED_BODIES = 32


@dataclass(frozen=True)
class StreamOptions:
    """Content of the scenes. ``side`` of a stored crop in pixels, which shows ``WINDOW`` x the box.

    ``per_scene`` samples show the same person in the same room, ``lanes`` scenes are mixed.
    ``repeats``: how often each sample is given before its scene is dropped; its augmentation differs each time, and
    drawing is slow where there is no graphics card. Boxes are ``margin`` x the person, or up to ``loosest`` x, wide
    ones seldom: a network that is to find people must have seen them small. ``depth``: whether depth is labelled;
    without it the stream is for a pre-training in 2D. ``smooth``: outlines with four samples a pixel; free on a
    graphics card, twice the time without one. ``cast`` makes the person to draw, with motions as `random_stretch`.
    """

    side: int
    seed: int
    motions: tuple[Path, ...] = ()
    photos: tuple[Path, ...] = ()
    rigs: tuple[RigKind | Path, ...] = ("ring", "phones", "h36m")
    margin: float = 1.25
    loosest: float = 1.25
    repeats: int = 1
    depth: bool = True
    smooth: bool = False
    lanes: int = 16
    per_scene: int = 24
    cast: Cast = random_actor
    full_chance_s: float = FULL_CHANCE_S


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
                yield _stacked(rows)

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


def draw_scene(renderer: Renderer, options: StreamOptions, number: int) -> StoredBatch:
    """All samples of scene ``number``, a function of (seed, number)."""
    rng = np.random.default_rng((options.seed, number))
    actor = options.cast(rng, options.motions, options.per_scene, _POSE_RATE, options.full_chance_s)
    renderer.dress(actor.body, actor.look, _MIN_FACE_PX * _BOX_HEIGHT_M * WINDOW / options.side)
    renderer.furnish(random_room(rng, _MAX_CAMERA_DISTANCE_M, options.photos))
    parts = []
    for frame in rng.permutation(options.per_scene):
        kind = options.rigs[int(rng.integers(len(options.rigs)))]
        camera = random_rig(rng, kind, 1).camera[0]
        parts.append(_sample(renderer, options, rng, actor.skinning[frame], actor.xyz[frame], camera))
    return _stacked(parts)


def _stacked(rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> StoredBatch:
    crops, uvd, weight = (np.stack(field) for field in zip(*rows, strict=True))
    return StoredBatch(crops, uvd, weight)


def _sample(
    renderer: Renderer,
    options: StreamOptions,
    rng: np.random.Generator,
    pose: np.ndarray,
    xyz: np.ndarray,
    camera: Camera,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One crop of a pose that is put somewhere in the camera's image: stored crop, (u, v, d), weights."""
    offset, xy, inside = _placed(rng, xyz, camera)
    margin = options.margin * (options.loosest / options.margin) ** (rng.random() ** 3)
    box = box_around(xy, inside.float(), margin)
    zoom = options.side / (WINDOW * float(box[2]))
    view = through(camera, box, options.side)
    moved = pose.copy()
    moved[..., 3] += offset.astype(np.float32)
    image = renderer.draw(moved, view, random_light(rng))
    imaging = random_imaging(rng, options.side)
    imaging = replace(imaging, blur=math.hypot(imaging.blur, 0.4 * max(zoom - 1, 0)))  # few pixels, enlarged
    around = np.array([options.side / 2, options.side / 2, options.side / WINDOW])
    occluder = random_occluder(rng, (options.side, options.side), around, _OCCLUDED_SHARE)
    smear = rng.normal(0, 0.012 * options.side, 2) if rng.random() < _BLURRED_SHARE else None
    image = _framed(imaged(image, imaging, rng, occluder, smear), camera, box)
    in_frame = camera.into_frame(torch.from_numpy(xyz + offset))
    uvd = pose_to_crop(in_frame, camera, box, H36M17.root)
    weight = inside.float()[:, None] * torch.tensor([1.0, float(options.depth)])
    return image, uvd.float().numpy(), weight.numpy()


def _placed(
    rng: np.random.Generator, xyz: np.ndarray, camera: Camera
) -> tuple[np.ndarray, Float[torch.Tensor, "joint 2"], Bool[torch.Tensor, " joint"]]:
    """The offset that puts this pose on the floor, its joints' pixels, and which of them are in the image."""
    hips = xyz[H36M17.root] * [1, 1, 0]
    offset, xy, inside = -hips, torch.zeros(0, 2), torch.zeros(0, dtype=torch.bool)
    for spread in (0.6, 0.3, 0.1, 0.0):  # nearer to the middle until enough of the person is seen
        offset = np.array([*rng.normal(0, spread, 2), 0.0]) - hips
        xy = camera.project(torch.from_numpy(xyz + offset))
        in_front = camera.into_frame(torch.from_numpy(xyz + offset))[:, 2] > 0.3
        inside = ((xy >= 0) & (xy <= camera.size - 1)).all(-1) & in_front
        if float(inside.double().mean()) >= _MIN_INSIDE_SHARE and bool(in_front.all()) and bool(inside[H36M17.root]):
            break
    return offset, xy, inside


def through(camera: Camera, box: Float[torch.Tensor, "3"], side: int) -> Camera:
    """The camera whose image is the stored crop: ``side`` pixels that show ``WINDOW`` x the box, as `crop_image`."""
    zoom = side / (WINDOW * box[2])
    K = camera.K.clone()
    K[:2] *= zoom
    K[:2, 2] += side / 2 - 0.5 - zoom * box[:2]
    return replace(camera, K=K, size=torch.tensor([side, side]))


def _framed(image: np.ndarray, camera: Camera, box: torch.Tensor) -> np.ndarray:
    """Black where the camera's image has ended, as in crops of real images."""
    side = len(image)
    pixels = (np.arange(side) + 0.5) / side - 0.5
    beyond = []
    for axis in (0, 1):
        at = float(box[axis]) + WINDOW * float(box[2]) * pixels
        beyond.append((at < -0.5) | (at > int(camera.size[axis]) - 0.5))
    image[:, beyond[0]] = 0
    image[beyond[1]] = 0
    return image


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


def _received(out: Any, process: Any) -> Any:
    while True:
        try:
            return out.get(timeout=5)
        except queue.Empty:
            if not process.is_alive():
                raise InputError(
                    f"A process that draws images ended (exit code {process.exitcode}); memory may have run out. Use "
                    "fewer workers."
                ) from None


def _work(options: StreamOptions, first: int, step: int, out: Any) -> None:
    """A worker process: scenes ``first``, ``first + step``, ... into the queue."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        with Renderer(4 if options.smooth else 0) as renderer:
            for number in itertools.count(first, step):
                out.put(draw_scene(renderer, options, number))
    except EpiposeError as error:
        out.put(error)
