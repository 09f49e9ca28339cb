"""Live prediction: one camera, or the cameras of a calibrated rig, as lines of JSON while they film.

Images that come while the last one is being read are dropped, not queued: a pose is of the newest image there is.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from epipose.inference.live_cameras import rig_sources, trusted_rig
from epipose.inference.live_lines import LiveLines, TextSink, rounded
from epipose.inference.live_options import LiveOptions
from epipose.inference.live_report import LiveReport
from epipose.inference.rig_stream import RigStream
from epipose.inference.stream import PoseStream
from epipose.io.files import AnyPath
from epipose.io.live_clock import Pace
from epipose.io.live_moments import next_moment
from epipose.io.live_reader import LiveReader
from epipose.io.live_source import LiveSource, live_source
from epipose.network.pretrained import pretrained_model
from epipose.skeletons import SKELETONS

Tell = Callable[[str], object]

_DEFAULTS = LiveOptions()


def live_camera(
    source: str, out: TextSink, model: AnyPath | None = None, options: LiveOptions = _DEFAULTS, tell: Tell = print
) -> LiveReport:
    """Poses of the main person before one camera, a line for each image that there was time for, until the source ends.

    ``source``: see `live_source`. ``tell`` is given the reports. Raises InputError for a source or a model that is not
    there, DamagedFileError for a file that is no video.
    """
    if model is None and options.variant != "auto":
        model = pretrained_model(options.variant)
    camera = live_source(source, Pace(), options.webcam_size)
    camera.open()
    stream = PoseStream(
        model, options.intrinsics, temporal=options.temporal, fps=camera.fps, detector=options.detector
    )  # fmt: skip
    lines = LiveLines(out)
    root = stream.skeleton.joints[stream.skeleton.root]
    axes = f"camera: x right, y down, z away from it; relative to the joint {root}"
    lines.header([camera.name], stream.skeleton, stream.metric, axes)
    with LiveReader(camera, threading.Condition(), every_frame=options.every_frame) as reader:
        return _repeated(_Camera(reader, stream, lines), [reader], options, tell)


def live_rig(
    sources: Sequence[str], rig: AnyPath, out: TextSink, options: LiveOptions = _DEFAULTS, tell: Tell = print
) -> LiveReport:
    """Poses of the main person before several calibrated cameras, a line for each moment that there was time for.

    ``rig``: cameras as `epipose calibrate` writes them; ``sources``: see `rig_sources`. Raises InputError for sources
    that are not there or no cameras of the rig, DamagedFileError for a file that is no video, RejectedError for cameras
    that were rejected.
    """
    cameras = rig_sources(sources, trusted_rig(rig, options.force), Path(rig).parent, options.offsets)
    skeleton = None if options.skeleton == "native" else SKELETONS[options.skeleton]
    detector = options.detector
    if detector == "auto" and options.variant != "auto":
        detector = f"blazepose-{options.variant}"
    stream = RigStream(cameras.rig, detector, options.detector_option, skeleton)
    _open_all(cameras.sources)
    lines, news = LiveLines(out), threading.Condition()
    axes = "world: z up, floor at 0" if cameras.rig.upright else "world: those of the rig's first camera"
    lines.header(cameras.rig.names, stream.skeleton, cameras.rig.metric, axes)
    with ExitStack() as stack:
        stack.callback(stream.close)
        pool = stack.enter_context(ThreadPoolExecutor(os.cpu_count(), "live images"))
        readers = [
            stack.enter_context(LiveReader(source, news, room=cameras.room(view), every_frame=options.every_frame))
            for view, source in enumerate(cameras.sources)
        ]
        return _repeated(_Rig(readers, news, stream, lines, options, pool), readers, options, tell)


@dataclass(frozen=True)
class _Camera:
    """Writes a line for one camera's next image."""

    reader: LiveReader
    stream: PoseStream
    lines: LiveLines

    def __call__(self, deadline: float) -> float | None:
        """When the image was taken (`time.monotonic`); None at the end of the source, and at the deadline."""
        frame = self.reader.newest(deadline)
        if frame is None:
            return None
        pose = self.stream(frame.image(), frame.seconds)
        about: dict[str, object] = {"frame": frame.number, "dropped": self.reader.dropped}
        if pose is not None:
            about |= {"uv": rounded(pose.uv, 2), "box": rounded(pose.box, 3)}
        self.lines.pose(pose, frame.captured, frame.seconds, about)
        return frame.captured


@dataclass(frozen=True)
class _Rig:
    """Writes a line for a rig's next moment."""

    readers: Sequence[LiveReader]
    news: threading.Condition
    stream: RigStream
    lines: LiveLines
    options: LiveOptions
    pool: Executor

    def __call__(self, deadline: float) -> float | None:
        """When its first image was taken (`time.monotonic`); None when sources have ended, and at the deadline."""
        options = self.options
        moment = next_moment(
            self.readers, self.news, max_spread=options.max_spread, every_frame=options.every_frame, deadline=deadline
        )
        if moment is None:
            return None
        images = list(self.pool.map(lambda frame: None if frame is None else frame.image(), moment.frames))
        pose = self.stream(images, moment.seconds)
        numbers = {
            reader.name: frame.number for reader, frame in zip(self.readers, moment.frames, strict=True) if frame
        }
        about: dict[str, object] = {"frames": numbers, "dropped": sum(reader.dropped for reader in self.readers)}
        about |= {"spread_ms": round(1000 * moment.spread, 2), "views": 0 if pose is None else pose.views}
        if pose is not None:
            about["joint_views"] = pose.joint_views.tolist()
        self.lines.pose(pose, moment.captured, moment.seconds, about)
        return moment.captured


def _repeated(
    step: Callable[[float], float | None], readers: Sequence[LiveReader], options: LiveOptions, tell: Tell
) -> LiveReport:
    """Take steps until one gives None, or the options say that it is enough, and tell how it goes."""
    report = LiveReport(options.report_every)
    deadline = time.monotonic() + (math.inf if options.max_seconds is None else options.max_seconds)
    try:
        while options.frames is None or report.lines < options.frames:
            captured = step(deadline)
            if captured is None:
                break
            report.add(captured)
            if report.due:
                tell(report.recent(_dropped(readers)))
    finally:
        tell(report.whole(_dropped(readers)))
    return report


def _dropped(readers: Sequence[LiveReader]) -> int:
    return sum(reader.dropped for reader in readers)


def _open_all(sources: Sequence[LiveSource]) -> None:
    """Open all sources at the same time; raises the error of the first that cannot be opened."""
    with ThreadPoolExecutor(len(sources)) as pool:
        for opened in [pool.submit(source.open) for source in sources]:
            opened.result()
