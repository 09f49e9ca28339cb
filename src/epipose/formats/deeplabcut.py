"""DeepLabCut's predictions of one video: CSV, or HDF5 as pandas writes it; one animal or several.

The head of the table names each column: scorer, (individual,) body part, and x, y or likelihood. One row per frame of
the video; in labelled data the row's name is an image. The HDF5 file is a pandas table (PyTables); it is read without
either package. The names of its columns are pickled there: they are read without Python's unpickler, which would call
whatever it finds (see `plain_pickle`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from epipose.formats.keypoints import ImageKeypoints, KeypointFile, person_of
from epipose.formats.plain_pickle import plain_pickle
from epipose.io.guard import reading

PROGRAM = "DeepLabCut"
_LEVELS = ("scorer", "individuals", "bodyparts", "coords")


def parse_deeplabcut_csv(text: str) -> KeypointFile | None:
    """A CSV file's content; None for a table without body parts. Raises ValueError for rows of another length."""
    lines = [row for row in csv.reader(io.StringIO(text)) if row]
    head = {row[0]: row for row in lines[:4] if row[0] in _LEVELS}
    if not {"bodyparts", "coords"} <= set(head):
        return None
    lead = next((k for k, cell in enumerate(head["coords"]) if k and cell), 1)  # columns that name the row
    columns = [tuple(head[level][k] for level in _LEVELS if level in head) for k in range(lead, len(head["coords"]))]
    rows = lines[len(head) :]
    short = [k for k, row in enumerate(rows) if len(row) != lead + len(columns)]
    if short:
        raise ValueError(f"row {short[0]} has {len(rows[short[0]])} cells, the head has {lead + len(columns)}")
    table = np.array([[float(cell) if cell.strip() else np.nan for cell in row[lead:]] for row in rows], np.float64)
    names = ["/".join(cell for cell in row[:lead] if cell) for row in rows]
    return _keypoints(columns, table, names)


def parse_deeplabcut_h5(file: Any, path: Path) -> KeypointFile | None:
    """The first group of an open HDF5 file that is such a table; None where there is none."""
    for group in file.values():
        kind = _text(group.attrs.get("pandas_type", b""))
        if kind == "frame_table" and "table" in group:
            return _keypoints(*_from_table(group["table"], path))
        if kind == "frame" and "block0_values" in group:
            return _keypoints(*_from_blocks(group))
    return None


def _keypoints(columns: Sequence[tuple[str, ...]], table: np.ndarray, rows: Sequence[str | int]) -> KeypointFile:
    """People by frame from named columns; the last name is the coordinate, the one before it the body part."""
    parts = tuple(dict.fromkeys(column[-2] for column in columns))
    whose = [column[1] if len(column) > 3 else "" for column in columns]
    individuals = tuple(dict.fromkeys(whose))
    number = {(who, column[-2], column[-1]): k for k, (who, column) in enumerate(zip(whose, columns, strict=True))}
    values = np.full((len(table), len(individuals), len(parts), 3), np.nan)
    for i, who in enumerate(individuals):
        for j, part in enumerate(parts):
            for c, coordinate in enumerate(("x", "y", "likelihood")):
                k = number.get((who, part, coordinate))
                if k is not None:
                    values[:, i, j, c] = table[:, k]
                elif coordinate == "likelihood" and (who, part, "x") in number:
                    values[:, i, j, c] = 1.0  # labelled by hand
    images = []
    for row, people in zip(rows, values, strict=True):
        found = [person_of(person, individuals[i] or "0") for i, person in enumerate(people)]
        name = int(row) if str(row).isdigit() else row
        images.append(ImageKeypoints(name, tuple(person for person in found if person.score.any())))
    return KeypointFile(PROGRAM, tuple(images), parts)


def _from_table(table: Any, path: Path) -> tuple[list[tuple[str, ...]], np.ndarray, list[int | str]]:
    """Columns, values and row names of pandas' format "table"."""
    content = table[()]
    blocks = sorted(name for name in content.dtype.names if name.startswith("values_block_"))
    columns = [tuple(map(str, names)) for block in blocks for names in _unpickled(table.attrs[f"{block}_kind"], path)]
    values = np.concatenate([content[block].reshape(len(content), -1) for block in blocks], axis=1)
    return columns, values.astype(np.float64), _row_names(content["index"])


def _from_blocks(group: Any) -> tuple[list[tuple[str, ...]], np.ndarray, list[int | str]]:
    """Columns, values and row names of pandas' format "fixed"."""
    levels = range(int(group.attrs["block0_items_nlevels"]))
    names = [[_text(name) for name in group[f"block0_items_level{level}"][()]] for level in levels]
    codes = [group[f"block0_items_label{level}"][()] for level in levels]
    columns = [tuple(names[level][codes[level][k]] for level in levels) for k in range(len(codes[0]))]
    values = np.asarray(group["block0_values"][()], np.float64)
    rows = group["axis1"][()] if "axis1" in group else np.arange(len(values))
    return columns, values, _row_names(rows)


def _row_names(rows: np.ndarray) -> list[int | str]:
    return [_text(row) if isinstance(row, bytes) else int(row) for row in rows]


def _text(value: object) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _unpickled(content: Any, path: Path) -> Any:
    raw = bytes(content) if not isinstance(content, str) else content.encode("latin-1")
    with reading(path, "the names of DeepLabCut's columns", "Give the CSV that DeepLabCut writes beside it."):
        return plain_pickle(raw)
