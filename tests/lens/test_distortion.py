"""Lens models against OpenCV: eight numbers, fisheyes beyond 60 degrees, rigs of both, and what has no ray."""

import math
from functools import partial

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epipose import EpiposeError
from epipose.camera import Camera, cat_cameras, stack_cameras
from epipose.lens import fisheye
from epipose.lens.brown_conrady import composed
from epipose.lens.distortion import distort, padded, undistort

K = torch.tensor([[620.0, 0.7, 955.0], [0, 615.0, 545.0], [0, 0, 1]], dtype=torch.float64)
RATIONAL = [0.9, 0.31, 0.0007, -0.0004, 0.012, 1.21, 0.44, 0.05]  # of a wide lens, as OpenCV fits it
FISHEYE = [-0.013, 0.021, -0.014, 0.0027]
STRONG_FISHEYE = [0.08, -0.03, 0.012, -0.004]
PLAIN = [-0.28, 0.11, 0.0008, -0.0011, -0.02]


def camera(distortion, is_fisheye=False):
    R = torch.from_numpy(cv2.Rodrigues(np.array([0.1, -0.2, 0.3]))[0])
    t = torch.tensor([0.2, -0.1, 0.3], dtype=torch.float64)
    size = torch.tensor([1920, 1080])
    return Camera(K, torch.tensor(distortion, dtype=torch.float64), R, t, size, torch.tensor(is_fisheye))


def rays(most_deg, count=400):
    """Points in a camera's frame, up to so many degrees off its axis."""
    rng = np.random.default_rng(0)
    angle, way = np.radians(most_deg) * rng.uniform(0, 1, count) ** 0.5, rng.uniform(-np.pi, np.pi, count)
    depth = rng.uniform(1, 8, count)
    across = np.tan(angle) * depth
    return torch.from_numpy(np.stack([across * np.cos(way), across * np.sin(way), depth], -1))


def in_world(seen_by, xyz_cam):
    return (xyz_cam - seen_by.t) @ seen_by.R


@pytest.mark.parametrize("distortion", [PLAIN[:4], PLAIN, RATIONAL])
def test_brown_conrady_is_opencvs(distortion):
    ours = camera(distortion)
    xyz = in_world(ours, rays(35))
    rotation, numbers = cv2.Rodrigues(ours.R.numpy())[0], np.array(distortion)
    plain = np.array([[K[0, 0], 0, K[0, 2]], [0, K[1, 1], K[1, 2]], [0, 0, 1]])  # OpenCV has no skew here
    expected, _ = cv2.projectPoints(xyz.numpy(), rotation, ours.t.numpy(), plain, numbers)
    without_skew = Camera(torch.from_numpy(plain), *ours._fields[1:])
    pixels = without_skew.project(xyz)
    np.testing.assert_allclose(pixels.numpy(), expected[:, 0], atol=1e-8)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 500, 1e-14)
    back = cv2.undistortPoints(pixels.numpy()[:, None], plain, numbers, criteria=criteria)
    np.testing.assert_allclose(without_skew.to_normalized(pixels).numpy(), back[:, 0], atol=1e-10)


@pytest.mark.parametrize("distortion", [FISHEYE, STRONG_FISHEYE, [0.0] * 4])
@pytest.mark.parametrize("most_deg", [30, 60, 85])
def test_fisheyes_are_opencvs_beyond_sixty_degrees(distortion, most_deg):
    ours = camera(distortion, True)
    xyz = in_world(ours, rays(most_deg))
    rotation, numbers = cv2.Rodrigues(ours.R.numpy())[0], np.array(distortion)
    skewless = np.array([[K[0, 0], 0, K[0, 2]], [0, K[1, 1], K[1, 2]], [0, 0, 1]])
    skew = float(K[0, 1] / K[0, 0])
    expected, _ = cv2.fisheye.projectPoints(
        xyz.numpy()[:, None], rotation, ours.t.numpy(), skewless, numbers, alpha=skew
    )
    pixels = ours.project(xyz)
    np.testing.assert_allclose(pixels.numpy(), expected[:, 0], atol=1e-8)
    without_skew = Camera(torch.from_numpy(skewless), *ours._fields[1:])
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 500, 1e-14)
    pixels = without_skew.project(xyz)
    back = cv2.fisheye.undistortPoints(pixels.numpy()[:, None], skewless, numbers, criteria=criteria)[:, 0]
    radius = np.linalg.norm((pixels.numpy() - skewless[:2, 2]) / skewless[[0, 1], [0, 1]], axis=-1)
    taken = radius < np.pi / 2  # beyond, OpenCV takes the distance from the centre to be pi / 2
    xy = without_skew.to_normalized(pixels)
    np.testing.assert_allclose(xy.numpy()[taken], back[taken], atol=1e-8)
    in_frame = without_skew.into_frame(xyz)
    torch.testing.assert_close(xy, in_frame[:, :2] / in_frame[:, 2:], atol=1e-9, rtol=1e-9)


