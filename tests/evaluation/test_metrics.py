import numpy as np
import pytest
import torch
from scipy.spatial import procrustes

from epipose.evaluation.metrics import (
    acceleration_error_mm,
    auc,
    bone_length_error_mm,
    cps,
    distances_mm,
    mpjpe_mm,
    mpjve_mm,
    nmpjpe_mm,
    pck,
    pmpjpe_mm,
    symmetry_error_mm,
)
from epipose.geometry.rotation import exp
from epipose.poses import poses_that_count
from epipose.skeletons import H36M17


def poses(seed, n=6):
    return 0.4 * torch.randn(n, 17, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_hand(p, q):
    """The definitions, one pose at a time, in NumPy; PMPJPE through SciPy's Procrustes."""
    p0, q0 = p - p[0], q - q[0]
    scale = (p0 * q0).sum() / (p0 * p0).sum()
    _, aligned, _ = procrustes(q, p)
    size = np.linalg.norm(q - q.mean(0))  # procrustes returns both at unit size
    standard = (q - q.mean(0)) / size
    return tuple(
        1000 * np.linalg.norm(a - b, axis=-1).mean()
        for a, b in ((p0, q0), (scale * p0, q0), (size * aligned, size * standard))
    )


def test_all_three_agree_with_the_definitions():
    p, q = poses(0), poses(0) + 0.3 * poses(1)
    ours = torch.stack([mpjpe_mm(p, q, 0), nmpjpe_mm(p, q, 0), pmpjpe_mm(p, q)], -1)
    theirs = torch.tensor([by_hand(a, b) for a, b in zip(p.numpy(), q.numpy(), strict=True)])
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_what_each_metric_cannot_see():
    p = poses(0)
    moved = p + torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    turned = 1.7 * p @ exp(torch.tensor([0.1, 0.5, -0.3], dtype=torch.float64)).mT + 4
    assert float(mpjpe_mm(moved, p, 0).max()) < 1e-9
    assert float(nmpjpe_mm(1.7 * moved, p, 0).max()) < 1e-9
    assert float(pmpjpe_mm(turned, p).max()) < 1e-9
    assert float(nmpjpe_mm(turned, p, 0).min()) > 10


def test_pmpjpe_is_not_re_rooted_afterwards():
    """Three joints in place and one off by 120 mm: moving the root onto the truth would read more."""
    q = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]], dtype=torch.float64)
    p = q.clone()
    p[0, 0] += torch.tensor([0.12, 0, 0], dtype=torch.float64)
    aligned = pmpjpe_mm(p, q)
    assert float(aligned) < float(mpjpe_mm(p, q, 0))


def test_joints_of_weight_zero_are_left_out():
    p, q = poses(0), poses(1)
    weight = torch.ones(6, 17, dtype=torch.float64)
    weight[:, 5] = 0
    wild = p.clone()
    wild[:, 5] += 100
    for metric in (
        lambda a: mpjpe_mm(a, q, 0, weight),
        lambda a: nmpjpe_mm(a, q, 0, weight),
        lambda a: pmpjpe_mm(a, q, weight),
    ):
        assert torch.allclose(metric(wild), metric(p))


@pytest.mark.parametrize("metric", [lambda p, q: mpjpe_mm(p, q, 0), pmpjpe_mm])
def test_any_leading_axes(metric):
    p, q = poses(0).reshape(2, 3, 17, 3), poses(1).reshape(2, 3, 17, 3)
    assert torch.allclose(metric(p, q).flatten(), metric(p.flatten(0, 1), q.flatten(0, 1)))


