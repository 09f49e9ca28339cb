"""Observations of some frames: the same as those of all, from their neighbourhood alone."""

import dataclasses

import pytest
import torch

from epipose.errors import InputError
from epipose.geometry.observation_source import ObservationSource, SampledObservations
from epipose.geometry.observations import observe
from epipose.poses import Poses2D
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig

FRAMES = 90


def clip(people=1):
    """Keypoints with gaps, of a person who is small in the image for most of the time."""
    xy, conf = detections(rig(), moving_skeleton(FRAMES), pixels=4, outliers=0.05)
    middle = xy.mean(2, keepdim=True)
    xy[:, 20:] = middle[:, 20:] + 0.4 * (xy - middle)[:, 20:]
    conf[:, 30:34] = 0
    conf[1, 60:, ::3] = 0.1
    several = [(xy + 7 * person, conf * (1 - 0.1 * person)) for person in range(people)]
    xy, conf = (torch.stack(field, 2) for field in zip(*several, strict=True))
    return Poses2D(xy.float(), conf.float(), H36M17, rig().names)


def late(*frames):
    return dataclasses.replace(rig(), lag=torch.tensor(frames, dtype=torch.float64))


def assert_same(some, every):
    for field in ("x", "weight", "noise", "velocity"):
        assert torch.allclose(getattr(some, field), getattr(every, field), rtol=0, atol=1e-12), field


@pytest.mark.parametrize("cameras", [rig(), late(0.0, 0.4, -2.3, 3.0)])
@pytest.mark.parametrize("frames", [[0], [89], [3, 40, 41, 77], list(range(20, 45)), list(range(FRAMES))])
def test_some_frames_are_observed_as_among_all(cameras, frames):
    frames = torch.tensor(frames)
    source = ObservationSource.of(clip(2), cameras, person=1)
    assert_same(source.at(frames), observe(clip(2), cameras, person=1).frames(frames))


def test_only_the_neighbourhood_is_read():
    source, elsewhere = ObservationSource.of(clip(), rig()), clip()
    elsewhere.xy[:, :31] += 50.0
    elsewhere.xy[:, 50:] -= 50.0
    frame = torch.tensor([40])
    assert_same(dataclasses.replace(source, poses=elsewhere).at(frame), source.at(frame))


def test_other_cameras_see_the_same_person():
    source = ObservationSource.of(clip(), rig())
    frames = torch.tensor([5, 50])
    for cameras in (late(0.0, 0.4, 0.0, 0.0), dataclasses.replace(rig(), camera=rig().camera.to(torch.float32))):
        assert_same(source.through(cameras).at(frames), observe(clip(), cameras).frames(frames))


def test_blocks_make_up_the_whole(monkeypatch):
    monkeypatch.setattr("epipose.geometry.observation_source._BLOCK_KEYPOINTS", 20 * 4 * 17)
    source, every = ObservationSource.of(clip(), rig()), observe(clip(), rig())
    blocks = list(source.blocks(20))
    assert len(blocks) == 4
    assert torch.allclose(torch.cat([block.x for block in blocks], 1), every.x, rtol=0, atol=1e-12)
    whole = source.everything()
    assert torch.allclose(whole.noise, every.noise, rtol=0, atol=1e-12)
    assert whole.velocity is None
    seen = source.seen()
    assert torch.equal(seen.indices(), every.seen_frames())
    assert torch.equal(seen.keypoints, (every.weight > 0).flatten(1).sum(1))


def test_the_busiest_frames_lie_in_a_row_and_show_the_person_most():
    poses = clip()
    poses.conf[:, :50] = 0
    seen = ObservationSource.of(poses, rig()).seen()
    assert seen.busiest(30).tolist() == list(range(50, 80))
    assert seen.busiest(200).tolist() == list(range(FRAMES))


def test_sampled_frames_are_not_made_twice(monkeypatch):
    sampled = SampledObservations.of(ObservationSource.of(clip(), rig()), torch.tensor([2, 9, 30, 60]))
    every = observe(clip(), rig())
    assert_same(sampled.at(torch.tensor([40]), rig()), every.frames(torch.tensor([40])))
    moved = late(0.0, 1.5, 0.0, 0.0)
    assert_same(sampled.at(torch.tensor([9]), moved), observe(clip(), moved).frames(torch.tensor([9])))
    monkeypatch.setattr(ObservationSource, "at", None)
    assert_same(sampled.at(torch.tensor([9, 60]), rig()), every.frames(torch.tensor([9, 60])))


def test_cameras_of_other_views_are_refused():
    with pytest.raises(InputError, match="The poses are of views"):
        ObservationSource.of(clip(), rig().select(rig().names[:3]))
