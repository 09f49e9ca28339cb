"""Keypoint detection in every frame of every view, by any detector that follows the protocol (see `registry`)."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from threading import Event
from typing import NamedTuple, TypeVar

from epipose.clip import Clip, View
from epipose.detection.base import BatchDetector, Detection, Detector, ParallelDetector, PlanarDetector
from epipose.detection.check import check_detections, check_detector
from epipose.detection.kept_views import NOTHING_KEPT, KeptViews, ViewKeypoints
from epipose.detection.precomputed import GivenPoses
from epipose.detection.registry import DETECTORS, GIVEN, detector_named, detector_used, resolved_name
from epipose.detection.roi import Pixels
from epipose.detection.tracklets import stack_tracklets, tracklets_from_detections, undo_swaps
from epipose.errors import DamagedFileError, NoPersonError
from epipose.io.progress import Progress, progress
from epipose.io.read_ahead import read_ahead
from epipose.io.video import Photo, VideoImage
from epipose.poses import Poses2D
from epipose.skeleton import Skeleton

T = TypeVar("T")

__all__ = [
    "DETECTORS",
    "GIVEN",
    "Detection",
    "Detector",
    "detect_keypoints",
    "detector_named",
    "detector_used",
    "resolved_name",
]


def detect_keypoints(clip: Clip, detector: Detector, *, jobs: int = 0, kept: KeptViews | None = None) -> Poses2D:
    """Run the detector on every frame of every video; persons are tracklets, numbered per view, longest first.

    Frames are the videos' own, before any synchronisation; shorter videos are filled up with conf 0, as are frames that
    cannot be decoded. At most ``jobs`` views are read at the same time (0: as many as there are cores) where the
    detector allows it; the keypoints do not depend on it. A view's are put into ``kept`` as soon as it is done, and
    taken from there. Images are decoded while those before are read, one at a time, or as many as a `BatchDetector`
    takes. People without track numbers are linked by nearness. Raises InputError, before anything is decoded, for a
    detector whose skeleton cannot be used; NoPersonError where a view shows nobody; DamagedFileError where a video ends
    early or nothing of it can be decoded.
    """
    return keypoints_with_notes(clip, detector, jobs=jobs, kept=kept).poses


def keypoints_with_notes(clip: Clip, detector: Detector, *, jobs: int = 0, kept: KeptViews | None = None) -> GivenPoses:
    """`detect_keypoints`, and a sentence on each video of which frames were lost."""
    check_detector(detector, type(detector).__name__)
    found: list[ViewKeypoints] = []
    store = kept or NOTHING_KEPT
    total = sum(view.frames for view in clip.views)
    with closing(
        in_views(clip.views, detector, jobs, total, lambda view, one, run: _view(view, one, run, store))
    ) as views:
        for view, seen in zip(clip.views, views, strict=True):
            check_seen(view, seen)
            found.append(seen)
    longest = max(view.frames for view in clip.views)
    poses = stack_tracklets([seen.tracklets for seen in found], clip.names, longest, detector.skeleton)
    notes = (lost_frames_note(view, seen.lost) for view, seen in zip(clip.views, found, strict=True))
    return GivenPoses(poses, tuple(note for note in notes if note))


def check_seen(view: View, found: ViewKeypoints) -> None:
    """Raise NoPersonError for a view that shows nobody."""
    if not found.tracklets:
        raise NoPersonError(
            f"No person was found in view '{view.name}' ({view.video}, {view.frames} frames). Leave the view out, or "
            "give a video in which a whole person is seen, upright and at least 100 pixels tall."
        )


def lost_frames_note(view: View, lost: Sequence[int]) -> str:
    """A sentence on the frames of a view that cannot be decoded; empty where there are none."""
    if not len(lost):
        return ""
    places = ", ".join(map(str, lost[:3])) + (" and later" if len(lost) > 3 else "")
    return (
        f"View {view.name}: {len(lost)} of {view.frames} frames cannot be decoded (number {places}): {view.video} is "
        "damaged. They count as not seen; all others keep their times. Copy the file anew where the original is whole."
    )


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_views(
    views: Sequence[View], detector: Detector, jobs: int, frames: int, work: Callable[[View, Detector, Run], T]
) -> Generator[T, None, None]:
    """What ``work`` makes of each view; of ``jobs`` views at the same time (0: cores) where the detector can do that.

    ``frames``: how many images are looked at in all. On an error the views that are not done yet are stopped.
    """
    jobs = jobs or usable_cores()
    with progress(total=frames, desc="people in images", unit="frame") as bar:
        if not isinstance(detector, ParallelDetector):
            for view in views:
                yield work(view, detector, Run(bar, Event(), 0))
            return
        detectors = [detector, *(detector.another() for _ in views[1:])]
        # where every core has its view, a decoder with threads of its own only costs time
        run = Run(bar, Event(), 1 if min(jobs, len(views)) >= usable_cores() else 0)
        with ThreadPoolExecutor(jobs) as pool:
            waiting = [pool.submit(work, view, one, run) for view, one in zip(views, detectors, strict=True)]
            try:
                for job in waiting:
                    yield job.result()
            finally:  # on an error or an interrupt too
                run.stop.set()


class Run(NamedTuple):
    """What the views that are read at the same time share; ``threads``: of each decoder, 0 for the decoder's choice."""

    progress: Progress
    stop: Event
    threads: int

    def advance(self, frames: int) -> None:
        """Count images that were looked at."""
        with self.progress.get_lock():
            self.progress.update(frames)


