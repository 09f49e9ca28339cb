"""Exporters of 3D poses, read back by independent packages."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from epipose.errors import EpiposeError
from epipose.exporters.base import Recording
from epipose.exporters.markers import trajectories
from epipose.formats.trc import WORLD_FROM_TRC, read_trc
from epipose.pipeline.export import export
from epipose.poses import Poses3D
from epipose.skeleton import Skeleton
from epipose.skeletons import BLAZEPOSE33, BODY25, COCO17, H36M17, HALPE26
from tests.helpers.export_oracles import c3d_by_c3d, check_poses, netcdf_by_c_library, table_by_pandas, trc_by_pandas
from tests.helpers.walker import walker

ENDINGS = ("trc", "c3d", "csv", "parquet", "nc")


def walk(people: int = 1, skeleton: Skeleton = BODY25, metric: bool = True) -> Poses3D:
    """People who walk, person by person a metre aside; the first one's left heel is missing in frames 4 to 6."""
    xyz, conf = walker(40, skeleton)
    xyz = torch.stack([xyz + torch.tensor([number, 0.0, 0.0]) for number in range(people)], 1)
    conf = conf[:, None].expand(-1, people, -1).clone()
    if "left_heel" in skeleton.joints:
        conf[4:7, 0, skeleton.index("left_heel")] = 0
    return Poses3D(xyz.float(), conf.float(), skeleton, "world", metric, 2 + torch.arange(40, dtype=torch.float64) / 50)


def with_nan(poses: Poses3D) -> np.ndarray:
    return np.where((poses.conf > 0).numpy()[..., None], poses.xyz.double().numpy(), np.nan)


@pytest.mark.parametrize(("unit", "per_metre"), [("m", 1.0), ("mm", 1000.0)])
def test_trc_holds_the_joints_y_up_and_empty_cells(tmp_path: Path, unit: str, per_metre: float) -> None:
    poses = walk()
    written = export(poses, tmp_path / "walk.trc", unit=unit)
    assert written == ((tmp_path / "walk.trc",), ())
    names, found = trc_by_pandas(tmp_path / "walk.trc")
    assert names == list(BODY25.joints)
    expected = with_nan(poses)[:, 0]
    np.testing.assert_allclose(found[..., list(WORLD_FROM_TRC)] / per_metre, expected, atol=1e-6)
    heel = found[:, names.index("left_heel"), 1] / per_metre
    assert np.isnan(heel).nonzero()[0].tolist() == [4, 5, 6]
    assert 0 < np.nanmin(heel) < np.nanmax(heel) < 0.2, "the second column is up"
    lines = (tmp_path / "walk.trc").read_text().splitlines()
    assert lines[2].split("\t")[:5] == ["50", "50", "40", "25", unit]
    assert lines[5].split("\t")[:2] == ["0", "2.000000"]
    row = lines[5 + 4].split("\t")
    first = 2 + 3 * names.index("left_heel")
    assert row[first : first + 3] == ["", "", ""]


def test_trc_is_a_file_for_each_person(tmp_path: Path) -> None:
    poses = walk(3)
    poses.conf[:, 1] = 0  # nobody
    written = export(poses, tmp_path / "walk.trc")
    assert [file.name for file in written.files] == ["walk_person1.trc", "walk_person3.trc"]
    for person, file in zip((0, 2), written.files, strict=True):
        found = read_trc(file).xyz[..., list(WORLD_FROM_TRC)]
        np.testing.assert_allclose(found, with_nan(poses)[:, person], atol=1e-6)


def test_c3d_has_everybody_with_rate_unit_and_missing_markers(tmp_path: Path) -> None:
    poses = walk(2)
    export(poses, tmp_path / "walk.c3d", unit="mm")
    labels, points, rate, unit = c3d_by_c3d(tmp_path / "walk.c3d")
    assert labels == [f"person{person}:{joint}" for person in (1, 2) for joint in BODY25.joints]
    assert (rate, unit) == (50, "mm")
    expected = 1000 * with_nan(poses).reshape(40, -1, 3)
    np.testing.assert_allclose(points, expected, rtol=1e-6)
    assert np.isnan(points[4:7, BODY25.index("left_heel")]).all()
    export(walk(), tmp_path / "one.c3d")
    labels, points, _, unit = c3d_by_c3d(tmp_path / "one.c3d")
    assert (labels, unit) == (list(BODY25.joints), "m")


def test_csv_parquet_and_netcdf_come_back(tmp_path: Path) -> None:
    poses = walk(2)
    expected = with_nan(poses)
    for ending in ("csv", "parquet", "nc"):
        export(poses, tmp_path / f"walk.{ending}")
    for table, digits in (
        (pd.read_csv(tmp_path / "walk.csv"), 6),
        (pd.read_parquet(tmp_path / "walk.parquet"), 12),
    ):
        np.testing.assert_allclose(table_by_pandas(table), expected, atol=0.6 * 10**-digits)
        assert list(table.columns) == ["time", "frame", "person", "joint", "x", "y", "z", "conf"]
        assert table.time.iloc[-1] == pytest.approx(2.78)
        missing = table[table.x.isna()]
        assert set(missing.joint) == {"left_heel"}
        assert (missing.conf == 0).all()
    position, names = netcdf_by_c_library(tmp_path / "walk.nc")
    np.testing.assert_array_equal(position, expected.transpose(0, 3, 2, 1))
    assert names == list(BODY25.joints)
    with xr.open_dataset(tmp_path / "walk.nc") as data:
        assert data.attrs["fps"] == 50
        assert data.attrs["ds_type"] == "poses"
        np.testing.assert_allclose(data.time, poses.times)
        assert data.position.sel(keypoints="nose", individuals="person_1", space="x").shape == (40,)


