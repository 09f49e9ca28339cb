import dataclasses

import torch

from epipose.geometry.relative_pose import RelativePose
from epipose.geometry.rotation import angle_between, exp
from epipose.geometry.view_graph import reconstruct, resect
from epipose.observations import Observations

from synthetic import detections, moving_skeleton, rig


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


def test_a_wrong_pair_that_looks_best_does_not_win():
    observed, pairs = seen()
    turn = exp(torch.tensor([0.2, -0.7, 0.1], dtype=torch.float64))
    wrong = dataclasses.replace(pairs[1, 2], R=turn @ pairs[1, 2].R, cost=0.0)
    assert rotation_error(reconstruct(observed, {(1, 2): wrong})) > 20  # alone it leads astray
    assert rotation_error(reconstruct(observed, pairs | {(1, 2): wrong})) < 1


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