def _view(view: View, detector: Detector, run: Run, kept: KeptViews) -> ViewKeypoints:
    """The people of one view, from what is kept or detected and kept; without anybody where the run was stopped."""
    before = kept.load(view, detector.skeleton)
    if before is not None:
        run.advance(view.frames)
        return before
    frames, lost = detections_in(view, [range(view.frames)], detector, run)
    if run.stop.is_set():
        return ViewKeypoints((), ())
    if len(frames) < view.frames:
        raise DamagedFileError(
            f"{view.video} ends after {len(frames)} frames, but it promises {view.frames}. Copy or re-encode the file."
        )
    found = people_in(frames, detector.skeleton, view.fps, lost)
    if found.tracklets:
        kept.save(view, detector.skeleton, found)
    return found


def people_in(
    frames: Sequence[Sequence[Detection]], skeleton: Skeleton, fps: float, lost: Sequence[int] = ()
) -> ViewKeypoints:
    """The people in successive images of a view, short left-right swaps undone."""
    people = tracklets_from_detections(frames, len(skeleton.joints), fps)
    return ViewKeypoints(tuple(undo_swaps(one, skeleton.flip, fps) for one in people), tuple(lost))


def detections_in(
    view: View, stretches: Sequence[Sequence[int]], detector: Detector, run: Run
) -> tuple[list[list[Detection]], list[int]]:
    """The people in each frame of stretches of a view, nobody in those that are lost, and the numbers of these.

    Nobody is followed from one stretch to the next. Raises DamagedFileError where no frame can be decoded.
    """
    numbers = [number for stretch in stretches for number in stretch]
    starts = set(itertools.accumulate(map(len, stretches), initial=0))
    frames: list[list[Detection]] = []
    lost: list[int] = []
    batches = _batches(
        view.images_of(numbers, run.threads), batch_size(detector), planes=isinstance(detector, PlanarDetector)
    )
    for batch in batches if run.threads == 1 else read_ahead(batches, depth=1):
        if run.stop.is_set():
            return frames, lost
        if len(frames) in starts:
            detector.reset()
        lost += [numbers[len(frames) + place] for place, image in enumerate(batch) if image is None]
        frames += detected(batch, detector)
        run.advance(len(batch))
    if frames and len(lost) == len(frames):
        raise DamagedFileError(f"No frame of {view.video} can be decoded. Copy or re-encode the file.")
    return frames, lost


def detected(images: Sequence[Pixels | None], detector: Detector) -> list[list[Detection]]:
    """The people in each image; nobody where there is none."""
    there = [image for image in images if image is not None]
    if not there:
        return [[] for _ in images]
    found = detector.batch(there) if isinstance(detector, BatchDetector) else [detector(image) for image in there]  # type: ignore[arg-type]
    check_detections(found, len(there), detector)
    people = iter(found)
    return [[] if image is None else next(people) for image in images]


def batch_size(detector: Detector) -> int:
    """How many images of a video the detector is given at once."""
    return max(1, detector.batch_size) if isinstance(detector, BatchDetector) else 1


def _batches(
    images: Iterator[VideoImage] | Iterator[Photo], size: int, *, planes: bool
) -> Iterator[list[Pixels | None]]:
    """The images in batches; None for those that are lost."""
    while batch := list(islice(images, size)):
        yield [None if image.lost else image.planes() if planes else image.rgb() for image in batch]