def test_a_rig_of_every_model_is_each_camera_alone():
    one, two, three = camera(PLAIN), camera(FISHEYE, True), camera(RATIONAL)
    mixed = stack_cameras([one, two, three])
    assert mixed.fisheye.tolist() == [False, True, False]
    xyz = in_world(one, rays(50))
    pixels = mixed.spread(1).project(xyz)
    for view, single in enumerate((one, two, three)):
        torch.testing.assert_close(pixels[view], single.project(xyz), atol=1e-10, rtol=0)
        torch.testing.assert_close(
            mixed.spread(1).to_normalized(pixels)[view], single.to_normalized(pixels[view]), atol=1e-9, rtol=0
        )
    assert torch.equal(cat_cameras([mixed, mixed[1:2]]).fisheye, torch.tensor([False, True, False, True]))
    assert mixed.to(torch.float32).distortion.dtype == torch.float32
    assert mixed.to(torch.float32).fisheye.tolist() == [False, True, False]
    assert mixed.at_origin().fisheye.tolist() == [False, True, False]


@pytest.mark.parametrize(("distortion", "is_fisheye"), [(FISHEYE, True), (RATIONAL, False)])
def test_crops_and_sizes_move_pixels_whatever_the_lens(distortion, is_fisheye):
    ours = camera(distortion, is_fisheye)
    xyz = in_world(ours, rays(60 if is_fisheye else 40))
    pixels = ours.project(xyz)
    shift = torch.tensor([100.0, -7.0], dtype=torch.float64)
    assert torch.allclose(ours.cropped(100, -7, 500, 600).project(xyz), pixels - shift)
    scale = torch.tensor([960 / 1920, 1080 / 1080], dtype=torch.float64)  # squeezed: non-square pixels
    assert torch.allclose(ours.resized(960, 1080).project(xyz), (pixels + 0.5) * scale - 0.5)
    assert torch.allclose(ours.undistort(pixels), ours.to_pixels(ours.to_normalized(pixels)))


def test_what_a_fisheye_sees_sideways_or_beyond_its_model_has_no_ray():
    ours = camera(FISHEYE, True)
    beyond = torch.tensor([[955.0 + 620 * math.radians(angle) * 1.02, 545.0] for angle in (95, 120, 170)]).double()
    xy = ours.to_normalized(beyond)
    assert bool(xy.isfinite().all())
    assert bool(((ours.from_normalized(xy) - beyond).norm(dim=-1) > 1).all())
    folding = camera([-0.6, 0.0, 0.0, 0.0], True)  # grows up to atan(...) = 43 degrees only, then comes back
    pixels = torch.tensor([[955.0 + 620 * 0.49, 545.0], [955.0 + 620 * 0.7, 545.0]], dtype=torch.float64)
    back = folding.from_normalized(folding.to_normalized(pixels))
    assert float((back[0] - pixels[0]).norm()) < 1e-8
    assert float((back[1] - pixels[1]).norm()) > 1


