"""Everybody in the clip, each as one person in all views, once the cameras are known.

Detectors number people per view, and anew when they lose them. Here tracks of different views become one person where
the geometry says so (`epipose.people.tracklet_matching`); a person who was out of sight of the cameras is taken up
again where the place and the lengths of the bones agree and nobody else fits; and a reflection in a mirror is
recognised (`epipose.people.mirror_images`). Whom only one view sees has no depth and comes last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.camera import Rig
from epipose.geometry.observations import Observations
from epipose.geometry.triangulate import gated
from epipose.people.bone_signature import difference_between, stature_of
from epipose.people.mirror_images import is_reflected, plane_between
from epipose.people.tracklet_matching import Piece, Sightings, evidence, grouped, pieces_of, sightings_of
from epipose.poses import Poses2D
from epipose.skeleton import Skeleton

SAMPLES = 120  # moments at which bones and mirrors are measured
SHORT = 2.0  # seconds of absence after which the place still tells who it is
REACH = 0.5, 2.0  # metres, and metres per second of absence, that a person may turn up from where they were last seen
CONTRADICTED = 6.0  # misfit of the bone lengths (about 1 for one person) at which two cannot be one,
ALIKE = 2.0  # below which they may be, whatever the time between them,
MARGIN = 1.0  # if that of the next best person is larger by this
PRESENT = 0.2  # seconds seen by two views below which somebody is a false alarm and not reconstructed


@dataclass(frozen=True)
class Person:
    """One human, as `associate` numbers them. ``views`` saw them; ``seconds`` is how long two views did at once."""

    views: tuple[str, ...]
    seconds: float
    mirror_of: int | None  # the person whose reflection this is
    rejoined: tuple[str, ...]  # a sentence for every absence that was bridged

    @property
    def real(self) -> bool:
        """Whether there is somebody to reconstruct: seen by two views, and no reflection."""
        return self.mirror_of is None and self.seconds >= PRESENT


class Association(NamedTuple):
    """2D poses in which person p is the same human in every view, and what is known of each."""

    poses: Poses2D
    people: tuple[Person, ...]

    @property
    def real(self) -> list[int]:
        """Numbers of the people who can be reconstructed; the subject, 0, is always among them."""
        return [number for number, person in enumerate(self.people) if person.real or number == 0]

    def sentences(self) -> list[str]:
        """What a user should know of each person, one line or more."""
        lines = []
        for number, person in enumerate(self.people):
            who = _name(number)
            lines.append(
                f"{who}: seen by {', '.join(person.views)}, for {person.seconds:.1f} s by two or more at once."
            )
            if person.mirror_of is not None:
                lines.append(f"{who} is the reflection of {_name(person.mirror_of)} in a mirror and is left out.")
            lines += [f"{who} {sentence}" for sentence in person.rejoined]
        return lines


def _name(number: int) -> str:
    return "the subject" if number == 0 else f"person {number}"


def associate(poses: Poses2D, rig: Rig, fps: float) -> Association:
    """Number people across views: person p is the same human in every view, the subject is 0.

    After the subject come the others who can be reconstructed, longest first, then reflections, then those whom only
    one view saw. Tracks that changed from one person to another are cut. Raises InputError where views and cameras
    differ, NoPersonError where nobody is seen.
    """
    sightings = sightings_of(poses, rig)
    speaks = evidence(sightings, rig, poses.skeleton)
    pieces, score = pieces_of(sightings, speaks, fps)
    number = grouped(score)
    everyone = [
        _body(sightings, [pieces[i] for i in np.flatnonzero(number == group)], rig)
        for group in range(int(number.max()) + 1)
    ]
    everyone = _rejoined(everyone, sightings, rig, poses.skeleton, fps)
    mirrored = _mirrored(everyone, rig, poses.skeleton)
    order = _order(everyone, mirrored, sightings)
    people = tuple(
        Person(
            tuple(name for view, name in enumerate(rig.names) if bool(everyone[i].seen[view].any())),
            everyone[i].frames / fps,
            order.index(mirrored[i]) if i in mirrored else None,
            everyone[i].rejoined,
        )
        for i in order
    )
    return Association(_numbered(poses, sightings, [everyone[i].pieces for i in order]), people)


class _Body(NamedTuple):
    """A group of pieces, and what they are in space at sampled moments."""

    pieces: list[Piece]
    seen: Bool[Tensor, "view frame"]
    moments: Tensor
    observed: Observations  # at the moments
    xyz: Float[Tensor, "moment joint 3"]
    conf: Float[Tensor, "moment joint"]
    rejoined: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """How many frames two views or more have this person in."""
        return int((self.seen.sum(0) >= 2).sum())


def _body(sightings: Sightings, pieces: list[Piece], rig: Rig) -> _Body:
    """Triangulate a group at moments on one grid for all groups, and at its own first and last."""
    _, frames, joints, _ = sightings.observed.x.shape
    views = len(rig.names)
    x, weight = torch.zeros(views, frames, joints, 2).double(), torch.zeros(views, frames, joints).double()
    noise = torch.ones_like(weight)
    for track, start, end in pieces:
        view, own = sightings.view[track], slice(start, end)
        seen = (sightings.observed.weight[track, own] > 0).any(-1)
        for whole, field in ((x, "x"), (weight, "weight"), (noise, "noise")):
            whole[view, own][seen] = getattr(sightings.observed, field)[track, own][seen]
    seen = (weight > 0).any(-1)
    both = (seen.sum(0) >= 2).nonzero()[:, 0]
    stride = max(1, frames // SAMPLES)
    moments = torch.unique(torch.cat([both[both % stride == 0], both[:5], both[-5:]]))
    observed = Observations(x, weight, noise).frames(moments)
    if not len(moments):
        nothing = torch.zeros(0, joints, 3).double()
        return _Body(pieces, seen, moments, observed, nothing, nothing[..., 0])
    camera = rig.camera.to(torch.float64)
    points = gated(camera.R, camera.t, *observed.per_point())
    return _Body(pieces, seen, moments, observed, points.xyz, points.confidence)


def _rejoined(everyone: list[_Body], sightings: Sightings, rig: Rig, skeleton: Skeleton, fps: float) -> list[_Body]:
    """Make one person of two who were never seen at one time, the surest first, as long as there are any."""
    while (best := min(_links(everyone, skeleton, fps), default=None)) is not None:
        _, a, b, why = best
        whole = _body(sightings, everyone[a].pieces + everyone[b].pieces, rig)
        whole = whole._replace(rejoined=(*everyone[a].rejoined, *everyone[b].rejoined, why))
        everyone = [whole, *(body for i, body in enumerate(everyone) if i not in (a, b))]
    return everyone


def _links(everyone: list[_Body], skeleton: Skeleton, fps: float) -> Iterator[tuple[float, int, int, str]]:
    """(cost, earlier, later, why) of every two who may be one person; those whom the place tells cost less than 1."""
    statures = [stature_of(body.xyz, body.conf, skeleton) for body in everyone]
    differences = {
        (a, b): difference_between(statures[a], statures[b])
        for a, b in permutations(range(len(everyone)), 2)
        if _gap(everyone[a], everyone[b]) > 0
    }
    for (a, b), found in differences.items():
        absent = _gap(everyone[a], everyone[b]) / fps
        apart = float((_place(everyone[b], 0) - _place(everyone[a], -1)).norm())
        alike = f"(bone lengths differ by {found.share:.0%}"
        reach = REACH[0] + REACH[1] * absent
        if absent <= SHORT and apart <= reach and found.misfit < CONTRADICTED:
            why = f"was out of sight for {absent:.1f} s and came back {apart:.1f} m from there {alike})."
            yield 0.99 * apart / reach, a, b, why
            continue
        others = [other for pair, other in differences.items() if pair != (a, b) and (pair[0] == a or pair[1] == b)]
        rival = min(others, key=lambda other: other.misfit, default=None)
        if found.misfit < ALIKE and (rival is None or rival.misfit > found.misfit + MARGIN):
            than = (
                ", and nobody else fits)" if rival is None else f", those of the next best person by {rival.share:.0%})"
            )
            yield 1 + found.misfit, a, b, f"was out of sight for {absent:.1f} s and came back {alike}{than}."


def _gap(a: _Body, b: _Body) -> int:
    """Frames between the last of a and the first of b; 0 where they overlap, b is first, or one has no place."""
    if not len(a.moments) or not len(b.moments):
        return 0
    return max(0, int(b.seen.any(0).nonzero()[0]) - int(a.seen.any(0).nonzero()[-1]))


def _place(body: _Body, end: int) -> Float[Tensor, "3"]:
    """Median of the joints at the first (0) or last (-1) moment that has any."""
    known = (body.conf > 0).any(-1).nonzero()[:, 0]
    if not len(known):
        return torch.full((3,), torch.inf).double()
    moment = known[end]
    return body.xyz[moment][body.conf[moment] > 0].median(0).values


def _mirrored(everyone: list[_Body], rig: Rig, skeleton: Skeleton) -> dict[int, int]:
    """Reflections, and whose: the image is behind the mirror, where the cameras that see it are not."""
    images: dict[int, int] = {}
    for real, image in permutations(range(len(everyone)), 2):
        one, two = everyone[real], everyone[image]
        at_one, at_two = torch.isin(one.moments, two.moments), torch.isin(two.moments, one.moments)
        seen = one.conf[at_one] > 0
        both = seen & (two.conf[at_two][:, list(skeleton.flip)] > 0)
        if not bool(both.any()):
            continue
        plane = plane_between(one.xyz[at_one], two.xyz[at_two], both, skeleton.flip)
        cameras = plane.height(rig.camera.center.double()[one.seen.any(1) & two.seen.any(1)]).median()
        person = plane.height(one.xyz[at_one][seen]).median()
        observed = two.observed.frames(at_two.nonzero()[:, 0])
        same_side = bool(cameras * person > 0)
        if same_side and is_reflected(plane, one.xyz[at_one], seen, observed, rig, skeleton.flip):
            images[image] = real
    return images


def _order(everyone: list[_Body], mirrored: dict[int, int], sightings: Sightings) -> list[int]:
    """The subject (who has most of what was person 0, and is no reflection), then real people, then the rest."""

    def subject_frames(i: int) -> int:
        return sum(end - start for track, start, end in everyone[i].pieces if sightings.person[track] == 0)

    subject = max(range(len(everyone)), key=lambda i: (i not in mirrored, subject_frames(i), everyone[i].frames))

    def rank(i: int) -> tuple[bool, bool, bool, int]:
        return i != subject, everyone[i].frames == 0, i in mirrored, -everyone[i].frames

    return sorted(range(len(everyone)), key=rank)


def _numbered(poses: Poses2D, sightings: Sightings, groups: Sequence[list[Piece]]) -> Poses2D:
    """The detections of every group as one person."""
    views, frames, _, joints, _ = poses.xy.shape
    shape = (views, frames, len(groups), joints)
    xy, conf = poses.xy.new_zeros(*shape, 2), poses.conf.new_zeros(shape)
    xyz = None if poses.xyz is None else poses.xyz.new_zeros(*shape, 3)
    for number, pieces in enumerate(groups):
        for track, start, end in pieces:
            view, person, own = sightings.view[track], sightings.person[track], slice(start, end)
            here = poses.conf[view, own, person].any(-1)
            xy[view, own, number][here] = poses.xy[view, own, person][here]
            conf[view, own, number][here] = poses.conf[view, own, person][here]
            if xyz is not None and poses.xyz is not None:
                xyz[view, own, number][here] = poses.xyz[view, own, person][here]
    return replace(poses, xy=xy, conf=conf, xyz=xyz)
