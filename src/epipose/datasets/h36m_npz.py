"""Human3.6M, poses alone: data_3d_h36m.npz as VideoPose3D's data/prepare_data_h36m.py writes it.

The array ``positions_3d`` is one Python dict, subject -> action ("Directions 1") -> (frames, 32, 3) float32, metres,
world. NumPy stores such a thing as a pickle, and a pickle from the internet can run any code. So it is read here without
Python's unpickler (see `epipose.formats.plain_pickle`): nothing that it names is called.

There are no cameras inside. Where metadata.xml or cameras.json lies beside the file, the rigs come from there.
"""

from __future__ import annotations

import io
import zipfile
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from epipose.datasets.base import CheckResult, DatasetInfo, GroundTruth, Selection, Take
from epipose.datasets.h36m_cameras import find_rigs, rig_of
from epipose.datasets.h36m_common import (
    FPS,
    JOINTS,
    LICENCE,
    SOURCE,
    TakeName,
    poses_from_mm,
    select_takes,
    take_of_file,
)
from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.formats.plain_pickle import PickledArray, plain_pickle
from epipose.io.guard import check_size, reading

_NAME = "data_3d_h36m.npz"
_EXPECTED = (
    f"{_NAME}: an npz with the array positions_3d, a dict of subjects, of actions, of (frames, 32, 3) arrays in metres"
)
_REMEDY = (
    "Make it with prepare_data_h36m.py of VideoPose3D from the official files, or give the folder of these instead"
)


class Human36MPoses:
    """Reads data_3d_h36m.npz, or the folder that it lies in. There are no images."""

    info = DatasetInfo(
        title="Human3.6M, poses alone (data_3d_h36m.npz)",
        licence=LICENCE,
        source=SOURCE,
        download=f"Poses > D3 Positions; VideoPose3D's prepare_data_h36m.py makes {_NAME}. For cameras, metadata.xml.",
        tree=f"{_NAME}\nmetadata.xml   (or cameras.json; if cameras are wanted)",
    )

    def recognises(self, root: Path) -> bool:
        """Whether this is the file, or its folder."""
        return _file(root).is_file() and _file(root).name == _NAME

    def takes(self, root: Path, selection: Selection) -> list[Take]:
        """The takes; ``rig`` is None without a camera file. DamagedFileError for any other file."""
        path = _file(root)
        arrays = _arrays(path, _stamp(path))
        rigs = find_rigs(path.parent)
        takes = []
        for name in select_takes(list(arrays), selection):
            rig = None if rigs is None else rig_of(rigs, name.subject, selection.views, path.parent)
            images = () if rig is None else (None,) * len(rig.names)
            ground_truth = partial(_ground_truth, path, name)
            takes.append(Take(str(name), name.subject, name.action, rig, images, len(arrays[name]), FPS, ground_truth))
        return takes

    def check(self, root: Path) -> list[CheckResult]:
        """Check that the file and the cameras can be opened."""
        path = _file(root)
        try:
            arrays = _arrays(path, _stamp(path))
        except EpiposeError as error:
            return [CheckResult(False, str(error))]
        frames = sum(len(array) for array in arrays.values())
        subjects = sorted({name.subject for name in arrays}, key=lambda subject: int(subject[1:]))
        results = [CheckResult(True, f"{path}: {len(arrays)} takes of {', '.join(subjects)}, {frames} frames.")]
        results += [
            CheckResult(False, f"{path}: {name} has coordinates that are no numbers.")
            for name, array in arrays.items()
            if not np.isfinite(array).all()
        ]
        try:
            rigs = find_rigs(path.parent)
        except EpiposeError as error:
            return [*results, CheckResult(False, str(error))]
        without = f"No metadata.xml or cameras.json beside {path}: the takes have no cameras."
        return [
            *results,
            CheckResult(rigs is not None, without if rigs is None else f"Cameras of {len(rigs)} subjects."),
        ]


def _file(root: Path) -> Path:
    return root / _NAME if root.is_dir() else root


def _stamp(path: Path) -> int:
    if not path.exists():
        raise InputError(f"There is no file {path}. {_REMEDY}.")
    return path.stat().st_mtime_ns


@lru_cache(maxsize=1)
def _arrays(path: Path, stamp: int) -> dict[TakeName, np.ndarray]:
    """All poses of the file by take, (frames, 32, 3) metres; kept while the file stays as it is."""
    with reading(path, _EXPECTED, f"{_REMEDY}."):
        subjects = _object(path)
        found = {(s, a): _numbers(array) for s, actions in subjects.items() for a, array in actions.items()}
    arrays = {}
    for (subject, action), array in found.items():
        if array.ndim != 3 or array.shape[1:] != (32, 3) or array.dtype.kind != "f":
            raise DamagedFileError(
                f"{path}: {subject}, '{action}' has the shape {array.shape} of {array.dtype}, expected (frames, 32, 3) "
                f"numbers. {_REMEDY}."
            )
        take = take_of_file(str(subject), str(action))
        if take is not None:
            arrays[take] = array
    if not arrays:
        raise DamagedFileError(f"{path} has no take of Human3.6M, only {', '.join(map(str, subjects))}. {_REMEDY}.")
    return arrays


def _object(path: Path) -> Any:
    """The one Python object in the array positions_3d."""
    with zipfile.ZipFile(path) as archive, archive.open("positions_3d.npy") as member:
        check_size(path, "positions_3d", archive.getinfo("positions_3d.npy").file_size)
        stream = io.BytesIO(member.read())
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(stream)
    if shape != () or dtype.kind != "O":
        raise DamagedFileError(
            f"{path} is not {_EXPECTED}: positions_3d is an array of shape {shape} of {dtype}. {_REMEDY}."
        )
    array = plain_pickle(stream.read())
    (found,) = array.values() if isinstance(array, PickledArray) else [array]
    return found


def _numbers(array: object) -> np.ndarray:
    """An array of the file; what is none as the one thing that it is, whose shape the error then states."""
    return array.numbers() if isinstance(array, PickledArray) else np.array(str(array)[:60])


def _ground_truth(path: Path, name: TakeName) -> GroundTruth:
    array = _arrays(path, _stamp(path)).get(name)
    if array is None:
        raise DamagedFileError(f"{path} no longer has the take {name}. {_REMEDY}.")
    return GroundTruth(poses_from_mm(array[:, JOINTS] * np.float32(1000)))
