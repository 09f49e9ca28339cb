"""Sample k of a stream is a function of (seed, k), and crop, pose and weight of a sample agree."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from epipose.camera import Camera
from epipose.errors import EpiposeError
from epipose.formats.rig_json import h36m_rig
from epipose.motion import Motion
from epipose.network.crops import box_around, crop_from_pixels, crop_image, roi_around
from epipose.skeletons import H36M17
from epipose.studio import actor
from epipose.studio.renderer import Renderer
from epipose.studio.room import random_light
from epipose.training.samples import WINDOW
from epipose.training.studio_scenes import StreamOptions, draw_scene, set_scene, through
from epipose.training.studio_stream import Stream, place_of
from epipose.training.train import train_network
from tests.helpers.capsule_people import capsule_actor

pytest.importorskip("moderngl")
pytestmark = pytest.mark.gl
LANES, PER_SCENE = 16, 24
RECIPE = StreamOptions(48, 3, lanes=4, per_scene=3, cast=capsule_actor)


@pytest.fixture(scope="module", autouse=True)
def egl():
    try:
        Renderer().close()
    except EpiposeError as error:
        pytest.skip(str(error))


def few(stream, start, size, count):
    batches = stream.batches(start, size)
    made = [next(batches) for _ in range(count)]
    batches.close()
    return made


def same(one, other):
    return all((a == b).all() for a, b in zip(one[:3], other[:3], strict=True))


def test_every_item_of_every_scene_is_seen_once_and_scenes_are_asked_for_one_by_one():
    total = LANES * PER_SCENE * 3
    places = [place_of(sample, LANES, PER_SCENE) for sample in range(total)]
    assert len(set(places)) == total
    for begin in range(0, total // 2, 37):
        seen = list(dict.fromkeys(scene for scene, _ in places[begin:]))
        after_first_round = seen[LANES:]
        assert after_first_round == sorted(after_first_round)
        assert sorted(seen) == list(range(min(seen), max(seen) + 1))
    new = [sample for sample in range(LANES, total) if places[sample][1] == 0]
    assert np.diff(new).min() >= LANES // 2  # never two at once: workers are not asked for sixteen scenes in one step
    for start in range(0, total, LANES):  # neighbours in a batch are different people
        assert len({scene for scene, _ in places[start : start + LANES]}) == LANES


def test_samples_are_repeated_as_often_as_asked():
    stream = Stream(replace(RECIPE, repeats=3))
    crops = few(stream, 0, LANES * PER_SCENE * 6, 1)[0].crops
    _, counts = np.unique(crops.reshape(len(crops), -1), axis=0, return_counts=True)
    assert counts.max() == 3
    assert (counts == 3).sum() >= LANES * PER_SCENE  # scenes that had begun before the first sample are cut short
    assert same(few(stream, 2, 8, 3)[1], few(stream, 3, 8, 1)[0])


def test_a_stream_may_be_flat_and_its_boxes_loose():
    tight, loose = (few(Stream(replace(RECIPE, loosest=width)), 0, 64, 1)[0] for width in (1.25, 3.0))
    flat = few(Stream(replace(RECIPE, depth=False)), 0, 64, 1)[0]
    assert (flat.weight[..., 0] == tight.weight[..., 0]).all()
    assert not flat.weight[..., 1].any()
    assert tight.weight[..., 1].any()
    assert not Stream(replace(RECIPE, depth=False)).bone_lengths.any()
    extent = [np.ptp(batch.uvd[..., :2], axis=1).max(-1) for batch in (tight, loose)]
    assert extent[1].min() < 0.4 < extent[0].min() + 0.1
    assert np.median(extent[1]) < np.median(extent[0])


def test_a_stream_resumes_at_any_step():
    stream = Stream(RECIPE)
    whole = few(stream, 0, 12, 4)
    later = few(stream, 2, 12, 2)
    assert same(whole[2], later[0])
    assert same(whole[3], later[1])
    assert whole[0].crops.shape == (12, 48, 48, 3)
    assert whole[0].uvd.shape == (12, 17, 3)
    assert whole[0].weight.shape == (12, 17, 2)
    assert not same(whole[0], whole[1])
    assert not same(few(Stream(replace(RECIPE, seed=4)), 0, 12, 1)[0], whole[0])


def test_workers_make_the_same_stream():
    alone, together = (few(Stream(RECIPE, workers), 1, 10, 2) for workers in (0, 2))
    assert all(same(a, b) for a, b in zip(alone, together, strict=True))


def refuse(rng, motions, frames, fps, full_chance_s, shares):
    raise EpiposeError("nobody came")


def test_an_error_in_a_worker_is_heard():
    with pytest.raises(EpiposeError, match="nobody came"):
        few(Stream(StreamOptions(48, 3, cast=refuse), workers=1), 0, 4, 1)


def test_joints_lie_on_the_person():
    with Renderer() as renderer:
        drawn = draw_scene(renderer, RECIPE, 0)
    uvd, weight = drawn.uvd, drawn.weight
    assert np.abs(uvd[weight[..., 0] > 0][:, :2]).max() <= 0.5 / 1.25 + 1e-3  # the box has a margin
    assert (uvd[:, H36M17.root, 2] == 0).all()
    assert set(np.unique(weight)) <= {0.0, 1.0}
    assert (weight[..., 0] == weight[..., 1]).all()
    assert weight.mean() > 0.9


@pytest.mark.parametrize(("angle", "tangential"), [(0.0, 0.0), (0.6, 0.0), (-2.2, 0.03)])
def test_the_crop_is_that_of_a_real_image(angle, tangential):
    # An image of coordinates, cut by crop_image, must show what the camera of the crop sees.
    real = h36m_rig().camera[0]
    K = real.K.clone()
    K[1, 1] = K[0, 0]  # a turned box is a rolled camera where pixels are square
    distortion = real.distortion + torch.tensor([0, 0, tangential, -0.7 * tangential, 0, 0, 0, 0])
    camera = Camera(K, distortion, real.R, real.t, real.size)
    points = torch.tensor([[0.2, 0.1, 1.0], [-0.3, 0.4, 0.3], [0.1, -0.2, 1.6]], dtype=torch.float64)
    xy = camera.project(points)
    box = box_around(xy, torch.ones(3)) + torch.tensor([0, 0, 0, angle])
    rows, columns = np.indices((1002, 1000))
    image = np.stack([columns // 4, rows // 4, np.zeros_like(rows)], -1).astype(np.uint8)
    crop = crop_image(image, (box * torch.tensor([1, 1, WINDOW, 1])).numpy(), 100)
    view = through(camera, box, 100)
    for pixel, expected in zip(view.project(points), xy, strict=True):
        column, row = pixel.round().long().tolist()
        assert np.abs(4 * crop[row, column, :2].astype(float) - expected.numpy()).max() < 6
    assert torch.allclose(view.project(points), crop_from_pixels(xy, box) * 100 / WINDOW + 49.5)


@pytest.mark.parametrize("tangential", [0.0, 0.02])
def test_a_turned_crop_is_drawn_as_it_would_be_cut(tangential):
    """A person drawn through the rolled camera of a turned box, beside the box cut out of the whole drawn image."""
    rng = np.random.default_rng(5)
    real = h36m_rig().camera[0]
    K = real.K.clone()
    K[1, 1] = K[0, 0]
    distortion = real.distortion + torch.tensor([0, 0, tangential, -tangential, 0, 0, 0, 0])
    camera = Camera(K, distortion, real.R, real.t, real.size)
    with Renderer(4) as renderer:
        person = set_scene(renderer, replace(RECIPE, side=96), rng, 1, 1.0)
        light = random_light(rng)
        xy = camera.project(torch.from_numpy(person.xyz[0]))
        box = roi_around(xy, torch.ones(17), H36M17) + torch.tensor([0, 0, 0, 0.9])
        whole = renderer.draw(person.skinning[0], camera, light)
        drawn = renderer.draw(person.skinning[0], through(camera, box, 96), light)
    cut = crop_image(whole, (box * torch.tensor([1, 1, WINDOW, 1])).numpy(), 96)
    upright = crop_image(whole, (box * torch.tensor([1, 1, WINDOW, 0])).numpy(), 96)
    apart, apart_upright = (np.abs(drawn.astype(float) - other).mean() for other in (cut, upright))
    assert apart < 4
    assert apart < apart_upright / 5


def test_regions_of_interest_are_turned_with_the_person():
    """The middle of the hips in the middle of the crop, that of the shoulders straight above it."""
    with Renderer() as renderer:
        drawn = draw_scene(renderer, replace(RECIPE, crop="roi", per_scene=6), 1)
    names = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
    hips_left, hips_right, left, right = (drawn.uvd[:, H36M17.index(name), :2] for name in names)
    hips, shoulders = (hips_left + hips_right) / 2, (left + right) / 2
    np.testing.assert_allclose(hips, 0, atol=1e-5)
    np.testing.assert_allclose(shoulders[:, 0], 0, atol=1e-5)
    assert (shoulders[:, 1] < -0.1).all()
    assert np.abs(drawn.uvd[..., :2]).max() < 0.5, "the circle holds the whole body"


def test_it_is_what_the_trainer_reads():
    stream = Stream(RECIPE, images=1000)
    assert stream.skeleton == H36M17
    assert stream.metric
    assert stream.images == 1000


def test_bad_recipes_are_refused():
    for options, workers in ((StreamOptions(48, -1), 0), (StreamOptions(8, 0), 0), (StreamOptions(48, 0), -1)):
        with pytest.raises(EpiposeError, match="workers, seed"):
            Stream(options, workers)
    assert isinstance(StreamOptions(48, 0, motions=(Path("a"),)).motions, tuple)


def test_a_network_trains_on_a_stream_and_knows_it_again(tmp_path):
    sizes = {"backbone": "resnet18", "input_size": 64, "depth_bins": 8, "channels": 16, "epochs": 2, "batch_size": 4}
    options = replace(RECIPE, side=96)
    stream = Stream(options, images=8)
    first = train_network([], tmp_path / "model", stream=stream, **sizes)
    assert first.metric
    assert float(first.bone_lengths.max()) > 0.3
    lines = (tmp_path / "model/log.jsonl").read_text().splitlines()
    assert len(lines) == 2
    again = train_network([], tmp_path / "model", stream=Stream(options, images=8), **sizes)
    assert all(torch.equal(a, b) for a, b in zip(first.net.parameters(), again.net.parameters(), strict=True))
    with pytest.raises(EpiposeError, match="stream"):
        train_network([], tmp_path / "model", stream=Stream(replace(options, seed=4), images=8), **sizes)


def test_short_motions_have_a_smaller_chance(monkeypatch) -> None:
    """Two seconds against ten and more: a fifth of the chance; with no limit all files alike."""
    frames = {"kick": 60, "walk": 300, "day": 3000}
    monkeypatch.setattr(
        actor, "_cached_motion", lambda path: Motion(path.name, np.zeros((frames[path.name], 17, 3)), fps=30.0)
    )
    files = [Path(name) for name in frames]
    rng = np.random.default_rng(0)
    for limit, expected in ((10.0, [1 / 11, 5 / 11, 5 / 11]), (0.0, [1 / 3, 1 / 3, 1 / 3])):
        names = [actor.random_stretch(rng, files, 2, 2.0, limit).name for _ in range(2000)]
        assert [names.count(name) / 2000 for name in frames] == pytest.approx(expected, abs=0.04)
