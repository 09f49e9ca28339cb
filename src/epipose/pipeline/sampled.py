"""Detection in a few of many frames: time offsets from a stretch at full rate, then moments spread over the recording.

Cameras need some hundreds of frames in different poses, not all of an hour. The videos' time offsets need neighbouring
frames, for they come from how people move; where sound or the user says them, a few seconds are enough to tell who the
subject is. After that a moment of the clip is the same instant in every view, and only the frames round such moments
are detected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from epipose.clip import Clip
from epipose.detection.base import Detection, Detector
from epipose.detection.detect import check_seen, detections_in, in_views, lost_frames_note, people_in
from epipose.detection.kept_views import ViewKeypoints
from epipose.detection.tracklets import Tracklet, stack_tracklets
from epipose.errors import NoPersonError
from epipose.geometry.sampling import stride_for
from epipose.people.subject import SubjectChoice, choose_subject
from epipose.pipeline.options import DetectOptions
from epipose.poses import Poses2D
from epipose.sync.offsets import offsets_in_stretch, offsets_without_motion
from epipose.sync.resample import neighbours, resampled
from epipose.sync.result import TimeOffsets

BURST_MOMENTS = 480  # in bursts at full rate, evenly spread over the recording
BURST, LONG_BURST = 2, 3  # moments: a view that is late by a part of a frame, or by more than one, is read between them
KEPT_SECONDS = 4.0  # of the stretch, at most: how fast joints move shows there; bursts show more poses
COMMON_SECONDS = 6.0  # of a stretch that all views show, however far their starts are apart
STRETCH_FPS = 25.0  # at least, in which movements are compared, as `epipose.sync.from_motion` does
_PLACES = (0.5, 0.25, 0.75)  # of the stretch in the recording; the next is tried where one does not tell


class SampledClip(NamedTuple):
    """A synchronised clip, keypoints at its moments with the subject first, and what was found on the way."""

    clip: Clip
    keypoints: Poses2D
    subject: SubjectChoice
    sync: TimeOffsets
    notes: tuple[str, ...]


class _Stretch(NamedTuple):
    """People in some frames of each view: the frames' numbers, and poses (view, frame, person, joint) in these."""

    numbers: tuple[Int[np.ndarray, " _"], ...]
    poses: Poses2D

    def at(self, clip: Clip, moments: Float[np.ndarray, " moment"]) -> Poses2D:
        """The poses at moments of the clip's clock."""
        times = [view.moments[own] for view, own in zip(clip.views, self.numbers, strict=True)]
        return resampled(self.poses, times, [moments] * len(times))


class _Read(NamedTuple):
    """What a detector saw in the frames of one view that it was given."""

    frames: list[list[Detection]]
    lost: list[int]


@dataclass(frozen=True)
class _Reader:
    """A detector, and the views of a clip; counts frames that are looked at and those that are lost."""

    clip: Clip
    detector: Detector
    jobs: int
    lost: dict[str, list[int]]
    looked: list[int]

    def read(self, stretches: Sequence[Sequence[Sequence[int]]]) -> list[_Read]:
        """The people in stretches of frames of each view."""
        of_view = dict(zip(self.clip.names, stretches, strict=True))
        total = sum(len(stretch) for some in stretches for stretch in some)
        self.looked.append(total)
        found = [
            _Read(*each)
            for each in in_views(
                self.clip.views,
                self.detector,
                self.jobs,
                total,
                lambda view, detector, run: detections_in(view, of_view[view.name], detector, run),
            )
        ]
        for name, each in zip(self.clip.names, found, strict=True):
            self.lost.setdefault(name, []).extend(each.lost)
        return found

    def people(self, numbers: Sequence[Int[np.ndarray, " _"]]) -> _Stretch:
        """Everybody in these frames of each view, followed from one to the next; NoPersonError where nobody is."""
        skeleton = self.detector.skeleton
        found: list[ViewKeypoints] = []
        read = self.read([[own.tolist()] for own in numbers])
        for view, own, (frames, _) in zip(self.clip.views, numbers, read, strict=True):
            seconds = float(view.moments[own[-1]] - view.moments[own[0]])
            people = people_in(frames, skeleton, (len(own) - 1) / seconds if seconds > 0 else view.taken_fps)
            check_seen(view, people)
            found.append(people)
        longest = max(map(len, numbers))
        poses = stack_tracklets([each.tracklets for each in found], self.clip.names, longest, skeleton)
        return _Stretch(tuple(numbers), poses)

    def notes(self) -> list[str]:
        """A sentence on each view with frames that cannot be decoded."""
        views = (lost_frames_note(view, sorted(set(self.lost[view.name]))) for view in self.clip.views)
        return [note for note in views if note]


