"""TRC marker trajectories, the text format of OpenSim and Pose2Sim.

Five header lines, tab separated: the second and third are names and values (DataRate, NumFrames, Units, ...), the
fourth has the markers' names, one over every three columns; then a line per frame: number, seconds, X Y Z per marker.
The header's NumFrames may be more than there are: Pose2Sim's filter drops the last frame and leaves the number.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from epipose.errors import DamagedFileError
from epipose.formats.containers import reading
from epipose.io.files import AnyPath

_METRES = {"m": 1.0, "mm": 0.001, "cm": 0.01}


class Markers(NamedTuple):
    """Markers by name, in metres and the file's own axes; NaN where the file has none. ``frames`` are its numbers."""

    names: tuple[str, ...]
    frames: Int[np.ndarray, " frame"]
    xyz: Float[np.ndarray, "frame marker 3"]


def read_trc(path: AnyPath) -> Markers:
    """Read a file; raises DamagedFileError for one that is damaged, cut off, or in an unknown unit."""
    path = Path(path)
    with reading(path, "marker trajectories (TRC)"):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
        names = tuple(name.strip() for name in lines[3].split("\t")[2::3] if name.strip())
        if header["Units"] not in _METRES:
            raise DamagedFileError(
                f"{path} is in '{header['Units']}'; expected the units {', '.join(_METRES)}. "
                "Export it again in one of these."
            )
        rows = [line for line in lines[5:] if line.strip()]
        if len(rows) < int(header["NumFrames"]) and not (rows and text.endswith("\n")):
            raise DamagedFileError(
                f"{path} breaks off after {len(rows)} of the {header['NumFrames']} frames of its header. "
                "Write it again."
            )
        table = np.array([[_number(cell) for cell in _cells(line, 2 + 3 * len(names))] for line in rows])
        table = table.reshape(len(rows), 2 + 3 * len(names))
        xyz = _METRES[header["Units"]] * table[:, 2:].reshape(len(rows), len(names), 3)
    return Markers(names, table[:, 0].astype(np.int64), xyz)


def _cells(line: str, wanted: int) -> list[str]:
    """The cells of a line; there may be a tab too many at its end."""
    cells = line.split("\t")
    if len(cells) < wanted:
        raise ValueError(f"a line has {len(cells)} cells, expected {wanted}")
    return cells[:wanted]


def _number(cell: str) -> float:
    return float(cell) if cell.strip() else float("nan")
