"""Augmentation: what is drawn at a joint stays at the joint, for every rotation, scale, shift and flip."""

import cv2
import numpy as np
import pytest

from epipose.training.augment import augment, centre

WINDOW, SIZE, STORED = 1.5, 96, 144
STILL = {"rotation": 0.0, "scale": (1.0, 1.0), "shift": 0.0, "colour": (1.0, 1.0), "occlusion": 0.0, "flip": 0.0}
FLIP = (0, 2, 1)


def _sample(joint: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A stored crop with a soft dot at one joint."""
    uvd = np.array([[0.02, -0.03, 0.0], [0.21, 0.13, 0.1], [-0.16, 0.24, -0.2]], np.float32)
    center = (uvd[joint, :2] / WINDOW + 0.5) * STORED - 0.5
    rows, columns = np.mgrid[:STORED, :STORED]
    dot = 255 * np.exp(-((columns - center[0]) ** 2 + (rows - center[1]) ** 2) / (2 * 2.5**2))
    weight = np.array([[1.0, 0.7], [0.5, 0.0], [0.25, 0.25]], np.float32)
    return np.repeat(dot.astype(np.uint8)[..., None], 3, 2), uvd, weight


def _found(image: np.ndarray) -> np.ndarray:
    light = image[..., 0].astype(float)
    pixel = np.array([(light * np.arange(SIZE)).sum(), (light * np.arange(SIZE)[:, None]).sum()]) / light.sum()
    return (pixel + 0.5) / SIZE - 0.5


def _augment(stored, uvd, weight, rng, **options):
    return augment(stored, uvd, weight, SIZE, rng, window=WINDOW, flip_order=FLIP, **options)


@pytest.mark.parametrize("joint", [0, 1, 2])
@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_dot_stays_at_its_joint(joint: int, flip: float) -> None:
    stored, uvd, weight = _sample(joint)
    rng = np.random.default_rng(3)
    for _ in range(20):
        image, moved, _ = _augment(
            stored, uvd, weight, rng, rotation=0.8, scale=(0.7, 1.2), shift=0.1, occlusion=0.0, flip=flip
        )
        landed = FLIP[joint] if flip else joint
        np.testing.assert_allclose(_found(image), moved[landed, :2], atol=0.004)


def test_without_variation_nothing_changes() -> None:
    stored, uvd, weight = _sample(1)
    image, moved, kept = _augment(stored, uvd, weight, np.random.default_rng(0), **STILL)
    np.testing.assert_allclose(moved, uvd, atol=1e-7)
    np.testing.assert_array_equal(kept, weight)
    np.testing.assert_array_equal(image, stored[24:120, 24:120])
    np.testing.assert_array_equal(image, centre(stored, SIZE, WINDOW))


def test_depth_scales_with_the_image_and_keeps_its_sign() -> None:
    stored, uvd, weight = _sample(1)
    _, moved, _ = _augment(stored, uvd, weight, np.random.default_rng(0), **STILL | {"scale": (1.2, 1.2), "flip": 1.0})
    np.testing.assert_allclose(moved[:, 2], 1.2 * uvd[list(FLIP), 2], rtol=1e-5)
    np.testing.assert_allclose(moved[:, 0], -1.2 * uvd[list(FLIP), 0], rtol=1e-5)


def test_joints_that_leave_the_crop_have_no_weight() -> None:
    stored, uvd, weight = _sample(0)
    uvd[1, 0] = 0.48
    _, _, kept = _augment(stored, uvd, weight, np.random.default_rng(0), **STILL | {"scale": (1.2, 1.2)})
    np.testing.assert_array_equal(kept, weight * np.array([[1], [0], [1]]))


def test_colour_and_occlusion_change_the_image_only() -> None:
    stored = np.full((STORED, STORED, 3), 100, np.uint8)
    cv2.circle(stored, (72, 72), 20, (200, 50, 120), -1)
    _, uvd, weight = _sample(0)
    plain = centre(stored, SIZE, WINDOW)
    coloured, moved, _ = _augment(stored, uvd, weight, np.random.default_rng(1), **STILL | {"colour": (0.8, 1.2)})
    gains = coloured[0, 0] / 100
    assert len(set(gains)) == 3
    assert np.abs(gains - 1).max() <= 0.21
    hidden, still, _ = _augment(stored, uvd, weight, np.random.default_rng(1), **STILL | {"occlusion": 1.0})
    changed = (hidden != plain).any(-1).mean()
    assert 0.005 < changed < 0.35
    np.testing.assert_allclose(moved, still)


def test_colours_are_multiplied_and_clipped_exactly() -> None:
    stored = np.random.default_rng(0).integers(0, 256, (STORED, STORED, 3), dtype=np.uint8)
    _, uvd, weight = _sample(0)
    rng = np.random.default_rng(4)
    rng.uniform(size=4)  # what turning, scaling and shifting draw
    gains = rng.uniform(0.5, 1.6, 3)
    coloured, _, _ = _augment(stored, uvd, weight, np.random.default_rng(4), **STILL | {"colour": (0.5, 1.6)})
    expected = np.clip(centre(stored, SIZE, WINDOW) * gains, 0, 255).astype(np.uint8)
    assert (expected == 255).any()
    np.testing.assert_array_equal(coloured, expected)


def test_same_seed_same_sample() -> None:
    stored, uvd, weight = _sample(2)
    first, second = (_augment(stored, uvd, weight, np.random.default_rng(7)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    other = _augment(stored, uvd, weight, np.random.default_rng(8))
    assert not np.array_equal(first[1], other[1])
