"""OpenSim export: a folder per recording with markers and the set-up of scaling and inverse kinematics, ready to run.

The model is Pose2Sim's (BSD-3-Clause): it is referred to, not copied. Its bodies are scaled by the distances of the
markers at their ends; the trunk's width by the shoulders, its length from hips to shoulders. Markers are those of
Pose2Sim's set for OpenPose's 25 joints, or for Halpe's 26, as far as the labels have them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from epipose.errors import InputError
from epipose.exporters.base import Recording, Written
from epipose.exporters.markers import Trajectories, rate_warnings, scale_warnings, trajectories, with_times
from epipose.exporters.options import ExportOptions
from epipose.formats.opensim_setup import MARKER_SETS, SEGMENTS, ik_setup, scale_setup, segment_pairs
from epipose.formats.trc import TRC_FROM_WORLD, write_trc
from epipose.io.files import replacing_folder
from epipose.skeletons import BODY25

MODEL = "Model_Pose2Sim_simple.osim"
_HOW_TO_FILE = "how_to.txt"
_WHOLE_FRAMES = 10  # with all markers that scale a model, below which the least seen marker is left out
_HOW_TO = """Joint angles with OpenSim 4.6 (pip install opensim, or its own installer):

{steps}
The model {model} and the markers {marker_set} are Pose2Sim's (BSD-3-Clause): folder OpenSim_Setup of the package
pose2sim (pip install --no-deps pose2sim). {where}
"""


def export_opensim(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write the folder ``out``, whole or not at all: per person a .trc and two set-up files, and how_to.txt.

    Where markers are missing in some frames, a second .trc has the frames that a model is scaled by. A folder that holds
    anything else is not replaced. Raises InputError where there are no poses or no frame rate, where nobody has the
    markers that the trunk is scaled by (who lacks them among others is left out, with a warning), and where the folder
    of models lacks a file.
    """
    poses = with_times(recording)
    own = poses.skeleton.name if poses.skeleton.name in MARKER_SETS else BODY25.name
    marker_set, of_set = MARKER_SETS[own]
    everybody, _ = trajectories(poses if own == poses.skeleton.name else poses.mapped_to(BODY25), "pose2sim")
    folder = _models(options.opensim_models, marker_set)
    subjects, left_out = _subjects(everybody, of_set)
    assert poses.times is not None
    times = poses.times.double().numpy()
    names = {name for subject in subjects for name in (*_files_of(subject.person), _scaling_file(subject.person))}
    warnings = [*scale_warnings(poses), *rate_warnings(poses), *left_out]
    with replacing_folder(out, [*sorted(names), _HOW_TO_FILE]) as part:
        for subject in subjects:
            warnings += _write(part, subject, times, folder, marker_set, of_set)
        text = _how_to([subject.person for subject in subjects], options.opensim_models, marker_set)
        (part / _HOW_TO_FILE).write_text(text, encoding="utf-8")
        files = sorted(path.name for path in part.iterdir())
    if options.opensim_models is None:
        warnings.append(
            f"Put {MODEL} and {marker_set} into {out}: they are in the folder OpenSim_Setup of Pose2Sim (how_to.txt), or "
            "name that folder with --opensim-models."
        )
    return Written(tuple(out / name for name in files), tuple(warnings))


class _Subject(NamedTuple):
    """A person whose model can be scaled.

    ``scaling``: the markers that do so, all of them there in the frames ``whole``. ``solved``: the frames that inverse
    kinematics is asked for, each with a marker.
    """

    person: Trajectories
    markers: list[str]
    scaling: list[str]
    whole: Int64[np.ndarray, " whole"]
    solved: slice


def _subjects(people: list[Trajectories], of_set: frozenset[str]) -> tuple[list[_Subject], list[str]]:
    """Those who have the markers of a trunk, and a sentence on everybody else; InputError where nobody has them."""
    subjects, left_out = [], []
    for person in people:
        markers = [name for name in person.names if name in of_set]
        seen = np.asarray(np.isfinite(person.xyz[:, [person.names.index(name) for name in markers], 0]))
        scaling, whole = _scaling_frames(markers, seen)
        if "torso" in _lacking(scaling):
            left_out.append(
                f"{person.person} has the markers {', '.join(person.names)}; expected hips and shoulders of one side at "
                "least, together in some frames, without which no model can be scaled. Label a detector's body joints."
            )
        else:
            subjects.append(_Subject(person, markers, scaling, whole, _longest_run(np.asarray(seen.any(1)))))
    if not subjects:
        raise InputError(left_out[0])
    return subjects, [f"Left out: {sentence}" for sentence in left_out]


