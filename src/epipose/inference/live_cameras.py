"""Sources of a calibrated rig: which source is which camera, and where each stands on the common clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from epipose.calibration.result import Calibration, check_not_rejected
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.errors import InputError
from epipose.io.files import AnyPath
from epipose.io.live_clock import Pace, Timing
from epipose.io.live_moments import WAIT
from epipose.io.live_source import LiveSource, live_source


@dataclass(frozen=True)
class RigSources:
    """The cameras that have a source, in the order of the sources, on one clock."""

    rig: Rig
    sources: tuple[LiveSource, ...]
    timings: tuple[Timing, ...]

    def room(self, view: int) -> int:
        """Frames that wait for those of the other sources, once these are open: more where those arrive later."""
        source, own = self.sources[view], self.timings[view].offset
        offsets = [timing.offset for each, timing in zip(self.sources, self.timings, strict=True) if not each.paced]
        ahead = 0.0 if source.paced else own - min(offsets)
        return math.ceil((WAIT + ahead) * source.fps)


def rig_sources(texts: Sequence[str], rig: Rig, folder: Path, offsets: Sequence[float] = ()) -> RigSources:
    """The sources that the texts mean, each SOURCE or CAMERA=SOURCE, as cameras of the rig (see `named_sources`).

    ``folder``: of the rig; the starts of files are those of a clip.json in it. ``offsets``: see `LiveOptions`. Raises
    InputError for fewer than two sources, for sources that are no camera's, and for another number of offsets.
    """
    pairs = named_sources(texts, rig.names)
    if len(pairs) < 2:
        raise InputError(f"Got {len(pairs)} source; a rig needs two or more: epipose live --rig rig.json A B")
    if offsets and len(offsets) != len(pairs):
        raise InputError(f"Got {len(offsets)} offsets for {len(pairs)} sources; give one for each, in their order.")
    rig = rig.select(tuple(name for name, _ in pairs))
    kinds = [not live_source(text, Pace(), (0, 0)).paced for _, text in pairs]
    timings = _timings(rig, folder, kinds, offsets)
    first = max((t.offset for t, live in zip(timings, kinds, strict=True) if not live), default=0.0)
    pace, sizes = Pace(first), rig.camera.size.tolist()
    sources = [
        live_source(text, pace, (size[0], size[1]), timing, name)
        for (name, text), timing, size in zip(pairs, timings, sizes, strict=True)
    ]
    return RigSources(rig, tuple(sources), tuple(timings))


def trusted_rig(path: AnyPath, force: bool = False) -> Rig:
    """A rig; RejectedError where the calibration beside it says "reject", unless ``force``."""
    path = Path(path)
    rig = Rig.load(path)
    if not force and path.name == "rig.json" and (path.parent / "calibration.json").exists():
        check_not_rejected(Calibration.load(path.parent), folder=path.parent)
    return rig


def named_sources(texts: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
    """The camera of each source: as said, CAMERA=SOURCE; else files called like cameras; else in the rig's order.

    Raises InputError where that does not give every source a camera of its own.
    """
    pairs = []
    for text in texts:
        name, equals, source = text.partition("=")
        pairs.append((name, source) if equals and name in names else ("", text))
    by_file = [(name or Path(text).stem, text) for name, text in pairs]
    if all(name in names for name, _ in by_file):
        pairs = by_file
    elif not any(name for name, _ in pairs) and len(texts) == len(names):
        pairs = list(zip(names, texts, strict=True))
    else:
        raise InputError(
            f"Which source is which camera? The rig has {', '.join(names)}. Give {len(names)} sources in this order, "
            f"or say it: {names[0]}=SOURCE"
        )
    if len({name for name, _ in pairs}) < len(pairs):
        raise InputError(f"Two sources are of one camera: {', '.join(name for name, _ in pairs)}. Give each its own.")
    return pairs


def _timings(rig: Rig, folder: Path, live: Sequence[bool], offsets: Sequence[float]) -> list[Timing]:
    """Where each source stands: as given, and of files by default as in the clip folder of the rig."""
    given = list(offsets) or [0.0] * len(rig.names)
    latest = max((offset for offset, each in zip(given, live, strict=True) if each), default=0.0)
    timings = [Timing(offset - latest if each else offset) for offset, each in zip(given, live, strict=True)]
    if offsets or all(live) or not (folder / "clip.json").exists():
        return timings
    clip = Clip.load(folder, with_videos=False)
    views = {view.name: view for view in clip.views}
    for index, name in enumerate(rig.names):
        if not live[index] and name in views:
            start = views[name].start - float(rig.lag[index]) / clip.fps
            timings[index] = Timing(start, views[name].rate)
    return timings
