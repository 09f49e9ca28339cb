"""Smooth paths: error goes, motion stays; nothing is touched where the views agree."""

from dataclasses import replace

import pytest
import torch

from epipose.geometry.left_right import correct_swaps, maybe_swapped
from epipose.geometry.observations import observe
from epipose.poses import Poses2D
from epipose.reconstruction.label import label_poses
from epipose.reconstruction.paths import MIN_FRAMES, WINDOW, _filtered, _smooth_pieces, smooth_paths
from epipose.skeletons import H36M17
from tests.helpers.synthetic import rig as rig_of_s1
from tests.helpers.walker import walker

FRAMES = 200


def seen(seed: int, error: float = 0.01, correlation: float = 0.6, frames: int = FRAMES):
    """A walk, the same with errors that last for a few frames, and residuals of two views that have such errors."""
    random = torch.Generator().manual_seed(seed)
    xyz = walker(frames, H36M17)[0]

    def errors(*shape: int) -> torch.Tensor:
        white = torch.randn(frames, *shape, generator=random, dtype=torch.float64)
        slow = [white[0]]
        for now in white[1:]:
            slow.append(correlation * slow[-1] + (1 - correlation**2) ** 0.5 * now)
        return torch.stack(slow)

    return xyz, xyz + error * errors(17, 3), errors(2, 17, 2).movedim(1, 0)


def smoothed(noisy, residual, variance=1e-4, known=None):
    known = torch.ones(noisy.shape[:2], dtype=torch.bool) if known is None else known
    return smooth_paths(noisy, known, residual, torch.full((17,), variance, dtype=torch.float64))


def off(xyz, truth) -> float:
    return float((xyz - truth).norm(dim=-1).mean())


def jerk(xyz) -> float:
    return float(xyz.diff(3, 0).norm(dim=-1).square().mean().sqrt())


@pytest.mark.parametrize("seed", [1, 2])
def test_most_of_the_error_goes_and_the_jitter_with_it(seed):
    truth, noisy, residual = seen(seed)
    result = smoothed(noisy, residual)
    assert off(result, truth) < 0.75 * off(noisy, truth)
    assert jerk(result) < 0.2 * jerk(noisy)
    ends = [0, 1, -2, -1]
    assert off(result[ends], truth[ends]) < 1.05 * off(noisy[ends], truth[ends])