def test_the_gradient_of_either_direction_is_that_of_differences():
    for lens in (FISHEYE, STRONG_FISHEYE):
        numbers = torch.tensor(lens, dtype=torch.float64, requires_grad=True)
        xy = torch.tensor([[0.0, 0.0], [0.3, -0.2], [1.2, 0.9]], dtype=torch.float64, requires_grad=True)
        away = xy.detach()[1:].requires_grad_()
        assert torch.autograd.gradcheck(fisheye.distort, (away, numbers))
        assert torch.autograd.gradcheck(fisheye.undistort, (away.detach().mul(0.6).requires_grad_(), numbers))
        (at_centre,) = torch.autograd.grad(fisheye.undistort(xy, numbers).sum(), xy)
        assert at_centre[0].tolist() == [1.0, 1.0]
    rational = torch.tensor(RATIONAL, dtype=torch.float64, requires_grad=True)
    near = torch.tensor([[0.3, -0.2], [0.5, 0.4]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(distort, (near, rational))
    assert torch.autograd.gradcheck(undistort, (near, rational))


coefficient = st.floats(-0.1, 0.1)


@settings(deadline=None, max_examples=60)
@given(st.lists(coefficient, min_size=4, max_size=4), st.floats(0, 60), st.floats(-180, 180))
def test_a_fisheyes_rays_come_back(lens, off_axis_deg, way_deg):
    """On the branch that begins at the axis; beyond where the polynomial folds there is nothing to come back to."""
    numbers = torch.tensor(lens, dtype=torch.float64)
    angle, way = math.radians(off_axis_deg), math.radians(way_deg)
    if angle > float(fisheye._widest(numbers)):
        return
    xy = math.tan(angle) * torch.tensor([[math.cos(way), math.sin(way)]], dtype=torch.float64)
    bent = fisheye.distort(xy, numbers)
    torch.testing.assert_close(fisheye.undistort(bent, numbers), xy, atol=1e-7, rtol=1e-7)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(coefficient, min_size=3, max_size=3),
    st.lists(st.floats(-0.002, 0.002), min_size=2, max_size=2),
    st.lists(coefficient, min_size=3, max_size=3),
    st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),  # such lenses may fold from 0.9 on
)
def test_rays_of_the_rational_model_come_back(k, p, under, at):
    lens = torch.tensor([k[0], k[1], *p, k[2], *under], dtype=torch.float64)
    xy = torch.tensor([at], dtype=torch.float64)
    torch.testing.assert_close(undistort(distort(xy, lens), lens), xy, atol=1e-9, rtol=0)


def test_other_counts_say_what_to_do():
    assert padded(torch.tensor(PLAIN[:4])).tolist() == pytest.approx([*PLAIN[:4], 0, 0, 0, 0])
    with pytest.raises(EpiposeError, match=r"Got 12 distortion coefficients.*thin-prism and tilt"):
        padded(torch.tensor([0.0] * 11 + [1e-3]))
    with pytest.raises(EpiposeError, match=r"Got 6 .*4, 5 or 8 numbers"):
        camera([0.0] * 6)


@pytest.mark.parametrize("count", [12, 14])
def test_thin_prism_and_tilt_terms_that_are_all_0_are_left_out(count):
    given = torch.tensor([*RATIONAL, *[0.0] * (count - 8)])
    assert padded(given).tolist() == pytest.approx(RATIONAL)


def _straight(lens, xy):
    return fisheye.undistort(xy, torch.tensor(lens, dtype=torch.float64))


def test_expansion_is_the_jacobians_determinant():
    mixed = stack_cameras([camera(PLAIN), camera(FISHEYE, True), camera(STRONG_FISHEYE, True)])
    in_frame = rays(80, 50)
    xy = in_frame[:, :2] / in_frame[:, 2:]
    found = mixed.spread(1).expansion(xy)
    assert found[0].tolist() == [1.0] * 50
    for view, lens in ((1, FISHEYE), (2, STRONG_FISHEYE)):
        numbers = torch.tensor(lens, dtype=torch.float64)
        bent = fisheye.distort(xy, numbers)
        jacobians = [torch.autograd.functional.jacobian(partial(_straight, lens), at) for at in bent]
        expected = torch.linalg.det(torch.stack(jacobians)).sqrt()
        torch.testing.assert_close(found[view], expected, rtol=1e-9, atol=0)
    equidistant = fisheye.expansion(torch.tensor([math.tan(math.pi / 3), 0.0]), torch.zeros(4))
    assert float(equidistant) == pytest.approx(2.57, abs=0.01)


@pytest.mark.parametrize(
    ("lens", "radial", "atol"),
    [(RATIONAL, [0.0, 0.0], 1e-14), (PLAIN, [0.0, 0.0], 1e-14), (PLAIN, [0.02, -0.01], 2e-6)],
)
def test_a_scale_before_the_lens_goes_into_its_coefficients(lens, radial, atol):
    numbers, scale = padded(torch.tensor(lens, dtype=torch.float64)), torch.tensor(1.07, dtype=torch.float64)
    a, b = radial
    xy = rays(12)[:, :2] / rays(12)[:, 2:]
    r2 = (xy * xy).sum(-1, keepdim=True)
    expected = distort(scale * xy * (1 + a * r2 + b * r2**2), numbers) / scale
    found = distort(xy, composed(numbers, scale, torch.tensor(radial, dtype=torch.float64)))
    torch.testing.assert_close(found, expected, atol=atol, rtol=0)


def test_five_numbers_are_no_fisheye_and_no_rational_model():
    assert stack_cameras([camera(PLAIN), camera(FISHEYE, True), camera(RATIONAL)]).five_numbers.tolist() == [
        True,
        False,
        False,
    ]
