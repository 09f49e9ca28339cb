"""Crops: the round trip through a distorted camera, pixels that stay where they were, scale and rotation in depth."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from epipose.camera import Camera
from epipose.detection.roi import Roi
from epipose.errors import InputError
from epipose.network.crops import (
    box_around,
    crop_from_pixels,
    crop_image,
    pixels_from_crop,
    pose_from_crop,
    pose_to_crop,
    roi_around,
    turned,
)
from epipose.skeleton import Skeleton
from epipose.skeletons import BLAZEPOSE33, H36M17
from tests.helpers.capsule_people import REST

PARENTS, CHILDREN = (list(ends) for ends in zip(*H36M17.bones, strict=True))


def _poses(count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    around = 0.4 * torch.randn(count, 17, 3, generator=generator, dtype=torch.float64)
    return around + torch.tensor([0.5, -0.3, 4.0], dtype=torch.float64)


def _cameras(count: int = 3) -> Camera:
    K = torch.tensor([[1150.0, 0, 512], [0, 1140, 515], [0, 0, 1]], dtype=torch.float64).repeat(count, 1, 1)
    lens = torch.tensor([-0.2, 0.24, -0.0009, -0.0016, -0.002], dtype=torch.float64).repeat(count, 1)
    return Camera.from_intrinsics(K, lens, torch.tensor([1000, 1002]).repeat(count, 1))


def test_round_trip_is_exact() -> None:
    poses, camera = _poses(), _cameras()
    box = box_around(camera.spread(1).project_in_frame(poses), torch.ones(3, 17))
    uvd = pose_to_crop(poses, camera, box, H36M17.root)
    assert bool((uvd[..., :2].abs() <= 0.5 / 1.25 + 1e-9).all())
    for pose, place, cam, square in zip(poses, uvd, (camera[i] for i in range(3)), box, strict=True):
        lengths = (pose[CHILDREN] - pose[PARENTS]).norm(dim=-1)
        back = pose_from_crop(place[None], cam[None], square[None], H36M17, lengths)[0]
        torch.testing.assert_close(back, pose - pose[H36M17.root], atol=1e-9, rtol=0)
        lengths[3] = 0  # a bone that training never saw is left out on both sides
        back = pose_from_crop(place[None], cam[None], square[None], H36M17, lengths)[0]
        torch.testing.assert_close(back, pose - pose[H36M17.root], atol=1e-9, rtol=0)


def test_size_of_the_person_sets_the_scale() -> None:
    poses, camera = _poses(), _cameras()
    box = box_around(camera.spread(1).project_in_frame(poses), torch.ones(3, 17))
    uvd = pose_to_crop(poses, camera, box, H36M17.root)
    lengths = torch.full((16,), 0.3, dtype=torch.float64)
    once, twice = (pose_from_crop(uvd, camera, box, H36M17, scale * lengths) for scale in (1, 2))
    torch.testing.assert_close(twice, 2 * once)
    total = (once[:, CHILDREN] - once[:, PARENTS]).norm(dim=-1).sum(-1)
    torch.testing.assert_close(total, lengths.sum().expand(3))


def test_far_person_turns_with_the_image() -> None:
    """Rolling the camera turns (u, v) and leaves d, approaching exactness with distance: rotation can be augmented."""
    camera = _cameras(1)
    camera = Camera.from_intrinsics(camera.K, torch.zeros(1, 5, dtype=torch.float64), camera.size)
    camera.K[:, 1, 1] = 1150.0
    pose = _poses(1) - torch.tensor([0.5, -0.3, -36.0], dtype=torch.float64)
    angle = math.radians(25)
    R = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    rolled = torch.cat([pose[..., :2] @ R.T, pose[..., 2:]], -1)
    box = torch.tensor([[512.0, 515.0, 80.0, 0.0]], dtype=torch.float64)
    before, after = pose_to_crop(pose, camera, box, 0), pose_to_crop(rolled, camera, box, 0)
    torch.testing.assert_close(after[..., :2], before[..., :2] @ R.T)
    torch.testing.assert_close(after[..., 2], before[..., 2])


def test_box_ignores_missing_joints() -> None:
    xy = torch.tensor([[[10.0, 20.0], [30.0, 60.0], [900.0, 900.0]]])
    box = box_around(xy, torch.tensor([[1.0, 0.5, 0.0]]), margin=1.5)
    torch.testing.assert_close(box, torch.tensor([[20.0, 40.0, 60.0, 0.0]]))
    torch.testing.assert_close(box_around(xy, torch.zeros(1, 3)), torch.zeros(1, 4))


@pytest.mark.parametrize("side", [40.0, 96.0, 333.3, 700.0])
def test_crop_shows_pixels_where_the_coordinates_say(side: float) -> None:
    """A soft dot in the image is found in the crop at (pixel - centre) / side, to a fifth of a crop pixel."""
    point, center = np.array([307.2, 211.7]), np.array([300.4, 205.1])
    rows, columns = np.mgrid[:400, :500]
    width = max(2.0, side / 60)
    dot = np.exp(-((columns - point[0]) ** 2 + (rows - point[1]) ** 2) / (2 * width**2))
    image = np.repeat((255 * dot).astype(np.uint8)[..., None], 3, 2)
    crop = crop_image(image, np.array([*center, side, 0.0]), 96)[..., 0].astype(float)
    where = np.array([(crop * np.arange(96)).sum(), (crop * np.arange(96)[:, None]).sum()]) / crop.sum()
    expected = ((point - center) / side + 0.5) * 96 - 0.5
    np.testing.assert_allclose(where, expected, atol=0.2)


def test_shrinking_averages_and_outside_is_black() -> None:
    stripes = np.zeros((600, 600, 3), np.uint8)
    stripes[:, ::2] = 200
    crop = crop_image(stripes, np.array([300.0, 300.0, 500.0, 0.0]), 50)
    assert np.abs(crop.astype(int) - 100).max() <= 2, "an image shrunk tenfold shows the stripes' mean, no moiré"
    white = np.full((100, 100, 3), 255, np.uint8)
    half = crop_image(white, np.array([-0.5, 49.5, 100.0, 0.0]), 50)
    assert half[:, :24].max() == 0
    assert half[:, 27:].min() == 255
    assert crop_image(white, np.array([900.0, 900.0, 50.0, 0.0]), 32).max() == 0


def test_pixels_from_crop() -> None:
    box = torch.tensor([[100.0, 50.0, 40.0, 0.0]])
    torch.testing.assert_close(pixels_from_crop(torch.tensor([[[0.5, -0.25]]]), box), torch.tensor([[[120.0, 40.0]]]))


def _turned_boxes(count: int) -> torch.Tensor:
    """Boxes around random places, with random sides and angles."""
    generator = torch.Generator().manual_seed(7)
    low, high = torch.tensor([400.0, 400, 200, -3.1]), torch.tensor([700.0, 700, 900, 3.1])
    return (low + (high - low) * torch.rand(count, 4, generator=generator)).double()


def test_turned_is_clockwise_in_the_image() -> None:
    up = torch.tensor([[0.0, -1.0]])
    torch.testing.assert_close(turned(up, torch.tensor(math.pi / 2)), torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(turned(turned(up, torch.tensor(0.7)), torch.tensor(-0.7)), up)


def test_pixels_and_crop_coordinates_are_inverse_and_lie_along_the_box() -> None:
    boxes = _turned_boxes(5)
    xy = 1000 * torch.rand(5, 17, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(pixels_from_crop(crop_from_pixels(xy, boxes), boxes), xy)
    for box in boxes.numpy():
        corners = cv2.boxPoints(((box[0], box[1]), (box[2], box[2]), math.degrees(box[3])))  # from the lower left on
        uv = torch.tensor([[-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5], [0.5, 0.5]], dtype=torch.float64)
        ours = pixels_from_crop(uv, torch.from_numpy(box)).numpy()
        apart = np.linalg.norm(ours[:, None] - corners, axis=-1)
        assert apart.min(1).max() < 1e-2, "OpenCV's turned rectangle has the same corners"


def test_round_trip_is_exact_for_turned_boxes() -> None:
    poses, camera, boxes = _poses(8), _cameras(8), _turned_boxes(8)
    uvd = pose_to_crop(poses, camera, boxes, H36M17.root)
    upright = pose_to_crop(poses, camera, boxes * torch.tensor([1, 1, 1, 0]), H36M17.root)
    torch.testing.assert_close(uvd[..., 2], upright[..., 2], msg="turning leaves depth")
    for i in range(8):
        lengths = (poses[i, CHILDREN] - poses[i, PARENTS]).norm(dim=-1)
        back = pose_from_crop(uvd[i : i + 1], camera[i : i + 1], boxes[i : i + 1], H36M17, lengths)[0]
        torch.testing.assert_close(back, poses[i] - poses[i, H36M17.root], atol=1e-9, rtol=0)


@pytest.mark.parametrize(("side", "angle"), [(60.0, 0.4), (96.0, -2.5), (180.0, 1.2), (240.0, math.pi)])
def test_turned_crop_is_opencvs(side: float, angle: float) -> None:
    """Turned by OpenCV about the centre, then cut upright; a smooth image, so that resampling twice changes little."""
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (400, 500, 3), dtype=np.uint8), (0, 0), 6)
    image = cv2.normalize(image, np.empty_like(image), 0, 255, cv2.NORM_MINMAX)
    center = (260.0, 190.0)
    upright = cv2.getRotationMatrix2D(center, math.degrees(angle), 1.0)  # turns the box's axes to the image's
    expected = crop_image(cv2.warpAffine(image, upright, (500, 400)), np.array([*center, side, 0.0]), 96)
    found = crop_image(image, np.array([*center, side, angle]), 96)
    assert np.abs(found.astype(int) - expected).mean() < 1.5
    assert np.abs(found.astype(int) - expected).max() < 12


def test_crops_of_right_angles_are_turned_images() -> None:
    image = np.random.default_rng(1).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    for quarter in range(4):
        found = crop_image(image, np.array([47.5, 47.5, 96.0, quarter * math.pi / 2]), 96)
        np.testing.assert_allclose(found, np.rot90(image, quarter), atol=1)


def _standing(angle: float) -> torch.Tensor:
    """A standing person (17 joints) in the image, turned clockwise by an angle."""
    xy = torch.from_numpy(REST[:, [0, 2]]).float() * torch.tensor([-200.0, -200.0]) + torch.tensor([300.0, 500.0])
    return turned(xy - xy[0], torch.tensor(angle)) + xy[0]


@pytest.mark.parametrize("angle", [0.0, 0.5, -1.4, 3.0])
def test_roi_turns_with_the_person(angle: float) -> None:
    upright, xy = _standing(0.0), _standing(angle)
    roi = roi_around(xy, torch.ones(17), H36M17)
    assert float(roi[3]) == pytest.approx(angle, abs=1e-5)
    hips = xy[[1, 4]].mean(0)
    torch.testing.assert_close(roi[:2], hips, atol=1e-3, rtol=0)
    uv = crop_from_pixels(xy, roi)
    assert float(uv.abs().max()) < 0.5
    plain = roi_around(upright, torch.ones(17), H36M17)
    torch.testing.assert_close(uv, crop_from_pixels(upright, plain), atol=1e-5, rtol=0)


def test_roi_is_that_of_blazeposes_tracker() -> None:
    """The tracker's circle holds the body: with the farthest joint on it, both squares have about the same size."""
    xy = _standing(0.8)
    hips, shoulders = xy[[1, 4]].mean(0), xy[[11, 14]].mean(0)
    up = (shoulders - hips) / (shoulders - hips).norm()
    rim = hips + up * (xy - hips).norm(dim=-1).max()
    theirs = Roi.around(hips.double().numpy(), rim.double().numpy())
    ours = roi_around(xy, torch.ones(17), H36M17)
    np.testing.assert_allclose(ours[:2], theirs.center, atol=1e-3)
    assert float(ours[2]) == pytest.approx(theirs.side, rel=0.05)
    assert float(ours[3]) == pytest.approx(theirs.angle, abs=1e-5)


