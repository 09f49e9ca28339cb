"""TRC export: markers for OpenSim and Pose2Sim, y up, a file per person.

Axes are Pose2Sim's for a world with z up: the file's (x, y, z) are the world's (y, z, x), so that what Pose2Sim makes
with the same cameras lies at the same place. A camera's poses are turned so that y is up as well.
"""

from __future__ import annotations

from pathlib import Path

from epipose.exporters.base import Recording, Written
from epipose.exporters.markers import rate_warnings, scale_warnings, trajectories, with_times
from epipose.exporters.options import ExportOptions
from epipose.formats.trc import TRC_FROM_WORLD, write_trc


def export_trc(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write ``out``, or for several people ``out`` with _person1, _person2 before its ending; missing cells are empty.

    Raises InputError where there are no poses or no frame rate, and for a single frame.
    """
    poses = with_times(recording)
    people, warnings = trajectories(poses, options.markers)
    assert poses.times is not None
    files = []
    for person in people:
        path = out if len(people) == 1 else out.with_name(f"{out.stem}_{person.person}{out.suffix}")
        xyz = person.xyz[..., list(TRC_FROM_WORLD)]
        write_trc(path, person.names, xyz, poses.times.double().numpy(), unit=options.unit)
        files.append(path)
    return Written(tuple(files), (*scale_warnings(poses), *rate_warnings(poses), *warnings))
