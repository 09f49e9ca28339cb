"""Bootstrap intervals: those of SciPy where every pose is its own group, wider where neighbours err alike."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from epipose.errors import EpiposeError
from epipose.evaluation.bootstrap import bootstrap_mean


def test_poses_on_their_own_agree_with_scipy() -> None:
    value = torch.from_numpy(np.random.default_rng(0).gamma(2.0, 30.0, 80))
    ours = bootstrap_mean(value, torch.arange(80))
    theirs = stats.bootstrap((value.numpy(),), np.mean, method="percentile", rng=np.random.default_rng(1))
    assert ours.mean == pytest.approx(float(value.mean()))
    assert ours.low == pytest.approx(theirs.confidence_interval.low, rel=0.01)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, rel=0.01)
    assert ours.groups == 80


def test_a_clip_of_frames_that_err_alike_is_one_opinion() -> None:
    """Six clips of 200 equal errors each: the interval is that of six values, not of 1 200."""
    of_clip = torch.tensor([40.0, 55.0, 61.0, 48.0, 90.0, 52.0])
    clips = bootstrap_mean(of_clip.repeat_interleave(200), torch.arange(6).repeat_interleave(200))
    six = bootstrap_mean(of_clip, torch.arange(6))
    assert (clips.low, clips.high) == (six.low, six.high)
    alone = bootstrap_mean(of_clip.repeat_interleave(200), torch.arange(1200))
    assert alone.high - alone.low < (clips.high - clips.low) / 5


def test_weights_and_what_cannot_be_said() -> None:
    value, group = torch.tensor([10.0, 20.0, 1e6, 40.0]), torch.tensor([3, 3, 9, 5])
    weight = torch.tensor([1.0, 3.0, 0.0, 1.0])
    found = bootstrap_mean(value, group, weight)
    assert found.mean == pytest.approx((10 + 60 + 40) / 5)
    assert found.groups == 2
    assert (found.low, found.high) == pytest.approx((17.5, 40.0))
    alone = bootstrap_mean(value[:2], group[:2])
    assert math.isinf(alone.low)
    assert math.isinf(alone.high)
    with pytest.raises(EpiposeError, match="no pose to average"):
        bootstrap_mean(value, group, 0 * weight)
