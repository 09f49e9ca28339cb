"""Readers of datasets, with a good sample of each that is as small as it can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from epipose.datasets.base import PeopleReader, Selection, TakeReader
from epipose.datasets.h36m_common import JOINTS
from epipose.datasets.registry import READERS as DATASETS
from epipose.datasets.registry import reader_named
from tests.helpers import h36m_files, mpi_inf_3dhp_files, panoptic_files
from tests.helpers.fuzzed import FuzzedReader


def _read(name: str) -> Any:
    """Recognise, list and read a dataset, and check it: what one does must not stop at what another refuses."""

    def read(root: Path) -> Any:
        reader = reader_named(name)
        reader.check(root)
        if isinstance(reader, TakeReader):
            return [take.ground_truth() for take in reader.takes(root, Selection())]
        assert isinstance(reader, PeopleReader)
        return reader.people(root, Selection())

    return read


def _h36m(folder: Path) -> Path:
    h36m_files.write_metadata(folder)
    h36m_files.write_take(folder, 1, "Directions", h36m_files.person(4))
    return folder


def _h36m_processed(folder: Path) -> Path:
    h36m_files.write_json_layout(folder, 1, {(2, 1): h36m_files.person(3, 1)[:, JOINTS]})
    return folder


def _h36m_fetch(folder: Path) -> Path:
    h36m_files.write_metadata(folder)
    path = folder / "S1" / "Directions-1"
    h36m_files.write_annot(path, 1, h36m_files.person(5), np.arange(5), (0, 1, 2, 3))
    return folder


def _h36m_npz(folder: Path) -> Path:
    poses = {"S1": {"Directions 1": h36m_files.person(3, 1) / np.float32(1000)}}
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=poses)  # type: ignore[arg-type]
    return folder


def _mpi(folder: Path) -> Path:
    mpi_inf_3dhp_files.sequence(folder / "S1" / "Seq1")
    return folder


def _mpi_read(root: Path) -> Any:
    from epipose.datasets.mpi_inf_3dhp import SEQUENCES

    with mock.patch.dict(SEQUENCES, {("S1", "Seq1"): (mpi_inf_3dhp_files.FRAMES, 25.0)}):
        return _read("mpi-inf-3dhp")(root)


def _mpi_test(folder: Path) -> Path:
    from epipose.datasets.mpi_inf_3dhp_testset import published_camera
    from tests.datasets.test_mpi_inf_3dhp_testset import CAPTURY, annotations

    annotations(folder / "TS1", published_camera(folder, "TS1"))
    calibration = folder / "test_util" / "camera_calibration" / "ts1-4cameras.calib"
    calibration.parent.mkdir(parents=True)
    calibration.write_text(CAPTURY)
    return folder


def _mpii(folder: Path) -> Path:
    from epipose.datasets.mpii import MAT
    from tests.datasets.test_mpii import release

    release(folder / MAT)
    return folder


def _mpii_json(folder: Path) -> Path:
    from tests.datasets.test_mpii import as_json

    as_json(folder)
    return folder


def _coco(folder: Path) -> Path:
    from tests.datasets.test_coco import annotation, write

    write(folder, "train", [annotation(1, 9, {"nose": (3, 4, 2), "left_wrist": (7, 6, 1)})], {9: "9.jpg"})
    return folder


def _pose2sim(folder: Path) -> Path:
    trial = panoptic_files.pose2sim(folder / "trial", 4)
    (trial / "pose-3d").mkdir()
    panoptic_files.trc(trial / "pose-3d" / "a_0-3.trc", range(4))
    return trial


def _panoptic(folder: Path) -> Path:
    panoptic_files.panoptic(folder / "171204_pose1", [0, 1, 2], images=False)
    return folder / "171204_pose1"


def _import(folder: Path) -> Path:
    """A take's folder that is there already."""
    from epipose.datasets.to_clip import import_take

    root = panoptic_files.pose2sim(folder / "trial", 25)
    (take,) = _takes(root)
    import_take(take, folder / "out")
    return folder


def _takes(root: Path) -> Any:
    reader = reader_named("pose2sim")
    assert isinstance(reader, TakeReader)
    return reader.takes(root, Selection())


def _again(folder: Path) -> Any:
    from epipose.datasets.to_clip import import_take

    (take,) = _takes(folder / "trial")
    return import_take(take, folder / "out")


def _fits(name: str) -> str:
    assert name.partition(",")[0] in DATASETS
    return f"dataset: {name}"


READERS = [
    FuzzedReader(_fits("h36m"), _h36m, _read("h36m"), ("*.cdf", "metadata.xml"), cost=12),
    FuzzedReader(_fits("h36m-processed"), _h36m_processed, _read("h36m-processed"), ("*.json",), cost=2),
    FuzzedReader(
        _fits("h36m-processed, HDF5"), _h36m_fetch, _read("h36m-processed"), ("*.h5", "metadata.xml"), cost=10
    ),
    FuzzedReader(_fits("h36m-npz"), _h36m_npz, _read("h36m-npz"), cost=2),
    FuzzedReader(_fits("mpi-inf-3dhp"), _mpi, _mpi_read, ("*.mat", "*.calibration"), cost=8),
    FuzzedReader(_fits("mpi-inf-3dhp-test"), _mpi_test, _read("mpi-inf-3dhp-test"), ("*.mat", "*.calib"), cost=8),
    FuzzedReader(_fits("mpii"), _mpii, _read("mpii"), ("*.mat",), cost=6),
    FuzzedReader(_fits("mpii, JSON"), _mpii_json, _read("mpii"), ("*.json", "*.mat"), cost=2),
    FuzzedReader(_fits("coco"), _coco, _read("coco"), ("*.json",)),
    FuzzedReader(_fits("pose2sim"), _pose2sim, _read("pose2sim"), ("*.toml", "*.trc"), cost=4),
    FuzzedReader(_fits("panoptic"), _panoptic, _read("panoptic"), ("*.json",), cost=2),
    FuzzedReader("import of a take", _import, _again, ("take.json",), cost=6),
]
