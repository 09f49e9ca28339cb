"""Synthetic actors: a random body in random clothes with a random motion.

Motions come from a folder of motion capture, are random angles, or go through everyday postures (`postures`), in the
shares asked for; without motion capture all are invented. They are resampled to the clip's own rate, and rotated to a
random heading. Who sits has a seat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64

from epipose.camera import Rig
from epipose.errors import InputError
from epipose.io.progress import progress
from epipose.motion import Motion, read_motion
from epipose.motion.motion import at_frames
from epipose.motion.postures import posture_motion
from epipose.motion.sampler import random_motion
from epipose.skeletons import H36M17
from epipose.studio.appearance import Look, random_look
from epipose.studio.bodies import Body, Skinning, random_body
from epipose.studio.retarget import retarget
from epipose.studio.seats import Seat, random_seat

FULL_CHANCE_S = 10.0  # seconds that a motion must last to be played as often as any (see `random_stretch`)
_RANDOM_MOTION_SHARE, _POSES_PER_S = 0.3, 8.0  # of the people of `posed_joints`; of its poses
_MAX_FPS = 60.0  # frames a second at which motions are kept in memory
_PATH_SCALES = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)
_MIN_SHARE_IN_VIEW = 0.98  # share of joints that have to be in the images


@dataclass(frozen=True)
class MotionShares:
    """Chances of motion capture, of random angles, and of everyday postures; they count relative to one another."""

    captured: float = 1.0
    random: float = 0.0
    postures: float = 0.0

    def __post_init__(self) -> None:
        shares = (self.captured, self.random, self.postures)
        if min(shares) < 0 or not 0 < sum(shares) < np.inf:
            raise InputError(f"Got the shares {shares} of motions; expected none below 0 and one above.")


CAPTURED_ALONE = MotionShares()


@dataclass(frozen=True)
class Actor:
    """One person over time: ``skinning`` takes rest points to the world, ``xyz`` are the exact joints of H36M17."""

    body: Body
    look: Look
    skinning: Skinning
    xyz: Float64[np.ndarray, "frame joint 3"]
    motion: str
    seat: Seat | None = None

    def moved(self, offset: Float[np.ndarray, "frame 3"]) -> Actor:
        """The same, every frame moved by an offset (metres); the seat by their mean."""
        skinning = self.skinning.copy()
        skinning[..., 3] += offset[:, None].astype(np.float32)
        seat = None if self.seat is None else self.seat.moved(offset.mean(0))
        return replace(self, skinning=skinning, xyz=self.xyz + offset[:, None], seat=seat)


Cast = Callable[[np.random.Generator, Sequence[Path], int, float, float, MotionShares], Actor]  # as `random_actor`


def random_actor(
    rng: np.random.Generator,
    motions: Sequence[Path],
    frames: int,
    fps: float,
    full_chance_s: float = FULL_CHANCE_S,
    shares: MotionShares = CAPTURED_ALONE,
) -> Actor:
    """A random person in a random stretch of a motion; the middle of their path is the origin.

    Where there are no ``motions``, random angles take the share of motion capture.
    """
    body = random_body(rng)
    motion = _drawn_motion(rng, motions, frames, fps, full_chance_s, shares)
    skinning = turned(retarget(body, motion), rng.uniform(0, 2 * np.pi))
    look, xyz = random_look(rng), body.joints(skinning, H36M17.name)
    seat = None if motion.seat is None else random_seat(rng, body, skinning, xyz)
    return centred_actor(Actor(body, look, skinning, xyz, motion.name, seat))


def _drawn_motion(
    rng: np.random.Generator,
    motions: Sequence[Path],
    frames: int,
    fps: float,
    full_chance_s: float,
    shares: MotionShares,
) -> Motion:
    chances = np.array([shares.captured, shares.random, shares.postures])
    kind = int(rng.choice(3, p=chances / chances.sum())) if shares != CAPTURED_ALONE else 0
    if kind == 2:
        return posture_motion(rng, frames / fps, fps)
    return random_stretch(rng, motions if kind == 0 else (), frames, fps, full_chance_s)


def posed_joints(motions: Sequence[Path], people: int, poses: int, seed: int) -> Float32[np.ndarray, "pose joint 3"]:
    """Joints of H36M17 (metres, z up) of random bodies, ``poses`` of each; three in ten have random motion."""
    rng = np.random.default_rng(seed)
    xyz = []
    for _ in progress(range(people), total=people, desc="poses", unit="person"):
        body = random_body(rng)
        files = () if rng.random() < _RANDOM_MOTION_SHARE else motions
        motion = random_stretch(rng, files, poses, _POSES_PER_S)
        xyz.append(body.joints(retarget(body, motion), H36M17.name).astype(np.float32))
    return np.concatenate(xyz)


def random_stretch(
    rng: np.random.Generator, motions: Sequence[Path], frames: int, fps: float, full_chance_s: float = FULL_CHANCE_S
) -> Motion:
    """``frames`` frames of one of the motions at ``fps``, from a random moment on; random motion where there are none.

    All motions of ``full_chance_s`` seconds and more have the same chance, shorter ones have less, in proportion:
    otherwise a folder's dozen one-second kicks would be seen as often as its dozen minutes of everyday life.
    A motion that is too short is played forwards and backwards.
    """
    if not motions:
        return at_frames(random_motion(rng, (frames + 1) / fps, fps), np.arange(float(frames)))
    motion = _random_motion(rng, motions, full_chance_s)
    last = len(motion.xyz) - 1
    length = (frames - 1) * motion.fps / fps
    begin = rng.uniform(0, max(last - length, 0.0))
    moment = begin + np.arange(frames) * motion.fps / fps
    moment = np.abs((moment + last) % max(2 * last, 1e-9) - last) if moment[-1] > last else moment
    return at_frames(motion, moment)._replace(fps=fps)


def turned(skinning: Skinning, heading: float) -> Skinning:
    """The same pose in a world turned about the vertical by ``heading`` (radians)."""
    c, s = np.cos(heading), np.sin(heading)
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)
    return (R @ skinning).astype(np.float32)


def centred_actor(actor: Actor) -> Actor:
    """The middle of the ground that the pelvis covers at the origin."""
    ground = actor.xyz[:, H36M17.root] * [1, 1, 0]
    middle = (ground.min(0) + ground.max(0)) / 2
    return actor.moved(np.broadcast_to(-middle, ground.shape))


def within_view(actor: Actor, rig: Rig) -> Actor:
    """The actor with its path scaled into the images of all cameras.

    A path that leads out of the images is made smaller, as it would be in a smaller room: steps become shorter than
    the legs make them, and feet slide. Only as much as is needed for 98 % of the joints to be in the images.
    """
    ground = actor.xyz[:, H36M17.root] * [1, 1, 0]
    camera = rig.camera.spread(2)
    moved = actor
    for scale in _PATH_SCALES:
        moved = actor.moved((scale - 1) * ground)
        xy = camera.project(torch.from_numpy(moved.xyz))
        inside = ((xy >= 0) & (xy <= camera.size - 1)).all(-1)
        if float(inside.double().mean()) >= _MIN_SHARE_IN_VIEW:
            break
    return moved


def _random_motion(rng: np.random.Generator, motions: Sequence[Path], full_chance_s: float) -> Motion:
    while True:  # asks only for the length of those that come up: a folder may hold thousands
        motion = _cached_motion(motions[int(rng.integers(len(motions)))])
        seconds = len(motion.xyz) / motion.fps
        if seconds >= full_chance_s or rng.random() < seconds / full_chance_s:
            return motion


@lru_cache(maxsize=256)
def _cached_motion(path: Path) -> Motion:
    """A motion at 60 frames a second at the most; cached, for reading its text takes half a second."""
    motion = read_motion(path)
    step = motion.fps / min(motion.fps, _MAX_FPS)
    return at_frames(motion, np.arange(0, len(motion.xyz) - 1 + 1e-9, step))._replace(fps=motion.fps / step)
