"""Live prediction: one camera, or the cameras of a calibrated rig, as lines of JSON while they film.

Images that come while the last one is being read are dropped, not queued: a pose is of the newest image there is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from epipose.camera import Rig
from epipose.errors import InputError
from epipose.inference.live_cameras import rig_sources
from epipose.inference.live_lines import LiveLines, rounded
from epipose.inference.live_options import LiveOptions
from epipose.inference.live_report import LiveReport
from epipose.inference.rig_stream import RigStream
from epipose.inference.stream import PoseStream
from epipose.io.files import AnyPath
from epipose.io.live_clock import Pace
from epipose.io.live_moments import next_moment
from epipose.io.live_reader import LiveReader
from epipose.io.live_source import live_source
from epipose.skeletons import SKELETONS

Tell = Callable[[str], None]

_DEFAULTS = LiveOptions()


def live_camera(
    source: str,
    out: TextIO,
    model: AnyPath | None = None,
    options: LiveOptions = _DEFAULTS,
    tell: Tell = print,
) -> LiveReport:
    """Poses of the main person before one camera, a line for each frame that there was time for, until the source ends.

    ``source``: see `live_source`. ``tell`` is given the reports. Raises InputError for a source or a model that is not
    there, DamagedFileError for a file that is no video.
    """
    news = threading.Condition()
    camera = live_source(source, Pace(), size=options.webcam_size)
    reader = LiveReader(camera, news, every_frame=options.every_frame)
    camera.open()
    stream = PoseStream(
        model, options.intrinsics, temporal=options.temporal, fps=camera.fps, detector=options.detector
    )  # fmt: skip
    lines = LiveLines(out)
    axes = f"camera: x right, y down, z away from it; relative to the joint {stream.skeleton.joints[stream.skeleton.root]}"
    lines.header([camera.name], stream.skeleton, stream.metric, axes)
    with reader, _Reported([reader], options, tell) as report:
        for deadline in report.turns():
            frame = reader.newest(deadline)
            if frame is None:
                break
            pose = stream(frame.image(), frame.seconds)
            about = {"frame": frame.number, "dropped": reader.dropped}
            if pose is not None:
                about |= {"uv": rounded(pose.uv, 2), "box": rounded(pose.box, 3)}
            lines.pose(pose, frame.captured, frame.seconds, about)
            report.add(frame.captured)
    return report.report


def live_rig(
    sources: Sequence[str],
    rig: AnyPath,
    out: TextIO,
    options: LiveOptions = _DEFAULTS,
    tell: Tell = print,
) -> LiveReport:
    """Poses of the main person before several calibrated cameras, a line for each moment that there was time for.

    ``rig``: cameras as `epipose calibrate` writes them; ``sources``: see `rig_sources`. Raises InputError for sources
    that are not there or no cameras of the rig, DamagedFileError for a file that is no video.
    """
    path = Path(rig)
    cameras = rig_sources(sources, Rig.load(path), path.parent, options.offsets)
    skeleton = None if options.skeleton == "native" else SKELETONS[options.skeleton]
    news = threading.Condition()
    with ThreadPoolExecutor(len(cameras.sources)) as pool:
        for _ in pool.map(lambda source: source.open(), cameras.sources):
            pass
    stream = RigStream(cameras.rig, options.detector, options.detector_option, skeleton)
    readers = [
        LiveReader(source, news, room=cameras.room(view), every_frame=options.every_frame)
        for view, source in enumerate(cameras.sources)
    ]
    lines = LiveLines(out)
    axes = "world: z up, floor at 0" if cameras.rig.upright else "world: that of the rig's first camera"
    lines.header(cameras.rig.names, stream.skeleton, cameras.rig.metric, axes)
    with ExitStack() as stack:
        stack.callback(stream.close)
        report = stack.enter_context(_Reported(readers, options, tell))
        for reader in readers:
            stack.enter_context(reader)
        for deadline in report.turns():
            moment = next_moment(
                readers, news, max_spread=options.max_spread, every_frame=options.every_frame, deadline=deadline
            )  # fmt: skip
            if moment is None:
                break
            pose = stream([None if frame is None else frame.image() for frame in moment.frames], moment.seconds)
            numbers = {r.name: frame.number for r, frame in zip(readers, moment.frames, strict=True) if frame is not None}
            about: dict[str, object] = {"frames": numbers, "dropped": sum(reader.dropped for reader in readers)}
            about |= {"spread_ms": round(1000 * moment.spread, 2), "views": 0 if pose is None else pose.views}
            if pose is not None:
                about["joint_views"] = pose.joint_views.tolist()
            lines.pose(pose, moment.captured, moment.seconds, about)
            report.add(moment.captured)
    return report.report