def sample_clip(clip: Clip, options: DetectOptions, detector: Detector) -> SampledClip:
    """Keypoints in every ``options.every``-th moment of a clip, or in as few as cameras need (0).

    Raises NoPersonError for a view that shows nobody in any place that was tried, InputError as `estimate_offsets` does.
    """
    reader = _Reader(clip, detector, options.jobs, {}, [])
    sync, stretch = _time_offsets(clip, options, reader)
    whole = clip.synchronised(sync.starts, sync.rates)
    reader = replace(reader, clip=whole)
    if options.every:
        return _every(whole, options.every, sync, reader)
    return _for_cameras(whole, sync, stretch, reader)


def few_are_all(clip: Clip) -> bool:
    """Whether a clip is so short that as many frames as cameras need are nearly all of it."""
    return max(view.frames for view in clip.views) <= 2 * BURST_MOMENTS


def _time_offsets(clip: Clip, options: DetectOptions, reader: _Reader) -> tuple[TimeOffsets, _Stretch | None]:
    """The time offsets, and the stretch from which they were estimated; None where they were known without."""
    known = offsets_without_motion(options.sync, options.offsets, clip, options.max_offset)
    if known is not None:
        return known, None
    seconds = options.max_offset + COMMON_SECONDS
    best: tuple[TimeOffsets, _Stretch] | None = None
    failed: NoPersonError | None = None
    for place in _PLACES:
        strides = [stride_for(view.taken_fps, STRETCH_FPS) for view in clip.views]
        numbers = [
            _part(view.moments, place, seconds)[::stride] for view, stride in zip(clip.views, strides, strict=True)
        ]
        try:
            stretch = reader.people(numbers)
        except NoPersonError as error:
            failed = error
            continue
        times = [view.moments[own] for view, own in zip(clip.views, numbers, strict=True)]
        found = offsets_in_stretch(stretch.poses, times, options.max_offset)
        if best is None or float(np.median(found.support)) > float(np.median(best[0].support)):
            best = found, stretch
        if found.sure or max(view.moments[-1] for view in clip.views) <= seconds:
            break
    if best is None:
        raise failed or NoPersonError("Nobody was found. Give videos in which a whole person is seen.")
    return best


def _part(moments: Float[np.ndarray, " frame"], place: float, seconds: float) -> Int[np.ndarray, " _"]:
    """The frames of ``seconds`` of a video, ``place`` (0 to 1) of the way from its first to its last such stretch."""
    start = moments[0] + place * max(0.0, moments[-1] - moments[0] - seconds)
    return np.flatnonzero((moments >= start - 1e-9) & (moments <= start + seconds))


def _every(clip: Clip, every: int, sync: TimeOffsets, reader: _Reader) -> SampledClip:
    """Every so many moments, as a clip of so many times fewer."""
    clip = replace(clip, frames=math.ceil(clip.frames / every), fps=clip.fps / every)
    moments = clip.moments
    found = reader.people([_frames_round(view.moments, moments) for view in clip.views])
    keypoints, subject = choose_subject(found.at(clip, moments), clip.fps)
    return SampledClip(clip, keypoints, subject, sync, tuple(reader.notes()))


def _frames_round(own: Float[np.ndarray, " frame"], moments: Float[np.ndarray, " moment"]) -> Int[np.ndarray, " _"]:
    """The frames of a view that are needed for its poses at moments: one for each, or the two round it."""
    before, after, share = neighbours(own, moments)
    return np.unique(np.concatenate([before[share >= 0], after[share >= 0]]))


