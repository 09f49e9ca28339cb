"""Virtual views: what an exact camera would have seen, whatever the unit, in the crop that a network reads."""

import pytest
import torch

from epipose.network.crops import ROI_MARGIN
from epipose.skeletons import H36M17
from epipose.training import virtual_views as module
from epipose.training.virtual_views import virtual_views
from tests.helpers.synthetic import moving_skeleton

ROOT = H36M17.root


@pytest.fixture(scope="module")
def xyz() -> torch.Tensor:
    return moving_skeleton(300, seed=3).float()


def views(xyz: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return virtual_views(xyz, torch.ones(xyz.shape[:-1]), H36M17, torch.Generator().manual_seed(seed))[0]


def assert_region_of_interest(uvd: torch.Tensor, joints: list[int] | None = None) -> None:
    """The crop is about the hips, shoulders above them, and its circle just holds the trunk or the farthest joint."""
    middles = [
        uvd[:, [H36M17.index(f"{side}_{name}") for side in ("left", "right")], :2].mean(1)
        for name in ("hip", "shoulder")
    ]
    torch.testing.assert_close(middles[0], torch.zeros(len(uvd), 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(middles[1][:, 0], torch.zeros(len(uvd)), atol=1e-5, rtol=0)
    assert float(middles[1][:, 1].max()) < 0
    farthest = uvd[:, joints or list(range(17)), :2].norm(dim=-1).amax(-1)
    radius = torch.maximum(1.75 * middles[1].norm(dim=-1), 1.03 * farthest)
    torch.testing.assert_close(radius, torch.full((len(uvd),), 0.5 / ROI_MARGIN))


def test_what_cameras_see_is_the_pose_moved_and_turned(xyz: torch.Tensor, monkeypatch) -> None:
    """In the cameras' frames nobody changed shape; heads are up, and people stand between 2 and 8 m away."""
    taken = []
    exact = module.pose_to_crop
    monkeypatch.setattr(module, "pose_to_crop", lambda *given: taken.append(given[0]) or exact(*given))
    uvd = views(xyz)
    torch.testing.assert_close(torch.cdist(taken[0], taken[0]), torch.cdist(xyz, xyz), atol=1e-4, rtol=1e-4)
    assert (
        torch.linalg.det(taken[0][:, [1, 4, 11]] - taken[0][:, [9]])
        .sign()
        .eq(torch.linalg.det(xyz[:, [1, 4, 11]] - xyz[:, [9]]).sign())
        .all()
    ), "not mirrored in space"
    assert 1.9 < float(taken[0][:, ROOT, 2].min()) < 3 < 6 < float(taken[0][:, ROOT, 2].max()) < 8.2
    head, feet = uvd[:, H36M17.index("head"), 1], uvd[:, H36M17.index("left_ankle"), 1]
    assert float((head < feet).float().mean()) > 0.99
    assert bool((uvd[:, ROOT, 2] == 0).all())
    assert_region_of_interest(uvd)
    headings = torch.atan2(*(uvd[:, H36M17.index("left_hip")] - uvd[:, H36M17.index("right_hip")])[:, [0, 2]].T)
    assert len(torch.histc(headings, 8, -torch.pi, torch.pi).nonzero()) == 8, "from all round"


def test_unit_and_place_do_not_matter(xyz: torch.Tensor) -> None:
    torch.testing.assert_close(views(40.0 * xyz + torch.tensor([300.0, -20.0, 7.0])), views(xyz), atol=2e-4, rtol=1e-3)
    assert not torch.allclose(views(xyz, seed=1), views(xyz), atol=0.01)


def test_half_of_the_views_are_mirrored(xyz: torch.Tensor) -> None:
    """Somebody whose left arm alone is raised: seen with the right one raised as often."""
    one = xyz[:1].repeat(400, 1, 1)
    one[:, H36M17.index("left_wrist"), 2] += 0.6
    one[:, H36M17.index("right_wrist"), 2] -= 0.2
    uvd = views(one)
    left_up = uvd[:, H36M17.index("left_wrist"), 1] < uvd[:, H36M17.index("right_wrist"), 1]
    assert 0.4 < float(left_up.float().mean()) < 0.6


def test_missing_joints_are_no_part_of_the_crop(xyz: torch.Tensor) -> None:
    """Whatever is said of a head that nobody saw, the others fill the crop."""
    head = H36M17.index("head")
    far, conf = xyz.clone(), torch.ones(xyz.shape[:-1])
    conf[:, head] = 0
    far[:, head, 2] += 0.5
    uvd, same = virtual_views(far, conf, H36M17, torch.Generator().manual_seed(0))
    assert torch.equal(same, conf)
    assert_region_of_interest(uvd, [joint for joint in range(17) if joint != head])


def test_a_missing_joint_changes_sides_with_the_others(xyz: torch.Tensor) -> None:
    """The left wrist lies on its elbow, as one that nobody labelled; in a mirrored view that is the right one."""
    conf = torch.ones(xyz.shape[:-1])
    conf[:, H36M17.index("left_wrist")] = 0
    there = xyz.clone()
    there[:, H36M17.index("left_wrist")] = xyz[:, H36M17.index("left_elbow")]
    uvd, seen = virtual_views(there, conf, H36M17, torch.Generator().manual_seed(0))
    for side in ("left", "right"):
        wrist, elbow = H36M17.index(f"{side}_wrist"), H36M17.index(f"{side}_elbow")
        together = (uvd[:, wrist] - uvd[:, elbow]).norm(dim=-1) < 1e-4
        assert torch.equal(together, seen[:, wrist] == 0)
        assert 0.4 < float(together.float().mean()) < 0.6


def test_unlabelled_bones_do_not_bring_cameras_near(xyz: torch.Tensor) -> None:
    conf = torch.ones(xyz.shape[:-1])
    conf[:, [H36M17.index(name) for name in ("left_ankle", "left_knee", "right_wrist", "right_elbow")]] = 0
    whole, part = (module._metre(xyz, c, H36M17) for c in (torch.ones_like(conf), conf))
    torch.testing.assert_close(part, whole, rtol=0.25, atol=0)
