"""The subject put right in a view where somebody else had been taken for it, once there is a first rig.

Before the cameras are known the subject is chosen by its motion (`epipose.people.subject`), and a reflection, or a
person who imitates another, moves as the subject does. Once the other views have placed the subject in space, the
choice in a view can be checked: only the subject itself is where they say. The camera of that view may have been placed
by the wrong person's joints, so it is not believed: each candidate proposes a camera (resection from the other views'
points), and the camera and candidate that explain most frames win. Calibrate, repair, and calibrate again.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from epipose.camera import Rig
from epipose.geometry.observations import Observations, observe
from epipose.geometry.person_size import body_spread
from epipose.geometry.reprojection import reproject
from epipose.geometry.resection import resect_refined
from epipose.geometry.robust import mean_robust_cost
from epipose.geometry.sampling import evenly_with_ends, stride_for
from epipose.geometry.triangulate import gated
from epipose.people.tracklet_matching import MAX_SIZE_RATIO, MIN_SHARED_JOINTS, NEUTRAL_COST
from epipose.poses import Poses2D

KEPT = 0.3  # evidence per moment by which another candidate must be better than the one that was taken
MOMENTS = 600  # at which the candidates are compared, evenly spread
MIND = 15.0  # moments of evidence that a change of candidate, in the middle of the clip, must be worth
BETTER = 1.3  # a proposed camera must explain this many times as much as the rig's own
RESECTED = 2000  # joints that a proposal is made from, at most
LEAST = 50  # and at least


def repaired_subject(poses: Poses2D, rig: Rig) -> tuple[Poses2D, dict[str, Any]]:
    """Replace person 0 by another candidate in the views and frames where only that one fits the other views.

    Also returns, for every view that was changed, a list of what was done: ``first`` and ``last`` frame, ``candidate``
    (its number until now), ``fit_before`` and ``fit_after`` (evidence per frame for being the subject, from -1 to
    about 0.7; None where nobody was seen). Needs three views: with two nothing is changed.
    """
    changes: dict[str, Any] = {}
    if len(rig.names) < 3:
        return poses, changes
    for _ in rig.names:  # the surest first, because it helps to judge the others
        found = [repair for view in range(len(rig.names)) if (repair := _repair(poses, rig, view)) is not None]
        if not found:
            break
        best = max(found, key=lambda repair: repair.gain)
        if rig.names[best.view] in changes:
            break
        changes[rig.names[best.view]] = _listed(best)
        poses, rig = _swapped(poses, best), _replaced(rig, best)
    return poses, changes


class _Repair(NamedTuple):
    view: int
    gain: float  # moments of evidence
    taken: Int[np.ndarray, " frame"]  # which candidate is the subject
    fit: Float[np.ndarray, "frame candidate"]
    pose: tuple[Tensor, Tensor]  # of the camera, where the others say that it is


def _repair(poses: Poses2D, rig: Rig, view: int) -> _Repair | None:
    """Who the subject is in one view according to the others, or None where that is who was taken."""
    people = poses.conf.shape[2]
    candidates = [observe(poses, rig, person=person).views([view]) for person in range(people)]
    if sum(bool(candidate.weight.any()) for candidate in candidates[1:]) == 0:
        return None
    others = [v for v in range(len(rig.names)) if v != view]
    camera = rig.camera.to(torch.float64)
    frames = poses.conf.shape[1]
    moments = torch.arange(0, frames, stride_for(frames, MOMENTS))
    candidates = [candidate.frames(moments) for candidate in candidates]
    subject = observe(poses, rig).views(others).frames(moments)
    points = gated(camera.R[others], camera.t[others], *subject.per_point())
    xyz, conf = points.xyz, points.confidence * poses.skeleton.votes.to(points.xyz)
    pose = camera.R[view], camera.t[view]
    fit = _fits(candidates, xyz, conf, *pose)
    for proposal in [_resected(candidate, xyz, conf) for candidate in candidates]:
        if proposal is not None:
            other = _fits(candidates, xyz, conf, *proposal)
            if _explained(other) > BETTER * _explained(fit):
                fit, pose = other, proposal
    taken = _best_path(fit)
    gain = float((fit[np.arange(len(fit)), taken] - fit[:, 0]).sum())
    of_moment = np.arange(frames) // stride_for(frames, MOMENTS)
    return _Repair(view, gain, taken[of_moment], fit[of_moment], pose) if bool(taken.any()) else None


def _fits(
    candidates: list[Observations], xyz: Tensor, conf: Tensor, R: Tensor, t: Tensor
) -> Float[np.ndarray, "frame candidate"]:
    """Evidence per frame that a candidate is who stands at ``xyz``; 0 where it is not seen or nothing is known."""
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
    frame, joint = ((conf > 0.3) & (candidate.weight[0] > 0)).nonzero().T
    if len(frame) < LEAST:
        return None
    some = evenly_with_ends(len(frame), RESECTED)
    frame, joint = frame[some], joint[some]
    max_error = 2.5 * float(candidate.noise[0, frame, joint].median())
    return resect_refined(xyz[frame, joint], candidate.x[0, frame, joint], max_error, LEAST / 2)


def _best_path(fit: Float[np.ndarray, "frame candidate"]) -> Int[np.ndarray, " frame"]:
    """The candidate per frame with the largest sum of evidence, changes paid for (Viterbi)."""
    gain = fit.copy()
    gain[:, 1:] = np.where(fit[:, 1:] > 0, fit[:, 1:] - KEPT, -1)  # nobody is never better than somebody
    total, came_from = gain[0], np.zeros(fit.shape, int)
    for frame in range(1, len(fit)):
        change = total.max() - MIND > total
        came_from[frame] = np.where(change, total.argmax(), np.arange(len(total)))
        total = np.where(change, total.max() - MIND, total) + gain[frame]
    path = np.zeros(len(fit), int)
    path[-1] = total.argmax()
    for frame in range(len(fit) - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


def _replaced(rig: Rig, repair: _Repair) -> Rig:
    """The rig with the repaired view's camera where its right subject says it is."""
    camera = rig.camera.to(torch.float64)
    R, t = camera.R.clone(), camera.t.clone()
    R[repair.view], t[repair.view] = repair.pose
    return replace(rig, camera=camera.with_pose(R, t))