def _for_cameras(clip: Clip, sync: TimeOffsets, stretch: _Stretch | None, reader: _Reader) -> SampledClip:
    """The subject in a stretch at full rate, and in bursts over the whole clip; nobody in between."""
    all_moments = clip.moments
    stretch, chosen, subject, within = _subject_in_stretch(clip, stretch, reader)
    within = within[: math.ceil(KEPT_SECONDS * clip.fps)]
    shape = (len(clip.views), clip.frames, 1, len(chosen.skeleton.joints))
    xy, conf, xyz = torch.zeros(*shape, 2), torch.zeros(shape), torch.zeros(*shape, 3)
    bursts = _bursts(clip.frames, BURST if stride_for(clip.fps, STRETCH_FPS) == 1 else LONG_BURST)
    alone = _alone(clip, [all_moments[burst] for burst in bursts], reader)
    everywhere = np.concatenate(bursts) if bursts else np.array([], int)
    for at, poses in ((everywhere, alone), (within, chosen)):
        if poses is None:
            continue
        xy[:, at], conf[:, at] = poses.xy[:, : len(at), :1], poses.conf[:, : len(at), :1]
        if poses.xyz is not None:
            xyz[:, at] = poses.xyz[:, : len(at), :1]
    keypoints = Poses2D(xy, conf, chosen.skeleton, clip.names, None if chosen.xyz is None else xyz)
    total = sum(view.frames for view in clip.views)
    note = (
        f"{sum(reader.looked)} of {total} frames were looked at: enough for cameras, not for labels. Detect the videos "
        "again into another folder for these, and give this rig.json to calibrate there with --known-rig."
    )
    return SampledClip(clip, keypoints, subject, sync, (*reader.notes(), note))


def _subject_in_stretch(
    clip: Clip, stretch: _Stretch | None, reader: _Reader
) -> tuple[_Stretch, Poses2D, SubjectChoice, Int[np.ndarray, " moment"]]:
    """A stretch in which every view shows the subject, the poses at its moments, and the numbers of these."""
    moments, failed = clip.moments, None
    for place in _PLACES:
        try:
            if stretch is None:
                wanted = moments[_part(moments, place, COMMON_SECONDS)]
                stretch = reader.people([_frames_round(view.moments, wanted) for view in clip.views])
            spans = [view.moments[own[[0, -1]]] for view, own in zip(clip.views, stretch.numbers, strict=True)]
            first, last = max(start for start, _ in spans), min(end for _, end in spans)
            within = np.flatnonzero((moments >= first - 1e-9) & (moments <= last + 1e-9))
            chosen, subject = choose_subject(stretch.at(clip, moments[within]), clip.fps)
            return stretch, chosen, subject, within
        except NoPersonError as error:
            failed, stretch = error, None
    assert failed is not None
    raise failed


def _bursts(frames: int, length: int) -> list[Int[np.ndarray, " moment"]]:
    """Moments in bursts, evenly spread; all of a clip that has no more."""
    if frames <= BURST_MOMENTS:
        return [np.arange(frames)]
    firsts = np.linspace(0, frames - length, BURST_MOMENTS // length).round().astype(int)
    return [np.arange(first, first + length) for first in firsts]


def _alone(clip: Clip, bursts: Sequence[Float[np.ndarray, " _"]], reader: _Reader) -> Poses2D | None:
    """The poses at the moments of bursts, in the views that show one person alone there: who of several is not known."""
    skeleton = reader.detector.skeleton
    stretches = [[_frames_round(view.moments, burst).tolist() for burst in bursts] for view in clip.views]
    numbers = [np.array([number for burst in of_view for number in burst], int) for of_view in stretches]
    tracklets = [[_lone(read.frames, len(skeleton.joints))] for read in reader.read(stretches)]
    poses = stack_tracklets(tracklets, clip.names, max(map(len, numbers)), skeleton)
    order = [np.unique(own, return_index=True) for own in numbers]
    xy, conf, xyz = poses.xy, poses.conf, poses.xyz
    for view, (_, first) in enumerate(order):  # bursts may share a frame
        count = len(first)
        for field in (xy, conf) if xyz is None else (xy, conf, xyz):
            field[view, :count] = field[view, first].clone()
    found = _Stretch(tuple(own for own, _ in order), poses)
    return found.at(clip, np.concatenate(list(bursts)))


def _lone(frames: Sequence[Sequence[Detection]], joints: int) -> Tracklet:
    """The one person of each frame; nobody where there are several."""
    xy, conf, xyz = (
        np.zeros((len(frames), joints, 2)),
        np.zeros((len(frames), joints)),
        np.zeros((len(frames), joints, 3)),
    )
    spatial = True
    for number, people in enumerate(frames):
        if len(people) == 1:
            xy[number], conf[number] = people[0].xy, people[0].conf
            spatial = spatial and people[0].xyz is not None
            xyz[number] = 0 if people[0].xyz is None else people[0].xyz
    return Tracklet(xy, conf, xyz if spatial else None)
