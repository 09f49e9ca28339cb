"""Keypoint detection, synchronisation and subject selection of a clip."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from epipose.clip import Clip
from epipose.detection.base import Detector
from epipose.detection.clip_of_poses import clip_of_poses
from epipose.detection.detect import keypoints_with_notes, usable_cores
from epipose.detection.kept_views import KeptViews
from epipose.detection.precomputed import GivenPoses, read_keypoints
from epipose.detection.registry import GIVEN, detector_files, detector_named, resolved_name
from epipose.errors import InputError
from epipose.formats.keypoint_files import candidates
from epipose.io.files import AnyPath, fingerprint, read_object, write_record
from epipose.io.options import with_changes
from epipose.io.records import as_json, from_json
from epipose.io.staged import Staged, staged
from epipose.io.summary import html_table, one_line
from epipose.people.subject import SubjectChoice, choose_subject
from epipose.pipeline.keypoint_scale import check_pixels, scale_warnings
from epipose.pipeline.options import DetectOptions
from epipose.pipeline.sampled import few_are_all, sample_clip
from epipose.poses import Poses2D
from epipose.sync.offsets import check_offsets, estimate_offsets, gap_warnings
from epipose.sync.resample import on_timeline
from epipose.sync.result import TimeOffsets

FOLLOWED_FPS = 8.0  # images a second, below which people are looked for in each


class DetectionRecord(NamedTuple):
    """Inputs of a detection: options, and fingerprints of all that is read and of the videos alone."""

    options: Mapping[str, Any]
    inputs: str
    videos: str


@dataclass(frozen=True)
class DetectionReport:
    """Synchronisation of a clip, choice of the subject in each view with its reasons, and warnings for the user."""

    subject: SubjectChoice
    sync: TimeOffsets
    warnings: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class DetectedClip:
    """A synchronised clip with keypoints (view, frame, person, joint) on its timeline; person 0 is the subject."""

    clip: Clip
    keypoints: Poses2D
    report: DetectionReport | None = None  # None where others made the folder
    options: DetectOptions = DetectOptions()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Plain words on time offsets, dropped frames, and views in which the subject is doubtful."""
        return () if self.report is None else self.report.warnings

    def save(self, folder: AnyPath, made_from: DetectionRecord | None = None) -> None:
        """Write ``clip.json``, ``poses2d.npz`` and ``detect.json``, which says that the two belong together, as one set.

        Without a report, as for a folder that others made, there is nothing to record, and no ``detect.json``.
        ``made_from`` spares reading the videos again where `recorded` was called already.
        """
        with staged(folder, removes=("detect.json",)) as stage:
            self.write_into(stage, made_from)

    def write_into(self, stage: Staged, made_from: DetectionRecord | None = None) -> None:
        """Write what `save` writes into a set of files."""
        self.clip.write_into(stage)
        self.keypoints.save(stage.path("poses2d.npz"))
        if self.report is None:
            return
        made_from = made_from or recorded(self.clip, self.options)
        about = {"videos": made_from.videos, "views": list(self.clip.names), **as_json(self.report)}
        write_record(stage.path("detect.json"), made_from.options, made_from.inputs, **about)

    @staticmethod
    def load(folder: AnyPath) -> DetectedClip:
        """Read what `save` or `epipose detect` wrote. Raises InputError for a missing file, DamagedFileError else."""
        folder = Path(folder)
        path = folder / "detect.json"
        clip, keypoints = Clip.load(folder), Poses2D.load(folder / "poses2d.npz")
        if not path.exists():
            return DetectedClip(clip, keypoints)
        content = read_object(path)
        options = from_json(DetectOptions, content.get("options", {}), path)
        return DetectedClip(clip, keypoints, from_json(DetectionReport, content, path), options)

    def __repr__(self) -> str:
        return one_line("DetectedClip", self._facts())

    def _repr_html_(self) -> str:
        return html_table("DetectedClip", self._facts())

    def _facts(self) -> dict[str, str]:
        starts = ", ".join(f"{view.start:.3f}" for view in self.clip.views)
        method = "" if self.report is None else f" ({self.report.sync.method})"
        return {
            **self.keypoints.facts(),
            "time offsets": f"{starts} s{method}",
            "warnings": str(len(self.warnings)),
        }


def detect(clip: Clip, options: DetectOptions = DetectOptions(), **changes: Any) -> DetectedClip:
    """Keypoints of everybody in every frame, the videos' time offsets, and the one person whom all views follow.

    ``changes`` are fields of `DetectOptions` by name, such as ``sync="none"``. Raises NoPersonError for a view that
    shows nobody, InputError for offsets that do not fit the clip and for views that overlap by less than a second.
    """
    options = checked_options(clip, with_changes(options, changes))
    return sampled(clip, options) if options.every != 1 else synchronised(clip, keypoints_in(clip, options), options)


def sampled(clip: Clip, options: DetectOptions) -> DetectedClip:
    """`detect` in some of the frames, for options that are checked and ask for that."""
    clip, keypoints, subject, sync, notes = sample_clip(clip, options, detector_of(options, len(clip.views), clip.fps))
    warnings = (*notes, *sync.warnings, *sync.notes, *gap_warnings(clip), *subject.warnings())
    return DetectedClip(clip, keypoints, DetectionReport(subject, sync, warnings), options)


def synchronise(
    clip: Clip, keypoints: Poses2D, options: DetectOptions = DetectOptions(detector=GIVEN), **changes: Any
) -> DetectedClip:
    """Time offsets and the subject from keypoints in the videos' own frames, by whatever detector.

    ``keypoints`` have the views of the clip, in its order, and as many frames as the longest video. ``sync``,
    ``offsets`` and ``max_offset`` of `DetectOptions` say how; its ``detector`` is only recorded. Raises InputError as
    `detect` does.
    """
    return synchronised(clip, GivenPoses(keypoints), checked_options(clip, with_changes(options, changes)))


