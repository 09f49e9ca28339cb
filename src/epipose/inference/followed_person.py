"""The one person who is followed through a live stream, chosen without knowledge of later frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from epipose.detection.base import Detection
from epipose.detection.tracklets import MAX_JUMP, MAX_SPEED, keypoint_distance

PATIENCE_S = 0.5  # without the person, after which another one is followed


class FollowedPerson:
    """The choice of one person frame by frame: the largest confident one at first, then the same one again.

    A person is the same by the detector's track number, or, after an interruption, by being near the last place. Who
    has been away for longer than half a second is given up for the largest person there is.
    """

    def __init__(self) -> None:
        self._last: Detection | None = None
        self._seen_at = 0.0

    @property
    def following(self) -> bool:
        """Whether somebody is being followed."""
        return self._last is not None

    def choose(self, people: Sequence[Detection], t: float) -> Detection | None:
        """The person among those of the frame at ``t`` seconds, or None where they are not seen."""
        people = [person for person in people if person.conf.any()]
        chosen = self._same(people, t)
        if chosen is None and (self._last is None or t - self._seen_at > PATIENCE_S):
            self._last = None
            chosen = max(people, key=prominence, default=None)
        if chosen is not None:
            self._last, self._seen_at = chosen, t
        return chosen

    def _same(self, people: Sequence[Detection], t: float) -> Detection | None:
        last = self._last
        if last is None or t - self._seen_at > PATIENCE_S:
            return None
        if last.track >= 0 and (again := next((one for one in people if one.track == last.track), None)):
            return again
        apart = [keypoint_distance(last.xy, last.conf, one.xy, one.conf) for one in people]
        nearest = int(np.argmin(apart)) if apart else -1
        reach = MAX_JUMP + MAX_SPEED * max(t - self._seen_at, 0.0)
        return people[nearest] if apart and apart[nearest] < reach else None


def prominence(person: Detection) -> float:
    """Score times extent in pixels: who is in the foreground; of a person of whom a joint was seen."""
    return float(person.score * np.ptp(person.xy[person.conf > 0], axis=0).max())
