import pytest
import torch
from scipy.optimize import least_squares

from epipose.geometry.bundle import bundle_adjust
from epipose.geometry.rotation import angle_between, exp
from epipose.skeleton import H36M17

from synthetic import detections, moving_skeleton, rig


def problem(frames=20, pixels=0.0, outliers=0.0, wrong=0.03):
    """Truth, observations, and a start that is off by ``wrong`` radians and metres."""
    cameras, xyz = rig(), moving_skeleton(frames)
    uv, conf = detections(cameras, xyz, pixels, outliers)
    x = cameras.camera.spread(2).to_normalized(uv)
    generator = torch.Generator().manual_seed(1)

    def off(*shape):
        return wrong * torch.randn(*shape, generator=generator, dtype=torch.float64)

    R, t = cameras.camera.R.clone(), cameras.camera.t.clone()
    R[1:], t[1:] = exp(off(3, 3)) @ R[1:], t[1:] + off(3, 3)
    return cameras.camera, xyz, x, conf, R, t, xyz + off(*xyz.shape)


@pytest.mark.parametrize("bones", [(), H36M17.bones], ids=["points", "bones"])
def test_exact_without_noise(bones):
    camera, xyz, x, conf, R, t, start = problem()
    found = bundle_adjust(R, t, start, x, conf, torch.full_like(conf, 0.004), bones)
    true_scale = (camera.center[1] - camera.center[0]).norm() / (R[1].mT @ t[1] - R[0].mT @ t[0]).norm()
    assert float(angle_between(found.R, camera.R).max()) < 1e-6
    assert float((true_scale * (found.xyz - camera.center[0]) - (xyz - camera.center[0])).norm(dim=-1).max()) < 1e-5
    assert found.cost < 1e-6


def test_camera_0_and_the_first_baseline_stay_as_they_came():
    _, _, x, conf, R, t, start = problem(pixels=3)
    found = bundle_adjust(R, t, start, x, conf, torch.full_like(conf, 0.004), H36M17.bones)
    assert torch.allclose(found.R[0], R[0])
    assert torch.allclose(found.t[0], t[0])

    def baseline(R, t):
        return (R[1].mT @ t[1] - R[0].mT @ t[0]).norm()

    assert torch.allclose(baseline(found.R, found.t), baseline(R, t))


def test_reaches_the_minimum_that_scipy_finds():
    """The same robust cost, minimised by SciPy over all unknowns with camera 0 fixed."""
    _, _, x, conf, R, t, start = problem(frames=3, pixels=3, wrong=0.005)
    noise = torch.full_like(conf, 0.004)
    ours = bundle_adjust(R, t, start, x, conf, noise)

    def residuals(flat):
        flat = torch.from_numpy(flat)
        turn, shift, points = flat[:9].reshape(3, 3), flat[9:18].reshape(3, 3), flat[18:].reshape(start.shape)
        all_R = torch.cat([R[:1], exp(turn) @ R[1:]])
        all_t = torch.cat([t[:1], t[1:] + shift])
        p = points @ all_R[:, None].mT + all_t[:, None, None]
        r = ((p[..., :2] / p[..., 2:] - x) / noise[..., None]).norm(dim=-1)
        return r.flatten().numpy()

    flat = torch.cat([torch.zeros(18, dtype=torch.float64), start.flatten()]).numpy()
    theirs = least_squares(residuals, flat, loss="cauchy", x_scale="jac", max_nfev=60)
    assert ours.cost <= 2 * theirs.cost * (1 + 1e-3)


def test_constant_bones_help_when_two_cameras_see_noise():
    _, _, x, conf, R, t, start = problem(frames=60, pixels=4, wrong=0.01)
    two = slice(0, 2)
    noise = torch.full_like(conf[two], 0.004)

    def error(bones):
        found = bundle_adjust(R[two], t[two], start, x[two], conf[two], noise, bones)
        length = (found.xyz[:, 1:] - found.xyz[:, list(H36M17.parents[1:])]).norm(dim=-1)
        return float((length.std(0) / length.mean(0)).mean())

    assert error(H36M17.bones) < 0.5 * error(())


def test_outliers_do_not_move_the_cameras():
    camera, _, x, conf, R, t, start = problem(frames=40, pixels=2, wrong=0.01)
    wild = torch.rand(conf.shape, generator=torch.Generator().manual_seed(3)) < 0.05
    found = bundle_adjust(R, t, start, x + 0.3 * wild[..., None], conf, torch.full_like(conf, 0.002))
    assert float(torch.rad2deg(angle_between(found.R, camera.R).max())) < 0.2
