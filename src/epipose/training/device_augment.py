"""Augmentation of batches on the device that trains: one warp per image, then light, occluders and sensor effects.

A graphics card turns, scales and shifts thousands of crops a second, so each drawn image can be given many times, and
never twice alike. Labels follow as in `epipose.training.augment`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Jitter:
    """Standard deviations of the box's error as a tracker makes it, and shares of images with each effect.

    ``rotation`` in radians, ``scale`` of the logarithm, ``shift`` in crop widths; one image in ``tail`` gets three
    times as much. ``exposure``, ``colour`` and ``gamma`` are of the logarithm of the gain, of a channel's gain and of
    the logarithm of the exponent; ``noise`` is the largest standard deviation of the noise, in white. ``flip``,
    ``occluded``, ``coarse`` (few pixels, enlarged) and ``grey`` are shares.
    """

    rotation: float = 0.12
    scale: float = 0.08
    shift: float = 0.025
    tail: float = 0.15
    flip: float = 0.5
    colour: float = 0.12
    occluded: float = 0.3
    coarse: float = 0.2
    noise: float = 0.03
    exposure: float = 0.2
    gamma: float = 0.2
    grey: float = 0.08


def vary(
    stored: UInt8[Tensor, "batch stored stored 3"],
    uvd: Float[Tensor, "batch joint 3"],
    weight: Float[Tensor, "batch joint 2"],
    flip_order: Sequence[int],
    window: float,
    size: int,
    jitter: Jitter,
) -> tuple[Float[Tensor, "batch 3 size size"], Float[Tensor, "batch joint 3"], Float[Tensor, "batch joint 2"]]:
    """Random variations of stored crops that show ``window`` x the box: images in [0, 1], (u, v, d), weights.

    ``flip_order`` says where each joint's label comes from in the flipped image. Weights are moved along with their
    joints, and those of joints that leave the crop are left as they are.
    """
    linear, offset, factor, flipped = _random_maps(len(stored), jitter, stored.device)
    images = _warped(stored.permute(0, 3, 1, 2).float() / 255, linear, offset, window, size)
    order = torch.as_tensor(list(flip_order), device=stored.device)
    uvd = torch.where(flipped[:, None, None], uvd[:, order], uvd)
    weight = torch.where(flipped[:, None, None], weight[:, order], weight)
    uv = uvd[..., :2] @ linear.mT + offset[:, None]
    uvd = torch.cat([uv, factor[:, None, None] * uvd[..., 2:]], -1)
    return _imaged(images, jitter), uvd, weight


def _random_maps(
    batch: int, jitter: Jitter, device: torch.device
) -> tuple[Float[Tensor, "batch 2 2"], Float[Tensor, "batch 2"], Float[Tensor, " batch"], Bool[Tensor, " batch"]]:
    """Affine maps of (u, v): matrix (factor and mirror image included) and offset; factor; and which are mirrored."""
    wide = torch.where(torch.rand(batch, device=device) < jitter.tail, 3.0, 1.0)
    angle = wide * jitter.rotation * torch.randn(batch, device=device)
    factor = (wide * jitter.scale * torch.randn(batch, device=device)).clamp(-0.5, 0.5).exp()
    offset = wide[:, None] * jitter.shift * torch.randn(batch, 2, device=device)
    flipped = torch.rand(batch, device=device) < jitter.flip
    cos, sin = angle.cos() * factor, angle.sin() * factor
    linear = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    mirror = torch.where(flipped, -1.0, 1.0)
    linear = linear * torch.stack([mirror, torch.ones_like(mirror)], -1)[:, None]
    return linear, offset, factor, flipped


def _warped(
    images: Float[Tensor, "batch 3 stored stored"],
    linear: Float[Tensor, "batch 2 2"],
    offset: Float[Tensor, "batch 2"],
    window: float,
    size: int,
) -> Float[Tensor, "batch 3 size size"]:
    """Resample so that what was at (u, v) stands at ``linear`` (u, v) + ``offset``; both in crop widths."""
    (a, b), (c, d) = (row.unbind(-1) for row in linear.unbind(-2))
    inverse = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2) / (a * d - b * c)[:, None, None]
    place = (torch.arange(size, device=images.device) + 0.5) / size - 0.5
    v, u = torch.meshgrid(place, place, indexing="ij")
    target = torch.stack([u, v], -1).view(1, -1, 2) - offset[:, None]
    source = (target @ inverse.mT).view(len(images), size, size, 2)
    return functional.grid_sample(images, 2 * source / window, mode="bilinear", align_corners=False)


def _imaged(images: Float[Tensor, "batch 3 size size"], jitter: Jitter) -> Float[Tensor, "batch 3 size size"]:
    """Occluders, coarse pixels, exposure and colour, noise."""
    batch, _, size, _ = images.shape
    device = images.device
    images = _occluded(images, jitter.occluded)
    coarse = torch.rand(batch, device=device) < jitter.coarse
    if bool(coarse.any()):
        side = int(size * float(torch.empty(()).uniform_(0.2, 0.6)))
        small = functional.interpolate(images[coarse], size=(side, side), mode="area")
        images[coarse] = functional.interpolate(small, size=(size, size), mode="bilinear", align_corners=False)
    gain = torch.exp(jitter.exposure * torch.randn(batch, 1, 1, 1, device=device)) * (
        1 + jitter.colour * torch.randn(batch, 3, 1, 1, device=device)
    )
    gamma = torch.exp(jitter.gamma * torch.randn(batch, 1, 1, 1, device=device))
    images = (images * gain).clamp(1e-4, 1) ** gamma
    grey = torch.rand(batch, 1, 1, 1, device=device) < jitter.grey
    images = torch.where(grey, images.mean(1, keepdim=True), images)
    sigma = jitter.noise * torch.rand(batch, 1, 1, 1, device=device) ** 2
    return (images + sigma * torch.randn_like(images)).clamp(0, 1)


def _occluded(images: Float[Tensor, "batch 3 size size"], share: float) -> Float[Tensor, "batch 3 size size"]:
    """Up to two turned rectangles or ellipses per image, filled with a colour or with another image of the batch."""
    batch, _, size, _ = images.shape
    device = images.device
    place = (torch.arange(size, device=device) + 0.5) / size - 0.5
    v, u = torch.meshgrid(place, place, indexing="ij")
    other = images.roll(1, 0).roll((size // 3, size // 5), (2, 3))
    for _ in range(2):
        centre = 0.25 * torch.randn(batch, 2, 1, 1, device=device)
        half = torch.exp(torch.empty(batch, 2, 1, 1, device=device).uniform_(math.log(0.03), math.log(0.15)))
        angle = math.pi * torch.rand(batch, 1, 1, device=device)
        x, y = u - centre[:, 0], v - centre[:, 1]
        a, b = (angle.cos() * x + angle.sin() * y) / half[:, 0], (angle.cos() * y - angle.sin() * x) / half[:, 1]
        round_ = torch.rand(batch, 1, 1, device=device) < 0.5
        mask = torch.where(round_, a**2 + b**2 < 1, (a.abs() < 1) & (b.abs() < 1))
        mask = (mask & (torch.rand(batch, 1, 1, device=device) < share))[:, None]
        flat = torch.rand(batch, 3, 1, 1, device=device).expand_as(images)
        fill = torch.where(torch.rand(batch, 1, 1, 1, device=device) < 0.4, flat, other)
        images = torch.where(mask, fill, images)
    return images