def test_roi_without_hips_is_upright_and_without_anybody_empty() -> None:
    xy, conf = torch.stack([_standing(0.5)] * 3), torch.ones(3, 17)
    conf[1, 1], conf[2] = 0, 0
    roi = roi_around(xy, conf, H36M17)
    assert roi[:, 3].tolist() == pytest.approx([0.5, 0, 0], abs=1e-5)
    torch.testing.assert_close(roi[1, :2], box_around(xy, conf)[1, :2])
    assert float(crop_from_pixels(xy, roi)[1].abs().max()) < 0.5
    assert roi[2].tolist() == [0, 0, 0, 0]
    far = xy.clone()
    far[0, 16] = 1e6
    conf[0, 16] = 0
    torch.testing.assert_close(roi_around(far, conf, H36M17), roi_around(xy, conf, H36M17), msg="unseen: not counted")


def test_roi_needs_hips_and_shoulders() -> None:
    assert roi_around(torch.rand(33, 2), torch.ones(33), BLAZEPOSE33).shape == (4,)
    legs = Skeleton("legs", ("left_hip", "right_hip"), (-1, 0))
    with pytest.raises(InputError, match="lacks left_shoulder, right_shoulder"):
        roi_around(torch.rand(2, 2), torch.ones(2), legs)


def test_depth_is_in_the_units_of_the_image_far_off_a_fisheyes_axis() -> None:
    """At 60 degrees: a step along the line of sight is as long in d as a step across it, along the image's circle."""
    K = torch.tensor([[[400.0, 0, 600], [0, 400, 600], [0, 0, 1]]], dtype=torch.float64)
    lens = torch.tensor([[-0.013, 0.021, -0.014, 0.0027]], dtype=torch.float64)
    camera = Camera.from_intrinsics(K, lens, torch.tensor([[1200, 1200]]))
    camera = replace(camera, fisheye=torch.tensor([True]))
    away = torch.tensor([math.sin(math.radians(60)), 0.0, 0.5], dtype=torch.float64)
    across = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    pose = 5 * away + torch.stack([0 * across, 0.01 * across, 0.01 * away])[None]
    centre = camera.project_in_frame(pose[:, 0])
    box = torch.cat([centre, torch.tensor([[100.0, 0.0]], dtype=torch.float64)], -1)
    uvd = pose_to_crop(pose, camera, box, 0)[0]
    assert float((uvd[1, :2] - uvd[0, :2]).norm()) == pytest.approx(float(uvd[2, 2] - uvd[0, 2]), rel=1e-3)
