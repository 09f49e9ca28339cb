"""Which of the people in each view is the one whom all cameras follow.

The largest person is not it: a bystander close to one camera is larger. What the views of one person share, without
any calibration, is WHEN each joint moves fast: a speed in the image, divided by the body's size in the image,
rises and falls at the same moments from every side. So every pair of candidates of two views gets the correlation
over time of their joints' speeds, weighted by how much both move and how long both are seen, and the candidates (one
per view) with the largest sum over all pairs of views are taken. Who was out of a view for long comes back as another
candidate there: one whose motion agrees as surely, at times when the chosen one is not seen, is added to it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from epipose.detection.joint_speeds import motion
from epipose.detection.tracklets import Track, joined, overlaid, padded
from epipose.errors import EpiposeError
from epipose.poses import Poses2D

LITTLE = 0.2  # spread over time of the log speed (in body sizes per second) at which a candidate counts half
SURE = 0.15  # mean agreement of the subject with the other views below which it is reported as doubtful
TELLING = 0.25  # seconds of motion below which it agrees, or does not, by chance: shorter tracks are not added
# What being seen at the same time is worth by itself, in units of correlation. It decides where nothing agrees: then
# the person seen all the time is taken, not the false alarm of a few frames that agrees by chance.
PRESENCE = 0.02


def choose_subject(poses: Poses2D, fps: float) -> tuple[Poses2D, dict[str, Any]]:
    """Put the person whose motion the views agree on first in every view, broken tracks joined.

    Also returns, per view, which candidate was taken and why: ``candidates`` (how many there were), ``taken`` (its
    number among them, longest first), ``added`` (the numbers of those that were found to be the same person, seen at
    other times), ``agreement`` (mean correlation with the other views' choice, 1 at best), ``next_best`` (the largest
    agreement of anybody else), ``lead`` (its score over the best other candidate's; both None where there is no other)
    and ``sure``. With one view, or one candidate in every view, there
    is nothing to choose. The others follow, longest first. Raises EpiposeError for a view in which nobody is seen.
    """
    people = [_tracks(poses, view, fps) for view in range(len(poses.views))]
    unseen = [name for name, tracks in zip(poses.views, people, strict=True) if not tracks]
    if unseen:
        raise EpiposeError(f"Nobody is seen in view {', '.join(unseen)}: leave it out of the clip, or detect again.")
    owner = np.array([view for view, tracks in enumerate(people) for _ in tracks], int)
    flat = [track for tracks in people for track in tracks]
    score, correlation = _agreement(flat, owner, fps)
    chosen = _best_combination(score, owner, len(people))
    reasons: dict[str, Any] = {}
    order: list[list[Track]] = []
    for view, name in enumerate(poses.views):
        own = np.flatnonzero(owner == view)
        others = np.delete(chosen, view)
        support = score[own][:, others].sum(1)
        agreement = correlation[own][:, others].sum(1) / max(1, len(others))
        taken = int(np.flatnonzero(own == chosen[view])[0])
        whole, added = _completed(people[view], taken, support, agreement, TELLING * fps)
        order.append([whole, *(track for i, track in enumerate(people[view]) if i not in (taken, *added))])
        rivals, next_best = (np.delete(values, [taken, *added]) for values in (support, agreement))
        reasons[name] = {
            "candidates": len(own),
            "taken": taken,
            "added": added,
            "agreement": round(float(agreement[taken]), 3),
            "next_best": round(float(next_best.max()), 3) if len(rivals) else None,
            "lead": round(float(support[taken] - rivals.max()), 3) if len(rivals) else None,
            "sure": bool(agreement[taken] >= SURE),
        }
    return padded(order, poses.views, poses.conf.shape[1], poses.skeleton), reasons


def why(reasons: dict[str, Any]) -> list[str]:
    """A plain sentence for each view that says whom `choose_subject` took there, and why."""
    return [f"{name}: {_whom(reason)}{_because(reason, len(reasons))}." for name, reason in reasons.items()]


def _whom(reason: dict[str, Any]) -> str:
    if reason["candidates"] == 1:
        return "the only person seen"
    also = "".join(f" and {number + 1}, seen at other times" for number in reason["added"])
    return f"person {reason['taken'] + 1}{also} of {reason['candidates']}"


def _because(reason: dict[str, Any], views: int) -> str:
    if views < 2:
        return ", who is seen longest" if reason["candidates"] > 1 else ""
    rest = "" if reason["next_best"] is None else f"; next best {reason['next_best']:.2f}"
    verb = "agree" if reason["sure"] else "hardly agree"
    return f", whose movements {verb} with the other views ({reason['agreement']:.2f}{rest})"


def doubts(reasons: dict[str, Any]) -> list[str]:
    """A sentence for each view in which the choice of `choose_subject` is not sure, with what to do; of one view none."""
    if len(reasons) < 2:
        return []
    return [
        f"View {name}: the person taken (of {reason['candidates']} seen) hardly moves as the one in the other views does "
        f"(agreement {reason['agreement']:.2f}, expected {SURE} or more). Look whether it is the same person, and "
        "whether the videos start together; if not, leave the view out, blacken the other people in it, or cut the "
        "videos anew."
        for name, reason in reasons.items()
        if not reason["sure"]
    ]


def _completed(
    people: list[Track], taken: int, support: np.ndarray, agreement: np.ndarray, shortest: float
) -> tuple[Track, list[int]]:
    """The person taken, with the others that agree as surely and are seen at other times only, and their numbers."""
    whole, added = people[taken], []
    for i in np.argsort(-support, kind="stable").tolist():
        seen = people[i].seen
        if agreement[i] >= SURE and len(seen) >= shortest and not whole.conf[seen].any():
            whole = overlaid(whole, people[i])
            added.append(i)
    return whole, added


def _tracks(poses: Poses2D, view: int, fps: float) -> list[Track]:
    """The people of a view, broken tracks joined, longest first."""
    tracks = []
    for person in range(poses.xy.shape[2]):
        xyz = None if poses.xyz is None else poses.xyz[view, :, person].double().numpy()
        conf = poses.conf[view, :, person].double().numpy()
        if conf.any():
            tracks.append(Track(poses.xy[view, :, person].double().numpy(), conf, xyz))
    return sorted(joined(tracks, fps), key=lambda track: -len(track.seen))


def _agreement(tracks: list[Track], owner: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Score and plain correlation of the motion of every two candidates of different views; 0 within a view."""
    motions = [motion(track, fps) for track in tracks]
    score, correlation = np.zeros((2, len(tracks), len(tracks)))
    for i, (speed_a, weight_a) in enumerate(motions):
        for j in range(i):
            if owner[i] == owner[j]:
                continue
            speed_b, weight_b = motions[j]
            weight = weight_a * weight_b
            total = np.maximum(weight.sum(0), 1e-9)
            a, b = (speed - (weight * speed).sum(0) / total for speed in (speed_a, speed_b))
            # the mean per joint is gone: hands are faster than hips in everybody, which says nothing
            spread_a, spread_b = (np.sqrt((weight * s**2).sum() / total.sum()) for s in (a, b))
            common = (weight * a * b).sum() / total.sum() / max(spread_a * spread_b, 1e-12)
            moving = spread_a / (spread_a + LITTLE) * spread_b / (spread_b + LITTLE)
            # candidates that are seen together for a short time only agree by chance more easily
            together = weight.sum() / max(weight_a.sum(), weight_b.sum(), 1e-9)
            correlation[i, j] = correlation[j, i] = common
            score[i, j] = score[j, i] = (max(common, 0.0) * np.sqrt(moving) + PRESENCE) * together
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
