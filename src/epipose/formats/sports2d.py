"""Sports2D's marker files in pixels (``*_px_person00.trc``): one person of one video.

A TRC file (see `trc`) whose unit is px: x to the right and y down in the image, z 0. Frames go by their time, because
a file may begin later than the video. There are no scores: a marker that is there counts fully. Sports2D's other
output, a folder of OpenPose JSON, has them.
"""

from __future__ import annotations

import re

import numpy as np

from epipose.formats.keypoints import ImageKeypoints, KeypointFile, person_of

PROGRAM = "Sports2D pixels (TRC)"
_PERSON = re.compile(r"_px_person(\d+)$")


def parse_sports2d(text: str, stem: str) -> KeypointFile | None:
    """A file's content; ``stem`` is its name without ending. None where the unit is not px, ValueError for bad rows."""
    lines = text.splitlines()
    header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
    if header.get("Units", "").strip() != "px":
        return None
    names = tuple(name.strip() for name in lines[3].split("\t")[2::3] if name.strip())
    rate = float(header["DataRate"])
    person = _PERSON.search(stem)
    track = person.group(1) if person else "0"
    images = []
    for line in lines[5:]:
        cells = line.split("\t")
        if not line.strip():
            continue
        if len(cells) < 2 + 3 * len(names):
            raise ValueError(f"a line has {len(cells)} cells, expected {2 + 3 * len(names)}")
        values = np.array([float(cell) if cell.strip() else np.nan for cell in cells[1 : 2 + 3 * len(names)]])
        places = values[1:].reshape(-1, 3)[:, :2]
        places[(places == 0).all(1)] = np.nan  # how some versions write a missing marker
        found = person_of(places, track)
        images.append(ImageKeypoints(round(values[0] * rate), (found,) if found.score.any() else ()))
    return KeypointFile(PROGRAM, tuple(images), names, fps=rate, view=_PERSON.sub("", stem))
