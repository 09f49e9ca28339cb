"""What the geometry sees of 2D poses: rays instead of pixels, with a confidence and an expected error each.

A detector looks at a crop of the person, so its error grows with the person's size in the picture. The expected error
is therefore a share of that size, not a number of pixels: it is the same for a phone and for a 4K camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig, distort
from epipose.errors import EpiposeError
from epipose.poses import Poses2D

# Expected error of a joint as a share of the person's diagonal in the picture. COCO's annotators disagree by 2.5 to
# 10.7 per cent of the root of a person's area, depending on the joint (the constants of its keypoint score), on average
# by about this share of the diagonal; a detector trained on such annotations is not more certain than they are.
NOISE_SHARE = 0.024


@dataclass(frozen=True)
class Observations:
    """The subject's joints in every view: ``x`` on z = 1 (undistorted, float64), ``noise`` in the same unit."""

    x: Float[Tensor, "view frame joint 2"]
    weight: Float[Tensor, "view frame joint"]  # confidence, 0 = missing
    noise: Float[Tensor, "view frame joint"]

    def frames(self, index: Tensor) -> Observations:
        """The observations of some frames."""
        return Observations(self.x[:, index], self.weight[:, index], self.noise[:, index])

    def views(self, index: list[int]) -> Observations:
        """The observations of some views."""
        return Observations(self.x[index], self.weight[index], self.noise[index])

    def weighted(self, joint: Float[Tensor, "joint"]) -> Observations:
        """The observations with each joint's weight multiplied."""
        return Observations(self.x, self.weight * joint.to(self.weight), self.noise)

    def seen_frames(self) -> Tensor:
        """Indices of the frames in which two views or more see four joints or more."""
        return (((self.weight > 0).sum(0) >= 2).sum(-1) >= 4).nonzero()[:, 0]

    def per_point(self) -> tuple[Tensor, Tensor, Tensor]:
        """x, weight and noise with the view behind frame and joint, as triangulation wants them."""
        return self.x.movedim(0, 2), self.weight.movedim(0, -1), self.noise.movedim(0, -1)


def observe(poses: Poses2D, rig: Rig, min_conf: float = 0.3) -> Observations:
    """Turn the subject's pixels into rays.

    Detections below ``min_conf``, and pixels where the lens model of the camera has no ray, count as missing.
    """
    if poses.views != rig.names:
        raise EpiposeError(f"The poses are of views {', '.join(poses.views)}, the cameras are {', '.join(rig.names)}.")
    subject = poses.subject()
    xy, conf = subject.xy[:, :, 0].double(), subject.conf[:, :, 0].double()
    weight = torch.where(conf >= min_conf, conf, torch.zeros_like(conf))
    camera = rig.camera.to(torch.float64).spread(2)
    noise = NOISE_SHARE * person_size(xy, weight) / rig.camera.focal[:, None].double()
    x = camera.to_normalized(xy)
    on_lens = (camera.to_pixels(distort(x, camera.distortion)) - xy).norm(dim=-1) < 0.01
    x = torch.where(on_lens[..., None], x, torch.zeros_like(x))
    return Observations(x, weight * on_lens, noise[..., None].expand_as(weight).contiguous())


def person_size(
    xy: Float[Tensor, "view frame joint 2"], weight: Float[Tensor, "view frame joint"]
) -> Float[Tensor, "view frame"]:
    """Diagonal, in pixels, of the box round the seen joints: the view's 80th percentile over time where it is larger.

    (A crouching or half-hidden person has a small box, but is no nearer to the detector's precision for it.)
    """
    seen = (weight > 0)[..., None]
    high = torch.where(seen, xy, -torch.inf).amax(-2)
    low = torch.where(seen, xy, torch.inf).amin(-2)
    diagonal = torch.where(seen.any(-2)[..., 0], (high - low).norm(dim=-1), torch.nan)
    usual = torch.nanquantile(diagonal, 0.8, dim=1, keepdim=True)
    return torch.nan_to_num(torch.fmax(diagonal, usual), nan=1.0).clamp(min=1.0)
