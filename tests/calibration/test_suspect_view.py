"""The view that contradicts the others, and what would make it agree: one clip, spoiled in each way that is known."""

from dataclasses import replace
from functools import cache

import pytest
import torch

from epipose.calibration.initial_rig import initial_rig
from epipose.calibration.suspect_view import suspect_view
from epipose.camera import Rig
from epipose.geometry.observations import observe
from epipose.geometry.rotation import exp
from epipose.poses import Poses2D
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton, rig

FRAMES, BAD = 120, 2
NAME = rig().names[BAD]


@cache
def clip() -> Poses2D:
    uv, conf = detections(rig(), moving_skeleton(FRAMES), pixels=3.0)
    return Poses2D(uv[:, :, None], conf[:, :, None], H36M17, rig().names)


def suspect_in(poses: Poses2D, cameras: Rig):
    first = initial_rig(observe(poses, cameras).frames(torch.arange(0, FRAMES, 2)), cameras, H36M17)
    return suspect_view(poses.with_sides_swapped(first.swapped), first.rig, first)


def with_view(xy: torch.Tensor, conf: torch.Tensor | None = None) -> Poses2D:
    poses = clip()
    changed, known = poses.xy.clone(), poses.conf.clone()
    changed[BAD] = xy
    if conf is not None:
        known[BAD] = conf
    return replace(poses, xy=changed, conf=known)


def slow() -> Poses2D:
    """The view shows the first half of the clip at half the speed."""
    at = torch.arange(FRAMES) / 2
    shown = moving_skeleton(FRAMES)
    shown = shown[at.floor().long()] + (at % 1)[:, None, None] * (shown[at.ceil().long()] - shown[at.floor().long()])
    return with_view(detections(rig(), shown, pixels=3.0, seed=1)[0][BAD][:, None])


def mirrored() -> Poses2D:
    xy = clip().xy[BAD][:, :, list(H36M17.flip)].clone()
    xy[..., 0] = rig().camera.size[BAD, 0] - 1 - xy[..., 0]
    return with_view(xy)


def late() -> Poses2D:
    xy, conf = clip().xy[BAD].roll(9, 0), clip().conf[BAD].roll(9, 0).clone()
    conf[:9] = 0
    return with_view(xy, conf)


def squeezed() -> Poses2D:
    return with_view(clip().xy[BAD] * torch.tensor([0.75, 1.0]))


def moved() -> Poses2D:
    camera = rig().camera
    R = camera.R.clone()
    R[BAD] = exp(torch.tensor([0.05, 0.12, 0.08], dtype=R.dtype)) @ R[BAD]
    after = replace(rig(), camera=camera.with_pose(R, camera.t))
    xy = clip().xy[BAD].clone()
    xy[60:] = detections(after, moving_skeleton(FRAMES), pixels=3.0, seed=1)[0][BAD, 60:, None]
    return with_view(xy)


def somebody_else() -> Poses2D:
    return with_view(detections(rig(), moving_skeleton(FRAMES, seed=9), pixels=3.0)[0][BAD][:, None])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("finding", "poses"),
    [
        ("lag", late),
        ("rate", slow),
        ("mirrored", mirrored),
        ("squeezed", squeezed),
        ("moved", moved),
        ("as it is", somebody_else),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_the_view_is_found_and_what_is_wrong_with_it(finding, poses):
    camera = rig().camera
    width = torch.tensor([1.0, 0.75]) if finding == "squeezed" else torch.ones(2)
    K = camera.K.clone()
    K[BAD, 0, 2] *= float(width[1])  # the middle of the narrower image
    found = suspect_in(poses(), replace(rig(), camera=replace(camera, K=K)))
    assert found is not None
    assert found.name == NAME
    assert found.finding == finding
    assert found.as_it_is < 0.75
    assert found.found > (0.8 if finding != "as it is" else 0.0)
    if finding == "lag":
        assert found.lag == pytest.approx(9, abs=1)
    if finding == "rate":
        assert found.rate == 2.0
    if finding == "moved":
        assert 48 <= found.moved_at <= 72


@pytest.mark.slow
def test_where_nothing_is_wrong_every_view_fits_as_it_is():
    found = suspect_in(clip(), rig())
    assert found is not None
    assert found.finding == "as it is"
    assert found.as_it_is > 0.8


def test_two_views_have_no_majority():
    two = rig().select(rig().names[:2])
    uv, conf = detections(two, moving_skeleton(30), pixels=2.0)
    poses = Poses2D(uv[:, :, None], conf[:, :, None], H36M17, two.names)
    assert suspect_view(poses, two, initial_rig(observe(poses, two), two, H36M17)) is None
