"""Clip folders for the experiments, with ground truth beside them, to train on and to test on.

Without a dataset the studio renders them: synthetic people, and another rig, other bodies, clothes, rooms and, where
motion capture is given, other motions for the test. With one, its takes are imported. From there on all is the same: a
real detector finds the keypoints, cameras are recovered, labels made, and ``truth/`` is opened to compare alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epipose.clip import Clip
from epipose.datasets.base import Selection, Take, TakeReader
from epipose.datasets.registry import reader_for
from epipose.errors import EpiposeError, InputError
from epipose.experiments.result import FootageSource
from epipose.motion import motion_files, motion_name
from epipose.pipeline.stages import calibrate_clip, detect_clip, label_clip
from epipose.studio.film import ClipSpec, film
from epipose.studio.rigs import RigKind
from epipose.training.supervision import Mode

_LOG = logging.getLogger(__name__)

HELD_OUT_EVERY = 5  # of the motions, by name
# Rigs of the training clips: kind, width and height of the images, number of clips.
_TRAIN_RIGS: tuple[tuple[RigKind, tuple[int, int], int], ...] = (("ring", (480, 480), 9), ("phones", (360, 640), 8))
_FRAMES, _FPS = 56, 8.0
_TEST_CLIPS, _TEST_FRAMES, _TEST_FPS = 13, 40, 4.0
_TEST_SUBJECTS = {"h36m": ("S9", "S11"), "h36m-processed": ("S9", "S11")}
_TEST_EVERY = 64  # frames: Human3.6M's protocol
LABELLED: tuple[Mode, ...] = ("full", "self", "self+rig", "true2d")


@dataclass(frozen=True)
class ExperimentClips:
    """Clip folders; ``test`` is empty where nothing is tested. ``motions``: files that a refiner may learn from."""

    train: list[Path]
    test: list[Path]
    motions: tuple[Path, ...]
    source: FootageSource


def studio_clips(work: Path, mocap: Path | None, *, seed: int, quick: bool, testing: bool) -> ExperimentClips:
    """Clips that the studio renders (those that exist are kept). ``quick``: two short clips, and one for the test.

    Raises InputError for motion capture of which nothing can be kept for the test.
    """
    seen, unseen = split(mocap) if mocap is not None else ((), ())
    if mocap is not None and not unseen:
        raise InputError(
            f"{mocap} has {len(seen)} motions; {HELD_OUT_EVERY} or more are needed, to keep some for tests."
        )
    train = []
    for number, (kind, size, count) in enumerate(_TRAIN_RIGS[:1] if quick else _TRAIN_RIGS):
        spec = ClipSpec(
            24 if quick else _FRAMES, 4, _FPS, size, kind, seen, (), 1000 * seed + 100 + number, full_chance_s=0.0
        )
        train += film(work / f"train-{kind}", 2 if quick else count, spec, workers=1)
    test = []
    if testing:
        frames, count = (8, 1) if quick else (_TEST_FRAMES, _TEST_CLIPS)
        spec = ClipSpec(frames, 4, _TEST_FPS, (500, 500), "h36m", unseen, (), 1000 * seed + 200, full_chance_s=0.0)
        test = film(work / "test-h36m", count, spec, workers=1)
    motions = f"{len(seen)} files of motion capture, {len(unseen)} others for the test"
    source = FootageSource(
        "studio: drawn people, simulated; the detector is real", "invented" if mocap is None else motions
    )
    return ExperimentClips(train, test, seen, source)


def dataset_clips(
    root: Path, work: Path, mocap: Path | None, *, every: int, quick: bool, testing: bool
) -> ExperimentClips:
    """Import takes of a dataset: every so many frames of the recordings to train on, every 64th of the test subjects.

    The test subjects are S9 and S11 of Human3.6M, or else the last subject. ``quick``: two takes, and one for the test.
    """
    root = root.resolve()
    name, reader = reader_for(root)
    if not isinstance(reader, TakeReader):
        raise InputError(f"{root} is the dataset {name}, which has no takes with 3D ground truth. Give one that has.")
    selection = Selection()
    takes = reader.takes(root, selection)
    subjects = sorted({take.subject for take in takes})
    held_out = tuple(s for s in _TEST_SUBJECTS.get(name, subjects[-1:]) if s in subjects) if testing else ()
    if not takes or (testing and (not held_out or len(held_out) == len(subjects))):
        raise InputError(
            f"{root} has the subjects {', '.join(subjects) or 'none'}; some to train on and others to test on are needed."
        )
    learned = [take for take in takes if take.subject not in held_out]
    tested = [take for take in takes if take.subject in held_out]
    options = {"dataset": name, "true_scale": selection.true_scale, "known_bad": selection.known_bad}

    def imported(some: list[Take], folder: str, step: int) -> tuple[list[Path], list[str]]:
        folders = {work / folder / take.name: take for take in some}
        return _that_allow(list(folders), lambda out: _import(folders[out], out, step, options))

    train, without = imported(learned[:2] if quick else learned, "train", every)
    test, more = imported(tested[:1] if quick else tested, "test", _TEST_EVERY) if testing else ([], [])
    source = FootageSource(
        f"{name}: real images, the dataset's own ground truth",
        training_subjects=tuple(sorted({take.subject for take in (learned[:2] if quick else learned)})),
        test_subjects=tuple(sorted({take.subject for take in (tested[:1] if quick else tested)})),
        every=every,
        test_every=_TEST_EVERY,
        not_imported=(*without, *more),
    )
    return ExperimentClips(train, test, tuple(motion_files(mocap)) if mocap is not None else (), source)


def _import(take: Take, out: Path, every: int, options: dict[str, Any]) -> None:
    from epipose.datasets.to_clip import import_take

    import_take(take, out, every=every, options=options)


def split(mocap: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Motion files to train on, and every fifth, by name, for tests (a motion and its mirror image are one)."""
    files = motion_files(mocap)
    names = sorted({_name(path) for path in files})
    kept = set(names[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY])
    return tuple(path for path in files if _name(path) not in kept), tuple(p for p in files if _name(p) in kept)


