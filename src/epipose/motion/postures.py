"""Postures of everyday life as random motion: sitting, lying, kneeling, crouching, bending, reaching, climbing, riding.

Motion capture is mostly of people who walk, and independent random angles (`sampler`) seldom meet in a posture that
holds: two feet on the floor below a seat, legs crossed, hands on the hips. Here a posture is built from what it rests
on, by inverse kinematics where a hand or foot has to be somewhere. Of several draws the one is kept whose limbs run
through each other least, on the way from the pose before as well, and that rests on the floor as it should.

A motion is either on one seat all the time or goes from posture to posture on the floor, along minimum-jerk curves.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from epipose.errors import InputError
from epipose.motion.floor_postures import FLOOR_POSTURES
from epipose.motion.motion import Motion
from epipose.motion.overlap import overlap
from epipose.motion.resting import Resting, hover
from epipose.motion.rotations import axis_and_angle, from_axis_angle, from_euler
from epipose.motion.sampler import minimum_jerk, posed
from epipose.motion.seated_postures import SEATED_POSTURES
from epipose.skeletons import H36M17

_SEATED_SHARE = 0.4  # of the motions
_KEEP_SHARE = 0.5  # key poses that vary the posture before
_SEAT_CLEARANCE = 0.1  # metres: of the hips over the seat
_DRAWS = 8  # of every key pose
_NEAR_THE_FLOOR = {"lying", "sitting on the floor", "on all fours", "on the heels"}  # lie down and get up from here
_ON_THE_WAY = (0.3, 0.5, 0.7)  # shares of a transition that are looked at
_ANKLES, _LOWEST_ANKLE = [H36M17.index("left_ankle"), H36M17.index("right_ankle")], 0.075  # metres
_GOOD = 0.02  # metres of overlap and hovering that pass


def posture_motion(rng: np.random.Generator, seconds: float, fps: float = 30.0, kind: str | None = None) -> Motion:
    """A motion of ``round(seconds * fps)`` frames, at least one, in some of the postures or in one ``kind`` alone.

    Kinds are the names of `FLOOR_POSTURES` and `SEATED_POSTURES`; in the latter `Motion.seat` is set.
    """
    frames = round(seconds * fps)
    if frames < 1 or (kind is not None and kind not in FLOOR_POSTURES | SEATED_POSTURES):
        known = ", ".join(FLOOR_POSTURES | SEATED_POSTURES)
        raise InputError(f"Got {kind} for {seconds} s at {fps} frames/s; expected a frame and one of {known}.")
    if kind is None and rng.random() < _SEATED_SHARE:
        kind = _chosen(rng, {name: share for name, (share, _) in SEATED_POSTURES.items()})
    seated = kind in SEATED_POSTURES
    draw_of = _seated(rng, kind) if kind is not None and seated else _on_the_floor(rng, kind)
    times, keys = [-rng.uniform(0, 1.0)], [_best(rng, draw_of(), None)]
    while times[-1] < seconds:
        times.append(times[-1] + rng.uniform(0.6, 2.0))
        keys.append(_best(rng, draw_of(), keys[-1]))
    place = minimum_jerk(np.arange(frames) / fps, np.array(times), np.arange(float(len(keys))))
    motion = posed(_between(keys, place), fps)._replace(name="postures" if kind is None else kind)
    return _on_seat(motion, keys[0].pelvis) if keys[0].pelvis is not None else motion


Draw = Callable[[np.random.Generator], Resting]


def _chosen(rng: np.random.Generator, shares: dict[str, float]) -> str:
    names, chances = list(shares), np.array(list(shares.values()))
    return names[int(rng.choice(len(names), p=chances / chances.sum()))]


def _on_the_floor(rng: np.random.Generator, kind: str | None) -> Callable[[], Draw]:
    """What draws the next key pose: often of the posture before."""
    shares = {name: share for name, (share, _) in FLOOR_POSTURES.items()}
    current = [kind or _chosen(rng, shares)]

    def next_posture() -> Draw:
        if kind is None and rng.random() > _KEEP_SHARE:
            chosen = _chosen(rng, shares)
            far = "lying" in (current[0], chosen) and not {current[0], chosen} <= _NEAR_THE_FLOOR
            current[0] = "sitting on the floor" if far else chosen  # nobody falls down or jumps up
        return FLOOR_POSTURES[current[0]][1]

    return next_posture


def _seated(rng: np.random.Generator, kind: str) -> Callable[[], Draw]:
    """What draws the next key pose, on the same seat."""
    posture = SEATED_POSTURES[kind][1](rng)
    return lambda: posture


def _best(rng: np.random.Generator, draw: Draw, before: Resting | None) -> Resting:
    """Of some draws the first that is good, or the best."""
    best, least = None, np.inf
    for _ in range(_DRAWS):
        drawn = _placed(rng, draw(rng), before)
        fault = _fault(drawn, before)
        if fault < least:
            best, least = drawn, fault
        if least < _GOOD:
            break
    assert best is not None
    return best


def _placed(rng: np.random.Generator, drawn: Resting, before: Resting | None) -> Resting:
    """Somewhere near the pose before, turned a little."""
    if before is None:
        return drawn.moved(0.0, 0.0, float(rng.uniform(-180, 180)))
    last = before.angles
    if drawn.pelvis is not None:
        return drawn.moved(0.0, 0.0, last["yaw"] + float(np.clip(rng.normal(0, 3), -6, 6)))
    x, y = 0.8 * np.array([last["x"], last["y"]]) + rng.normal(0, 0.1, 2)
    turn = float(rng.normal(0, 35))
    heads = [_root(angles)[:, 2] for angles in (last, drawn.angles | {"yaw": 0.0})]
    if max(abs(head[2]) for head in heads) < 0.5:  # who lies rolls over: the head stays where it is
        before_at, after_at = (float(np.degrees(np.arctan2(head[1], head[0]))) for head in heads)
        return drawn.moved(float(x), float(y), before_at - after_at + 0.4 * turn)
    return drawn.moved(float(x), float(y), last["yaw"] + turn)


def _root(angles: dict[str, float]) -> Float64[np.ndarray, "3 3"]:
    """Rotation of the hips; its columns are where left, back and up point."""
    return from_euler("zxy", np.radians([angles["yaw"], angles["pitch"], angles["roll"]]))


def _between(keys: list[Resting], place: Float64[np.ndarray, " frame"]) -> dict[str, Float64[np.ndarray, " frame"]]:
    """Angles at fractional numbers of key poses: the body as a whole turns about one axis, joints go straight."""
    first = np.clip(np.floor(place).astype(int), 0, max(len(keys) - 2, 0))
    after, share = np.minimum(first + 1, len(keys) - 1), place - first
    angles = {}
    for name in keys[0].angles:
        values = np.array([key.angles[name] for key in keys])
        angles[name] = (1 - share) * values[first] + share * values[after]
    roots = np.stack([_root(key.angles) for key in keys])
    axis, angle = axis_and_angle(np.swapaxes(roots[first], -1, -2) @ roots[after])
    R = roots[first] @ from_axis_angle(axis, share * angle)
    yaw, roll = np.arctan2(-R[:, 0, 1], R[:, 1, 1]), np.arctan2(-R[:, 2, 0], R[:, 2, 2])
    pitch = np.arcsin(np.clip(R[:, 2, 1], -1, 1))
    level = np.abs(R[:, 2, 1]) > 1 - 1e-9  # lying on the back or front: yaw and roll are about one axis
    yaw, roll = np.where(level, np.arctan2(R[:, 1, 0], R[:, 0, 0]), yaw), np.where(level, 0.0, roll)
    return angles | {"yaw": np.degrees(yaw), "pitch": np.degrees(pitch), "roll": np.degrees(roll)}


def _fault(drawn: Resting, before: Resting | None) -> float:
    """Metres by which limbs overlap, here and on the way, feet before a seat are in the floor, and by which what
    should be on the floor is above it.
    """
    keys, place = ([drawn], [0.0]) if before is None else ([before, drawn], [1.0, *_ON_THE_WAY])
    xyz = posed(_between(keys, np.array(place)), 30.0).xyz
    fault = float(overlap(xyz).max()) + hover(xyz[0], drawn.rests_on)
    if drawn.pelvis is not None:
        lowest = float((xyz[:, _ANKLES, 2] - xyz[:, :1, 2]).min()) + drawn.pelvis
        fault += max(_LOWEST_ANKLE - lowest, 0.0)
    return fault


def _on_seat(motion: Motion, pelvis: float) -> Motion:
    """The motion with the hips at this height over the floor throughout, metres."""
    lift = (pelvis - motion.xyz[:, :1, 2:]) * np.array([0, 0, 1.0])
    return motion._replace(
        xyz=motion.xyz + lift, toes=None if motion.toes is None else motion.toes + lift, seat=pelvis - _SEAT_CLEARANCE
    )
