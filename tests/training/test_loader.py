"""Batches of training: every batch a function of seed and step, shared by processes, nothing read twice or lost."""

import itertools
import json
import threading
import time

import numpy as np
import pytest
import torch

from epipose.errors import EpiposeError
from epipose.training import loader as feed_module
from epipose.training.batches import Shuffled, StoredBatch, epoch_steps
from epipose.training.distributed import ProcessGroup
from epipose.training.loader import Batch, WaitClock, feed
from epipose.training.samples import Samples, clip_samples
from tests.helpers.drawn_clips import clip_folder

STILL = {"rotation": 0.0, "scale": (1.0, 1.0), "shift": 0.0, "colour": (1.0, 1.0), "occlusion": 0.0, "flip": 0.0}
VARIED = {"rotation": 0.3, "occlusion": 0.5, "flip": 0.5}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> Samples:
    return clip_samples(clip_folder(tmp_path_factory.mktemp("feed") / "clip", frames=4, views=3), 64)


def _read(
    source, start: int, count: int, batch_size: int, processes: ProcessGroup, variation=VARIED, group: int = 1
) -> list[Batch]:
    batches = feed(source, start, batch_size, 64, 3, variation, processes, group)
    found = list(itertools.islice(batches, count))
    batches.close()
    return found


def test_batches_are_even_and_every_epoch_shows_all_in_another_order(samples: Samples) -> None:
    source = Shuffled(samples, 3)
    assert epoch_steps(source, 5) == 3
    stored = list(itertools.islice(source.batches(0, 5), 6))
    assert [len(batch.crops) for batch in stored] == [4] * 6
    shown = [[jpeg for batch in part for jpeg in batch.crops] for part in (stored[:3], stored[3:])]
    assert sorted(shown[0]) == sorted(shown[1]) == sorted(samples.jpegs)
    assert shown[0] != shown[1]


def test_from_any_step_on_the_same_batches_come(samples: Samples) -> None:
    source = Shuffled(samples, 3)
    whole = _read(source, 0, 7, 5, ProcessGroup(0, 1, CPU))
    for start in (1, 2, 3, 5):
        (late,) = _read(source, start, 1, 5, ProcessGroup(0, 1, CPU))
        assert all(torch.equal(a, b) for a, b in zip(whole[start][:3], late[:3], strict=True))
    assert not torch.equal(whole[0].images, whole[3].images), "another epoch, other variations"


def test_no_random_stream_is_used_twice(samples: Samples, monkeypatch) -> None:
    streams, augment = [], feed_module.augment

    def noting(*arguments, **options):
        streams.append(json.dumps(arguments[4].bit_generator.state))
        return augment(*arguments, **options)

    monkeypatch.setattr(feed_module, "augment", noting)
    _read(Shuffled(samples, 3), 0, 6, 5, ProcessGroup(0, 1, CPU))
    shuffling = [json.dumps(np.random.default_rng((3, epoch)).bit_generator.state) for epoch in range(9)]
    assert len({*shuffling, *streams}) == 9 + len(streams) >= 9 + 24


def test_processes_share_a_batch_and_see_what_one_would(samples: Samples) -> None:
    source = Shuffled(samples, 3)
    (whole,) = _read(source, 1, 1, 12, ProcessGroup(0, 1, CPU))
    shares = [_read(source, 1, 1, 12, ProcessGroup(rank, 5, CPU))[0] for rank in range(5)]
    assert sorted(len(share.images) for share in shares) == [2, 2, 2, 3, 3]
    for index in range(3):
        assert torch.equal(torch.cat([share[index] for share in shares]), whole[index])
    with pytest.raises(EpiposeError, match="12 images cannot be shared by 13 processes"):
        _read(source, 1, 1, 12, ProcessGroup(0, 13, CPU))


def test_pairs_are_two_views_of_a_moment_also_when_shared(samples: Samples) -> None:
    assert samples.place is not None
    source = Shuffled(samples, 3, pairs=True)
    assert source.images == 8, "of three views of a moment one is left over"
    seen = set()
    for stored in itertools.islice(source.batches(0, 4), 20):
        assert stored.place is not None
        moment = stored.place.moment.reshape(-1, 2)
        assert (moment[:, 0] == moment[:, 1]).all()
        seen |= {tuple(sorted((a, b))) for a, b in zip(stored.crops[::2], stored.crops[1::2], strict=True)}
    assert all(a != b for a, b in seen)
    assert len(seen) == 12, "in time every pair of views of each of the four moments"
    first, second = (_read(source, 0, 1, 6, ProcessGroup(rank, 2, CPU), STILL, group=2)[0] for rank in range(2))
    assert (len(first.images), len(second.images)) in ((2, 2), (2, 4), (4, 2))
    assert first.camera is not None
    assert first.box is not None
    assert first.camera.R.shape == (len(first.images), 3, 3)
    one = clip_samples_of_one_view(samples)
    with pytest.raises(EpiposeError, match="No moment is seen by two views"):
        Shuffled(one, 3, pairs=True)


def clip_samples_of_one_view(samples: Samples) -> Samples:
    assert samples.place is not None
    rows = np.unique(samples.place.moment, return_index=True)[1]
    jpegs = tuple(samples.jpegs[row] for row in rows)
    place = samples.place.of(rows)
    return Samples(
        jpegs, samples.uvd[rows], samples.weight[rows], samples.bone_lengths, samples.skeleton, samples.metric, place
    )


class Slow:
    """A source that is no Samples: images made on the fly, each batch after a while."""

    def __init__(self, samples: Samples, seconds: float) -> None:
        self.skeleton, self.bone_lengths, self.metric = samples.skeleton, samples.bone_lengths, samples.metric
        self.images, self.seconds, self.samples = 100, seconds, samples

    def batches(self, start_step: int, batch_size: int):
        for step in itertools.count(start_step):
            time.sleep(self.seconds)
            crops = np.full((batch_size, 96, 96, 3), step, np.uint8)
            yield StoredBatch(crops, self.samples.uvd[:batch_size], self.samples.weight[:batch_size])


def test_any_source_will_do_and_waiting_for_it_is_told(samples: Samples) -> None:
    batches, clock = feed(Slow(samples, 0.05), 7, 4, 64, 0, STILL, ProcessGroup(0, 1, CPU)), WaitClock(CPU, before=1.0)
    for step in range(7, 12):
        with clock.waiting():
            batch = next(batches)
        assert bool((batch.images == step).all())
    batches.close()
    assert 1.1 < clock.seconds() < 1.6
    before = threading.active_count()
    batches, clock = feed(Slow(samples, 0.0), 0, 4, 64, 0, STILL, ProcessGroup(0, 1, CPU)), WaitClock(CPU)
    time.sleep(0.2)
    for _ in range(3):
        with clock.waiting():
            next(batches)
        time.sleep(0.05)  # the device works; the next batch is made meanwhile
    assert clock.seconds() < 0.1
    batches.close()
    assert threading.active_count() <= before, "no thread is left behind"


def test_an_error_in_a_source_reaches_the_reader(samples: Samples) -> None:
    class Broken(Slow):
        def batches(self, start_step: int, batch_size: int):
            yield next(super().batches(start_step, batch_size))
            raise EpiposeError("the renderer died")

    batches = feed(Broken(samples, 0.0), 0, 4, 64, 0, STILL, ProcessGroup(0, 1, CPU))
    next(batches)
    with pytest.raises(EpiposeError, match="the renderer died"):
        next(batches)
