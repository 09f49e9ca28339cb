"""Subject selection: match tracklets across uncalibrated views by joint-speed correlation.

The largest person need not be the subject: a bystander close to one camera is larger. What the views of one person
share, without any calibration, is WHEN each joint moves fast: a speed in the image, divided by the body's size in the
image, rises and falls at the same moments from every side. So every pair of candidates of two views gets the
correlation over time of their joints' speeds, weighted by how much both move and how long both are seen, and the
candidates (one per view) with the largest sum over all pairs of views are taken. A subject who was out of a view for
long comes back as another candidate there: one whose motion agrees well enough, at times when the chosen one is not
seen, is added to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from epipose.detection.joint_speeds import log_joint_speeds
from epipose.detection.tracklets import Tracklet, join_tracklets, merge_tracklets, stack_tracklets
from epipose.errors import NoPersonError
from epipose.poses import Poses2D

HALF_SCORE_SPREAD = 0.2  # of the log speed (body sizes per second) over time, at which a candidate counts half
MIN_AGREEMENT = 0.15  # of the subject with the other views, on average; less is reported as doubtful
MIN_ADDED_SECONDS = 0.25  # shorter tracklets may agree by chance and are not added
# Score of being seen at the same time alone, in units of correlation. It decides where nothing agrees: then
# the person seen all the time is taken, not the false alarm of a few frames that agrees by chance.
PRESENCE_SCORE = 0.02


@dataclass(frozen=True)
class ViewChoice:
    """The candidate that was taken in one view, and the reason.

    ``candidates``: how many there were. ``taken``: its number among them, longest first, from 0. ``added``: the numbers
    of those that are the same person, seen at other times. ``agreement``: mean correlation with the other views'
    choice, 1 at best. ``next_best``: the largest agreement of anybody else. ``lead``: its score over the best other
    candidate's; both None where there is no other. ``sure``: the agreement is at least `MIN_AGREEMENT`.
    """

    candidates: int
    taken: int
    added: tuple[int, ...]
    agreement: float
    next_best: float | None
    lead: float | None
    sure: bool

    def described(self, views: int) -> str:
        """The candidate that was taken, and the reason, as one of ``views`` views."""
        return f"{self._candidate()}{self._reason(views)}"

    def _candidate(self) -> str:
        if self.candidates == 1:
            return "the only person seen"
        also = "".join(f" and {number + 1}, seen at other times" for number in self.added)
        return f"person {self.taken + 1}{also} of {self.candidates}"

    def _reason(self, views: int) -> str:
        if views < 2:
            return ", who is seen longest" if self.candidates > 1 else ""
        rest = "" if self.next_best is None else f"; next best {self.next_best:.2f}"
        verb = "agree" if self.sure else "hardly agree"
        return f", whose movements {verb} with the other views ({self.agreement:.2f}{rest})"


@dataclass(frozen=True)
class SubjectChoice:
    """The candidate of every view that is the subject: by the views' names, in the order of the views."""

    views: Mapping[str, ViewChoice]

    def sentences(self) -> list[str]:
        """A sentence for each view that says which candidate was taken there, and why."""
        return [f"{name}: {choice.described(len(self.views))}." for name, choice in self.views.items()]

    def warnings(self) -> list[str]:
        """A sentence for each view in which the choice is doubtful, with what to do; none where there is one view."""
        if len(self.views) < 2:
            return []
        return [
            f"View {name}: the person taken (of {choice.candidates} seen) hardly moves as the one in the other views "
            f"does (agreement {choice.agreement:.2f}, expected {MIN_AGREEMENT} or more). Look whether it is the same "
            "person, and whether the videos start together; if not, leave the view out, blacken the other people in "
            "it, or cut the videos anew."
            for name, choice in self.views.items()
            if not choice.sure
        ]

    def _as_json(self) -> dict[str, dict[str, object]]:
        """Content of "subject" in detect.json."""
        return {name: asdict(choice) for name, choice in self.views.items()}

    @classmethod
    def _from_json(cls, content: Mapping[str, Mapping[str, Any]]) -> SubjectChoice:
        """The choice that `_as_json` wrote."""
        return cls({name: ViewChoice(**{**one, "added": tuple(one["added"])}) for name, one in content.items()})


