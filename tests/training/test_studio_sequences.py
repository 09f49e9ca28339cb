"""Sequences: the same for the same number, as smooth as the motion, and each frame a region of interest."""

import numpy as np
import pytest

from epipose.errors import EpiposeError
from epipose.skeletons import H36M17
from epipose.studio.renderer import Renderer
from epipose.training.studio_scenes import StreamOptions
from epipose.training.studio_sequences import Sequence, draw_sequence
from tests.helpers.capsule_people import capsule_actor

pytest.importorskip("moderngl")
pytestmark = pytest.mark.gl
RECIPE = StreamOptions(64, 3, cast=capsule_actor)
FRAMES, FPS = 12, 25.0


@pytest.fixture(scope="module")
def renderer():
    try:
        with Renderer() as made:
            yield made
    except EpiposeError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def drawn(renderer) -> Sequence:
    return draw_sequence(renderer, RECIPE, 2, FRAMES, FPS)


def test_a_sequence_follows_from_its_number(renderer, drawn: Sequence) -> None:
    draw_sequence(renderer, RECIPE, 5, 2, FPS)
    again = draw_sequence(renderer, RECIPE, 2, FRAMES, FPS)
    assert all(np.array_equal(getattr(drawn, name), getattr(again, name)) for name in ("crops", "uvd", "box", "focal"))
    other = draw_sequence(renderer, RECIPE, 3, FRAMES, FPS)
    assert not np.array_equal(drawn.uvd, other.uvd)


def test_frames_are_regions_of_interest(drawn: Sequence) -> None:
    assert drawn.crops.shape == (FRAMES, 64, 64, 3)
    assert drawn.uvd.shape == (FRAMES, 17, 3)
    hips = drawn.uvd[:, [H36M17.index("left_hip"), H36M17.index("right_hip")], :2].mean(1)
    np.testing.assert_allclose(hips, 0, atol=1e-5)
    assert np.abs(drawn.uvd[..., :2]).max() < 0.5
    assert (drawn.uvd[:, H36M17.root, 2] == 0).all()
    assert (drawn.box[:, 2] > 1).all()
    assert drawn.focal > 100


def test_sequences_are_smooth(drawn: Sequence) -> None:
    """A step from frame to frame is small beside the way from first to last, and nothing jumps."""
    for track in (drawn.uvd, drawn.box[:, :3] / drawn.box[:, 2:3].mean(), np.unwrap(drawn.box[:, 3:], axis=0)):
        flat = track.reshape(FRAMES, -1)
        steps = np.abs(np.diff(flat, axis=0)).max(0)
        second = np.abs(np.diff(flat, 2, axis=0)).max(0)
        assert steps.max() < 0.1
        assert second.max() < 0.05
        assert (flat[0] != flat[-1]).any()


def test_light_and_camera_stay(drawn: Sequence) -> None:
    """Neighbouring frames look more alike than those of another sequence: one room, one light, one person."""
    inner = drawn.crops[:, 8:-8, 8:-8].astype(float).mean((1, 2))
    assert np.abs(np.diff(inner, axis=0)).max() < 40
