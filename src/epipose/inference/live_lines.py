"""Lines of JSON for live poses: a header that says what the numbers are, then a line for every frame or moment.

Each line is flushed at once, so that whoever reads has it. docs/live.md describes the fields.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from epipose.skeleton import Skeleton

FORMAT = "epipose-live-1"


@runtime_checkable
class _Pose(Protocol):
    """What poses of one camera and of a rig have in common."""

    @property
    def xyz(self) -> Float[np.ndarray, "joint 3"]: ...

    @property
    def conf(self) -> Float[np.ndarray, " joint"]: ...


@runtime_checkable
class TextSink(Protocol):
    """What lines are written to: an open text file, a pipe, `sys.stdout`."""

    def write(self, text: str, /) -> object:
        """Write, perhaps into a buffer."""
        ...

    def flush(self) -> object:
        """Write what is in the buffer."""
        ...


class LiveLines:
    """Writes lines to a text file or pipe; errors of writing, such as a reader who went away, pass through."""

    def __init__(self, out: TextSink) -> None:
        self._out = out
        self._clock = time.time() - time.monotonic()

    def header(self, sources: Sequence[str], skeleton: Skeleton, metric: bool, axes: str) -> None:
        """The first line: names of the sources and joints, the tree of the joints, unit and axes."""
        about = {"joints": skeleton.joints, "parents": skeleton.parents, "root": skeleton.root}
        unit = "metre" if metric else "unknown"
        self._write(
            {"format": FORMAT, "sources": list(sources), "skeleton": skeleton.name, **about, "unit": unit, "axes": axes}
        )

    def pose(self, pose: _Pose | None, captured: float, seconds: float, about: Mapping[str, object]) -> None:
        """A line for a frame; ``pose`` None where nobody was seen. ``captured``: when, of `time.monotonic`."""
        when = {"time": round(self._clock + captured, 4), "t": round(seconds, 6), **about}
        joints = (
            {"xyz": None, "conf": None}
            if pose is None
            else {"xyz": rounded(pose.xyz, 5), "conf": rounded(pose.conf, 4)}
        )
        late = {"latency_ms": round(1000 * (time.monotonic() - captured), 1)}
        self._write({**when, **joints, **late})

    def _write(self, record: Mapping[str, object]) -> None:
        self._out.write(json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n")
        self._out.flush()


def rounded(values: Float[np.ndarray, "..."], digits: int) -> list[object]:
    """Numbers as nested lists, with so many digits after the point."""
    return np.round(values.astype(np.float64), digits).tolist()
