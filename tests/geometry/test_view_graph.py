import dataclasses

import pytest
import torch

from epipose.evaluation.metrics import pmpjpe_mm
from epipose.geometry import view_graph
from epipose.geometry.observations import Observations
from epipose.geometry.relative_pose import RelativePose, relative_pose
from epipose.geometry.resection import resect
from epipose.geometry.rotation import angle_between, exp
from epipose.geometry.view_graph import chosen_pairs, reconstruct
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig


def seen(pixels=2.0, frames=30):
    """Observations of four views, and the true relative pose of every pair."""
    cameras = rig().camera
    uv, conf = detections(rig(), moving_skeleton(frames), pixels)
    observed = Observations(cameras.spread(2).to_normalized(uv), conf, torch.full_like(conf, 0.008))
    pairs = {}
    for i in range(4):
        for j in range(i + 1, 4):
            R = cameras.R[j] @ cameras.R[i].mT
            t = cameras.t[j] - R @ cameras.t[i]
            pairs[i, j] = RelativePose(R, t / t.norm(), torch.ones(1, dtype=torch.bool), 0.5, 1.0)
    return observed, pairs


def rotation_error(found):
    true = rig().camera.R
    relative = [R[:, None] @ R[None].mT for R in (found.R, true)]
    return float(torch.rad2deg(angle_between(*relative)).max())


@pytest.mark.slow
def test_a_wrong_pair_that_looks_best_does_not_win():
    observed, pairs = seen()
    turn = exp(torch.tensor([0.2, -0.7, 0.1], dtype=torch.float64))
    wrong = dataclasses.replace(pairs[1, 2], R=turn @ pairs[1, 2].R, cost=0.0)
    assert rotation_error(reconstruct(observed, {(1, 2): wrong})) > 20  # alone it leads astray
    assert rotation_error(reconstruct(observed, pairs | {(1, 2): wrong})) < 1


def found_pairs(observed):
    views = range(len(observed.x))
    return {
        (i, j): relative_pose(
            observed.x[i].reshape(-1, 2), observed.x[j].reshape(-1, 2), observed.weight[i].flatten(), 0.008
        )
        for i in views
        for j in views
        if i < j
    }


def centres(R, t):
    """Camera centres in the frame of the first, in units of the first baseline."""
    C = -(R.mT @ t[..., None])[..., 0]
    C = (C - C[0]) @ R[0].mT
    return C / C[1].norm()


@pytest.mark.slow
@pytest.mark.parametrize("views", [[0, 1], [1, 3], [0, 1, 2], [1, 2, 3], [0, 1, 2, 3]])
def test_two_views_and_more_give_their_rig(views):
    observed = seen(pixels=2.0, frames=60)[0].views(views)
    found = reconstruct(observed, found_pairs(observed), H36M17.flip)
    true = rig().camera
    relative = [R[:, None] @ R[None].mT for R in (found.R, true.R[views])]
    assert float(torch.rad2deg(angle_between(*relative)).max()) < 2
    assert float((centres(found.R, found.t) - centres(true.R[views], true.t[views])).norm(dim=-1).max()) < 0.05
    assert not bool(found.swapped.any())


@pytest.mark.slow
@pytest.mark.parametrize(("views", "wrong"), [([0, 1, 2, 3], 0), ([0, 1, 2, 3], 2), ([0, 1, 3], 1), ([1, 2, 3], 3)])
def test_a_view_whose_sides_are_swapped_throughout_is_found(views, wrong):
    observed = seen(pixels=2.0, frames=60)[0].views(views)
    where = torch.tensor(views)[:, None].expand(-1, 60) == wrong
    found = reconstruct(
        observed.swapped(where, H36M17.flip), found_pairs(observed.swapped(where, H36M17.flip)), H36M17.flip
    )
    assert found.swapped.tolist() == [view == wrong for view in views]
    true = rig().camera.R[views]
    assert float(torch.rad2deg(angle_between(found.R[1] @ found.R[0].mT, true[1] @ true[0].mT))) < 2


def test_of_two_stories_about_left_and_right_the_majority_is_believed():
    observed, pairs = seen(frames=60)
    observed = observed.views([0, 1, 2, 3, 2])  # the seed below is of the two that are wrong
    where = torch.zeros(5, 60, dtype=torch.bool)
    where[:2] = True
    found = reconstruct(observed.swapped(where, H36M17.flip), {(0, 1): pairs[0, 1]}, H36M17.flip)
    assert found.swapped.tolist() == [True, True, False, False, False]
    assert float(pmpjpe_mm(found.xyz, moving_skeleton(60)).mean()) < 30


def test_seeds_that_the_other_pairs_confirm_end_the_search(monkeypatch):
    observed, pairs = seen()
    grown = []
    grow = view_graph._grow
    monkeypatch.setattr(view_graph, "_grow", lambda *given: grown.append(given[1]) or grow(*given))
    assert rotation_error(reconstruct(observed, pairs)) < 1
    assert len(grown) == 1
    turn = exp(torch.tensor([0.2, -0.7, 0.1], dtype=torch.float64))
    lonely = {pair: dataclasses.replace(pose, R=turn @ pose.R) for pair, pose in pairs.items() if pair != (0, 1)}
    grown.clear()
    reconstruct(observed, lonely | {(0, 1): pairs[0, 1]})
    assert len(grown) == 6


def test_resection_places_a_camera_that_sees_known_points():
    observed, _ = seen(pixels=0.0)
    R, t = resect(moving_skeleton(30), observed.x[2], observed.weight[2], 0.004)
    assert float(angle_between(R, rig().camera.R[2])) < 1e-5
    assert torch.allclose(t, rig().camera.t[2], atol=1e-4)


def test_resection_of_a_camera_stuck_on_one_point_has_no_answer():
    observed, _ = seen()
    stuck = torch.full_like(observed.x[2], 0.1)
    answer = resect(moving_skeleton(30), stuck, observed.weight[2], 0.004)
    assert answer is None or bool(answer[0].isfinite().all())


def test_up_to_eight_views_all_pairs_are_estimated_but_for_worthless_ones():
    worth = torch.ones(8, 8, dtype=torch.float64)
    worth[2, 5] = 0
    assert set(chosen_pairs(worth)) == {(i, j) for i in range(8) for j in range(i + 1, 8)} - {(2, 5)}


def test_the_pairs_of_many_views_stay_few_and_tie_every_view_to_four_others_or_more():
    """Four spanning trees without a common pair; of views side by side, which are worth little, few are taken."""
    generator = torch.Generator().manual_seed(0)
    worth = 1 + torch.rand(14, 14, generator=generator, dtype=torch.float64)
    worth[range(13), range(1, 14)] = 0.01
    pairs = chosen_pairs(worth)
    assert len(pairs) == len(set(pairs)) == 4 * 13
    degree = [sum(view in pair for pair in pairs) for view in range(14)]
    assert min(degree) >= 4
    assert max(degree) <= 12
    assert not any(j == i + 1 for i, j in pairs)


def test_two_groups_of_views_with_one_pair_between_them_stay_connected():
    worth = torch.zeros(12, 12, dtype=torch.float64)
    worth[:6, :6] = worth[6:, 6:] = 100
    worth[3, 8] = 1
    pairs = chosen_pairs(worth)
    assert (3, 8) in pairs
    assert len(pairs) == 2 * 15 + 1
