"""Filters of joint trajectories against their definitions: frequency responses, polynomials, medians."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage, signal

from epipose.errors import EpiposeError
from epipose.poses import Poses3D
from epipose.reconstruction.trajectory_filter import TrajectoryFilter, filtered, parse_filter
from epipose.skeleton import Skeleton
from epipose.skeletons import H36M17
from tests.helpers.walker import walker

ONE = Skeleton("one", ("joint",), (-1,))
TWO = Skeleton("two", ("a", "b"), (-1, 0))
ALL = ("butterworth:6", "savgol", "gaussian", "median")


def along(path: np.ndarray, skeleton: Skeleton = ONE) -> Poses3D:
    """Poses of one person whose joints all follow a path (frame, 3) or (frame,)."""
    path = path if path.ndim == 2 else np.stack([path, 0 * path, 0 * path], -1)
    joints = len(skeleton.joints)
    xyz = torch.from_numpy(path).double()[:, None, None].expand(-1, 1, joints, 3).clone()
    return Poses3D(xyz, torch.ones(len(path), 1, joints), skeleton, metric=True)


def gain(text: str, hz: float, fps: float = 100.0) -> float:
    """By how much a filter reduces an oscillation, and that it does not delay it."""
    times = np.arange(800) / fps
    out = filtered(along(np.sin(2 * math.pi * hz * times)), parse_filter(text), fps).xyz[200:600, 0, 0, 0].numpy()
    turned = 2 * math.pi * hz * times[200:600]
    sine, cosine = 2 * np.mean(out * np.sin(turned)), 2 * np.mean(out * np.cos(turned))
    assert abs(cosine) < 1e-3, "zero phase"
    return float(sine)


@pytest.mark.parametrize("order", [2, 4, 8])
@pytest.mark.parametrize("cutoff", [5.0, 20.0, 40.0])
def test_both_passes_together_halve_the_power_at_the_cutoff(order: int, cutoff: float) -> None:
    assert gain(f"butterworth:{cutoff}:{order}", cutoff) == pytest.approx(math.sqrt(0.5), abs=1e-3)


def test_butterworth_keeps_slow_motion_and_removes_fast() -> None:
    assert gain("butterworth:6", 1.0) == pytest.approx(1, abs=2e-3)
    assert gain("butterworth:6", 25.0) < 0.01
    assert gain("butterworth:6:2", 25.0) > gain("butterworth:6:8", 25.0)


def test_the_middle_is_what_scipy_gives() -> None:
    path = np.random.default_rng(0).standard_normal((200, 3)).cumsum(0)
    inner = slice(60, 140)
    design = 50 / math.pi * math.atan(math.tan(math.pi * 6 / 50) / (math.sqrt(2) - 1) ** 0.25)
    expected = {
        "butterworth:6:4": signal.filtfilt(*signal.butter(2, design, fs=50), path, axis=0),
        "savgol:11:3": signal.savgol_filter(path, 11, 3, axis=0),
        "gaussian:2": ndimage.gaussian_filter1d(path, 2.0, axis=0),
        "median:7": ndimage.median_filter(path, (7, 1)),
    }
    for text, whole in expected.items():
        found = filtered(along(path), parse_filter(text), 50.0).xyz[:, 0, 0].numpy()
        np.testing.assert_allclose(found[inner], whole[inner], atol=1e-8, err_msg=text)


@pytest.mark.parametrize("text", ALL)
def test_uniform_motion_stays_to_its_ends(text: str) -> None:
    path = np.arange(50)[:, None] * np.array([0.02, -0.01, 0.03]) + 1
    found = filtered(along(path), parse_filter(text), 50.0).xyz[:, 0, 0].numpy()
    np.testing.assert_allclose(found, path, atol=1e-9)


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 12])
def test_runs_are_filtered_by_themselves_however_short(text: str, length: int) -> None:
    poses = along(np.random.default_rng(1).standard_normal((60, 3)), TWO)
    poses.conf[20:23, 0, 0] = 0
    poses.conf[23 + length :, 0, 0] = 0
    found = filtered(poses, parse_filter(text), 50.0)
    for first, end, joint in ((0, 20, 0), (23, 23 + length, 0), (0, 60, 1)):
        alone = filtered(along(poses.xyz[first:end, 0, joint].numpy()), parse_filter(text), 50.0)
        torch.testing.assert_close(found.xyz[first:end, 0, joint], alone.xyz[:, 0, 0])
    torch.testing.assert_close(found.xyz[20:23, 0, 0], poses.xyz[20:23, 0, 0])
    assert torch.equal(found.conf, poses.conf)
    assert bool(found.xyz.isfinite().all())
    if length == 1:
        torch.testing.assert_close(found.xyz[23, 0, 0], poses.xyz[23, 0, 0])


def test_the_poses_given_stay_as_they_are() -> None:
    poses = along(np.random.default_rng(1).standard_normal((60, 3)))
    before = poses.xyz.clone()
    filtered(poses, parse_filter("median"), 50.0)
    assert torch.equal(poses.xyz, before)


def test_a_spike_is_gone_after_the_median() -> None:
    path = np.zeros((30, 3))
    path[15] = 1
    assert float(filtered(along(path), parse_filter("median"), 50.0).xyz.abs().max()) == 0


def test_defaults_and_parameters() -> None:
    assert parse_filter("butterworth") == TrajectoryFilter("butterworth", (6.0, 4.0))
    assert parse_filter("Butterworth:8") == TrajectoryFilter("butterworth", (8.0, 4.0))
    assert parse_filter("savgol:11:2") == TrajectoryFilter("savgol", (11.0, 2.0))
    assert parse_filter("gaussian:0.8") == TrajectoryFilter("gaussian", (0.8,))
    assert parse_filter("median") == TrajectoryFilter("median", (5.0,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kalman", r"Unknown filter 'kalman'; there are butterworth:CUTOFF_HZ:ORDER, savgol:WINDOW:DEGREE, "),
        ("", "Unknown filter ''"),
        ("butterworth:fast", "is not butterworth:CUTOFF_HZ:ORDER with numbers"),
        ("butterworth:0", "cutoff in Hz is 0; expected a number above 0"),
        ("butterworth:nan", "cutoff in Hz is nan"),
        ("butterworth:6:3", "order is 3; expected 2, 4"),
        ("butterworth:6:4:2", "3 parameters; expected butterworth"),
        ("savgol:8", "window is 8 frames; expected an odd number"),
        ("savgol:5:5", "degree is 5; expected a whole number below the window of 5"),
        ("savgol:5:1.5", "degree is 1.5"),
        ("gaussian:-1", "sigma in frames is -1"),
        ("median:4", "window is 4 frames"),
        ("median:inf", "window in frames is inf"),
    ],
)
def test_what_is_no_filter_is_said(text: str, message: str) -> None:
    with pytest.raises(EpiposeError, match=message):
        parse_filter(text)


def test_a_cutoff_above_half_the_frame_rate_is_refused() -> None:
    with pytest.raises(EpiposeError, match="cutoff of 12 Hz is not below half the frame rate, 10 Hz"):
        filtered(along(np.zeros((30, 3))), parse_filter("butterworth:12"), 20.0)


@pytest.mark.parametrize("text", ALL)
def test_nothing_is_smoothed_across_a_jump_of_the_whole_body(text: str) -> None:
    xyz = walker(60, H36M17)[0][:, None]
    jump = torch.zeros(60, 1, 1, 1, dtype=torch.float64)
    jump[30:] = 2.0
    cut = Poses3D(xyz + jump, torch.ones(60, 1, 17), H36M17, metric=True)
    away = (filtered(cut, parse_filter(text), 50.0).xyz - cut.xyz).norm(dim=-1)
    assert float(away[25:35].max()) < 0.05
