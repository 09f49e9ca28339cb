"""Tables of keypoints: DeepLabCut's as pandas writes them, SLEAP's and Sports2D's by their layouts."""

import json

import numpy as np
import pytest

from epipose.errors import EpiposeError
from epipose.formats.keypoint_files import keypoint_series, read_keypoint_file
from tests.helpers import keypoint_files as written

SIDED = ("Nose", "LShoulder", "RShoulder", "LHip", "RHip", "LKnee", "RKnee")


def only(path):
    (series,) = keypoint_series(path)
    return series


@pytest.mark.parametrize("how", [".csv", "table", "fixed"])
@pytest.mark.parametrize("individuals", [(), ("ann", "bob")])
def test_deeplabcut_as_pandas_writes_it(tmp_path, how, individuals):
    pytest.importorskip("tables" if how != ".csv" else "pandas")
    rng = np.random.default_rng(0)
    arrays = rng.uniform(10, 400, (5, max(1, len(individuals)), len(SIDED), 3))
    arrays[..., 2] = rng.uniform(0.1, 1, arrays.shape[:3])
    arrays[2, -1] = np.nan
    arrays[3, 0, 1] = np.nan
    path = tmp_path / ("cam01DLC_resnet50" + (".csv" if how == ".csv" else ".h5"))
    written.deeplabcut(path, arrays, SIDED, individuals, **({} if how == ".csv" else {"format": how}))
    series = only(path)
    assert series.file.program == "DeepLabCut"
    assert series.file.names == SIDED
    for k in range(5):
        found = {one.track: one for one in series.images[k].people}
        for i, who in enumerate(individuals or ("0",)):
            if np.isnan(arrays[k, i]).all():
                assert who not in found
                continue
            seen = np.isfinite(arrays[k, i, :, 0])
            np.testing.assert_allclose(found[who].xy[seen], arrays[k, i, seen, :2])
            np.testing.assert_allclose(found[who].score, np.where(seen, arrays[k, i, :, 2], 0))


def test_deeplabcut_labelled_by_hand(tmp_path):
    head = "scorer,,,ann,ann,ann,ann\nbodyparts,,,nose,nose,tail,tail\ncoords,,,x,y,x,y\n"
    (tmp_path / "CollectedData_ann.csv").write_text(
        head + "labeled-data,cam1,img0012.png,1,2,3,4\nlabeled-data,cam1,img0015.png,,,7,8\n"
    )
    series = only(tmp_path)
    assert sorted(series.images) == [12, 15]
    np.testing.assert_array_equal(series.images[12].people[0].xy, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(series.images[15].people[0].score, [0, 1])
    assert "cam1" in series.labels


def test_deeplabcut_with_a_long_head(tmp_path):
    scorer = "DLC_HrnetW32_climbingFeb5shuffle1_detector_200_snapshot_200"
    parts = [f"part{k}" for k in range(33)]
    columns = [(part, one) for part in parts for one in ("x", "y", "likelihood")]
    head = [["scorer", *[scorer] * len(columns)], ["bodyparts", *(part for part, _ in columns)]]
    rows = [*head, ["coords", *(one for _, one in columns)], ["0", *["0.5"] * len(columns)]]
    (tmp_path / "cam1.csv").write_text("\n".join(",".join(row) for row in rows))
    assert only(tmp_path).file.names == tuple(parts)


def test_a_table_that_begins_like_deeplabcuts_is_none(tmp_path):
    (tmp_path / "games.csv").write_text("scorer,goals\nann,3\n")
    assert read_keypoint_file(tmp_path / "games.csv") is None


def test_deeplabcut_names_of_columns_cannot_run_code(tmp_path):
    h5py, pickle = pytest.importorskip("h5py"), pytest.importorskip("pickle")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs["pandas_type"] = np.bytes_(b"frame_table")
        table = group.create_dataset("table", data=np.zeros(2, [("index", "i8"), ("values_block_0", "f8", (3,))]))
        table.attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(print, protocol=0))
    with pytest.raises(EpiposeError, match="Give the CSV"):
        keypoint_series(tmp_path / "a.h5")


