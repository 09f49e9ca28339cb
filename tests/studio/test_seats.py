"""Seats: under the body, before its knees, closed and turned outward; and drawn where they are."""

import numpy as np
import pytest
import torch

from epipose.camera import Camera
from epipose.errors import EpiposeError
from epipose.motion.packed import write_packed
from epipose.motion.postures import posture_motion
from epipose.motion.sampler import random_motion
from epipose.motion.seated_postures import SEATED_POSTURES
from epipose.skeletons import H36M17
from epipose.studio.actor import MotionShares, random_actor
from epipose.studio.appearance import random_look
from epipose.studio.bodies import random_body
from epipose.studio.grounding import lowest
from epipose.studio.renderer import Renderer
from epipose.studio.retarget import retarget
from epipose.studio.room import random_light, random_room
from epipose.studio.seats import random_seat

SITTING = MotionShares(0.0, 0.0, 1.0)


@pytest.fixture(scope="module")
def seated():
    made = []
    for seed, kind in enumerate(2 * tuple(SEATED_POSTURES)):
        rng = np.random.default_rng(seed)
        body = random_body(rng)
        skinning = retarget(body, posture_motion(rng, 4.0, 4.0, kind))
        made.append((body, skinning, random_seat(rng, body, skinning, body.joints(skinning, H36M17.name))))
    return made


def test_bodies_sit_on_their_seats_and_above_the_floor(seated):
    for body, skinning, seat in seated:
        top = lowest(body, skinning.astype(float), seat=True)
        assert np.ptp(top) < 1e-3
        assert lowest(body, skinning.astype(float)).min() > -1e-3
        flat = seat.normals[:, 2] > 0.99
        heights = seat.corners[flat, 2]
        assert np.abs(heights - top[0]).min() < 0.02
        middle = body.joints(skinning, H36M17.name)[:, H36M17.root].mean(0)
        board = seat.corners[flat & (np.abs(seat.corners[:, 2] - top[0]) < 0.02)]
        assert (board[:, :2].min(0) < middle[:2]).all()
        assert (board[:, :2].max(0) > middle[:2]).all()


def test_seats_stand_on_the_floor_and_are_turned_outward(seated):
    for _, _, seat in seated:
        assert seat.corners[:, 2].min() == pytest.approx(0, abs=1e-9)
        a, b, c = (seat.corners[i::3] for i in range(3))
        normal = np.cross(b - a, c - a)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        assert normal == pytest.approx(seat.normals[::3], abs=1e-6)
        for first in range(0, len(seat.corners), 36):  # box by box: the faces look away from its middle
            box = slice(first, first + 36)
            outward = ((seat.corners[box] - seat.corners[box].mean(0)) * seat.normals[box]).sum(-1)
            assert (outward > 0).all()


def test_some_motions_have_seats_and_they_move_along():
    actors = [random_actor(np.random.default_rng(seed), (), 6, 3.0, 10.0, SITTING) for seed in range(12)]
    seats = [actor.seat for actor in actors]
    assert 0 < sum(seat is not None for seat in seats) < 12
    actor = next(actor for actor in actors if actor.seat is not None)
    moved = actor.moved(np.tile([1.0, 2.0, 0.0], (6, 1)))
    assert actor.seat is not None
    assert moved.seat is not None
    assert moved.seat.corners - actor.seat.corners == pytest.approx(
        np.tile([1.0, 2.0, 0.0], (len(actor.seat.corners), 1))
    )
    plain = random_actor(np.random.default_rng(0), (), 6, 3.0)
    assert plain.seat is None


def test_motions_come_in_the_shares_asked_for(tmp_path):
    write_packed(random_motion(np.random.default_rng(0), 3.0, 10.0), tmp_path / "captured.motion.npz")
    files = (tmp_path / "captured.motion.npz",)

    def names(shares, motions, count=3):
        return [random_actor(np.random.default_rng(seed), motions, 4, 3.0, 1.0, shares).motion for seed in range(count)]

    assert set(names(MotionShares(), files)) == {"captured"}
    assert set(names(MotionShares(), ())) == {"random poses"}
    assert set(names(MotionShares(0.0, 1.0, 0.0), files)) == {"random poses"}
    assert not {"captured", "random poses"} & set(names(SITTING, files))
    mixed = names(MotionShares(1.0, 1.0, 2.0), files, 24)
    assert 2 <= mixed.count("captured") <= 12
    assert 2 <= mixed.count("random poses") <= 12


def test_shares_are_checked():
    for shares in ((-1.0, 0.0, 2.0), (0.0, 0.0, 0.0), (float("nan"), 1.0, 0.0)):
        with pytest.raises(EpiposeError, match="shares"):
            MotionShares(*shares)


@pytest.mark.gl
def test_a_seat_is_drawn_where_it_is_and_gone_when_it_is_taken_away(seated):
    try:
        renderer = Renderer(0)
    except EpiposeError as error:
        pytest.skip(str(error))
    body, skinning, seat = seated[0]
    rng = np.random.default_rng(0)
    K = torch.tensor([[150.0, 0, 80], [0, 150, 80], [0, 0, 1]], dtype=torch.float64)
    R = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=torch.float64)  # looks along +y
    centre = torch.tensor([0.0, -4.0, 0.8], dtype=torch.float64)
    camera = Camera(K, torch.zeros(5, dtype=torch.float64), R, -R @ centre, torch.tensor([160, 160]))
    light = random_light(rng)
    with renderer:
        renderer.dress(body, random_look(rng))
        renderer.furnish(random_room(rng, 8.0))
        bare = renderer.draw(skinning[0], camera, light).copy()
        renderer.place(seat)
        shift = np.array([0.8, 0.0, 0.0]) - [*seat.corners[:, :2].mean(0), 0.0]
        beside = renderer.draw(skinning[0], camera, light, shift).copy()
        renderer.place(None)
        again = renderer.draw(skinning[0], camera, light)
    assert np.array_equal(bare, again)
    changed = np.abs(beside.astype(int) - bare).sum(-1) > 30
    low, high = (camera.project(torch.from_numpy(seat.corners + shift)).numpy() for _ in range(2))
    box = np.concatenate([low.min(0), high.max(0)]).round().astype(int)
    left, top, right, bottom = box
    inside = changed[max(top, 0) : bottom + 1, left : right + 1]
    assert inside.mean() > 0.15
    assert changed[: max(top - 2, 0)].sum() == 0