def synchronised(clip: Clip, found: GivenPoses, options: DetectOptions) -> DetectedClip:
    """`synchronise` for options that are checked and keypoints with notes, which become warnings."""
    keypoints = found.poses
    _check_keypoints(clip, keypoints)
    given = options.detector == GIVEN or options.poses is not None
    scale = scale_warnings(keypoints, clip) if given else ()
    sync = estimate_offsets(options.sync, options.offsets, clip, keypoints, options.max_offset)
    clip = clip.synchronised(sync.starts, sync.rates)
    chosen, subject = choose_subject(on_timeline(keypoints, clip), clip.fps)
    warnings = (*found.notes, *scale, *sync.warnings, *sync.notes, *gap_warnings(clip), *subject.warnings())
    return DetectedClip(clip, chosen, DetectionReport(subject, sync, warnings), options)


def clip_for(sources: Sequence[AnyPath], options: DetectOptions) -> Clip:
    """The clip of the videos; without any, that of the 2D poses alone. Raises InputError for options that do not fit."""
    if sources:
        if options.size or options.fps is not None:
            raise InputError("--size and --fps are for --poses without videos; videos state their own. Leave them out.")
        return Clip.from_videos(sources)
    if options.poses is None:
        raise InputError("No video was given. Give two or more, or a folder of them, or 2D poses alone with --poses.")
    return clip_of_poses(options.poses, [_size(text) for text in options.size], options.fps)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise InputError(f"--size is '{text}'; give width and height in pixels, such as 1920x1080.")
    return int(width), int(height)


def keypoints_in(clip: Clip, options: DetectOptions, kept: Path | None = None) -> GivenPoses:
    """Keypoints in the videos' own frames, before any synchronisation: from the detector, or from given files.

    ``kept``: a folder in which those of each view are kept until it is removed, and from which they are taken.
    """
    if options.poses is not None:
        return read_keypoints(options.poses, clip, options.joints)
    name, asked = resolved_name(options.detector), sorted(options.detector_option)
    made_by = {"detector": name, "detector_option": asked, "files": fingerprint(detector_files(name, asked))}
    detector = detector_of(options, len(clip.views))
    return keypoints_with_notes(clip, detector, jobs=options.jobs, kept=KeptViews(kept, made_by))


def detector_of(options: DetectOptions, views: int = 1, fps: float = math.inf) -> Detector:
    """The detector that options name, with as many threads as leave a core to every view that is read beside.

    ``fps``: of the clip whose moments are sampled. Raises EpiposeError where there is no such detector, or its weights
    are missing.
    """
    cores = usable_cores()
    threads = max(1, cores // max(1, min(options.jobs or cores, views)))
    defaults = {"threads": str(threads)}
    if options.every > 1 and fps / options.every < FOLLOWED_FPS:
        defaults["search_every"] = "1"  # people are elsewhere in the next image
    return detector_named(options.detector, options.detector_option, defaults)


def checked_options(clip: Clip, options: DetectOptions) -> DetectOptions:
    """The options, after a check that there is one finite offset for each view, or none, and that they go together.

    All frames of a short clip are looked at where as many as cameras need are asked for.
    """
    offsets = options.offsets
    if options.joints is not None and options.poses is None:
        raise InputError("--joints says what the joints of --poses are; give --poses too, or leave --joints out.")
    if options.every != 1 and options.poses is not None:
        raise InputError("--every says which frames a detector looks at; with --poses all are there. Leave one out.")
    if offsets and len(offsets) != len(clip.views):
        raise InputError(f"--offsets has {len(offsets)} times for {len(clip.views)} videos; give one for each.")
    check_offsets(options.sync, offsets, clip)
    return replace(options, every=1) if options.every == 0 and few_are_all(clip) else options


def _check_keypoints(clip: Clip, keypoints: Poses2D) -> None:
    frames, longest = keypoints.xy.shape[1], max(view.frames for view in clip.views)
    if keypoints.views != clip.names or frames != longest:
        raise InputError(
            f"The keypoints are of {frames} frames of the views {', '.join(keypoints.views)}; the clip has the views "
            f"{', '.join(clip.names)}, and its longest video {longest} frames. Give them alike, in the same order."
        )
    check_pixels(keypoints, clip)


def recorded(clip: Clip, options: DetectOptions) -> DetectionRecord:
    """Inputs of a detection. Reads every byte of the videos; of poses the files' names, which say views and frames, too."""
    name, asked = resolved_name(options.detector), tuple(sorted(options.detector_option))
    read = detector_files(name, asked) if options.poses is None else files_in(Path(options.poses))
    joints = [Path(options.joints)] if options.joints and Path(options.joints).is_file() else []
    videos = fingerprint([view.video for view in clip.views if view.video is not None] or read)
    named = "" if options.poses is None else _names_of(read, Path(options.poses))
    changed = replace(options, detector=name, detector_option=asked, jobs=0)  # the result is the same for any
    return DetectionRecord(as_json(changed), fingerprint([*read, *joints]) + videos + named, videos)


def _names_of(files: Sequence[Path], folder: Path) -> str:
    """SHA-256 of the names of files below a folder."""
    return hashlib.sha256("\n".join(file.relative_to(folder).as_posix() for file in files).encode()).hexdigest()


def files_in(path: Path) -> list[Path]:
    """The files that may be read for 2D poses at a path. Raises InputError where there is no file or folder."""
    if not path.exists():
        raise InputError(f"There is no file or folder {path}.")
    return list(candidates(path))
