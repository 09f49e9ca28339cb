"""Keypoint decoding against distributions whose place is known, and OpenCV."""

import cv2
import numpy as np
import pytest
import torch

from epipose.errors import InputError
from epipose.network.keypoint_decoding import (
    BLUR_SIDE,
    BLUR_SIGMA,
    PeopleRows,
    _log_blurred,
    distinct,
    heatmap_keypoints,
    simcc_keypoints,
    yolo_rows,
)


def gaussians(places, sigma, rows=64, columns=48):
    """One map per place (column, row), in cells."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack([torch.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * sigma**2)) for u, v in places])


def test_simcc_bins_are_half_pixels_and_the_lesser_maximum_counts():
    x, y = torch.zeros(1, 2, 384), torch.zeros(1, 2, 512)
    x[0, 0, 101], y[0, 0, 300] = 0.9, 0.6
    x[0, 1, 383], y[0, 1, 0] = 1.4, 1.2
    xy, conf = simcc_keypoints(x, y)
    assert xy[0].tolist() == [[50.5, 150.0], [191.5, 0.0]]
    torch.testing.assert_close(conf[0], torch.tensor([0.6, 1.0]))
    assert simcc_keypoints(-x, -y)[1].tolist() == [[0.0, 0.0]]
    assert simcc_keypoints(x, y, split=4.0)[0][0, 0].tolist() == [25.25, 75.0]


@pytest.mark.parametrize("sigma", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("unbiased", [True, False])
def test_a_gaussian_is_found_between_the_cells(sigma, unbiased):
    places = torch.tensor([[20.3, 30.8], [11.0, 40.0], [30.5, 20.5], [25.49, 33.51]])
    xy, conf = heatmap_keypoints(gaussians(places.tolist(), sigma)[None], 192, 256, unbiased=unbiased)
    pixels = torch.tensor([191 / 47, 255 / 63]) if unbiased else torch.tensor([4.0, 4.0])
    torch.testing.assert_close(xy[0], places * pixels, atol=0.05, rtol=0)
    assert bool((conf > 0.85).all())


def test_noise_moves_a_point_by_a_cell_at_most():
    noise = torch.rand(3, 17, 64, 48, generator=torch.Generator().manual_seed(0))
    xy, _ = heatmap_keypoints(noise, 192, 256, unbiased=False)
    index = noise.flatten(2).argmax(-1)
    peak = torch.stack([index % 48, index // 48], -1) * 4.0
    assert float((xy - peak).abs().max()) <= 4
    flat, conf = heatmap_keypoints(torch.zeros(1, 1, 64, 48), 192, 256)
    assert flat.tolist() == [[[0.0, 0.0]]]
    assert conf.tolist() == [[0.0]]


def test_maps_are_blurred_as_opencv_blurs_them():
    maps = torch.rand(1, 2, 64, 48, generator=torch.Generator().manual_seed(1)) + 0.5
    ours = _log_blurred(maps).exp()[0]
    for one, found in zip(maps[0].numpy(), ours.numpy(), strict=True):
        theirs = cv2.GaussianBlur(one, (BLUR_SIDE, BLUR_SIDE), BLUR_SIGMA, borderType=cv2.BORDER_CONSTANT)
        np.testing.assert_allclose(found, theirs * one.max() / theirs.max(), atol=1e-5)


def test_both_layouts_of_yolo_say_the_same():
    raw = torch.zeros(1, 5 + 3 * 17, 90)
    raw[0, :5, 4] = torch.tensor([100.0, 200.0, 40.0, 60.0, 0.9])
    raw[0, 5:8, 4] = torch.tensor([110.0, 210.0, 0.8])
    ended = torch.zeros(1, 30, 6 + 3 * 17)
    ended[0, 2, :6] = torch.tensor([80.0, 170.0, 120.0, 230.0, 0.9, 0.0])
    ended[0, 2, 6:9] = torch.tensor([110.0, 210.0, 0.8])
    found = [distinct(yolo_rows(output)[0], 0.5, 0.5) for output in (raw, ended)]
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert found[0].keypoints.shape == (1, 17, 3)
    assert found[0].boxes.tolist() == [[80.0, 170.0, 120.0, 230.0]]


@pytest.mark.parametrize("shape", [(1, 56, 8400), (1, 83, 300), (1, 300, 57), (1, 300, 84), (2, 404, 8400)])
def test_the_layout_is_told_by_the_shape(shape):
    joints = {56: 17, 83: 26, 57: 17, 84: 26, 404: 133}[min(shape[1:])]
    rows = yolo_rows(torch.zeros(shape))
    assert len(rows) == shape[0]
    assert rows[0].keypoints.shape == (max(shape[1:]), joints, 3)


def test_another_shape_is_refused():
    with pytest.raises(InputError, match=r"output has shape \(1, 84, 8401\)"):
        yolo_rows(torch.zeros(1, 84, 8401))


def test_overlapping_people_are_suppressed_as_opencv_does_it():
    generator = torch.Generator().manual_seed(2)
    corner, side = torch.rand(60, 2, generator=generator) * 100, 20 + torch.rand(60, 2, generator=generator) * 30
    scores = torch.rand(60, generator=generator)
    people = PeopleRows(
        torch.cat([corner, corner + side], -1), scores, torch.arange(60.0)[:, None, None].expand(60, 1, 3)
    )
    kept = distinct(people, 0.3, 0.4).keypoints[:, 0, 0].int().tolist()
    expected = cv2.dnn.NMSBoxes(torch.cat([corner, side], -1).tolist(), scores.tolist(), 0.3, 0.4)
    assert kept == list(expected)
    assert 5 < len(kept) < 40
