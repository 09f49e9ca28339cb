"""Batches of clips with drawn people among them."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from epipose.errors import InputError
from epipose.skeletons import COCO17
from epipose.training.batches import Shuffled
from epipose.training.clip_source import WithDrawn, clips_source
from epipose.training.options import TrainOptions
from epipose.training.samples import Samples, clip_samples
from epipose.training.train import train_network
from tests.helpers.drawn_clips import clip_folder

TINY = TrainOptions(backbone="resnet18", input_size=64, depth_bins=8, channels=16, deconvs=1, batch_size=8, epochs=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return clip_folder(tmp_path_factory.mktemp("source") / "clip", frames=6, views=2)


@pytest.fixture(scope="module")
def samples(folder: Path) -> Samples:
    return clip_samples(folder, 64)


def test_a_share_of_every_batch_is_drawn(samples: Samples) -> None:
    clips, drawn = Shuffled(samples, 0), Shuffled(replace(samples, uvd=samples.uvd + 5), 1)
    both = WithDrawn(clips, drawn, 0.25)
    assert both.images == 16
    np.testing.assert_array_equal(both.bone_lengths, clips.bone_lengths)
    for batch in islice(both.batches(0, 8), 4):
        far = batch.uvd[:, 0, 2] > 4
        assert (len(batch.crops), far.sum()) == (8, 2)
    resumed = next(iter(both.batches(2, 8)))
    expected = next(islice(both.batches(0, 8), 2, None))
    np.testing.assert_array_equal(resumed.uvd, expected.uvd)
    assert list(resumed.crops) == list(expected.crops)


def test_other_joints_are_refused(samples: Samples) -> None:
    with pytest.raises(InputError, match="leave out --drawn"):
        WithDrawn(Shuffled(samples, 0), Shuffled(replace(samples, skeleton=COCO17), 0), 0.5)


@pytest.mark.gl
def test_a_network_learns_from_clips_and_drawn_people(folder: Path, tmp_path: Path) -> None:
    options = replace(TINY, drawn=0.5)
    source = clips_source([folder], [folder], options)
    assert isinstance(source, WithDrawn)
    assert source.images == 24
    trained = train_network([folder], tmp_path, options)
    np.testing.assert_array_equal(trained.bone_lengths.numpy(), source.bone_lengths)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"drawn": 1.0}, "'drawn' is 1;"),
        ({"distil": -0.1}, "'distil' is -0.1"),
        ({"drawn": 0.5, "mode": "unfrozen"}, "does not go with"),
        ({"drawn": 0.5, "batch_size": 1}, "batches of two"),
    ],
)
def test_shares_that_cannot_be_are_refused(folder: Path, tmp_path: Path, wrong, says: str) -> None:
    with pytest.raises(InputError, match=says):
        train_network([folder], tmp_path, replace(TINY, **wrong))
    assert not list(tmp_path.iterdir())
