"""Association of people across views, once the cameras are known.

Detectors number people per view, and anew when they lose them. Here tracklets of different views become one person
where the geometry says so (`epipose.people.tracklet_matching`); a person who was out of sight of all cameras is
re-identified where the place and the bone lengths agree and nobody else fits; and a reflection in a mirror is
recognised (`epipose.people.mirror_images`). A person in one view only has no depth and comes last.
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
from epipose.people.bone_signature import bone_signature, signature_distance
from epipose.people.mirror_images import fit_mirror_plane, is_reflection
from epipose.people.tracklet_matching import Segment, cluster_segments, epipolar_evidence, segment_tracklets
from epipose.people.tracklet_rays import TrackletRays, tracklet_rays
from epipose.poses import Poses2D
from epipose.skeleton import Skeleton

MAX_MOMENTS = 120  # at which bones and mirrors are measured
SHORT_ABSENCE_SECONDS = 2.0  # up to which the place re-identifies a person
MAX_RETURN_DISTANCE = 0.5, 2.0  # metres, and metres per second of absence, between the last place and the next
MAX_BONE_MISFIT = 6.0  # of the bone lengths (about 1 for one person), from which two cannot be one person,
MATCHING_BONE_MISFIT = 2.0  # below which they may be one, however long the absence,
MIN_MISFIT_MARGIN = 1.0  # if the misfit of the next best person is larger by this
MIN_SECONDS_IN_TWO_VIEWS = 0.2  # a person seen for less is a false alarm and not reconstructed


@dataclass(frozen=True)
class Person:
    """One person, as `associate` numbers them. ``views`` see them; ``seconds``: how long two views do at once."""

    views: tuple[str, ...]
    seconds: float
    mirror_of: int | None  # number of the person whose reflection this is
    rejoined: tuple[str, ...]  # a sentence for every absence that was bridged

    @property
    def real(self) -> bool:
        """Whether the person can be reconstructed: seen by two views, and no reflection."""
        return self.mirror_of is None and self.seconds >= MIN_SECONDS_IN_TWO_VIEWS


class Association(NamedTuple):
    """2D poses in which person p is the same one in every view, and a description of each."""

    poses: Poses2D
    people: tuple[Person, ...]

    @property
    def real(self) -> list[int]:
        """Numbers of the people who can be reconstructed; the subject, 0, is always among them."""
        return [number for number, person in enumerate(self.people) if person.real or number == 0]

    def sentences(self) -> list[str]:
        """One sentence or more on each person, for the user."""
        lines = []
        for number, person in enumerate(self.people):
            name = _name(number)
            lines.append(
                f"{name}: seen by {', '.join(person.views)}, for {person.seconds:.1f} s by two or more at once."
            )
            if person.mirror_of is not None:
                lines.append(f"{name} is the reflection of {_name(person.mirror_of)} in a mirror and is left out.")
            lines += [f"{name} {sentence}" for sentence in person.rejoined]
        return lines


def _name(number: int) -> str:
    return "the subject" if number == 0 else f"person {number}"


def associate(poses: Poses2D, rig: Rig, fps: float) -> Association:
    """Number people across views: person p is the same one in every view, the subject is 0.

    After the subject come the others who can be reconstructed, longest first, then reflections, then those in
    one view only. Tracklets that changed from one person to another are cut. Raises InputError where views and cameras
    differ, NoPersonError where nobody is seen.
    """
    rays = tracklet_rays(poses, rig)
    evidence = epipolar_evidence(rays, rig, poses.skeleton)
    segments, score = segment_tracklets(rays, evidence, fps)
    groups = cluster_segments(score)
    everyone = [
        _body(rays, [segments[i] for i in np.flatnonzero(groups == group)], rig)
        for group in range(int(groups.max()) + 1)
    ]
    everyone = _bridge_absences(everyone, rays, rig, poses.skeleton, fps)
    mirrored = _reflections(everyone, rig, poses.skeleton)
    order = _person_order(everyone, mirrored, rays)
    people = tuple(
        Person(
            tuple(name for view, name in enumerate(rig.names) if bool(everyone[i].seen[view].any())),
            everyone[i].frames / fps,
            order.index(mirrored[i]) if i in mirrored else None,
            everyone[i].rejoined,
        )
        for i in order
    )
    return Association(_regroup(poses, rays, [everyone[i].segments for i in order]), people)


class _Body(NamedTuple):
    """A cluster of tracklet segments, and its reconstruction at sampled moments."""

    segments: list[Segment]
    seen: Bool[Tensor, "view frame"]
    moments: Tensor
    observed: Observations  # at the moments
    xyz: Float[Tensor, "moment joint 3"]
    conf: Float[Tensor, "moment joint"]
    rejoined: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """Number of frames in which two views or more see this person."""
        return int((self.seen.sum(0) >= 2).sum())


def _body(rays: TrackletRays, segments: list[Segment], rig: Rig) -> _Body:
    """Triangulate a cluster at moments on one grid for all clusters, and at its own first and last."""
    frames = rays.seen.shape[1]
    seen = torch.zeros(len(rig.names), frames, dtype=torch.bool)
    for tracklet, start, end in segments:
        seen[rays.view[tracklet], start:end] |= rays.seen[tracklet, start:end]
    both = (seen.sum(0) >= 2).nonzero()[:, 0]
    stride = max(1, frames // MAX_MOMENTS)
    moments = torch.unique(torch.cat([both[both % stride == 0], both[:5], both[-5:]]))
    observed = _observed(rays, segments, moments, len(rig.names))
    if not len(moments):
        nothing = torch.zeros(0, observed.x.shape[2], 3).double()
        return _Body(segments, seen, moments, observed, nothing, nothing[..., 0])
    camera = rig.camera.to(torch.float64)
    points = gated(camera.R, camera.t, *observed.per_point())
    return _Body(segments, seen, moments, observed, points.xyz, points.confidence)


def _observed(rays: TrackletRays, segments: list[Segment], moments: Tensor, views: int) -> Observations:
    """Rays of a cluster by view at some moments; weight 0 where it is not seen."""
    joints = rays.sources[0].poses.conf.shape[3]
    x = torch.zeros(views, len(moments), joints, 2, dtype=torch.float64)
    weight, noise = torch.zeros_like(x[..., 0]), torch.ones_like(x[..., 0])
    for tracklet, start, end in segments:
        own = ((moments >= start) & (moments < end)).nonzero()[:, 0]
        own = own[rays.seen[tracklet, moments[own]]]
        if len(own):
            found, view = rays.of(tracklet, moments[own]), rays.view[tracklet]
            x[view, own], weight[view, own], noise[view, own] = found.x[0], found.weight[0], found.noise[0]
    return Observations(x, weight, noise)


def _bridge_absences(
    everyone: list[_Body], rays: TrackletRays, rig: Rig, skeleton: Skeleton, fps: float
) -> list[_Body]:
    """Merge two people who were never seen at one time, the best match first, as long as there is one."""
    while (best := min(_absence_bridges(everyone, skeleton, fps), default=None)) is not None:
        _, a, b, sentence = best
        whole = _body(rays, everyone[a].segments + everyone[b].segments, rig)
        whole = whole._replace(rejoined=(*everyone[a].rejoined, *everyone[b].rejoined, sentence))
        everyone = [whole, *(body for i, body in enumerate(everyone) if i not in (a, b))]
    return everyone


def _absence_bridges(everyone: list[_Body], skeleton: Skeleton, fps: float) -> Iterator[tuple[float, int, int, str]]:
    """(cost, earlier, later, sentence) of every two who may be one person; below 1 where the place tells."""
    signatures = [bone_signature(body.xyz, body.conf, skeleton) for body in everyone]
    distances = {
        (a, b): signature_distance(signatures[a], signatures[b])
        for a, b in permutations(range(len(everyone)), 2)
        if _gap_frames(everyone[a], everyone[b]) > 0
    }
    for (a, b), found in distances.items():
        absent = _gap_frames(everyone[a], everyone[b]) / fps
        apart = float((_median_joint(everyone[b], 0) - _median_joint(everyone[a], -1)).norm())
        alike = f"(bone lengths differ by {found.share:.0%}"
        reach = MAX_RETURN_DISTANCE[0] + MAX_RETURN_DISTANCE[1] * absent
        if absent <= SHORT_ABSENCE_SECONDS and apart <= reach and found.misfit < MAX_BONE_MISFIT:
            sentence = f"was out of sight for {absent:.1f} s and came back {apart:.1f} m from there {alike})."
            yield 0.99 * apart / reach, a, b, sentence
            continue
        others = [other for pair, other in distances.items() if pair != (a, b) and (pair[0] == a or pair[1] == b)]
        rival = min(others, key=lambda other: other.misfit, default=None)
        if found.misfit < MATCHING_BONE_MISFIT and (rival is None or rival.misfit > found.misfit + MIN_MISFIT_MARGIN):
            than = (
                ", and nobody else fits)" if rival is None else f", those of the next best person by {rival.share:.0%})"
            )
            yield 1 + found.misfit, a, b, f"was out of sight for {absent:.1f} s and came back {alike}{than}."


def _gap_frames(a: _Body, b: _Body) -> int:
    """Frames between the last of a and the first of b; 0 where they overlap, b is first, or one has no 3D."""
    if not len(a.moments) or not len(b.moments):
        return 0
    return max(0, int(b.seen.any(0).nonzero()[0]) - int(a.seen.any(0).nonzero()[-1]))


def _median_joint(body: _Body, end: int) -> Float[Tensor, "3"]:
    """Median of the joints at the first (0) or last (-1) moment that has any."""
    known = (body.conf > 0).any(-1).nonzero()[:, 0]
    if not len(known):
        return torch.full((3,), torch.inf).double()
    moment = known[end]
    return body.xyz[moment][body.conf[moment] > 0].median(0).values


def _reflections(everyone: list[_Body], rig: Rig, skeleton: Skeleton) -> dict[int, int]:
    """Reflections, each with its person: the mirror image lies behind the mirror, the cameras that see it do not."""
    images: dict[int, int] = {}
    for real, image in permutations(range(len(everyone)), 2):
        one, two = everyone[real], everyone[image]
        at_one, at_two = torch.isin(one.moments, two.moments), torch.isin(two.moments, one.moments)
        seen = one.conf[at_one] > 0
        both = seen & (two.conf[at_two][:, list(skeleton.flip)] > 0)
        if not bool(both.any()):
            continue
        plane = fit_mirror_plane(one.xyz[at_one], two.xyz[at_two], both, skeleton.flip)
        cameras = plane.height(rig.camera.center.double()[one.seen.any(1) & two.seen.any(1)]).median()
        person = plane.height(one.xyz[at_one][seen]).median()
        observed = two.observed.frames(at_two.nonzero()[:, 0])
        same_side = bool(cameras * person > 0)
        if same_side and is_reflection(plane, one.xyz[at_one], seen, observed, rig, skeleton.flip):
            images[image] = real
    return images


def _person_order(everyone: list[_Body], mirrored: dict[int, int], rays: TrackletRays) -> list[int]:
    """Order of people: the subject (most frames of person 0, and no reflection), then real people, then the rest."""

    def subject_frames(i: int) -> int:
        return sum(end - start for tracklet, start, end in everyone[i].segments if rays.person[tracklet] == 0)

    subject = max(range(len(everyone)), key=lambda i: (i not in mirrored, subject_frames(i), everyone[i].frames))

    def rank(i: int) -> tuple[bool, bool, bool, int]:
        return i != subject, everyone[i].frames == 0, i in mirrored, -everyone[i].frames

    return sorted(range(len(everyone)), key=rank)


def _regroup(poses: Poses2D, rays: TrackletRays, groups: Sequence[list[Segment]]) -> Poses2D:
    """The keypoints of every cluster as one person."""
    views, frames, _, joints, _ = poses.xy.shape
    shape = (views, frames, len(groups), joints)
    xy, conf = poses.xy.new_zeros(*shape, 2), poses.conf.new_zeros(shape)
    xyz = None if poses.xyz is None else poses.xyz.new_zeros(*shape, 3)
    for number, segments in enumerate(groups):
        for tracklet, start, end in segments:
            view, person, own = rays.view[tracklet], rays.person[tracklet], slice(start, end)
            here = poses.conf[view, own, person].any(-1)
            xy[view, own, number][here] = poses.xy[view, own, person][here]
            conf[view, own, number][here] = poses.conf[view, own, person][here]
            if xyz is not None and poses.xyz is not None:
                xyz[view, own, number][here] = poses.xyz[view, own, person][here]
    return replace(poses, xy=xy, conf=conf, xyz=xyz)
