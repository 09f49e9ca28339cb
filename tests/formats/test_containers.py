"""Containers of datasets: what a small file announces is not believed."""

import numpy as np
import pytest

from epipose.errors import DamagedFileError
from epipose.formats.containers import cdf_sizes, open_hdf5, read_cdf, read_mat
from epipose.io import guard
from tests.helpers.h36m_files import write_cdf


def test_an_hdf5_file_that_announces_more_than_it_can_hold(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["small"] = np.arange(3)
        file.create_dataset("group/huge", shape=(10**9, 10), dtype="f8", chunks=(1000, 10))
    with (
        pytest.raises(DamagedFileError, match=r"a\.h5: group/huge would take 76,294 MiB"),
        open_hdf5(tmp_path / "a.h5", "x"),
    ):
        pass


@pytest.mark.parametrize("compressed", [False, True])
def test_a_matlab_file_that_announces_more_than_it_can_hold(tmp_path, monkeypatch, compressed):
    io = pytest.importorskip("scipy.io")
    io.savemat(tmp_path / "a.mat", {"a": np.zeros(400_000), "b": np.ones(3)}, do_compression=compressed)
    assert read_mat(tmp_path / "a.mat", "x", ("b",))["b"].sum() == 3
    monkeypatch.setattr(guard, "_ALWAYS_READ_BYTES", 1024**2)
    if compressed:
        assert (tmp_path / "a.mat").stat().st_size < 10_000
        with pytest.raises(DamagedFileError, match="would take 3 MiB"):
            read_mat(tmp_path / "a.mat", "x", ("b",))
    else:
        assert len(read_mat(tmp_path / "a.mat", "x", ("a",))["a"]) == 400_000


def test_a_cdf_file_whose_records_point_to_one_another(tmp_path, monkeypatch):
    pytest.importorskip("cdflib")
    write_cdf(tmp_path / "a.cdf", np.zeros((3, 96)))
    assert cdf_sizes(tmp_path / "a.cdf", "Pose", "x")[-1] == 96
    assert read_cdf(tmp_path / "a.cdf", "Pose", "x").shape[-1] == 96
    monkeypatch.setattr("epipose.formats.containers._MOST_READS", -(10**6))
    with pytest.raises(DamagedFileError, match="point to one another without end"):
        read_cdf(tmp_path / "a.cdf", "Pose", "x")
