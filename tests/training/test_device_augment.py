"""Augmentation on the device: nothing to vary gives the box itself; labels follow the image; effects keep labels."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from epipose.training.augment import centre
from epipose.training.device_augment import Jitter, vary

WINDOW, SIZE, STORED = 1.5, 96, 144
NONE = Jitter(**{field.name: 0.0 for field in fields(Jitter)})
FLIP = (0, 2, 1)
UVD = torch.tensor([[0.02, -0.03, 0.0], [0.21, 0.13, 0.1], [-0.16, 0.24, -0.2]])


def _dots(joint: int, batch: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stored crops with a soft dot at one joint."""
    center = (UVD[joint, :2].numpy() / WINDOW + 0.5) * STORED - 0.5
    rows, columns = np.mgrid[:STORED, :STORED]
    dot = 255 * np.exp(-((columns - center[0]) ** 2 + (rows - center[1]) ** 2) / (2 * 2.5**2))
    stored = torch.from_numpy(dot.astype(np.uint8))[None, :, :, None].repeat(batch, 1, 1, 3)
    weight = torch.tensor([[1.0, 0.7], [0.5, 0.0], [0.25, 0.25]]).repeat(batch, 1, 1)
    return stored, UVD.repeat(batch, 1, 1), weight


def _found(images: torch.Tensor) -> torch.Tensor:
    """(u, v) of the dot in each image."""
    light = images[:, 0].clamp(min=1e-3) - 1e-3
    place = (torch.arange(SIZE) + 0.5) / SIZE - 0.5
    both = torch.stack([(light * place).sum((1, 2)), (light * place[:, None]).sum((1, 2))], -1)
    return both / light.sum((1, 2))[:, None]


@pytest.mark.parametrize("size", [96, 80, 128])
def test_without_jitter_it_is_the_box_itself(size: int) -> None:
    stored = np.random.default_rng(0).integers(0, 256, (4, STORED, STORED, 3), dtype=np.uint8)
    _, uvd, weight = _dots(0, 4)
    images, moved, kept = vary(torch.from_numpy(stored), uvd, weight, FLIP, WINDOW, size, NONE)
    expected = np.stack([centre(image, size, WINDOW) for image in stored])
    found = 255 * images.permute(0, 2, 3, 1).numpy()
    # OpenCV rounds places to 1/32 pixel; where both fall on pixels, only to whole bytes
    np.testing.assert_allclose(found, expected, atol=0.51 if size == 96 else 9)
    torch.testing.assert_close(moved, uvd)
    torch.testing.assert_close(kept, weight)


@pytest.mark.parametrize("joint", [0, 1, 2])
@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_dot_stays_at_its_joint(joint: int, flip: float) -> None:
    torch.manual_seed(1)
    jitter = replace(NONE, rotation=0.4, scale=0.1, shift=0.03, tail=0.2, flip=flip)
    images, moved, kept = vary(*_dots(joint, 40), FLIP, WINDOW, SIZE, jitter)
    landed = FLIP[joint] if flip else joint
    inside = (moved[:, landed, :2].abs() < 0.4).all(-1)
    assert int(inside.sum()) > 25
    torch.testing.assert_close(_found(images)[inside], moved[inside, landed, :2], atol=0.004, rtol=0)
    torch.testing.assert_close(kept[:, landed], _dots(joint, 40)[2][:, joint])
    assert float(moved[:, landed, :2].std(0).min()) > 0.02, "each image is varied on its own"


def test_depth_scales_with_the_image_and_keeps_its_sign() -> None:
    torch.manual_seed(2)
    _, moved, _ = vary(*_dots(1, 20), FLIP, WINDOW, SIZE, replace(NONE, scale=0.2, rotation=1.0, flip=1.0))
    mirrored = UVD[list(FLIP)]
    factor = moved[..., :2].norm(dim=-1) / mirrored[:, :2].norm(dim=-1)
    torch.testing.assert_close(moved[..., 2], factor * mirrored[:, 2])
    assert float(factor.std()) > 0.1


@pytest.mark.parametrize(
    "effect", [{"occluded": 1.0}, {"coarse": 1.0}, {"noise": 0.2}, {"colour": 0.3}, {"exposure": 0.4}, {"gamma": 0.4}]
)
def test_effects_change_the_image_only(effect: dict[str, float]) -> None:
    torch.manual_seed(3)
    stored = torch.randint(0, 256, (6, STORED, STORED, 3), dtype=torch.uint8)
    _, uvd, weight = _dots(0, 6)
    plain, _, _ = vary(stored, uvd, weight, FLIP, WINDOW, SIZE, NONE)
    images, moved, kept = vary(stored, uvd, weight, FLIP, WINDOW, SIZE, replace(NONE, **effect))
    assert float((images - plain).abs().mean()) > 0.01
    assert float(images.min()) >= 0
    assert float(images.max()) <= 1
    torch.testing.assert_close(moved, uvd)
    torch.testing.assert_close(kept, weight)


def test_grey_images_have_one_value_per_pixel() -> None:
    stored = torch.randint(0, 256, (3, STORED, STORED, 3), dtype=torch.uint8)
    _, uvd, weight = _dots(0, 3)
    images, _, _ = vary(stored, uvd, weight, FLIP, WINDOW, SIZE, replace(NONE, grey=1.0))
    assert float((images.amax(1) - images.amin(1)).max()) < 1e-6


def test_seed_decides() -> None:
    made = []
    for seed in (4, 4, 5):
        torch.manual_seed(seed)
        made.append(vary(*_dots(1, 4), FLIP, WINDOW, SIZE, Jitter())[0])
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