def _name(path: Path) -> str:
    return motion_name(path).removesuffix("_mirror")


def detected(folders: list[Path], detector: str) -> tuple[list[Path], list[str]]:
    """The clips in which the detector finds the person in every view, and for the others a sentence."""
    return _that_allow(folders, lambda folder: _detect(folder, detector))


def with_views(folders: list[Path], least: int = 2) -> tuple[list[Path], list[str]]:
    """The clips with so many views, which triangulation needs, and for the others a sentence."""

    def enough(folder: Path) -> None:
        views = len(Clip.load(folder).views)
        if views < least:
            raise InputError(f"the take has {views} view; labels need {least}")

    return _that_allow(folders, enough)


def usable(folders: list[Path], detector: str) -> tuple[list[Path], list[str]]:
    """Detect, calibrate, and label in every mode; the clips that allow it, and for the others a sentence.

    A clip whose cameras are rejected is left out for all modes, so that all learn from the same images.
    """

    def labelled(folder: Path) -> None:
        _detect(folder, detector)
        calibrate_clip(folder)
        for mode in LABELLED:
            label_clip(folder, mode=mode)

    return _that_allow(folders, labelled)


def _detect(folder: Path, detector: str) -> None:
    if not (folder / "truth" / "poses3d.npz").exists():
        raise InputError("the dataset has no pose of this take")
    detect_clip([folder], folder, detector=detector, sync="none")


def _that_allow(folders: list[Path], work: Callable[[Path], None]) -> tuple[list[Path], list[str]]:
    kept, left_out = [], []
    for folder in folders:
        try:
            work(folder)
            kept.append(folder)
        except EpiposeError as error:
            left_out.append(f"{folder.parent.name}/{folder.name}: {error}")
            _LOG.info("left out: %s", left_out[-1])
    if not kept:
        raise InputError("No clip is left: " + " ".join(left_out))
    return kept, left_out
