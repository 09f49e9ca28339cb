"""Keypoint detection in every frame of every view, by any detector that follows the protocol (see `registry`)."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from threading import Event
from typing import NamedTuple

from tqdm import tqdm

from epipose.clip import Clip, View
from epipose.detection.base import BatchDetector, Detection, Detector, ParallelDetector, PlanarDetector
from epipose.detection.check import check_detections, check_detector
from epipose.detection.kept_views import NOTHING_KEPT, KeptViews, ViewKeypoints
from epipose.detection.precomputed import GivenPoses
from epipose.detection.registry import DETECTORS, GIVEN, detector_named, detector_used, resolved_name
from epipose.detection.roi import Pixels
from epipose.detection.tracklets import stack_tracklets, tracklets_from_detections, undo_swaps
from epipose.errors import DamagedFileError, NoPersonError
from epipose.io.video import Photo, VideoImage
from epipose.poses import Poses2D

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


def keypoints_with_notes(
    clip: Clip, detector: Detector, *, jobs: int = 0, kept: KeptViews | None = None
) -> GivenPoses:
    """`detect_keypoints`, and a sentence on each video of which frames were lost."""
    check_detector(detector, type(detector).__name__)
    found: list[ViewKeypoints] = []
    with closing(_views(clip, detector, jobs or usable_cores(), kept or NOTHING_KEPT)) as views:
        for view, seen in zip(clip.views, views, strict=True):
            if not seen.tracklets:
                raise NoPersonError(
                    f"No person was found in view '{view.name}' ({view.video}, {view.frames} frames). Leave the view "
                    "out, or give a video in which a whole person is seen, upright and at least 100 pixels tall."
                )
            found.append(seen)
    longest = max(view.frames for view in clip.views)
    poses = stack_tracklets([seen.tracklets for seen in found], clip.names, longest, detector.skeleton)
    notes = (lost_frames_note(view, seen.lost) for view, seen in zip(clip.views, found, strict=True))
    return GivenPoses(poses, tuple(note for note in notes if note))


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


def _views(
    clip: Clip, detector: Detector, jobs: int, kept: KeptViews
) -> Generator[ViewKeypoints, None, None]:
    """The people of each view; several views at the same time where the detector can do that."""
    total = sum(view.frames for view in clip.views)
    with tqdm(total=total, desc="people in images", unit="frame", delay=2, disable=None) as progress:
        if not isinstance(detector, ParallelDetector):
            for view in clip.views:
                yield _view(view, detector, kept, _Run(progress, Event(), 0))
            return
        detectors = [detector, *(detector.another() for _ in clip.views[1:])]
        # where every core has its view, a decoder with threads of its own only costs time
        run = _Run(progress, Event(), 1 if min(jobs, len(clip.views)) >= usable_cores() else 0)
        with ThreadPoolExecutor(jobs) as pool:
            waiting = [
                pool.submit(_view, view, one, kept, run) for view, one in zip(clip.views, detectors, strict=True)
            ]
            try:
                for job in waiting:
                    yield job.result()
            finally:  # on an error or an interrupt too
                run.stop.set()


class _Run(NamedTuple):
    """What the views that are read at the same time share; ``threads``: of each decoder, 0 for the decoder's choice."""

    progress: tqdm
    stop: Event
    threads: int

    def advance(self, frames: int) -> None:
        with self.progress.get_lock():
            self.progress.update(frames)


def _view(view: View, detector: Detector, kept: KeptViews, run: _Run) -> ViewKeypoints:
    """The people of one view, from what is kept or detected and kept; without anybody where the run was stopped."""
    before = kept.load(view, detector.skeleton)
    if before is not None:
        run.advance(view.frames)
        return before
    frames, lost = _detections_in(view, detector, run)
    if run.stop.is_set():
        return ViewKeypoints((), ())
    people = tracklets_from_detections(frames, len(detector.skeleton.joints), view.fps)
    found = ViewKeypoints(tuple(undo_swaps(one, detector.skeleton.flip, view.fps) for one in people), tuple(lost))
    if found.tracklets:
        kept.save(view, detector.skeleton, found)
    return found


def _detections_in(view: View, detector: Detector, run: _Run) -> tuple[list[list[Detection]], list[int]]:
    """The people in each frame of a view, nobody in those that are lost, and the numbers of these."""
    detector.reset()
    frames: list[list[Detection]] = []
    lost: list[int] = []
    images = view.images_of(range(view.frames), run.threads)
    batches = _batches(images, batch_size(detector), planes=isinstance(detector, PlanarDetector))
    for batch in batches if run.threads == 1 else _ahead(batches):
        if run.stop.is_set():
            return frames, lost
        lost += [len(frames) + place for place, image in enumerate(batch) if image is None]
        frames += detected(batch, detector)
        run.advance(len(batch))
    if len(frames) < view.frames:
        raise DamagedFileError(
            f"{view.video} ends after {len(frames)} frames, but it promises {view.frames}. Copy or re-encode the file."
        )
    if len(lost) == view.frames:
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


def _ahead(batches: Iterator[list[Pixels | None]]) -> Iterator[list[Pixels | None]]:
    """The same batches, each decoded while the one before is in use."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (ready := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield ready
