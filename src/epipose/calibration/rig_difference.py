"""Difference of two rigs that should be one, camera by camera, against the uncertainty of both.

Two calibrations of the same cameras differ by their errors. A camera that was moved or zoomed in between differs by
more: it turned, stands elsewhere or sees with another focal length by many standard deviations. The rigs are aligned
by all other cameras, so that one that was moved does not pull them along.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.calibration.refine_rig import RefinedRig
from epipose.camera import nearest_rotation
from epipose.geometry.align import Similarity
from epipose.geometry.rotation import angle_between

MAX_SIGMAS = 3.0  # of the difference, all three axes together, beyond which it is no error of the estimates
# What calibrations of one rig differ by without any camera having been touched: errors that repeat within a clip.
MIN_TURN_DEG, MIN_SHIFT, MIN_ZOOM = 1.0, 0.02, 0.03
_SUSPECT_SIGMAS = 2.0
_AXIAL = 0.9
_ROUNDING = 1e-9


@dataclass(frozen=True)
class CameraDifference:
    """One camera in two rigs. ``shift`` is in distances of the cameras from their middle, ``zoom`` a share.

    ``along_axis``: the share of the shift along the optical axis, where it looks like a zoom.
    """

    camera: str
    turn_deg: float
    turn_sigma_deg: float
    shift: float
    shift_sigma: float
    zoom: float
    zoom_sigma: float
    along_axis: float

    def excess(self) -> float:
        """The largest of the three in standard deviations; 0 for what is small in itself."""
        parts = (
            (self.turn_deg, self.turn_sigma_deg, MIN_TURN_DEG),
            (self.shift, self.shift_sigma, MIN_SHIFT),
            (abs(self.zoom), self.zoom_sigma, MIN_ZOOM),
        )
        return max(value / (sigma + _ROUNDING) if value > least else 0.0 for value, sigma, least in parts)

    def words(self) -> str:
        """The difference in plain words, as far as it is significant.

        A camera that zooms seems to come nearer: where it moved along its axis, or the focal length changed as well, by
        two standard deviations at least, it may have zoomed.
        """
        said = []
        if self.turn_deg > max(MIN_TURN_DEG, MAX_SIGMAS * self.turn_sigma_deg):
            said.append(f"turned by {self.turn_deg:.1f} degrees (sigma {self.turn_sigma_deg:.2f})")
        moved = self.shift > max(MIN_SHIFT, MAX_SIGMAS * self.shift_sigma)
        if abs(self.zoom) > max(MIN_ZOOM, (_SUSPECT_SIGMAS if moved else MAX_SIGMAS) * self.zoom_sigma):
            said.append(f"zoomed by {self.zoom:+.0%} (sigma {self.zoom_sigma:.1%})")
        if moved:
            how = (
                "moved or zoomed"
                if self.along_axis > _AXIAL and not any("zoomed" in part for part in said)
                else "moved"
            )
            said.append(f"{how} by {self.shift:.0%} of the rig's size (sigma {self.shift_sigma:.1%})")
        return f"{self.camera} was {' and '.join(said) or 'not moved'}"


def rig_differences(here: RefinedRig, there: RefinedRig) -> tuple[CameraDifference, ...]:
    """The cameras in which ``here`` differs from ``there`` significantly; none where the rigs are the same.

    With two cameras nothing tells which of the two was moved, and both are named.
    """
    views = range(len(here.rig.names))
    found = _compared(here, there, list(views))
    if not _significant(found) or len(views) < 3:
        return _significant(found)
    kept = list(views)
    while _significant([found[view] for view in kept]) and len(kept) > 2:
        trials = {view: _compared(here, there, [v for v in kept if v != view]) for view in kept}
        rest = {
            view: max(trial[v].excess() for v in kept if v != view) for view, trial in trials.items()
        }  # without this view
        gone = min(rest, key=lambda view: rest[view])
        kept.remove(gone)
        found = trials[gone]
    return _significant(found)


def _significant(found: list[CameraDifference]) -> tuple[CameraDifference, ...]:
    return tuple(one for one in found if one.excess() > MAX_SIGMAS)


def _compared(here: RefinedRig, there: RefinedRig, by: list[int]) -> list[CameraDifference]:
    """All cameras, after an alignment of the rigs by some of them."""
    a, b = here.rig.camera, there.rig.camera
    move = rig_alignment((a.R[by], a.t[by]), (b.R[by], b.t[by]))
    turn = torch.rad2deg(angle_between(a.R @ move.R.mT, b.R))
    center = move.apply(a.center)
    size = (b.center - b.center.mean(0)).norm(dim=-1).mean().clamp(min=1e-12)
    offset = center - b.center
    shift = offset.norm(dim=-1) / size
    along = (offset * b.R[:, 2]).sum(-1).abs() / offset.norm(dim=-1).clamp(min=1e-12)
    turn_sigma = torch.rad2deg(torch.hypot(here.sigma.rotation, there.sigma.rotation))
    shift_sigma = torch.hypot(move.scale * here.sigma.center, there.sigma.center) / size
    zoom, zoom_sigma = _zoom(here, there)
    columns = (turn, turn_sigma, shift, shift_sigma, zoom, zoom_sigma, along)
    return [
        CameraDifference(name, *numbers)
        for name, *numbers in zip(here.rig.names, *(column.tolist() for column in columns), strict=True)
    ]


def rig_alignment(
    source: tuple[Float[Tensor, "view 3 3"], Float[Tensor, "view 3"]],
    target: tuple[Float[Tensor, "view 3 3"], Float[Tensor, "view 3"]],
) -> Similarity:
    """The similarity that brings one rig's world (R and t of cam_from_world) onto another's, least squares.

    A turn of a camera by a radian counts like a shift of its centre by the size of the rig.
    """
    (R, t), (S, u) = source, target
    a, b = (-(of.mT @ at[..., None])[..., 0] for of, at in ((R, t), (S, u)))
    mean_a, mean_b = a.mean(0), b.mean(0)
    a, b = a - mean_a, b - mean_b
    weight = (a.square().sum() * b.square().sum()).sqrt() / len(a)
    turn = nearest_rotation(weight * (S.mT @ R).sum(0) + b.mT @ a)
    scale = ((a @ turn.mT) * b).sum() / a.square().sum().clamp(min=1e-12)
    return Similarity(scale, turn, mean_b - scale * turn @ mean_a)


def _zoom(here: RefinedRig, there: RefinedRig) -> tuple[Float[Tensor, " view"], Float[Tensor, " view"]]:
    """Logarithm of the focal lengths' ratio and its sigma; where they were given, of what the footage would make them."""

    def focal(of: RefinedRig) -> tuple[Tensor, Tensor]:
        if of.free.focal != "known":
            return of.rig.camera.focal.log(), of.sigma.focal
        change, sigma = of.doubt.focal.unbind(-1)
        return of.rig.camera.focal.log() + torch.where(sigma > 0, change.clamp(min=-0.9).log1p(), 0.0), sigma

    (a, of_a), (b, of_b) = focal(here), focal(there)
    return a - b, torch.hypot(of_a, of_b)
