"""Pack a folder of motion capture, so that a training on another machine needs to copy a few megabytes only.

    python -m benchmarks.network.pack_motions --mocap FOLDER --out FOLDER --fps 30

Every file of the folder becomes one of the same name, ``NAME.motion.npz``, in the same subfolder: what `split` keeps
for the tests of the folder it keeps of the packed one. Files that cannot be read are named and left out; then the
names that are left, and with them the split, may differ, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from epipose.errors import EpiposeError
from epipose.experiments.clips import split
from epipose.motion import motion_files, motion_name, read_motion
from epipose.motion.packed import SUFFIX, write_packed


def main() -> int:
    """Pack everything, print what was refused, the sizes, and whether the split is the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of motion capture")
    parser.add_argument("--out", type=Path, required=True, help="folder for the packed motions")
    parser.add_argument("--fps", type=float, default=30.0, help="frames a second at the most")
    a = parser.parse_args()
    files = motion_files(a.mocap)
    refused = [line for path in files if (line := packed(path, a.mocap, a.out, a.fps)) is not None]
    written = sorted(a.out.rglob(f"*{SUFFIX}"))
    size = sum(path.stat().st_size for path in written)
    same = [sorted(map(motion_name, part)) for part in split(a.mocap)] == [
        sorted(map(motion_name, part)) for part in split(a.out)
    ]
    for line in refused:
        print(line)
    print(f"{len(files)} motions, {len(refused)} refused, {len(written)} files in {a.out}: {size / 1e6:.2f} MB")
    print(f"the split into training and test is {'the same' if same else 'ANOTHER'}")
    return int(bool(refused) or not same)


def packed(path: Path, mocap: Path, out: Path, fps: float) -> str | None:
    """Pack one file; a sentence if it is refused."""
    try:
        write_packed(read_motion(path), out / path.relative_to(mocap).parent / f"{motion_name(path)}{SUFFIX}", fps)
    except EpiposeError as error:
        return f"{path.relative_to(mocap)} refused: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main())
