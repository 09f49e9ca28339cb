"""Tracks: one person's single-image poses in consecutive frames, as the temporal refiner reads them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.skeleton import Skeleton


class TrackInputs(NamedTuple):
    """What is known of one person in consecutive frames, in metres and the axes of the camera.

    ``xyz``: root-relative joints. ``keypoints``: (x, y) of a detector relative to the root's, as lengths at the root's
    distance (`keypoints_in_metres`), with confidence ``conf``. ``error``: expected error of each joint. ``seen``: 0 for
    frames without the person, whose other fields are filled from their neighbours. A ``conf`` or ``error`` of 0 means
    that it is unknown.
    """

    xyz: Float[Tensor, "batch frame joint 3"]
    keypoints: Float[Tensor, "batch frame joint 2"]
    conf: Float[Tensor, "batch frame joint"]
    error: Float[Tensor, "batch frame joint"]
    seen: Float[Tensor, "batch frame"]

    def flipped(self, skeleton: Skeleton) -> TrackInputs:
        """The same, horizontally flipped, left and right swapped."""
        other = list(skeleton.flip)
        xyz, keypoints = self.xyz[..., other, :].clone(), self.keypoints[..., other, :].clone()
        xyz[..., 0].neg_()
        keypoints[..., 0].neg_()
        return TrackInputs(xyz, keypoints, self.conf[..., other], self.error[..., other], self.seen)


def keypoints_in_metres(
    xyz: Float[Tensor, "*batch joint 3"],
    uv: Float[Tensor, "*batch joint 2"],
    keypoints: Float[Tensor, "*batch joint 2"],
    root: int,
) -> Float[Tensor, "*batch joint 2"]:
    """Keypoints relative to the pose's own root, as lengths at the root's distance.

    ``uv`` are the pose's own joints in the image, in the unit of the keypoints (pixels, or crop widths along the
    camera's axes); the factor is the one that takes them nearest to the pose's x and y. A pose without extent: zeros.
    """
    origin = uv[..., root, None, :]
    around, pose = uv - origin, xyz[..., :2] - xyz[..., root, None, :2]
    factor = (around * pose).sum((-2, -1)) / around.square().sum((-2, -1)).clamp(min=1e-12)
    return (keypoints - origin) * factor[..., None, None]


def filled(inputs: TrackInputs, *, causal: bool) -> TrackInputs:
    """The frames that were not seen, filled: with the last one seen, or, not ``causal``, between the last and the next.

    Before the first frame seen it is that one, and after the last the last. Their confidence and error are set to 0.
    """
    seen = inputs.seen > 0
    frames = seen.shape[1]
    number = torch.arange(frames, device=seen.device).expand_as(seen)
    last = torch.where(seen, number, -1).cummax(1).values
    following = torch.where(seen, number, frames).flip(1).cummin(1).values.flip(1)
    before = torch.where(last < 0, following, last).clamp(max=frames - 1)
    after = before if causal else torch.where(following >= frames, before, following)
    share = (number - before) / (after - before).clamp(min=1)

    def between(values: Tensor) -> Tensor:
        index = [where.view(*where.shape, *[1] * (values.ndim - 2)).expand_as(values) for where in (before, after)]
        part = share.view(*share.shape, *[1] * (values.ndim - 2)).to(values)
        return torch.lerp(values.gather(1, index[0]), values.gather(1, index[1]), part)

    known = seen[..., None].to(inputs.conf)
    places = between(inputs.xyz), between(inputs.keypoints)
    return TrackInputs(*places, inputs.conf * known, inputs.error * known, seen.to(inputs.seen))
