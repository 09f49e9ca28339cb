"""TRC marker trajectories, the text format of OpenSim and Pose2Sim.

Five header lines, tab separated: the second and third are names and values (DataRate, NumFrames, Units, ...), the
fourth has the markers' names, one over every three columns; then a line per frame: number, seconds, X Y Z per marker.
The header's NumFrames may be more than there are: Pose2Sim's filter drops the last frame and leaves the number.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from epipose.errors import DamagedFileError, InputError
from epipose.io.files import AnyPath, replacing
from epipose.io.guard import reads

_METRES = {"m": 1.0, "mm": 0.001, "cm": 0.01}
_DIGITS = {"m": 7, "mm": 4}  # a tenth of a micrometre
LengthUnit = Literal["m", "mm"]
# World axes here are z up; of a TRC file x is forward or so, y up: (x, y, z) of the file is (y, z, x) of the world.
TRC_FROM_WORLD = (1, 2, 0)
WORLD_FROM_TRC = (2, 0, 1)


class Markers(NamedTuple):
    """Markers by name, in metres and the file's own axes; NaN where the file has none. ``frames`` are its numbers."""

    names: tuple[str, ...]
    frames: Int[np.ndarray, " frame"]
    xyz: Float[np.ndarray, "frame marker 3"]


@reads("marker trajectories (TRC)")
def read_trc(path: AnyPath) -> Markers:
    """Read a file; raises DamagedFileError for one that is damaged, cut off, or in an unknown unit."""
    path = Path(path)
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
            f"{path} breaks off after {len(rows)} of the {header['NumFrames']} frames of its header. Write it again."
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


def write_trc(
    path: AnyPath,
    names: Sequence[str],
    xyz: Float[np.ndarray, "frame marker 3"],
    times: Float[np.ndarray, " frame"],
    *,
    unit: LengthUnit = "m",
    first_frame: int = 0,
) -> None:
    """Write markers in metres and in the file's axes (y up: `TRC_FROM_WORLD`), a line per frame.

    A marker that is not finite in a frame is missing there: its three cells are left empty, of the last marker "NaN",
    which OpenSim and Pose2Sim read as NaN. ``times``: seconds, evenly spaced; their median interval is the file's frame
    rate. Frames are numbered from ``first_frame``, which Pose2Sim counts from 0. Raises InputError for names that are no
    cells of such a file, for other shapes, and for times that do not advance.
    """
    path = Path(path)
    bad = [name for name in names if not name.strip() or name != "".join(name.split())]
    if bad or len(set(names)) < len(names):
        raise InputError(f"Marker names must differ and have no white space; got {', '.join(map(repr, names))}.")
    if xyz.shape != (len(times), len(names), 3):
        raise InputError(f"{len(times)} frames of {len(names)} markers were expected; xyz has shape {xyz.shape}.")
    interval = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    if interval <= 0:
        raise InputError(f"Times must advance over two frames or more, got {len(times)}: {times[:3]}, ...")
    rate, count = round(1 / interval, 6), len(times)
    head = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate:g}\t{rate:g}\t{count}\t{len(names)}\t{unit}\t{rate:g}\t{first_frame}\t{count}",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"X{index}\tY{index}\tZ{index}" for index in range(1, len(names) + 1)),
    ]
    cells = np.where(np.isfinite(xyz).all(-1, keepdims=True), xyz, np.nan) / _METRES[unit]
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(head) + "\n")
        for number, (moment, row) in enumerate(zip(times, cells.reshape(count, -1), strict=True), first_frame):
            values = ["" if np.isnan(value) else f"{value:.{_DIGITS[unit]}f}" for value in row]
            if not values[-1]:
                values[-3:] = ["NaN"] * 3  # OpenSim does not count an empty cell at the end, and refuses the line
            file.write("\t".join((str(number), f"{moment:.6f}", *values)) + "\n")