def _swapped(poses: Poses2D, repair: _Repair) -> Poses2D:
    """The poses with person 0 and the candidate in each other's place."""
    fields = [poses.xy.clone(), poses.conf.clone(), None if poses.xyz is None else poses.xyz.clone()]
    frames = torch.arange(len(repair.taken))
    taken = torch.from_numpy(repair.taken)
    for field in fields:
        if field is not None:
            subject = field[repair.view, frames, 0].clone()
            field[repair.view, frames, 0] = field[repair.view, frames, taken]
            field[repair.view, frames, taken] = torch.where(
                (taken == 0).reshape(-1, *[1] * (subject.ndim - 1)), field[repair.view, frames, taken], subject
            )
    xy, conf, xyz = fields
    assert xy is not None
    assert conf is not None
    return replace(poses, xy=xy, conf=conf, xyz=xyz)


def _listed(repair: _Repair) -> list[dict[str, Any]]:
    """Every stretch of frames in which somebody else is now the subject."""
    bounds = [0, *(np.flatnonzero(np.diff(repair.taken)) + 1).tolist(), len(repair.taken)]
    listed = []
    for start, end in pairwise(bounds):
        candidate, fit = int(repair.taken[start]), repair.fit[start:end]
        if candidate:
            before, after = (_mean_fit(fit[:, person]) for person in (0, candidate))
            listed.append(
                {"first": start, "last": end - 1, "candidate": candidate, "fit_before": before, "fit_after": after}
            )
    return listed


def _mean_fit(fit: Float[np.ndarray, " frame"]) -> float | None:
    known = fit[fit != 0]
    return round(float(known.mean()), 3) if len(known) else None
