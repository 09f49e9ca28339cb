"""Modes of supervision: the files that labels are made from in each, and the folder that holds the labels.

``self`` is the method: 2D from a frozen detector, cameras recovered. The others say what each of its parts costs. They
need the folder ``truth/`` of footage whose ground truth is known (rig.json, poses2d.npz, poses3d.npz), and their labels
lie in ``labels/<mode>/`` of the clip folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from epipose.errors import InputError
from epipose.io.files import fingerprint, read_object
from epipose.training.options import Mode


class Supervision(NamedTuple):
    """Sources of the labels of a mode, and the folder they lie in (with the rig in use)."""

    poses2d: Path | None  # to be triangulated; else the ground-truth 3D poses are the labels
    rig: Path
    labels: Path

    def inputs(self) -> list[Path]:
        """The files that labels are made from."""
        return [self.rig.with_name("poses3d.npz") if self.poses2d is None else self.poses2d, self.rig]

    def labelled(self) -> bool:
        """Whether there are labels, with any gates, whose input files are still the same."""
        record = self.labels / "label.json"
        if not record.exists() or not (self.labels / "poses3d.npz").exists():
            return False
        return read_object(record).get("inputs") == fingerprint(self.inputs())


def supervision(folder: Path, mode: Mode) -> Supervision:
    """The files of a mode, in a clip folder.

    - ``self``: detected 2D, recovered cameras; the labels are those of the clip folder itself.
    - ``self+rig``: detected 2D, ground-truth cameras.
    - ``true2d``: ground-truth 2D and cameras.
    - ``full``: the ground-truth 3D poses.
    - ``unfrozen``: the targets come from the network's own 2D and the ground-truth cameras; the labels of ``self+rig``
    only
      say where the person is in the images, and how long bones are.
    """
    detected, truth = folder / "poses2d.npz", folder / "truth"
    if mode == "self":
        return Supervision(detected, folder / "rig.json", folder)
    if mode == "true2d":
        return Supervision(truth / "poses2d.npz", truth / "rig.json", folder / "labels" / "true2d")
    if mode == "full":
        return Supervision(None, truth / "rig.json", folder / "labels" / "full")
    return Supervision(detected, truth / "rig.json", folder / "labels" / "self+rig")


def check_supervision(folder: Path, mode: Mode) -> Supervision:
    """`supervision` whose files are all there; InputError that names those that are missing."""
    found = supervision(folder, mode)
    missing = [str(path.relative_to(folder)) for path in found.inputs() if not path.exists()]
    if missing:
        raise InputError(
            f"{folder} lacks {', '.join(missing)}: the mode '{mode}' needs footage whose ground truth is known, as epipose "
            "studio makes it, and epipose detect on it. For other footage there is the mode 'self'."
        )
    return found


def label_folders(folders: Sequence[Path], mode: Mode) -> list[Path]:
    """The folder of each clip's labels for a mode, whether or not there are any."""
    return [supervision(folder, mode).labels for folder in folders]
