"""Table export: CSV and Parquet, a row per frame, person and joint, with empty positions where a joint is missing."""

from __future__ import annotations

from pathlib import Path

from epipose.errors import optional
from epipose.exporters.base import Recording, Written
from epipose.exporters.markers import scale_warnings, with_times
from epipose.exporters.options import ExportOptions
from epipose.io.files import replacing
from epipose.poses import Poses3D


def export_csv(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write ``out`` with the columns of `Poses3D.to_dataframe`, six digits behind the point; metres where metric.

    Raises InputError where there are no poses, MissingExtraError without pandas (extra ``export``).
    """
    poses = _poses(recording)
    with replacing(out) as part:
        poses.to_dataframe().to_csv(part, index=False, float_format="%.6f", lineterminator="\n", encoding="utf-8")
    return Written((out,), scale_warnings(poses))


def export_parquet(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write ``out`` with the columns of `Poses3D.to_dataframe`; metres where metric.

    Raises InputError where there are no poses, MissingExtraError without pandas and pyarrow (extra ``export``).
    """
    optional("pyarrow", "export")
    poses = _poses(recording)
    with replacing(out) as part:
        poses.to_dataframe().to_parquet(part, engine="pyarrow", index=False)
    return Written((out,), scale_warnings(poses))


def _poses(recording: Recording) -> Poses3D:
    """With times where a frame rate is known; a table can do without."""
    poses = recording.need_poses()
    return with_times(recording) if recording.clip is not None else poses