def some_weights(n=6):
    weight = torch.rand(n, 17, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    return torch.where(weight < 0.3, 0.0, weight).double()


def test_shares_of_joints_and_of_poses_agree_with_counting():
    """PCK, AUC and CPS, limit by limit and joint by joint."""
    distance = 1000 * (poses(0) - poses(1)).norm(dim=-1) * torch.linspace(0.05, 0.25, 6)[:, None].double()
    distance[0, :4] = torch.tensor([0.0, 5.0, 150.0, 300.0])
    weight = some_weights()
    for d, w, share, area, correct in zip(
        distance.numpy(),
        weight.numpy(),
        pck(distance, weight),
        auc(distance, weight),
        cps(distance, weight),
        strict=True,
    ):
        within = [sum(w[d <= limit]) / sum(w) for limit in range(0, 151, 5)]
        assert float(share) == pytest.approx(within[-1])
        assert float(area) == pytest.approx(np.mean(within))
        assert float(correct) == sum(all(d[w > 0] <= limit) for limit in range(1, 301))
    assert 0 == float(cps(distance, weight).min()) < 100 < float(cps(distance, weight).max()) < 300
    assert cps(torch.zeros(1, 17)).tolist() == [300]
    assert cps(torch.zeros(1, 17), torch.zeros(1, 17)).tolist() == [0], "nothing counts"
    assert cps(torch.tensor([[0.0, 300.5]])).tolist() == [0]


def test_npck_is_pck_after_the_scale():
    q = poses(0)
    twice = 2 * q + 1
    assert float(pck(distances_mm(twice, q, 0)).max()) < 1
    assert pck(distances_mm(twice, q, 0, "scale")).tolist() == [1.0] * 6
    assert float(distances_mm(twice, q, 0, "similarity").max()) < 1e-9


def test_pckh_takes_a_head_size_per_image():
    """Two joints 10 pixels off: right for a head of 20 pixels, wrong for one of 19."""
    pixels = torch.tensor([[10.0, 0.0], [10.0, 0.0]])
    assert pck(pixels, limit=0.5 * torch.tensor([20.0, 19.0])).tolist() == [1.0, 0.5]


def test_velocity_error_agrees_with_differences_by_hand():
    p, q = poses(0, 9), poses(1, 9)
    weight = some_weights(9)
    ours = mpjve_mm(p, q, 0, weight)
    assert ours.shape == (8,)
    for t in range(8):
        step = [(x[t + 1] - x[t + 1, 0]) - (x[t] - x[t, 0]) for x in (p.numpy(), q.numpy())]
        both = np.minimum(weight[t].numpy(), weight[t + 1].numpy())
        expected = 1000 * np.average(np.linalg.norm(step[0] - step[1], axis=-1), weights=both)
        assert float(ours[t]) == pytest.approx(expected)
    assert float(mpjve_mm(q + 3 * p[:1], q, 0).max()) < 1e-9, "an error that stays is no error of velocity"


def test_bones_are_compared_by_length_alone():
    q = poses(0)
    turned = q @ exp(torch.tensor([0.1, 0.5, -0.3], dtype=torch.float64)).mT + 4
    assert float(bone_length_error_mm(turned, q, H36M17).max()) < 1e-9
    weight = some_weights()
    found = bone_length_error_mm(1.1 * turned, q, H36M17, weight)
    for pose, w, ours in zip(q.numpy(), weight.numpy(), found, strict=True):
        lengths = [np.linalg.norm(pose[c] - pose[p]) for p, c in H36M17.bones]
        expected = np.average([100 * length for length in lengths], weights=[min(w[p], w[c]) for p, c in H36M17.bones])
        assert float(ours) == pytest.approx(expected)


def test_symmetry_is_left_against_right():
    mirror = poses(0)[:, list(H36M17.flip)] * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    pose = (poses(0) + mirror) / 2
    assert float(symmetry_error_mm(pose, H36M17).max()) < 1e-9
    elbow, wrist = H36M17.index("left_elbow"), H36M17.index("left_wrist")
    pose[:, wrist] = pose[:, elbow] + 1.5 * (pose[:, wrist] - pose[:, elbow])
    forearm = 1000 * (pose[:, wrist] - pose[:, elbow]).norm(dim=-1) / 3
    sided = sum(other != bone for bone, other in enumerate(H36M17.bone_flip)) / 2
    torch.testing.assert_close(symmetry_error_mm(pose, H36M17), forearm / sided)
    unseen = torch.ones(6, 17, dtype=torch.float64)
    unseen[:, wrist] = 0
    assert float(symmetry_error_mm(pose, H36M17, unseen).max()) < 1e-9


def test_poses_without_a_root_do_not_count():
    weight = torch.ones(3, 17)
    weight[1, 0] = 0
    weight[2, 4:] = 0
    assert poses_that_count(weight, 0, joints=10).tolist() == [True, False, False]


def test_acceleration_error_is_that_of_second_differences_in_three_frames_that_count():
    g = torch.Generator().manual_seed(4)
    p, q = torch.randn(2, 9, 5, 3, generator=g, dtype=torch.float64)
    weight = (torch.rand(9, 5, generator=g) > 0.3).double()
    ours = acceleration_error_mm(p, q, 0, weight)
    assert ours.shape == (7,)
    for t in range(7):
        change = []
        for x in (p.numpy(), q.numpy()):
            x = x - x[:, :1]
            change.append(x[t] - 2 * x[t + 1] + x[t + 2])
        all_three = weight[t : t + 3].numpy().min(0)
        if all_three.any():
            expected = 1000 * np.average(np.linalg.norm(change[0] - change[1], axis=-1), weights=all_three)
            assert float(ours[t]) == pytest.approx(expected)
        else:
            assert float(ours[t]) == 0
    steady = q + torch.arange(9)[:, None, None] * p[:1]
    assert float(acceleration_error_mm(steady, q, 0).max()) < 1e-9, "an error that grows steadily is none"
