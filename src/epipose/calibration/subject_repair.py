"""Subject repair: the subject's detections in one view checked against the points of the other views.

Before the cameras are known the subject is chosen by its motion (`epipose.people.subject`), and a reflection, or a
person who imitates another, moves as the subject does. Once the other views have placed the subject in space, the
choice in a view can be checked: only the subject itself is where they say. The camera of that view may have been placed
by the wrong person's keypoints, so it is not relied on: each candidate proposes a camera (resection from the other
views' points), and the camera and candidate that explain most frames win. Calibrate, repair, and calibrate again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from epipose.camera import Rig
from epipose.geometry.observation_source import ObservationSource
from epipose.geometry.observations import Observations
from epipose.geometry.person_size import body_spread
from epipose.geometry.reprojection import reproject
from epipose.geometry.resection import resect_refined
from epipose.geometry.robust import mean_robust_cost
from epipose.geometry.sampling import evenly_with_ends, stride_for
from epipose.geometry.triangulate import gated
from epipose.people.tracklet_matching import MAX_SIZE_RATIO, MIN_SHARED_JOINTS, NEUTRAL_COST
from epipose.poses import Poses2D

MIN_EVIDENCE_GAIN = 0.3  # per moment, by which another candidate must be better than the one that was taken
MOMENTS = 600  # at which the candidates are compared, evenly spread
CHANGE_COST = 15.0  # moments of evidence that a change of candidate, in the middle of the clip, must be worth
MIN_EVIDENCE_RATIO = 1.3  # of a proposed camera over the rig's own
MAX_RESECTION_POINTS = 2000
MIN_RESECTION_POINTS = 50
MAX_INLIER_SIGMAS = 2.5  # expected errors within which a keypoint is an inlier of a proposed camera
MIN_POINT_CONFIDENCE = 0.3  # of the points that a proposal is made from


@dataclass(frozen=True)
class SubjectRepair:
    """A stretch of frames of a view in which another candidate is the subject now.

    ``candidate``: its number until now. ``fit_before`` and ``fit_after``: evidence per frame for being the subject, of
    the one that was taken and of the candidate, from -1 to about 0.7; None where nobody was seen.
    """

    first: int  # frame
    last: int
    candidate: int
    fit_before: float | None
    fit_after: float | None


def repaired_subject(poses: Poses2D, rig: Rig) -> tuple[Poses2D, dict[str, tuple[SubjectRepair, ...]]]:
    """Replace person 0 by another candidate in the views and frames where only that one fits the other views.

    Also returns what was replaced, by view. Needs three views: with two nothing is changed.
    """
    repairs: dict[str, tuple[SubjectRepair, ...]] = {}
    if len(rig.names) < 3:
        return poses, repairs
    for _ in rig.names:  # the clearest first, because it helps to judge the others
        moments = torch.arange(0, poses.xy.shape[1], stride_for(poses.xy.shape[1], MOMENTS))
        people = [
            ObservationSource.of(poses, rig, person).at(moments, velocity=False)
            for person in range(poses.conf.shape[2])
        ]
        found = [
            change for view in range(len(rig.names)) if (change := _change_in(people, poses, rig, view)) is not None
        ]
        if not found:
            break
        best = max(found, key=lambda change: change.gain)
        if rig.names[best.view] in repairs:
            break
        repairs[rig.names[best.view]] = _listed(best)
        poses, rig = _swapped(poses, best), _replaced(rig, best)
    return poses, repairs


class _Change(NamedTuple):
    view: int
    gain: float  # moments of evidence
    taken: Int[np.ndarray, " frame"]  # which candidate is the subject
    fit: Float[np.ndarray, "frame candidate"]
    pose: tuple[Tensor, Tensor]  # of the camera, by the other views' points


def _change_in(people: list[Observations], poses: Poses2D, rig: Rig, view: int) -> _Change | None:
    """The candidates that are the subject in one view by the other views; None where those were taken already.

    ``people``: observations of every candidate at the moments where they are compared.
    """
    candidates = [person.views([view]) for person in people]
    if sum(bool(candidate.weight.any()) for candidate in candidates[1:]) == 0:
        return None
    others = [v for v in range(len(rig.names)) if v != view]
    camera = rig.camera.to(torch.float64)
    frames, skeleton = poses.xy.shape[1], poses.skeleton
    subject = people[0].views(others)
    points = gated(camera.R[others], camera.t[others], *subject.per_point())
    xyz, conf = points.xyz, points.confidence * skeleton.evidence_weights.to(points.xyz)
    pose = camera.R[view], camera.t[view]
    fit = _fits(candidates, xyz, conf, *pose)
    for proposal in [_resected(candidate, xyz, conf) for candidate in candidates]:
        if proposal is not None:
            other = _fits(candidates, xyz, conf, *proposal)
            if _explained(other) > MIN_EVIDENCE_RATIO * _explained(fit):
                fit, pose = other, proposal
    taken = _best_path(fit)
    gain = float((fit[np.arange(len(fit)), taken] - fit[:, 0]).sum())
    of_moment = np.arange(frames) // stride_for(frames, MOMENTS)
    return _Change(view, gain, taken[of_moment], fit[of_moment], pose) if bool(taken.any()) else None


def _fits(
    candidates: list[Observations], xyz: Tensor, conf: Tensor, R: Tensor, t: Tensor
) -> Float[np.ndarray, "frame candidate"]:
    """Evidence per frame that a candidate is the person at ``xyz``; 0 where it is not seen or nothing is known."""
    u, depth = reproject(R, t, xyz)
    fits = []
    for candidate in candidates:
        x, seen, noise = candidate.x[0], candidate.weight[0], candidate.noise[0]
        weight = seen * conf * (depth > 0)
        squared = ((u - x) / noise[..., None]).square().sum(-1) / 2
        cost = mean_robust_cost(squared, weight, (-1,))
        counted = ((seen > 0) & (conf > 0)).sum(-1) >= MIN_SHARED_JOINTS
        # somebody who fills the image has large expected errors and would fit anything
        size, expected = body_spread(x, weight), body_spread(u, weight)
        fitting = (size < MAX_SIZE_RATIO * expected) & (expected < MAX_SIZE_RATIO * size)
        fitting &= (weight > 0).sum(-1) >= MIN_SHARED_JOINTS  # the others are behind the camera
        fits.append(torch.where(fitting, (NEUTRAL_COST - cost).clamp(-1, 1), -1.0) * counted)
    return torch.stack(fits, -1).numpy()


def _explained(fit: Float[np.ndarray, "frame candidate"]) -> float:
    return float(fit.max(1).clip(min=0).sum())


def _resected(candidate: Observations, xyz: Tensor, conf: Tensor) -> tuple[Tensor, Tensor] | None:
    """cam_from_world (R, t) of a camera in which the points appear as this candidate, if most of them can."""
    frame, joint = ((conf > MIN_POINT_CONFIDENCE) & (candidate.weight[0] > 0)).nonzero().T
    if len(frame) < MIN_RESECTION_POINTS:
        return None
    some = evenly_with_ends(len(frame), MAX_RESECTION_POINTS)
    frame, joint = frame[some], joint[some]
    max_error = MAX_INLIER_SIGMAS * float(candidate.noise[0, frame, joint].median())
    return resect_refined(xyz[frame, joint], candidate.x[0, frame, joint], max_error, MIN_RESECTION_POINTS / 2)


def _best_path(fit: Float[np.ndarray, "frame candidate"]) -> Int[np.ndarray, " frame"]:
    """The candidate per frame with the largest sum of evidence, changes paid for (Viterbi)."""
    gain = fit.copy()
    gain[:, 1:] = np.where(fit[:, 1:] > 0, fit[:, 1:] - MIN_EVIDENCE_GAIN, -1)  # nobody is never better than somebody
    total, came_from = gain[0], np.zeros(fit.shape, int)
    for frame in range(1, len(fit)):
        change = total.max() - CHANGE_COST > total
        came_from[frame] = np.where(change, total.argmax(), np.arange(len(total)))
        total = np.where(change, total.max() - CHANGE_COST, total) + gain[frame]
    path = np.zeros(len(fit), int)
    path[-1] = total.argmax()
    for frame in range(len(fit) - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


def _replaced(rig: Rig, change: _Change) -> Rig:
    """The rig with the repaired view's camera at the pose that its right subject gave."""
    camera = rig.camera.to(torch.float64)
    R, t = camera.R.clone(), camera.t.clone()
    R[change.view], t[change.view] = change.pose
    return replace(rig, camera=camera.with_pose(R, t))


