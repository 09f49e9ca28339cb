"""Observations: 2D keypoints as undistorted rays, with a confidence and an expected error each.

A detector looks at a crop of the person, so its error grows with the person's size in the image. The expected error
is therefore a share of that size, not a number of pixels: it is the same for a phone and for a 4K camera.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import InputError
from epipose.geometry.person_size import person_size
from epipose.poses import Poses2D

# Expected error of a keypoint as a share of the person's diagonal in the image. COCO's annotators disagree by 2.5 to
# 10.7 per cent of the root of a person's area, depending on the joint (the constants of its keypoint score), on average
# by about this share of the diagonal; a detector trained on such annotations is not more certain than they are.
NOISE_SHARE = 0.024
MIN_CONFIDENCE = 0.3  # of a keypoint that counts as seen
VELOCITY_HALF_WINDOW = 8  # frames before and after, over which a keypoint's velocity in the image is measured


@dataclass(frozen=True)
class Observations:
    """One person's keypoints per view: ``x`` on z = 1 (undistorted, float64), ``noise`` their expected error there."""

    x: Float[Tensor, "view frame joint 2"]
    weight: Float[Tensor, "view frame joint"]  # confidence, 0 = missing
    noise: Float[Tensor, "view frame joint"]
    velocity: Float[Tensor, "view frame joint 2"] | None = None  # of x, per frame, smoothed over `VELOCITY_HALF_WINDOW`

    def frames(self, index: Tensor) -> Observations:
        """The observations of some frames."""
        return self._each(lambda field: field[:, index])

    def to(self, dtype: torch.dtype) -> Observations:
        """The observations in another precision."""
        return self._each(lambda field: field.to(dtype))

    def views(self, index: list[int]) -> Observations:
        """The observations of some views."""
        return self._each(lambda field: field[index])

    def weighted(self, joint: Float[Tensor, " joint"]) -> Observations:
        """The observations with each joint's weight multiplied."""
        return replace(self, weight=self.weight * joint.to(self.weight))

    def swapped(self, where: Bool[Tensor, "view frame"], flip: Sequence[int]) -> Observations:
        """The observations with left and right swapped in some frames of some views."""
        order = list(flip)
        return self._each(
            lambda field: torch.where(where.reshape(*where.shape, *[1] * (field.ndim - 2)), field[:, :, order], field)
        )

    def _each(self, change: Callable[[Tensor], Tensor]) -> Observations:
        velocity = None if self.velocity is None else change(self.velocity)
        return Observations(change(self.x), change(self.weight), change(self.noise), velocity)

    def seen_frames(self) -> Tensor:
        """Indices of the frames in which two views or more see four joints or more."""
        return (((self.weight > 0).sum(0) >= 2).sum(-1) >= 4).nonzero()[:, 0]

    def per_point(self) -> tuple[Tensor, Tensor, Tensor]:
        """x, weight and noise with the view axis behind frame and joint, as triangulation takes them."""
        return self.x.movedim(0, 2), self.weight.movedim(0, -1), self.noise.movedim(0, -1)


def observe(
    poses: Poses2D,
    rig: Rig,
    min_conf: float = MIN_CONFIDENCE,
    person: int = 0,
    *,
    velocity: bool = True,
    usual: Float[Tensor, "view 1"] | None = None,
) -> Observations:
    """Turn one person's pixels into rays, with their ``velocity`` where it is asked for; person 0 is the subject.

    Detections below ``min_conf``, and pixels where the lens model of the camera has no ray, count as missing. A view
    that is late (``rig.lag``) is read between its frames. ``usual``: the person's usual size in pixels, where the poses
    are of a part of the clip (`epipose.geometry.observation_source`); without it, it is measured on them.
    """
    check_same_views(poses, rig)
    xy, conf = poses.xy[:, :, person].double(), poses.conf[:, :, person].double()
    xy, weight = delayed(xy, torch.where(conf >= min_conf, conf, torch.zeros_like(conf)), rig.lag)
    camera = rig.camera.to(torch.float64).spread(2)
    noise = NOISE_SHARE * person_size(xy, weight, usual) / rig.camera.focal[:, None].double()
    x = camera.to_normalized(xy)
    on_lens = (camera.from_normalized(x) - xy).norm(dim=-1) < 0.01
    x, weight = torch.where(on_lens[..., None], x, torch.zeros_like(x)), weight * on_lens
    return Observations(x, weight, noise[..., None] * camera.expansion(x), _velocity(x, weight) if velocity else None)


def check_same_views(poses: Poses2D, rig: Rig) -> None:
    """Raise InputError unless the poses are of the rig's views, in their order."""
    if poses.views != rig.names:
        raise InputError(f"The poses are of views {', '.join(poses.views)}, the cameras are {', '.join(rig.names)}.")


def same_rays(a: Rig, b: Rig) -> bool:
    """Whether both rigs give the same observations: equal intrinsics and lags, whatever their poses."""
    of_a, of_b = ((rig.camera.K, rig.camera.distortion, rig.camera.fisheye, rig.lag) for rig in (a, b))
    return all(torch.equal(one.double(), other.double()) for one, other in zip(of_a, of_b, strict=True))


def delayed(
    xy: Float[Tensor, "view frame joint 2"], weight: Float[Tensor, "view frame joint"], lag: Float[Tensor, " view"]
) -> tuple[Float[Tensor, "view frame joint 2"], Float[Tensor, "view frame joint"]]:
    """Every view read ``lag`` frames later, linearly between its frames; weight 0 beyond its ends.

    Between two frames a keypoint has the smaller of their confidences.
    """
    if not bool(lag.any()):
        return xy, weight
    frames = xy.shape[1]
    at = torch.arange(frames, dtype=torch.float64) + lag.double()[:, None]
    before = at.floor().clamp(0, frames - 1).long()
    after = at.ceil().clamp(0, frames - 1).long()
    share = (at - at.floor())[..., None]
    view = torch.arange(len(xy))[:, None]
    inside = ((at >= 0) & (at <= frames - 1))[..., None]
    mixed = (1 - share[..., None]) * xy[view, before] + share[..., None] * xy[view, after]
    return mixed, torch.minimum(weight[view, before], weight[view, after]) * inside


def _velocity(
    x: Float[Tensor, "view frame joint 2"], weight: Float[Tensor, "view frame joint"]
) -> Float[Tensor, "view frame joint 2"]:
    """Slope of the weighted line through a joint's neighbouring frames; 0 where too few of them show it.

    The frame itself does not count in its own slope (the neighbours' weights are antisymmetric where all are seen), so
    the slope's error is independent of the error of the place.
    """
    frames = x.shape[1]
    n = sx = st = stt = stx = torch.zeros((), dtype=x.dtype)
    for step in range(-VELOCITY_HALF_WINDOW, VELOCITY_HALF_WINDOW + 1):
        index = torch.arange(frames) + step
        inside = ((index >= 0) & (index < frames)).to(x)
        w = (weight[:, index.clamp(0, frames - 1)] * inside[:, None])[..., None]
        wx = w * x[:, index.clamp(0, frames - 1)]
        n, st, stt, sx, stx = n + w, st + step * w, stt + step * step * w, sx + wx, stx + step * wx
    spread = n * stt - st * st
    enough = spread > 1e-3
    return torch.where(enough, (n * stx - st * sx) / torch.where(enough, spread, torch.ones_like(spread)), 0.0)
