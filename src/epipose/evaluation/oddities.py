"""Oddities of a comparison: another unit, other axes, another origin, exchanged sides, another order of joints.

An error of half a metre is rarely a bad network; as a rule the two files mean different things. Each check changes one
of them (scale, one rotation, the root, left and right) and says so where the error falls by far.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.errors import InputError
from epipose.evaluation.metrics import mean_over_joints, nmpjpe_mm, pmpjpe_mm
from epipose.evaluation.pairs import PairedView
from epipose.evaluation.protocols import MIN_JOINTS
from epipose.geometry.align import similarity_between
from epipose.reconstruction.world_frame import measured_stature
from epipose.skeleton import Skeleton

_FRAMES = 500  # that are looked at, of each view; more change nothing
_VIEWS = 40  # that are looked at
_TALLEST, _SHORTEST = 3.0, 0.4  # metres: of a person
_NO_UNIT = 10.0  # times as large as it can be: millimetres or centimetres, not a large person
_SAME_SIZE = 1.4  # up to this ratio people and predictions differ in size
_UNITS = {1000.0: "millimetres", 100.0: "centimetres"}
_LARGE_MM = 120.0  # errors above this are looked into
_FALLS_TO = 0.6  # share of an error that remains where a change explains it
_OWN_AXES_MM = 250.0  # NMPJPE of poses turned at random; a weak network in the right axes is far below
_POOR_MM = 150.0  # PMPJPE of a person who stands still, against one who does not
_LEGS, _ARMS = ("hip", "knee", "ankle", "heel", "toe", "foot"), ("shoulder", "elbow", "wrist", "hand")


class Oddities(NamedTuple):
    """Warnings in plain words; ``other_unit``: whether lengths of the prediction are no metres although it says so."""

    warnings: tuple[str, ...]
    other_unit: bool


class _Poses(NamedTuple):
    """Predictions and ground truth of some frames of one view."""

    predicted: Float[Tensor, "frame joint 3"]
    true: Float[Tensor, "frame joint 3"]
    weight: Float[Tensor, "frame joint"]
    skeleton: Skeleton

    @property
    def nmpjpe(self) -> Float[Tensor, " frame"]:
        return nmpjpe_mm(self.predicted, self.true, self.skeleton.root, self.weight)

    @property
    def pmpjpe(self) -> Float[Tensor, " frame"]:
        return pmpjpe_mm(self.predicted, self.true, self.weight)


def oddities(chosen: Sequence[PairedView]) -> Oddities:
    """Look at some frames of all views. Raises InputError for a ground truth that cannot be metres."""
    looked_at = list(_some(chosen))
    if not looked_at:
        return Oddities((), False)
    about_size, other_unit = _size(looked_at, all(one.metric for one in chosen))
    about_sides = _sides(looked_at)
    about_axes = () if about_sides else _axes(looked_at)
    about_joints = () if about_sides or about_axes else _joints(looked_at)
    return Oddities((*_points(looked_at), *about_size, *about_axes, *about_sides, *about_joints), other_unit)


def _some(chosen: Sequence[PairedView]) -> Iterator[_Poses]:
    """Whole poses (root and `MIN_JOINTS` joints) of some views, evenly spread."""
    usable = [one for one in chosen if one.has_prediction]
    for one in usable[:: max(1, math.ceil(len(usable) / _VIEWS))]:
        counts = ((one.weight > 0).sum(-1) >= MIN_JOINTS) & (one.weight[:, one.skeleton.root] > 0)
        rows = torch.nonzero(counts)[:, 0]
        rows = rows[:: max(1, math.ceil(len(rows) / _FRAMES))]
        if len(rows):
            yield _Poses(one.predicted[rows].double(), one.true[rows].double(), one.weight[rows].double(), one.skeleton)


def _points(looked_at: Sequence[_Poses]) -> tuple[str, ...]:
    """Poses that are one point, as other programs write who was not found (zeros): they count as predictions."""
    extents = [
        torch.where(one.weight[..., None] > 0, one.predicted - one.predicted[:, one.skeleton.root, None], 0.0)
        for one in looked_at
    ]
    share = _mean((extent.abs().amax((1, 2)) == 0).double() for extent in extents)
    if share == 0:
        return ()
    return (
        f"All joints are in one place in {share:.1%} of the predicted poses, and these count. If they are missing, say so: "
        "NaN in a bare array, else confidence 0.",
    )


def _mean(values: Iterable[Tensor]) -> float:
    return float(torch.cat(list(values)).mean())


def _size(looked_at: Sequence[_Poses], metric: bool) -> tuple[tuple[str, ...], bool]:
    """Heights of the people on both sides, against what people are, and against one another."""
    heights = [
        (
            measured_stature(one.predicted, one.weight, one.skeleton),
            measured_stature(one.true, one.weight, one.skeleton),
        )
        for one in looked_at
    ]
    pairs = [(p.value, q.value) for p, q in heights if p is not None and q is not None]
    if not pairs:
        return (), False
    found, true = (float(torch.tensor(values).median()) for values in zip(*pairs, strict=True))
    if true > _NO_UNIT * _TALLEST:
        raise InputError(
            f"The person of the ground truth is {_metres(true)} tall: its lengths are {_unit_of(true)}, not metres. Give "
            "--unit where it is a bare array; else divide xyz, so that it holds metres."
        )
    warnings = []
    if not _SHORTEST < true < _TALLEST:
        warnings.append(f"The person of the ground truth is {_metres(true)} tall. Are its lengths metres?")
    if not metric or 1 / _SAME_SIZE < found / true < _SAME_SIZE:
        return tuple(warnings), False
    other_unit = found > _NO_UNIT * true
    cause = f": its lengths are {_unit_of(found / true * 1.7)}, not metres" if other_unit else ""
    remedy = (
        "Give --unit where it is a bare array, else divide xyz. Until then everything that needs millimetres is left out."
        if other_unit
        else "MPJPE holds that error; NMPJPE and PMPJPE do not."
    )
    warnings.append(
        f"The person of the prediction is {_metres(found)} tall, in the ground truth {_metres(true)}{cause}. {remedy}"
    )
    return tuple(warnings), other_unit


def _metres(height: float) -> str:
    text = f"{height:,.0f}".replace(",", "\N{NO-BREAK SPACE}") if height >= 100 else f"{height:.3g}"
    return f"{text} m"


def _unit_of(height: float) -> str:
    """The unit in which a person has about this height, in words."""
    return min(_UNITS.items(), key=lambda unit: abs(math.log(height / 1.7 / unit[0])))[1]


def _axes(looked_at: Sequence[_Poses]) -> tuple[str, ...]:
    """Axes or an origin that differ: errors that one rotation for all frames of a view, or another centre, removes."""
    error, bare = _mean(one.nmpjpe for one in looked_at), _mean(one.pmpjpe for one in looked_at)
    if error < _LARGE_MM or bare > _FALLS_TO * error:
        return ()
    centred = _mean(_centred(one) for one in looked_at)
    if centred < _FALLS_TO * error:
        return (
            f"With the middles of the joints in one place instead of the roots the error falls from {error:.0f} to "
            f"{centred:.0f} mm: the predicted {looked_at[0].skeleton.joints[looked_at[0].skeleton.root]} is not where the "
            "ground truth has it. MPJPE and NMPJPE put the roots in one place.",
        )
    turned = [_turned(one) for one in looked_at]
    common = _mean(one.nmpjpe for one, _ in turned)
    if common < _FALLS_TO * error:
        return (
            f"One rotation for all frames{' of a view' if len(turned) > 1 else ''} brings NMPJPE from {error:.0f} to "
            f"{common:.0f} mm: the prediction has other axes than the ground truth{_described(turned[0][1])}. Bring it "
            "into the axes of the ground truth; PMPJPE does not depend on them.",
        )
    if error < _OWN_AXES_MM:
        return ()
    return (
        f"NMPJPE is {error:.0f} mm, PMPJPE {bare:.0f} mm, and no one rotation explains that: each pose has axes of its "
        "own, such as those of the body or of another camera. Bring the prediction into the axes of the ground truth.",
    )


def _centred(one: _Poses) -> Float[Tensor, " frame"]:
    """Mean distance with the middles of all joints in one place, scaled; nothing is turned."""
    weight = (one.weight / one.weight.sum(-1, keepdim=True))[..., None]
    p, q = (points - (weight * points).sum(-2, keepdim=True) for points in (one.predicted, one.true))
    scale = (weight * p * q).sum((-2, -1)) / (weight * p * p).sum((-2, -1)).clamp(min=1e-12)
    return mean_over_joints(1000 * (scale[:, None, None] * p - q).norm(dim=-1), one.weight)


def _turned(one: _Poses) -> tuple[_Poses, Float[Tensor, "3 3"]]:
    """The poses after the one rotation of all frames that brings root-centred predictions closest to the truth."""
    root = one.skeleton.root
    p, q = (points - points[:, root : root + 1] for points in (one.predicted, one.true))
    p = p / (one.weight[..., None] * p.square()).sum((-2, -1)).clamp(min=1e-12).sqrt()[:, None, None]
    # with every point its opposite, so that the origin, where the roots are, is the centre of rotation
    R = similarity_between(_mirrored(p).flatten(0, 1), _mirrored(q).flatten(0, 1), one.weight.repeat(2, 1).flatten()).R
    return one._replace(predicted=one.predicted @ R.mT), R


def _mirrored(points: Float[Tensor, "frame joint 3"]) -> Float[Tensor, "twice joint 3"]:
    """The points and their opposites, whose common middle is the origin."""
    return torch.cat([points, -points])


def _described(R: Float[Tensor, "3 3"]) -> str:
    """A rotation by names of axes where it exchanges these, else by its angle."""
    nearest = R.round()
    if bool((nearest.abs().sum(0) == 1).all()) and float((R - nearest).norm()) < 0.5:
        names = [f"{'-' if row.sum() < 0 else ''}{'xyz'[int(row.abs().argmax())]}" for row in nearest]
        return f": (x, y, z) is the prediction's ({', '.join(names)})"
    angle = math.degrees(math.acos(max(-1.0, min(1.0, (float(R.trace()) - 1) / 2))))
    return f", turned by {angle:.0f} degrees"


def _sides(looked_at: Sequence[_Poses]) -> tuple[str, ...]:
    """Left and right exchanged, of all joints or of the legs or arms alone; or a mirrored world."""
    error = _mean(one.pmpjpe for one in looked_at)
    changed = {
        "with left and right exchanged": lambda one: _exchanged(one, (*_LEGS, *_ARMS)),
        "with the left and right leg exchanged": lambda one: _exchanged(one, _LEGS),
        "with the left and right arm exchanged": lambda one: _exchanged(one, _ARMS),
        "mirrored": lambda one: one._replace(predicted=one.predicted * one.predicted.new_tensor([-1.0, 1.0, 1.0])),
    }
    errors = {how: _mean(change(one).pmpjpe for one in looked_at) for how, change in changed.items()}
    how = min(errors, key=lambda name: errors[name])
    if errors[how] > _FALLS_TO * error or error - errors[how] < 15:
        return ()
    cause = (
        "one of its axes points the other way"
        if how == "mirrored"
        else "its joints are in another order, or it took one side for the other"
    )
    return (f"PMPJPE falls from {error:.0f} to {errors[how]:.0f} mm {how}: {cause}.",)


def _exchanged(one: _Poses, parts: tuple[str, ...]) -> _Poses:
    joints = one.skeleton.joints
    flip = [
        other if any(part in joints[joint] for part in parts) else joint
        for joint, other in enumerate(one.skeleton.flip)
    ]
    return one._replace(predicted=one.predicted[:, flip])


def _joints(looked_at: Sequence[_Poses]) -> tuple[str, ...]:
    error = _mean(one.pmpjpe for one in looked_at)
    if error < _POOR_MM:
        return ()
    return (
        f"PMPJPE is {error:.0f} mm, more than a pose that never changes has as a rule: check that joints and frames of "
        "both files are in the same order (--skeleton for bare arrays).",
    )
