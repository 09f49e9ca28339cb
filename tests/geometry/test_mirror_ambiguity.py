"""Mirror ambiguity: the mirrored world constructed, and rejected by perspective where there is any."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epipose.camera import Rig
from epipose.geometry.bundle import BundleProblem, bundle_adjust
from epipose.geometry.mirror_ambiguity import mirrored_world
from epipose.geometry.rotation import angle_between, exp
from epipose.reconstruction.anatomy import handedness
from epipose.skeletons import H36M17
from tests.helpers.synthetic import moving_skeleton, rig


def from_afar(times: float) -> Rig:
    """The S1 rig with every camera ``times`` as far from the scene, through lenses as much longer."""
    near = rig().camera
    middle = torch.tensor([0.0, 0.0, 0.9], dtype=torch.float64)
    place = middle + times * (near.center - middle)
    return Rig(rig().names, near.with_pose(near.R, -(near.R @ place[..., None])[..., 0]))


def rays(cameras: Rig, xyz: torch.Tensor) -> torch.Tensor:
    p = cameras.camera.spread(2).into_frame(xyz)
    return p[..., :2] / p[..., 2:]


def adjusted_both(times: float, views: int, sigma: float, roam: float):
    """Bundle adjustment of noisy images from the true world and from its twin; ``sigma`` at the usual distance."""
    cameras, xyz = from_afar(times), moving_skeleton(30, roam=roam)
    noise = torch.full((views, 30, 17), sigma / times, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    x = rays(cameras, xyz)[:views]
    x = x + noise[..., None] * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    R, t, ones = cameras.camera.R[:views], cameras.camera.t[:views], torch.ones_like(noise)
    twin = mirrored_world(R, t, xyz, ones[0])
    problem = BundleProblem(x, ones, noise)
    return bundle_adjust(problem, R, t, xyz), bundle_adjust(problem, *twin)


def relative(found) -> torch.Tensor:
    return found.R[1] @ found.R[0].mT


def score(xyz: torch.Tensor) -> float:
    return handedness(xyz, torch.ones_like(xyz[..., 0]), H36M17).score


@pytest.mark.parametrize("views", [2, 4])
def test_the_twin_has_the_same_images_in_the_limit_of_long_lenses(views):
    cameras, xyz, ones = from_afar(1e5), moving_skeleton(20), torch.ones(20, 17, dtype=torch.float64)
    twin = mirrored_world(cameras.camera.R[:views], cameras.camera.t[:views], xyz, ones)
    other = Rig(cameras.names[:views], cameras.camera[:views].with_pose(twin.R, twin.t))
    image, reflected = rays(cameras, xyz)[:views], rays(other, twin.xyz)
    size = float((image.amax((1, 2)) - image.amin((1, 2))).amin())
    assert float((image - reflected).abs().max()) < 1e-4 * size
    assert float(angle_between(twin.R[1], cameras.camera.R[1])) > 0.5
    assert score(xyz) == pytest.approx(-score(twin.xyz), abs=1e-9)


@pytest.mark.parametrize("views", [2, 3, 4])
def test_from_afar_the_mirrored_world_explains_the_images_as_well(views):
    proper, mirrored = adjusted_both(12.0, views, 0.006, roam=0.3)
    assert mirrored.cost < 1.05 * proper.cost
    assert float(torch.rad2deg(angle_between(relative(proper), relative(mirrored)))) > 30
    # this skeleton's knees bend both ways, and two far cameras leave a flattened world: little, but enough to tell
    assert score(proper.xyz) > 0.1
    assert score(mirrored.xyz) < -0.1


@pytest.mark.slow
@pytest.mark.parametrize("views", [2, 3, 4])
def test_from_near_it_does_not(views):
    proper, mirrored = adjusted_both(1.0, views, 0.002, roam=1.0)
    assert float(torch.rad2deg(angle_between(relative(proper), relative(mirrored)))) > 30  # another minimum,
    assert mirrored.cost > 1.5 * proper.cost  # and a worse one


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.floats(0.01, 100), st.booleans())
def test_any_twin_is_a_world_in_front_of_cameras(seed, views, size, missing):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    R, xyz = exp(draw(views, 3)), size * draw(4, 6, 3)
    conf = (draw(4, 6) > (10 if missing else -10)).double()
    away = size * (3 + draw(views).abs())
    t = torch.stack(
        [size * draw(views), size * draw(views), away - (R[:, 2, None, None] * xyz).sum(-1).flatten(1).amin(1)], -1
    )
    twin = mirrored_world(R, t, xyz, conf)
    for field in twin:
        assert bool(field.isfinite().all())
    assert torch.allclose(torch.linalg.det(twin.R), torch.ones(views, dtype=torch.float64))
    assert torch.allclose(twin.R[0], R[0])
    depth = (twin.xyz @ twin.R[:, None].mT + twin.t[:, None, None])[..., 2]
    assert missing or float(depth.min()) > 0


def test_the_twin_of_the_twin_is_the_world_itself():
    camera, xyz, ones = rig().camera, moving_skeleton(20), torch.ones(20, 17, dtype=torch.float64)
    again = mirrored_world(*mirrored_world(camera.R, camera.t, xyz, ones), ones)
    for field, was in zip(again, (camera.R, camera.t, xyz), strict=True):
        assert torch.allclose(field, was, atol=1e-9)


def test_a_camera_too_near_is_moved_back_until_it_sees_everything():
    R, t = rig().camera.R[:2], torch.tensor([[0.0, 0.0, 4.0], [0.0, 0.0, 4.0]], dtype=torch.float64)
    xyz = torch.zeros(1, 3, 3, dtype=torch.float64)
    xyz[0, 0] = 15 * R[0, 2]  # far behind the other joints: reversed, it lies behind camera 0
    twin = mirrored_world(R, t, xyz, torch.ones(1, 3, dtype=torch.float64))
    depth = (twin.xyz @ twin.R[:, None].mT + twin.t[:, None, None])[0, 0, :, 2]
    assert float(depth.min()) == pytest.approx(0.1 * float(R[0, 2] @ xyz.mean((0, 1)) + 4), rel=1e-6)
