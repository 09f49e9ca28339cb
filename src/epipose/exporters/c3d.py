"""C3D export: markers for motion-capture programs, z up, everybody in one file.

The format numbers no person: with several, a marker's name begins with person1: and so on, as Vicon writes subjects. A
marker has residual 0 where it is labelled and -1, the format's sign for missing, where it is not.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np

from epipose.errors import optional
from epipose.exporters.base import Recording, Written
from epipose.exporters.markers import rate_warnings, scale_warnings, trajectories, with_times
from epipose.exporters.options import ExportOptions
from epipose.io.files import replacing
from epipose.io.version import installed_version

_PER_METRE = {"m": 1.0, "mm": 1000.0}
_MOST_FRAMES = 65535  # what the header's 16 bits count


def export_c3d(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write ``out``, whole or not at all.

    Raises InputError where there are no poses or no frame rate, MissingExtraError without ezc3d (extra ``export``).
    """
    ezc3d = optional("ezc3d", "export")
    poses = with_times(recording)
    people, warnings = trajectories(poses, options.markers)
    prefix = {person.person: f"{person.person}:" if len(people) > 1 else "" for person in people}
    xyz = _PER_METRE[options.unit] * np.concatenate([person.xyz for person in people], 1)
    missing = np.isnan(xyz[..., 0])
    points = np.ones((4, *missing.T.shape))
    points[:3] = np.where(missing[..., None], 0.0, xyz).transpose(2, 1, 0)
    file = ezc3d.c3d()
    about = file["parameters"]["POINT"]
    about["LABELS"]["value"] = [prefix[person.person] + name for person in people for name in person.names]
    about["UNITS"]["value"] = [options.unit]
    about["RATE"]["value"] = [recording.fps]
    file.add_parameter("POINT", "X_SCREEN", ["+X"])
    file.add_parameter("POINT", "Y_SCREEN", ["+Z"])
    file.add_parameter("MANUFACTURER", "SOFTWARE", ["epipose"])
    file.add_parameter("MANUFACTURER", "VERSION_LABEL", [installed_version()])
    file["data"]["points"] = points
    file["data"]["meta_points"]["residuals"] = -1.0 * missing.T[None]
    with replacing(out) as part:
        file.write(str(part))
        _check_whole(part, points.size)
    long = len(xyz) > _MOST_FRAMES
    too_long = f"{len(xyz)} frames: many programs read only the first {_MOST_FRAMES} of a C3D file."
    lost = (*scale_warnings(poses), *rate_warnings(poses), *warnings, *((too_long,) if long else ()))
    return Written((out,), lost)


def _check_whole(path: Path, numbers: int) -> None:
    """Raise OSError for a file that ends before its points: ezc3d does not notice when the disk takes no more."""
    with path.open("rb") as file:
        first_block = int.from_bytes(file.read(18)[16:], "little")  # of the points; written last, 1 (the header) before
    if first_block < 2 or path.stat().st_size < 512 * (first_block - 1) + 4 * numbers:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