def _swapped(poses: Poses2D, change: _Change) -> Poses2D:
    """The poses with person 0 and the candidate exchanged."""
    fields = [poses.xy.clone(), poses.conf.clone(), None if poses.xyz is None else poses.xyz.clone()]
    frames = torch.arange(len(change.taken))
    taken = torch.from_numpy(change.taken)
    for field in fields:
        if field is not None:
            subject = field[change.view, frames, 0].clone()
            field[change.view, frames, 0] = field[change.view, frames, taken]
            field[change.view, frames, taken] = torch.where(
                (taken == 0).reshape(-1, *[1] * (subject.ndim - 1)), field[change.view, frames, taken], subject
            )
    xy, conf, xyz = fields
    assert xy is not None
    assert conf is not None
    return replace(poses, xy=xy, conf=conf, xyz=xyz)


def _listed(change: _Change) -> tuple[SubjectRepair, ...]:
    """Every stretch of frames in which another candidate is the subject now."""
    bounds = [0, *(np.flatnonzero(np.diff(change.taken)) + 1).tolist(), len(change.taken)]
    listed = []
    for start, end in pairwise(bounds):
        candidate, fit = int(change.taken[start]), change.fit[start:end]
        if candidate:
            before, after = (_mean_fit(fit[:, person]) for person in (0, candidate))
            listed.append(SubjectRepair(start, end - 1, candidate, before, after))
    return tuple(listed)


def _mean_fit(fit: Float[np.ndarray, " frame"]) -> float | None:
    known = fit[fit != 0]
    return round(float(known.mean()), 3) if len(known) else None
