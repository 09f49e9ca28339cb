"""The one person who is followed by several calibrated cameras live, chosen in every view without knowledge of later
frames.

Who was triangulated a moment ago is looked for where they would be seen. At first, and when nobody is there any more,
pairs of people in pairs of views are triangulated, and those are taken whom most views see at that place.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.detection.base import Detection
from epipose.geometry.observations import observe
from epipose.geometry.robust import mean_robust_cost
from epipose.geometry.triangulate import triangulate_robust
from epipose.inference.followed_person import PATIENCE_S
from epipose.poses import Poses2D
from epipose.skeleton import Skeleton

_MAX_APART = 0.15  # of a person's size in the image: from where they would be seen if they stood still
_MAX_SPEED = 1.5  # sizes a second by which that grows
_TRIED = 8  # pairs of people, the best ones, whose place is compared with all views

People = Sequence[Sequence[Detection]]


class LiveSubject:
    """The person followed: `choose` them in the views of a moment, then `remember` where they were found to be."""

    def __init__(self) -> None:
        self._xyz: Tensor | None = None
        self._seen = torch.zeros(0, dtype=torch.bool)
        self._seconds = 0.0

    def choose(self, people: People, rig: Rig, skeleton: Skeleton, seconds: float) -> list[Detection | None]:
        """The person in each view of a moment, None where they are not seen; ``people``: those detected in each view."""
        if self._xyz is not None and seconds - self._seconds <= PATIENCE_S:
            reach = _MAX_APART + _MAX_SPEED * (seconds - self._seconds)
            chosen = _at_place(people, rig, self._xyz, self._seen, reach)
            return chosen if sum(one is not None for one in chosen) >= 2 else [None] * len(people)
        if all(len(view) < 2 for view in people):
            return [view[0] if view else None for view in people]
        return _most_seen(people, rig, skeleton)

    def remember(self, xyz: Float[Tensor, "joint 3"], conf: Float[Tensor, " joint"], seconds: float) -> None:
        """Keep where the person was; a pose of which no joint is confident leaves things as they were."""
        if bool((conf > 0).any()):
            self._xyz, self._seen, self._seconds = xyz, conf > 0, seconds


def _at_place(
    people: People, rig: Rig, xyz: Float[Tensor, "joint 3"], seen: Tensor, reach: float
) -> list[Detection | None]:
    """In each view the person nearest to where these joints would be seen, None where nobody is within reach."""
    where = rig.camera.to(torch.float64).spread(1).project(xyz).numpy()
    chosen: list[Detection | None] = []
    for view, expected in zip(people, where, strict=True):
        apart = [_apart(one, expected, seen.numpy()) for one in view]
        best = int(np.argmin(apart)) if apart else -1
        chosen.append(view[best] if apart and apart[best] <= reach else None)
    return chosen


def _apart(one: Detection, expected: Float[np.ndarray, "joint 2"], seen: np.ndarray) -> float:
    """Median distance of a person's joints from where they are expected, in sizes of the person."""
    known = (one.conf > 0) & seen
    if not known.any():
        return float("inf")
    size = max(1.0, float(np.linalg.norm(np.ptp(one.xy[one.conf > 0], axis=0))))
    return float(np.median(np.linalg.norm(one.xy[known] - expected[known], axis=-1))) / size


def _most_seen(people: People, rig: Rig, skeleton: Skeleton) -> list[Detection | None]:
    """The person whom most views see; of several those whose best two views agree best."""
    pairs = sorted(
        (cost, index, xyz, seen)
        for index, (cost, xyz, seen) in enumerate(_pairs_of_people(people, rig, skeleton))
    )  # fmt: skip
    options = [_at_place(people, rig, xyz, seen, _MAX_APART) for _, _, xyz, seen in pairs[:_TRIED]]
    return max(options, key=lambda views: sum(one is not None for one in views), default=[None] * len(people))


def _pairs_of_people(people: People, rig: Rig, skeleton: Skeleton) -> list[tuple[float, Tensor, Tensor]]:
    """Cost, joints and which joints both see, for any two detections of different views."""
    found = []
    for i, j in combinations(range(len(people)), 2):
        both = [(a, b) for a in people[i] for b in people[j]]
        if not both:
            continue
        pair = rig.select((rig.names[i], rig.names[j]))
        observed = observe(detected(both, pair, skeleton), pair, velocity=False)
        camera = pair.camera.to(torch.float64)
        points = triangulate_robust(camera.R, camera.t, *observed.per_point())
        weight = observed.weight.amin(0)
        cost = mean_robust_cost(points.residual.square().sum(-1), weight, (-1,))
        found += [(float(c), xyz, w > 0) for c, xyz, w in zip(cost, points.xyz, weight, strict=True) if (w > 0).any()]
    return found


def detected(moments: Sequence[Sequence[Detection | None]], rig: Rig, skeleton: Skeleton) -> Poses2D:
    """Detections of one person by moment and view as keypoints; confidence 0 where there is none."""
    shape = len(rig.names), len(moments), 1, len(skeleton.joints)
    xy, conf = torch.zeros(*shape, 2), torch.zeros(shape)
    for moment, views in enumerate(moments):
        for view, one in enumerate(views):
            if one is not None:
                xy[view, moment, 0] = torch.from_numpy(one.xy)
                conf[view, moment, 0] = torch.from_numpy(one.conf)
    return Poses2D(xy, conf, skeleton, rig.names)