def choose_subject(poses: Poses2D, fps: float) -> tuple[Poses2D, SubjectChoice]:
    """Put the person whose motion the views agree on first in every view, broken tracklets joined.

    The other candidates follow, longest first. With one view, or one candidate in every view, there is nothing to
    choose. Raises NoPersonError for a view in which nobody is seen.
    """
    people = [_candidates(poses, view, fps) for view in range(len(poses.views))]
    unseen = [name for name, tracklets in zip(poses.views, people, strict=True) if not tracklets]
    if unseen:
        raise NoPersonError(f"Nobody is seen in view {', '.join(unseen)}: leave it out of the clip, or detect again.")
    owner = np.array([view for view, tracklets in enumerate(people) for _ in tracklets], int)
    flat = [tracklet for tracklets in people for tracklet in tracklets]
    score, correlation = _agreement(flat, owner, fps)
    chosen = _best_combination(score, owner, len(people))
    choices: dict[str, ViewChoice] = {}
    order: list[list[Tracklet]] = []
    for view, name in enumerate(poses.views):
        own = np.flatnonzero(owner == view)
        others = np.delete(chosen, view)
        support = score[own][:, others].sum(1)
        agreement = correlation[own][:, others].sum(1) / max(1, len(others))
        taken = int(np.flatnonzero(own == chosen[view])[0])
        whole, added = _completed(people[view], taken, support, agreement, MIN_ADDED_SECONDS * fps)
        order.append([whole, *(tracklet for i, tracklet in enumerate(people[view]) if i not in (taken, *added))])
        rivals, next_best = (np.delete(values, [taken, *added]) for values in (support, agreement))
        choices[name] = ViewChoice(
            candidates=len(own),
            taken=taken,
            added=tuple(added),
            agreement=round(float(agreement[taken]), 3),
            next_best=round(float(next_best.max()), 3) if len(rivals) else None,
            lead=round(float(support[taken] - rivals.max()), 3) if len(rivals) else None,
            sure=bool(agreement[taken] >= MIN_AGREEMENT),
        )
    return stack_tracklets(order, poses.views, poses.conf.shape[1], poses.skeleton), SubjectChoice(choices)


def _completed(
    people: list[Tracklet], taken: int, support: np.ndarray, agreement: np.ndarray, shortest: float
) -> tuple[Tracklet, list[int]]:
    """The person taken, with the others that agree well enough and are seen at other times only, and their numbers."""
    whole, added = people[taken], []
    for i in np.argsort(-support, kind="stable").tolist():
        seen = people[i].seen
        if agreement[i] >= MIN_AGREEMENT and len(seen) >= shortest and not whole.conf[seen].any():
            whole = merge_tracklets(whole, people[i])
            added.append(i)
    return whole, added


def _candidates(poses: Poses2D, view: int, fps: float) -> list[Tracklet]:
    """The people of a view, broken tracklets joined, longest first."""
    tracklets = []
    for person in range(poses.xy.shape[2]):
        xyz = None if poses.xyz is None else poses.xyz[view, :, person].double().numpy()
        conf = poses.conf[view, :, person].double().numpy()
        if conf.any():
            tracklets.append(Tracklet(poses.xy[view, :, person].double().numpy(), conf, xyz))
    return sorted(join_tracklets(tracklets, fps), key=lambda tracklet: -len(tracklet.seen))


def _agreement(tracklets: list[Tracklet], owner: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Score and plain correlation of the motion of every two candidates of different views; 0 within a view."""
    motions = [log_joint_speeds(tracklet, fps) for tracklet in tracklets]
    score, correlation = np.zeros((2, len(tracklets), len(tracklets)))
    for i, (speed_a, weight_a) in enumerate(motions):
        for j in range(i):
            if owner[i] == owner[j]:
                continue
            speed_b, weight_b = motions[j]
            weight = weight_a * weight_b
            total = np.maximum(weight.sum(0), 1e-9)
            a, b = (speed - (weight * speed).sum(0) / total for speed in (speed_a, speed_b))
            # the mean per joint is gone: hands are faster than hips in everybody, which tells nobody apart
            spread_a, spread_b = (np.sqrt((weight * s**2).sum() / total.sum()) for s in (a, b))
            common = (weight * a * b).sum() / total.sum() / max(spread_a * spread_b, 1e-12)
            moving = spread_a / (spread_a + HALF_SCORE_SPREAD) * spread_b / (spread_b + HALF_SCORE_SPREAD)
            # candidates that are seen together for a short time only agree by chance more easily
            together = weight.sum() / max(weight_a.sum(), weight_b.sum(), 1e-9)
            correlation[i, j] = correlation[j, i] = common
            score[i, j] = score[j, i] = (max(common, 0.0) * np.sqrt(moving) + PRESENCE_SCORE) * together
    return score, correlation


def _best_combination(score: np.ndarray, owner: np.ndarray, views: int) -> np.ndarray:
    """One candidate per view with the largest sum of pairwise scores: coordinate ascent from every candidate."""
    own = [np.flatnonzero(owner == view) for view in range(views)]
    best, best_sum = np.array([candidates[0] for candidates in own]), -np.inf
    for seed in range(len(owner)):
        chosen = np.array([seed if seed in c else c[np.argmax(score[seed, c])] for c in own])
        for _ in range(2 * views):
            before = chosen.copy()
            for view, candidates in enumerate(own):
                others = np.delete(chosen, view)
                chosen[view] = candidates[np.argmax(score[candidates][:, others].sum(1))]
            if (chosen == before).all():
                break
        total = score[np.ix_(chosen, chosen)].sum()
        if total > best_sum + 1e-12:
            best, best_sum = chosen, total
    return best
