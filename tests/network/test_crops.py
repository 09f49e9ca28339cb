"""Crops: the round trip through a distorted camera, pixels that stay where they were, scale and rotation in depth."""

import math

import numpy as np
import pytest
import torch

from epipose.camera import Camera
from epipose.network.crops import box_around, crop_image, pixels_from_crop, pose_from_crop, pose_to_crop
from epipose.skeletons import H36M17

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
    box = torch.tensor([[512.0, 515.0, 80.0]], dtype=torch.float64)
    before, after = pose_to_crop(pose, camera, box, 0), pose_to_crop(rolled, camera, box, 0)
    torch.testing.assert_close(after[..., :2], before[..., :2] @ R.T)
    torch.testing.assert_close(after[..., 2], before[..., 2])


def test_box_ignores_missing_joints() -> None:
    xy = torch.tensor([[[10.0, 20.0], [30.0, 60.0], [900.0, 900.0]]])
    box = box_around(xy, torch.tensor([[1.0, 0.5, 0.0]]), margin=1.5)
    torch.testing.assert_close(box, torch.tensor([[20.0, 40.0, 60.0]]))
    torch.testing.assert_close(box_around(xy, torch.zeros(1, 3)), torch.zeros(1, 3))


@pytest.mark.parametrize("side", [40.0, 96.0, 333.3, 700.0])
def test_crop_shows_pixels_where_the_coordinates_say(side: float) -> None:
    """A soft dot in the image is found in the crop at (pixel - centre) / side, to a fifth of a crop pixel."""
    point, center = np.array([307.2, 211.7]), np.array([300.4, 205.1])
    rows, columns = np.mgrid[:400, :500]
    width = max(2.0, side / 60)
    dot = np.exp(-((columns - point[0]) ** 2 + (rows - point[1]) ** 2) / (2 * width**2))
    image = np.repeat((255 * dot).astype(np.uint8)[..., None], 3, 2)
    crop = crop_image(image, np.array([*center, side]), 96)[..., 0].astype(float)
    where = np.array([(crop * np.arange(96)).sum(), (crop * np.arange(96)[:, None]).sum()]) / crop.sum()
    expected = ((point - center) / side + 0.5) * 96 - 0.5
    np.testing.assert_allclose(where, expected, atol=0.2)


def test_shrinking_averages_and_outside_is_black() -> None:
    stripes = np.zeros((600, 600, 3), np.uint8)
    stripes[:, ::2] = 200
    crop = crop_image(stripes, np.array([300.0, 300.0, 500.0]), 50)
    assert np.abs(crop.astype(int) - 100).max() <= 2, "an image shrunk tenfold shows the stripes' mean, no moiré"
    white = np.full((100, 100, 3), 255, np.uint8)
    half = crop_image(white, np.array([-0.5, 49.5, 100.0]), 50)
    assert half[:, :24].max() == 0
    assert half[:, 27:].min() == 255
    assert crop_image(white, np.array([900.0, 900.0, 50.0]), 32).max() == 0


def test_pixels_from_crop() -> None:
    box = torch.tensor([[100.0, 50.0, 40.0]])
    torch.testing.assert_close(pixels_from_crop(torch.tensor([[[0.5, -0.25]]]), box), torch.tensor([[[120.0, 40.0]]]))
