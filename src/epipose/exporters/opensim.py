"""OpenSim export: a folder per recording with markers and the set-up of scaling and inverse kinematics, ready to run.

The model is Pose2Sim's (BSD-3-Clause): it is referred to, not copied. Its bodies are scaled by the distances of the
markers at their ends; the trunk's width by the shoulders, its length from hips to shoulders. Markers are those of
Pose2Sim's set for OpenPose's 25 joints, or for Halpe's 26, as far as the labels have them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from epipose.errors import InputError
from epipose.exporters.base import Recording, Written
from epipose.exporters.markers import Trajectories, rate_warnings, scale_warnings, trajectories, with_times
from epipose.exporters.options import ExportOptions
from epipose.formats.opensim_setup import MARKER_SETS, SEGMENTS, ik_setup, scale_setup, segment_pairs
from epipose.formats.trc import TRC_FROM_WORLD, write_trc
from epipose.io.files import replacing_folder
from epipose.skeletons import BODY25

MODEL = "Model_Pose2Sim_simple.osim"
_HOW_TO = """Joint angles with OpenSim 4.6 (pip install opensim, or its own installer):

{steps}
The model {model} and the markers {marker_set} are Pose2Sim's (BSD-3-Clause): folder OpenSim_Setup of the package
pose2sim (pip install --no-deps pose2sim). {where}
"""


def export_opensim(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write the folder ``out``, whole or not at all: per person a .trc and two set-up files, and how_to.txt.

    A folder that holds anything else is not replaced. Raises InputError where there are no poses or no frame rate, where
    nobody has the markers that the trunk is scaled by, and where the folder of models lacks a file.
    """
    poses = with_times(recording)
    own = poses.skeleton.name if poses.skeleton.name in MARKER_SETS else BODY25.name
    marker_set, of_set = MARKER_SETS[own]
    people, _ = trajectories(poses if own == poses.skeleton.name else poses.mapped_to(BODY25), "pose2sim")
    folder = _models(options.opensim_models, marker_set)
    assert poses.times is not None
    times = poses.times.double().numpy()
    names = {name for person in people for name in _files_of(person)}
    warnings = [*scale_warnings(poses), *rate_warnings(poses)]
    with replacing_folder(out, [*names, "how_to.txt"]) as part:
        for person in people:
            warnings += _write(part, person, times, folder, marker_set, of_set)
        (part / "how_to.txt").write_text(_how_to(people, options.opensim_models, marker_set), encoding="utf-8")
    if options.opensim_models is None:
        warnings.append(
            f"Put {MODEL} and {marker_set} into {out}: they are in the folder OpenSim_Setup of Pose2Sim (how_to.txt), or "
            "name that folder with --opensim-models."
        )
    return Written((*(out / name for name in sorted(names)), out / "how_to.txt"), tuple(warnings))


def _files_of(person: Trajectories) -> tuple[str, str, str]:
    return f"{person.person}.trc", f"Scaling_Setup_{person.person}.xml", f"IK_Setup_{person.person}.xml"


def _write(
    folder: Path, person: Trajectories, times: np.ndarray, models: Path, marker_set: str, of_set: frozenset[str]
) -> list[str]:
    """The three files of a person; returns what they lack."""
    trc, scaling, kinematics = _files_of(person)
    markers = [name for name in person.names if name in of_set]
    lacking = [segment.name for segment in SEGMENTS if not segment_pairs(segment, markers)]
    if "torso" in lacking:
        raise InputError(
            f"{person.person} has the markers {', '.join(person.names)}; expected hips and shoulders of one side at "
            "least, without which no model can be scaled. Label a detector's body joints."
        )
    span, scaled = (float(times[0]), float(times[-1])), f"{person.person}.osim"
    write_trc(folder / trc, person.names, person.xyz[..., list(TRC_FROM_WORLD)], times)
    text = scale_setup(
        markers, model=str(models / MODEL), marker_set=str(models / marker_set), trc=trc, time_range=span, scaled=scaled
    )
    (folder / scaling).write_text(text, encoding="utf-8")
    text = ik_setup(markers, model=scaled, trc=trc, time_range=span, motion=f"{person.person}.mot")
    (folder / kinematics).write_text(text, encoding="utf-8")
    warnings = [f"{person.person}: the model's {', '.join(lacking)} keep their size, as markers are missing."]
    absent = sorted(of_set - set(markers))
    without = [f"{person.person} has no marker {', '.join(absent)}; what hangs on these alone is not determined."]
    return (warnings if lacking else []) + (without if absent else [])


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