def _scaling_frames(
    markers: list[str], seen: Bool[np.ndarray, "frame marker"]
) -> tuple[list[str], Int64[np.ndarray, " whole"]]:
    """Markers that scale a model, and the frames that have all of them.

    OpenSim leaves a segment unscaled where one of its markers is missing in a single frame. So long as too few frames
    are whole, the marker that is seen least goes.
    """
    kept = [name for name in markers if any(name in pair for each in SEGMENTS for pair in segment_pairs(each, markers))]
    enough = min(_WHOLE_FRAMES, max(2, len(seen) // 2), len(seen))
    while kept:
        of_kept = seen[:, [markers.index(name) for name in kept]]
        whole = np.flatnonzero(of_kept.all(1))
        if len(whole) >= enough:
            return kept, whole
        del kept[int(of_kept.sum(0).argmin())]
    return [], np.zeros(0, np.int64)


def _longest_run(there: Bool[np.ndarray, " frame"]) -> slice:
    """The longest stretch of frames that have something: inverse kinematics fails altogether at one without a marker."""
    edges = np.flatnonzero(np.diff(there, prepend=False, append=False)).reshape(-1, 2)
    first, end = edges[int((edges[:, 1] - edges[:, 0]).argmax())]
    return slice(int(first), int(end))


def _lacking(markers: list[str]) -> list[str]:
    """The segments that these markers do not scale."""
    return [segment.name for segment in SEGMENTS if not segment_pairs(segment, markers)]


def _files_of(person: Trajectories) -> tuple[str, str, str]:
    return f"{person.person}.trc", f"Scaling_Setup_{person.person}.xml", f"IK_Setup_{person.person}.xml"


def _scaling_file(person: Trajectories) -> str:
    return f"{person.person}_scaling.trc"


def _write(
    folder: Path, subject: _Subject, times: np.ndarray, models: Path, marker_set: str, of_set: frozenset[str]
) -> list[str]:
    """The files of a person; returns what they lack."""
    person, markers = subject.person, subject.markers
    trc, scaling, kinematics = _files_of(person)
    xyz, scaled = person.xyz[..., list(TRC_FROM_WORLD)], f"{person.person}.osim"
    write_trc(folder / trc, person.names, xyz, times)
    scaled_by = trc
    if len(subject.whole) < len(times):
        scaled_by = _scaling_file(person)
        columns = [person.names.index(name) for name in subject.scaling]
        write_trc(folder / scaled_by, subject.scaling, xyz[subject.whole][:, columns], times[subject.whole])
    text = scale_setup(
        subject.scaling, model=str(models / MODEL), marker_set=str(models / marker_set), trc=scaled_by,
        time_range=(float(times[subject.whole[0]]), float(times[subject.whole[-1]])), scaled=scaled,
    )  # fmt: skip
    (folder / scaling).write_text(text, encoding="utf-8")
    solved = times[subject.solved]
    span = (float(solved[0]), float(solved[-1]))
    text = ik_setup(markers, model=scaled, trc=trc, time_range=span, motion=f"{person.person}.mot")
    (folder / kinematics).write_text(text, encoding="utf-8")
    warnings = []
    if lacking := _lacking(subject.scaling):
        warnings.append(f"{person.person}: the model's {', '.join(lacking)} keep their size, as markers are missing.")
    if absent := sorted(of_set - set(markers)):
        warnings.append(
            f"{person.person} has no marker {', '.join(absent)}; what hangs on these alone is not determined."
        )
    if len(solved) < len(times):
        warnings.append(
            f"{person.person}: OpenSim solves no frame without a marker. IK_Setup is for the longest stretch that has "
            f"them, {span[0]:.2f} to {span[1]:.2f} s, {len(solved)} of {len(times)} frames; --fill closes short gaps."
        )
    return warnings


def _models(given: Path | None, marker_set: str) -> Path:
    """The folder of model and markers; without one they are beside the set-up files."""
    if given is None:
        return Path()
    missing = [name for name in (MODEL, marker_set) if not (given / name).exists()]
    if missing:
        raise InputError(
            f"{given} has no {' and no '.join(missing)}; expected the folder OpenSim_Setup of Pose2Sim, which "
            "pip install --no-deps pose2sim brings."
        )
    return given.resolve()


def _how_to(people: list[Trajectories], models: Path | None, marker_set: str) -> str:
    steps = "".join(
        f"opensim-cmd run-tool {scaling}\nopensim-cmd run-tool {kinematics}\n"
        for _, scaling, kinematics in map(_files_of, people)
    )
    in_python = "".join(
        f'opensim.ScaleTool("{scaling}").run(); opensim.InverseKinematicsTool("{kinematics}").run()\n'
        for _, scaling, kinematics in map(_files_of, people)
    )
    where = "Put both into this folder." if models is None else f"They are read from {models.resolve()}."
    return _HOW_TO.format(
        steps=f"{steps}\nor in Python:\n\nimport opensim\n{in_python}", model=MODEL, marker_set=marker_set, where=where
    )
