"""NetCDF export in the layout of movement, the toolbox for body movement: position (time, space, keypoints, individuals).

NetCDF 3, which every reader opens, and which needs no package beside SciPy to be written.
"""

from __future__ import annotations

from pathlib import Path

from epipose.errors import optional
from epipose.exporters.base import Recording, Written
from epipose.exporters.markers import with_times
from epipose.exporters.options import ExportOptions
from epipose.io.files import replacing


def export_netcdf(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write ``out``, the dataset of `Poses3D.to_xarray`; it says itself whether lengths are metres.

    Raises InputError where there are no poses, MissingExtraError without xarray and SciPy (extra ``export``).
    """
    optional("scipy.io", "export")
    poses = recording.need_poses()
    poses = with_times(recording) if recording.clip is not None else poses
    data = poses.to_xarray()
    if "fps" in data.attrs:
        data.attrs["fps"] = round(data.attrs["fps"], 6)
    with replacing(out) as part:
        data.to_netcdf(part, engine="scipy")
    return Written((out,))
