"""Poses as a pandas table and as an xarray dataset."""

import sys

import numpy as np
import pytest
import torch

from epipose.errors import MissingExtraError
from epipose.poses import Poses3D
from epipose.skeletons import H36M17


@pytest.fixture
def poses() -> Poses3D:
    """Three frames of two people at 25 frames/s; the second has no head in frame 1."""
    generator = torch.Generator().manual_seed(3)
    xyz = torch.rand(3, 2, 17, 3, generator=generator)
    conf = torch.full((3, 2, 17), 0.5)
    conf[1, 1, H36M17.index("head")] = 0
    return Poses3D(xyz, conf, H36M17, metric=True, times=torch.tensor([2.0, 2.04, 2.08], dtype=torch.float64))


def test_every_row_of_the_long_table_is_the_joint_it_says(poses):
    table = poses.to_dataframe()
    assert list(table.columns) == ["time", "frame", "person", "joint", "x", "y", "z", "conf"]
    assert len(table) == 3 * 2 * 17
    row = table[(table.frame == 2) & (table.person == 1) & (table.joint == "left_knee")].iloc[0]
    expected = poses["left_knee"][2, 1].double().numpy()
    np.testing.assert_array_equal(row[["x", "y", "z"]].to_numpy(dtype=np.float64), expected)
    assert (row.time, row.conf) == (2.08, 0.5)
    assert table.attrs == {"skeleton": "h36m17", "space": "world", "unit": "m"}


def test_a_missing_joint_is_nan_with_confidence_0(poses):
    table = poses.to_dataframe()
    missing = table[table.x.isna()]
    assert missing[["frame", "person", "joint", "conf"]].to_numpy().tolist() == [[1, 1, "head", 0.0]]


def test_a_pivot_keeps_the_order_of_the_joints(poses):
    """A column of plain texts would be sorted by the alphabet."""
    wide = poses.to_dataframe().pivot(index=["frame", "person"], columns="joint", values="x")
    assert tuple(wide.columns) == H36M17.joints
    present = poses.conf.numpy() > 0
    np.testing.assert_array_equal(
        wide.to_numpy().reshape(3, 2, 17)[present], poses.xyz[..., 0].double().numpy()[present]
    )


def test_the_dataset_has_the_layout_of_movement(poses):
    data = poses.to_xarray()
    assert data.position.dims == ("time", "space", "keypoints", "individuals")
    assert data.confidence.dims == ("time", "keypoints", "individuals")
    there = data.position.sel(space="z", keypoints="left_knee", individuals="person_1").to_numpy()
    np.testing.assert_array_equal(there, poses["left_knee"][:, 1, 2].double().numpy())
    np.testing.assert_array_equal(data.time, [2.0, 2.04, 2.08])
    missing = data.position.isnull()
    assert int(missing.sum()) == 3
    assert bool(missing.sel(keypoints="head", individuals="person_1")[1].all())
    assert data.attrs.pop("fps") == pytest.approx(25)
    assert data.attrs == {
        "source_software": "epipose", "ds_type": "poses", "time_unit": "seconds",
        "skeleton": "h36m17", "space": "world", "unit": "m",
    }  # fmt: skip


def test_movement_accepts_the_dataset(poses):
    movement = pytest.importorskip("movement.validators.datasets", reason="movement is an oracle of its own")
    movement.ValidPosesInputs.validate(poses.to_xarray())


def test_without_times_frames_are_counted(poses):
    bare = Poses3D(poses.xyz, poses.conf, H36M17)
    data, table = bare.to_xarray(), bare.to_dataframe()
    assert (data.attrs["time_unit"], data.time.to_numpy().tolist()) == ("frames", [0, 1, 2])
    assert "fps" not in data.attrs
    assert table.time.isna().all()
    assert table.attrs["unit"] == data.attrs["unit"] == "not metric"


@pytest.mark.parametrize(("package", "method"), [("pandas", "to_dataframe"), ("xarray", "to_xarray")])
def test_without_the_package_the_extra_is_named(poses, monkeypatch, package, method):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"epipose\[export\]"):
        getattr(poses, method)()