@pytest.mark.parametrize("skeleton", [BLAZEPOSE33, BODY25, COCO17, H36M17, HALPE26], ids=lambda skeleton: skeleton.name)
def test_markers_have_pose2sims_names_and_the_places_of_the_joints(skeleton: Skeleton) -> None:
    poses = walk(skeleton=skeleton)
    (person,), warnings = trajectories(poses, "pose2sim")
    place = dict(zip(person.names, person.xyz[0], strict=True))
    assert warnings == ()
    assert len(place) == len(person.names) >= len(skeleton.joints)
    hip = "CHip" if skeleton is BODY25 else "Hip"
    assert {hip, "Neck", "Nose", "LShoulder", "RShoulder", "LHip", "RKnee", "LAnkle", "RWrist"} <= set(place)
    if skeleton not in (COCO17, H36M17):
        assert {"LHeel", "RHeel", "LBigToe", "RBigToe"} <= set(place)
    assert ("Head" in place) == (skeleton is HALPE26), "Pose2Sim's Head is the top of the head"
    np.testing.assert_allclose(place["RKnee"], poses["right_knee"][0, 0], atol=1e-6)
    np.testing.assert_allclose(place[hip], (place["LHip"] + place["RHip"]) / 2, atol=1e-6)
    np.testing.assert_allclose(place["Neck"], (place["LShoulder"] + place["RShoulder"]) / 2, atol=1e-6)


def test_a_marker_that_is_never_there_is_left_out_and_named() -> None:
    poses = walk()
    poses.conf[:, :, BODY25.index("left_ear")] = 0
    (person,), warnings = trajectories(poses, "native")
    assert "left_ear" not in person.names
    assert person.xyz.shape[1] == 24
    assert warnings == ("person1 has no marker left_ear: missing in all frames.",)


def test_spaces_in_a_files_own_joint_names_do_not_stop_a_trc(tmp_path: Path) -> None:
    own = Skeleton("mine", ("snout tip", "tail base"), (-1, 0))
    poses = Poses3D(torch.rand(5, 1, 2, 3), torch.ones(5, 1, 2), own, "world", True, torch.arange(5).double())
    export(poses, tmp_path / "mouse.trc")
    assert read_trc(tmp_path / "mouse.trc").names == ("snout_tip", "tail_base")


def test_poses_of_a_camera_stand_upright_in_every_file(tmp_path: Path) -> None:
    xyz = torch.tensor([[0.0, 0.0, 3.0], [0.0, 1.0, 3.0]]).expand(4, 1, 2, 3)  # y is down
    skeleton = Skeleton("two", ("head", "foot"), (-1, 0))
    poses = Poses3D(xyz, torch.ones(4, 1, 2), skeleton, "camera", True, torch.arange(4).double() / 50)
    export(poses, tmp_path / "a.trc")
    export(poses, tmp_path / "a.c3d")
    trc, points = trc_by_pandas(tmp_path / "a.trc")[1], c3d_by_c3d(tmp_path / "a.c3d")[1]
    np.testing.assert_allclose(trc[0, 0] - trc[0, 1], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(points[0, 0] - points[0, 1], [0, 0, 1], atol=1e-6)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_nominal_scale_is_said(tmp_path: Path, ending: str) -> None:
    poses = walk(metric=False)
    written = export(poses, tmp_path / f"walk.{ending}")
    if ending == "nc":
        with xr.open_dataset(tmp_path / "walk.nc") as data:
            assert data.attrs["unit"] == "not metric"
    else:
        assert "not metric" in written.warnings[0]


def test_uneven_frames_are_said_where_a_file_has_one_rate(tmp_path: Path) -> None:
    poses = walk()
    assert poses.times is not None
    poses.times[20:] += 0.5
    for ending in ("trc", "c3d"):
        assert "1 frames come unevenly" in export(poses, tmp_path / f"walk.{ending}").warnings[0]
    _, found = trc_by_pandas(tmp_path / "walk.trc")
    assert len(found) == 40


@pytest.mark.parametrize(
    ("ending", "module"), [("c3d", "ezc3d"), ("csv", "pandas"), ("parquet", "pyarrow"), ("nc", "xarray")]
)
def test_a_missing_package_is_named_with_its_extra(tmp_path: Path, monkeypatch, ending: str, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(EpiposeError, match=rf"package {module}.*epipose\[export\]"):
        export(walk(), tmp_path / f"walk.{ending}")
    assert list(tmp_path.iterdir()) == []


def test_markers_need_a_frame_rate_and_tables_do_not(tmp_path: Path) -> None:
    poses = Poses3D(walk().xyz, walk().conf, BODY25, metric=True)
    with pytest.raises(EpiposeError, match="says no frame rate"):
        export(poses, tmp_path / "walk.trc")
    export(poses, tmp_path / "walk.csv")
    assert pd.read_csv(tmp_path / "walk.csv").time.isna().all()
    assert Recording("walk", poses=poses).need_poses().times is None


def test_every_format_comes_back_within_a_micrometre_from_its_oracle(tmp_path: Path) -> None:
    checks = check_poses(walk(), tmp_path)
    assert {check.ending for check in checks} == set(ENDINGS)
    assert all(check.error_mm < 1e-3 for check in checks), checks
