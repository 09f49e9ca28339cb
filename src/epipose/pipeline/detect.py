"""Keypoint detection, synchronisation and subject selection of a clip."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from epipose.clip import Clip
from epipose.detection.detect import detect_keypoints
from epipose.detection.precomputed import read_keypoints
from epipose.detection.registry import GIVEN, detector_files, detector_named, resolved_name
from epipose.errors import InputError
from epipose.io.files import AnyPath, fingerprint, read_object, write_record
from epipose.io.options import with_changes
from epipose.io.records import as_json, from_json
from epipose.io.summary import html_table, one_line
from epipose.people.subject import SubjectChoice, choose_subject
from epipose.pipeline.keypoint_scale import check_pixels, scale_warnings
from epipose.pipeline.options import DetectOptions
from epipose.poses import Poses2D
from epipose.sync.offsets import estimate_offsets, gap_warnings
from epipose.sync.resample import on_timeline
from epipose.sync.result import TimeOffsets


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
        """Write ``clip.json``, ``poses2d.npz`` and, last, ``detect.json``, which says that the two belong together.

        Without a report, as for a folder that others made, there is nothing to record, and no ``detect.json``.
        ``made_from`` spares reading the videos again where `recorded` was called already.
        """
        folder = Path(folder)
        record = folder / "detect.json"
        record.unlink(missing_ok=True)
        self.clip.save(folder)
        self.keypoints.save(folder / "poses2d.npz")
        if self.report is None:
            return
        made_from = made_from or recorded(self.clip, self.options)
        about = {"videos": made_from.videos, "views": list(self.clip.names), **as_json(self.report)}
        write_record(record, made_from.options, made_from.inputs, **about)

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
    return synchronise(clip, keypoints_in(clip, options), options)


def synchronise(
    clip: Clip, keypoints: Poses2D, options: DetectOptions = DetectOptions(detector=GIVEN), **changes: Any
) -> DetectedClip:
    """Time offsets and the subject from keypoints in the videos' own frames, by whatever detector.

    ``keypoints`` have the views of the clip, in its order, and as many frames as the longest video. ``sync``,
    ``offsets`` and ``max_offset`` of `DetectOptions` say how; its ``detector`` is only recorded. Raises InputError as
    `detect` does.
    """
    options = checked_options(clip, with_changes(options, changes))
    _check_keypoints(clip, keypoints)
    given = options.detector == GIVEN or options.poses is not None
    scale = scale_warnings(keypoints, clip) if given else ()
    found = estimate_offsets(options.sync, options.offsets, clip, keypoints, options.max_offset)
    clip = clip.synchronised(found.starts, found.rates)
    chosen, subject = choose_subject(on_timeline(keypoints, clip), clip.fps)
    warnings = (*scale, *found.warnings, *found.notes, *gap_warnings(clip), *subject.warnings())
    return DetectedClip(clip, chosen, DetectionReport(subject, found, warnings), options)


def keypoints_in(clip: Clip, options: DetectOptions) -> Poses2D:
    """Keypoints in the videos' own frames, before any synchronisation: from the detector, or from given files."""
    if options.poses is not None:
        return read_keypoints(options.poses, clip)
    return detect_keypoints(clip, detector_named(options.detector, options.detector_option))


def checked_options(clip: Clip, options: DetectOptions) -> DetectOptions:
    """The options, after a check that there is one finite offset for each view, or none, and a range to search."""
    offsets = options.offsets
    if not 0 < options.max_offset < math.inf:
        raise InputError(f"--max-offset is {options.max_offset:g}; give seconds above 0, 10 are usual.")
    if offsets and len(offsets) != len(clip.views):
        raise InputError(f"--offsets has {len(offsets)} times for {len(clip.views)} videos; give one for each.")
    if not all(math.isfinite(offset) for offset in offsets):
        raise InputError(f"--offsets are {' '.join(map(str, offsets))}; give finite seconds.")
    return options


def _check_keypoints(clip: Clip, keypoints: Poses2D) -> None:
    frames, longest = keypoints.xy.shape[1], max(view.frames for view in clip.views)
    if keypoints.views != clip.names or frames != longest:
        raise InputError(
            f"The keypoints are of {frames} frames of the views {', '.join(keypoints.views)}; the clip has the views "
            f"{', '.join(clip.names)}, and its longest video {longest} frames. Give them alike, in the same order."
        )
    check_pixels(keypoints, clip)


def recorded(clip: Clip, options: DetectOptions) -> DetectionRecord:
    """Inputs of a detection. Reads every byte of the videos."""
    videos = fingerprint([view.video for view in clip.views])
    name, asked = resolved_name(options.detector), tuple(sorted(options.detector_option))
    read = detector_files(name, asked) if options.poses is None else files_in(Path(options.poses))
    changed = replace(options, detector=name, detector_option=asked)
    return DetectionRecord(as_json(changed), fingerprint(read) + videos, videos)


def files_in(path: Path) -> Sequence[Path]:
    """The file itself, or all files of a folder, sorted. Raises InputError where there is neither."""
    if not path.exists():
        raise InputError(f"There is no file or folder {path}.")
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
