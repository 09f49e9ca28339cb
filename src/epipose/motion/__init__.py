"""Motion capture and random motion as joints in metres, so that synthetic people move as real ones do.

`motion_files` finds what a folder holds and `read_motion` reads it, by suffix: CMU's ASF/AMC, DeepMimic's JSON, BVH.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pathlib import Path

from epipose.errors import InputError
from epipose.io.files import AnyPath
from epipose.motion.motion import Motion

__all__ = ["READERS", "Motion", "motion_files", "read_motion"]

# File name pattern of each format, and its reader. A new format is one file and one line here.
READERS = {
    "*.amc": "asf_amc:read_amc",
    "humanoid3d_*.txt": "deepmimic:read_deepmimic",
    "*.bvh": "bvh:read_bvh",
}


def motion_files(folder: AnyPath) -> list[Path]:
    """All motions below a folder, sorted; raises InputError when there is none."""
    folder = Path(folder)
    files = sorted(path for pattern in READERS for path in folder.rglob(pattern))
    if not files:
        raise InputError(
            f"{folder} holds no motion: expected CMU's *.amc with *.asf, DeepMimic's humanoid3d_*.txt or *.bvh."
        )
    return files


@lru_cache(maxsize=8)
def read_motion(path: AnyPath) -> Motion:
    """One motion by its suffix; raises InputError for a file of another kind, DamagedFileError for a broken one."""
    path = Path(path)
    readers = {Path(pattern).suffix: reader for pattern, reader in READERS.items()}
    if path.suffix not in readers:
        raise InputError(f"{path} is no motion: expected a file ending in {', '.join(readers)}.")
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    module, function = readers[path.suffix].split(":")
    return getattr(import_module(f"epipose.motion.{module}"), function)(path)
