"""The pool: batches of what was drawn, every twelfth scene kept out, errors heard, nothing left behind."""

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from epipose.errors import EpiposeError, InputError
from epipose.studio.renderer import Renderer
from epipose.training import scene_pool
from epipose.training.scene_pool import ScenePool
from epipose.training.studio_scenes import StreamOptions, draw_scene
from epipose.training.studio_sequences import draw_sequence
from tests.helpers.capsule_people import capsule_actor

pytest.importorskip("moderngl")
pytestmark = [pytest.mark.gl, pytest.mark.slow]
RECIPE = StreamOptions(48, 3, per_scene=2, cast=capsule_actor)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def renderer():
    try:
        with Renderer(0) as made:
            yield made
    except EpiposeError as error:
        pytest.skip(str(error))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(scene_pool, "_roomy_folder", lambda: tmp_path)
    return tmp_path


def wait(until: Callable[[], object], pool: ScenePool) -> None:
    for _ in range(1200):
        if until():
            return
        pool.batch(1)  # raises what a process raised
        time.sleep(0.05)
    raise AssertionError("nothing came within a minute")


def test_the_pool_fills_and_keeps_every_twelfth_scene_out(renderer, folder: Path) -> None:
    pool = ScenePool(RECIPE, 2, 8, CPU, 1, frames=3)
    pool.max_sequences = 1
    assert list(folder.iterdir()) == []
    with pool:
        pool.wait_for(4)
        assert not pool.paused().locked()
        wait(lambda: pool.drawn >= 24 and len(pool.held_out) >= 2 and pool.sequences, pool)
        torch.manual_seed(0)
        crops, uvd, weight = pool.batch(64)
        with pool.paused():
            drawn = pool.drawn
            time.sleep(0.5)
            assert pool.drawn == drawn
        assert len(multiprocessing.active_children()) == 3
    assert multiprocessing.active_children() == []
    assert list(folder.iterdir()) == []

    last = 2 * (pool.drawn // 2 + len(pool.held_out)) + 2  # if one of the two processes drew everything
    scenes = [draw_scene(renderer, RECIPE, number) for number in range(last)]
    for held, number in zip(pool.held_out, (0, 12), strict=False):
        np.testing.assert_array_equal(held.crops, scenes[number].crops)
        np.testing.assert_array_equal(held.uvd, scenes[number].uvd)
    known = {crop.tobytes(): (n, row) for n, scene in enumerate(scenes) for row, crop in enumerate(scene.crops)}
    places = [known[crop.numpy().tobytes()] for crop in crops]
    assert len(set(places)) == 8, "all that is on the device, the rest was replaced"
    assert all(number % 12 for number, _ in places)
    for i, (number, row) in enumerate(places):
        np.testing.assert_array_equal(uvd[i], scenes[number].uvd[row])
        np.testing.assert_array_equal(weight[i], scenes[number].weight[row])
    (film,) = pool.sequences
    expected = draw_sequence(renderer, RECIPE, 0, 3, 25.0)
    np.testing.assert_array_equal(film.crops, expected.crops)
    np.testing.assert_array_equal(film.box, expected.box)


def refuse(rng, motions, frames, fps, full_chance_s, shares):
    raise ValueError("nobody came")


def test_an_error_of_a_process_is_raised(renderer, folder: Path, capfd) -> None:
    with ScenePool(StreamOptions(48, 3, per_scene=2, cast=refuse), 1, 8, CPU, 0) as pool:
        with pytest.raises(EpiposeError, match="ValueError: nobody came"):
            pool.wait_for(2)
        with pytest.raises(EpiposeError, match="nobody came"):
            pool.batch(1)
    assert multiprocessing.active_children() == []
    assert list(folder.iterdir()) == []
    assert "nobody came" in capfd.readouterr().err


def test_a_pool_needs_room_and_workers() -> None:
    for workers, capacity in ((0, 8), (1, 1)):
        with pytest.raises(InputError, match="needs a worker, and room for a scene of 2"):
            ScenePool(RECIPE, workers, capacity, CPU)
