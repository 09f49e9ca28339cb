"""Motion capture and random motion as joints in metres, so that synthetic people move as real ones do.

`motion_files` finds what a folder holds and `read_motion` reads it, by suffix: CMU's ASF/AMC, DeepMimic's JSON, BVH
and packed motions.

`rig_fit` goes the other way, from joints of any skeleton to rotations of a humanoid rig (humanoid.py), for animation.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pathlib import Path

from epipose.errors import InputError
from epipose.io.files import AnyPath
from epipose.motion.motion import Motion

__all__ = ["READERS", "Motion", "motion_files", "motion_name", "read_motion"]

# File name pattern of each format, and its reader. A new format is one file and one line here.
READERS = {
    "*.amc": "asf_amc:read_amc",
    "humanoid3d_*.txt": "deepmimic:read_deepmimic",
    "*.bvh": "bvh:read_bvh",
    "*.motion.npz": "packed:read_packed",
}


def motion_files(folder: AnyPath) -> list[Path]:
    """All motions below a folder, sorted; raises InputError when there is none."""
    folder = Path(folder)
    files = sorted(path for pattern in READERS for path in folder.rglob(pattern))
    if not files:
        raise InputError(
            f"{folder} holds no motion: expected CMU's *.amc with *.asf, DeepMimic's humanoid3d_*.txt, "
            "*.bvh or *.motion.npz."
        )
    return files


def motion_name(path: AnyPath) -> str:
    """Name of a motion: its file's without the ending, the same whatever the format; for splits by name."""
    endings = (pattern.rpartition("*")[2] for pattern in READERS)
    name = Path(path).name
    return next((name.removesuffix(ending) for ending in endings if name.endswith(ending)), Path(path).stem)


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