def test_sleap_analysis(tmp_path):
    pytest.importorskip("h5py")
    rng = np.random.default_rng(1)
    tracks, scores = rng.uniform(10, 400, (5, 2, 7, 2)), rng.uniform(0.1, 1, (5, 2, 7))
    tracks[2, 1], scores[2, 1] = np.nan, np.nan
    tracks[3, 0, 2] = np.nan
    scores[4, 0] = np.nan  # marked by hand
    series = only(written.sleap(tmp_path / "cam01.analysis.h5", tracks, scores, SIDED, ("one", "two")))
    assert (series.file.program, series.file.names) == ("SLEAP analysis", SIDED)
    assert series.file.edges == ((0, 1), (1, 2))
    assert [one.track for one in series.images[2].people] == ["one"]
    np.testing.assert_allclose(series.images[1].people[1].xy, tracks[1, 1])
    np.testing.assert_allclose(series.images[1].people[1].score, scores[1, 1])
    assert series.images[3].people[0].score[2] == 0
    assert series.images[4].people[0].score.tolist() == [1] * 7


def test_sleap_with_the_axes_stated(tmp_path):
    h5py = pytest.importorskip("h5py")
    tracks = np.random.default_rng(2).uniform(10, 400, (4, 2, 3, 2))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["tracks"], file["node_names"] = tracks, np.array([b"a", b"b", b"c"])
        file["tracks"].attrs["dims"] = json.dumps(["frame", "track", "node", "xy"])
    np.testing.assert_array_equal(only(tmp_path / "a.h5").images[3].people[1].xy, tracks[3, 1])


def test_sports2d_people_and_a_late_beginning(tmp_path):
    places = np.random.default_rng(3).uniform(10, 400, (4, 7, 2))
    places[1, 2] = np.nan
    for person in (0, 1):
        written.sports2d(tmp_path / f"walk_Sports2D_px_person{person:02d}.trc", places + person, SIDED, first=12)
    series = only(tmp_path)
    assert sorted(series.images) == [12, 13, 14, 15]
    assert series.file.fps == 30
    assert [one.track for one in series.images[13].people] == ["00", "01"]
    np.testing.assert_allclose(series.images[12].people[1].xy, places[0] + 1)
    assert series.images[13].people[0].score.tolist() == [1, 1, 0, 1, 1, 1, 1]


def test_sleap_of_another_shape(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["tracks"] = np.ones((1, 1, 1, 1))
    with pytest.raises(EpiposeError, match=r"tracks has shape \(1, 1, 1, 1\), expected tracks, 2, all nodes, frames"):
        keypoint_series(tmp_path / "a.h5")


def test_markers_in_metres_are_no_keypoints(tmp_path):
    path = written.sports2d(tmp_path / "a_m_person00.trc", np.ones((2, 7, 2)), SIDED)
    path.write_text(path.read_text().replace("\tpx\t", "\tm\t"))
    assert read_keypoint_file(path) is None


def test_a_project_of_sleap_is_to_be_exported(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.slp", "w") as file:
        file["instances"], file["tracks_json"] = np.zeros(1), np.zeros(1)
    with pytest.raises(EpiposeError, match=r"SLEAP project .*Export its tracks"):
        keypoint_series(tmp_path / "a.slp")


def test_of_a_table_in_csv_and_hdf5_the_csv_is_enough(tmp_path):
    pytest.importorskip("pandas")
    written.deeplabcut(tmp_path / "aDLC.csv", np.ones((3, 1, 7, 3)), SIDED)
    (tmp_path / "aDLC.h5").write_bytes(b"\x89HDF damaged")
    assert only(tmp_path).source.suffix == ".csv"