def test_the_errors_own_spectrum_is_used():
    truth, noisy, residual = seen(3, correlation=0.9)
    white = torch.randn(residual.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert off(smoothed(noisy, residual), truth) < 0.95 * off(smoothed(noisy, white), truth)


def test_views_that_agree_leave_the_path_as_it_is():
    truth, _, residual = seen(4)
    torch.testing.assert_close(smoothed(truth, 1e-9 * residual, variance=0.0), truth, rtol=0, atol=1e-12)


def test_place_and_unit_make_no_difference():
    _, noisy, residual = seen(5)
    moved = torch.tensor([3.0, -2.0, 9.0], dtype=torch.float64)
    one, other = smoothed(noisy, residual), smoothed(1000 * noisy + moved, 7 * residual, variance=1e2)
    torch.testing.assert_close(other, 1000 * one + moved, rtol=0, atol=1e-6)


def test_a_jump_stays_a_jump():
    truth, noisy, residual = seen(6)
    jump = torch.zeros(FRAMES, 1, 1, dtype=torch.float64)
    jump[90:] = 2.0
    apart, together = smoothed(noisy + jump, residual), smoothed(noisy, residual)
    assert off(apart[85:95] - jump[85:95], truth[85:95]) < 1.5 * off(together[85:95], truth[85:95])


@pytest.mark.parametrize("gap", [1, 3])
def test_a_jump_in_frames_without_anybody_is_one_too(gap):
    truth, noisy, residual = seen(6)
    jump, known = torch.zeros(FRAMES, 1, 1, dtype=torch.float64), torch.ones(FRAMES, 17, dtype=torch.bool)
    jump[90:], known[90 - gap : 90] = 2.0, False
    near = [*range(80, 90 - gap), *range(90, 100)]
    result = smoothed(noisy + jump, residual, known=known) - jump
    assert off(result[near], truth[near]) < 0.9 * off(noisy[near], truth[near])


def test_what_is_unknown_stays_and_does_not_count():
    truth, noisy, residual = seen(7)
    known = torch.ones(FRAMES, 17, dtype=torch.bool)
    known[50:60, 3], known[:, 5] = False, False
    noisy[~known] = 99.0
    result = smoothed(noisy, residual, known=known)
    assert (result[~known] == 99.0).all()
    assert off(result[45:65, 3][known[45:65, 3]], truth[45:65, 3][known[45:65, 3]]) < 0.02


def test_long_clips_are_filtered_in_windows_and_short_ones_not_at_all():
    truth, noisy, residual = seen(8, frames=3 * WINDOW + 17)
    result = smoothed(noisy, residual)
    assert off(result, truth) < 0.75 * off(noisy, truth)
    step = (result - truth).diff(dim=0).norm(dim=-1).mean(1)
    assert float(step.max()) < 6 * float(step.median())
    few = slice(0, MIN_FRAMES - 1)
    assert torch.equal(smoothed(noisy[few], residual[:, few]), noisy[few])


def test_a_wrong_place_is_bridged_and_not_smeared_over_its_neighbours():
    truth, noisy, residual = seen(9)
    spoilt = noisy.clone()
    spoilt[100, 4] += 0.2
    near = [98, 99, 100, 101, 102]
    result, clean = smoothed(spoilt, residual), smoothed(noisy, residual)
    assert off(result[near, 4], truth[near, 4]) < 1.5 * off(clean[near, 4], truth[near, 4])


def test_pieces_of_a_long_path_are_those_of_the_whole():
    _, noisy, residual = seen(5, frames=3 * WINDOW + 40)
    known = torch.ones(noisy.shape[:2], dtype=torch.bool)
    variance, frames = torch.full((17,), 1e-4, dtype=torch.float64), len(noisy)
    total, weights = torch.zeros_like(noisy), torch.zeros(frames, 1, 1, dtype=torch.float64)
    fade = (torch.arange(WINDOW).double() + 0.5).mul(torch.pi / WINDOW).sin().square()[:, None, None]
    for begin in [round(number * (frames - WINDOW) / 5) for number in range(6)]:
        part = slice(begin, begin + WINDOW)
        total[part] += fade * _filtered(noisy[part], known[part], residual[:, part], variance)
        weights[part] += fade
    pieces = list(_smooth_pieces(noisy, known, residual, variance))
    assert [piece.start for piece, _ in pieces[1:]] == [piece.stop for piece, _ in pieces[:-1]]
    assert torch.allclose(torch.cat([smooth for _, smooth in pieces]), total / weights, rtol=0, atol=1e-12)


def test_labels_are_as_exact_far_from_the_origin_of_the_world():
    rig, truth = rig_of_s1(), walker(20, H36M17)[0]
    xy = rig.camera.spread(2).project(truth)
    poses = Poses2D(xy[:, :, None], torch.ones(xy.shape[:-1])[:, :, None], H36M17, rig.names)
    camera, offset = rig.camera, torch.tensor([7000.0, -9000.0, 10.0], dtype=torch.float64)
    far = replace(rig, camera=replace(camera, t=camera.t - camera.R @ offset.to(camera.t)))
    labels, near = (label_poses(poses, of).xyz[:, 0].double() for of in (far, rig))
    assert float((labels - offset - near).norm(dim=-1).max()) < 1e-3  # single precision has 0.5 mm there


def test_labels_are_smooth_unless_every_frame_is_to_stand_for_itself():
    rig, truth = rig_of_s1(), walker(120, H36M17)[0]
    xy = rig.camera.spread(2).project(truth)
    xy = xy + 3 * torch.randn(xy.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    poses = Poses2D(xy[:, :, None], torch.ones(xy.shape[:-1])[:, :, None], H36M17, rig.names)
    smooth, raw = (label_poses(poses, rig, smooth=on).xyz[:, 0].double() for on in (True, False))
    assert off(smooth, truth) < 0.8 * off(raw, truth)
    assert jerk(smooth) < 0.2 * jerk(raw)


def test_no_swapped_frame_escapes_the_quick_look():
    rig, truth = rig_of_s1(), walker(60, H36M17)[0]
    xy = rig.camera.spread(2).project(truth)
    xy[2, 20:25], xy[0, 40] = xy[2, 20:25][:, list(H36M17.flip)], xy[0, 40][list(H36M17.flip)]
    poses = Poses2D(xy[:, :, None], torch.ones(xy.shape[:-1])[:, :, None], H36M17, rig.names)
    observed, camera = observe(poses, rig), rig.camera.to(torch.float64)
    _, swapped = correct_swaps(observed, camera.R, camera.t, H36M17.flip)
    maybe = maybe_swapped(observed, camera.R, camera.t, truth, H36M17.flip)
    assert swapped.any(0).nonzero()[:, 0].tolist() == [20, 21, 22, 23, 24, 40]
    assert maybe[swapped].all()
    assert int(maybe.any(0).sum()) < 20
