"""data_3d_h36m.npz: poses by subject and action, and a pickle that must not run code."""

import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from epipose.datasets.base import Selection, TakeReader
from epipose.datasets.h36m_npz import Human36MPoses
from epipose.datasets.registry import reader_for
from epipose.errors import EpiposeError
from tests.helpers.h36m_files import CAMERAS, LENSES, PLACES, by_opencv, person, rotation, write_metadata

READER = Human36MPoses()
JOINTS = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]


def write(folder, **more):
    """The file as prepare_data_h36m.py writes it."""
    poses = {
        "S1": {"Directions 1": person(6, 1) / np.float32(1000), "Photo": person(7, 2) / np.float32(1000)},
        "S9": {"Greeting": person(8, 3) / np.float32(1000), "Greeting 1": person(9, 4) / np.float32(1000)},
    }
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d={**poses, **more})
    return folder / "data_3d_h36m.npz"


def test_takes_have_poses_alone(tmp_path):
    path = write(tmp_path)
    assert isinstance(READER, TakeReader)
    assert reader_for(path)[0] == reader_for(tmp_path)[0] == "h36m-npz"
    takes = READER.takes(path, Selection())
    assert [(take.name, take.frames, take.fps) for take in takes] == [
        ("S1_Directions_1", 6, 50.0), ("S1_Photo_2", 7, 50.0), ("S9_Greeting_1", 9, 50.0), ("S9_Greeting_2", 8, 50.0)
    ]  # fmt: skip
    assert takes[0].rig is None
    assert takes[0].images == ()
    truth = takes[1].ground_truth()
    np.testing.assert_allclose(truth.poses.xyz[:, 0], person(7, 2)[:, JOINTS] / 1000, atol=1e-6)
    assert truth.poses2d is None
    assert truth.poses.metric
    assert bool((truth.poses.conf == 1).all())
    assert [take.name for take in READER.takes(tmp_path, Selection(known_bad=False, subjects=("S9",)))] == [
        "S9_Greeting_1"
    ]


@pytest.mark.parametrize("form", ["xml", "json"])
def test_cameras_that_lie_beside_are_taken(tmp_path, form):
    path = write(tmp_path)
    if form == "xml":
        write_metadata(tmp_path)
    else:
        cameras = {}
        for number, name in enumerate(CAMERAS):
            f1, f2, c1, c2, k1, k2, k3, p1, p2 = LENSES[number].tolist()
            R = rotation(number)
            cameras[f"S1/{name}"] = {"K": [[f1, 0, c1], [0, f2, c2], [0, 0, 1]], "dist": [k1, k2, p1, p2, k3]}
            cameras[f"S1/{name}"] |= {"R": R.tolist(), "t": (-R @ PLACES[number, 3:]).tolist()}
        (tmp_path / "cameras.json").write_text(json.dumps({"cameras": cameras}))
        with pytest.raises(EpiposeError, match="no cameras of S9"):
            READER.takes(path, Selection())
    take = READER.takes(path, Selection(subjects=("S1",)))[0]
    assert take.rig.names == CAMERAS
    assert take.images == (None,) * 4
    assert take.rig.camera.size.tolist() == [[1000, 1002], [1000, 1000], [1000, 1000], [1000, 1002]]
    pixels = take.rig.camera.spread(2).project(take.ground_truth().poses.xyz[:, 0].double()[None])
    for view in range(4):
        np.testing.assert_allclose(pixels[view], by_opencv(person(6, 1)[:, JOINTS], view), atol=1e-3)
    assert all(result.ok for result in READER.check(path))


def test_wrong_cameras_are_named(tmp_path):
    path = write(tmp_path)
    for text in ('{"cameras": {"S1/1": {}}}', "{}", '{"format": "epipose-rig-2", "cameras": {}}'):
        (tmp_path / "cameras.json").write_text(text)
        with pytest.raises(EpiposeError, match="cameras"):
            READER.takes(path, Selection())
        assert not all(result.ok for result in READER.check(path))


class _Bad:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path):
    path = write(tmp_path, S5={"Walking": _Bad(tmp_path / "made")})
    with pytest.raises(EpiposeError, match=r"mkdir.*do not trust it"):
        READER.takes(path, Selection())
    assert not (tmp_path / "made").exists()
    assert "mkdir" in READER.check(path)[0].message
    assert not READER.check(path)[0].ok


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickles_of_numpy_1_and_of_any_protocol_are_read(tmp_path, protocol):
    poses = np.array({"S1": {"Walking": person(4, 1) / np.float32(1000)}}, dtype=object)
    stream = pickle.dumps(poses, protocol=protocol).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    stream = stream.replace(b"\x8c\x16numpy.core", b"\x8c\x15numpy.core")  # the length of a short string
    if protocol == 4:  # the frame's length, one less
        length = int.from_bytes(stream[3:11], "little") - 1
        stream = stream[:3] + length.to_bytes(8, "little") + stream[11:]
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(117) + b"\n"
    with zipfile.ZipFile(tmp_path / "data_3d_h36m.npz", "w") as archive:
        archive.writestr("positions_3d.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + stream)
    take = READER.takes(tmp_path, Selection())[0]
    np.testing.assert_allclose(take.ground_truth().poses.xyz[:, 0], person(4, 1)[:, JOINTS] / 1000, atol=1e-6)


def test_wrong_and_damaged_files_are_named(tmp_path):
    path = tmp_path / "data_3d_h36m.npz"
    with pytest.raises(EpiposeError, match=r"no file .*data_3d_h36m\.npz"):
        READER.takes(path, Selection())
    whole = write(tmp_path).read_bytes()
    for kept in (0, 100, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:kept])
        with pytest.raises(EpiposeError, match=r"data_3d_h36m\.npz"):
            READER.takes(path, Selection())
        assert not READER.check(path)[0].ok
    for positions, words in (
        (np.zeros(3), "shape"), ({"S1": 3}, "cannot be read"),
        ({"S1": {"Walking": np.zeros((2, 17, 3))}}, r"\(2, 17, 3\)"),
        ({"S2": {"Walking": np.zeros((2, 32, 3))}}, "no take"), ([1, 2], "shape"),
    ):  # fmt: skip
        np.savez(path, positions_3d=positions)
        with pytest.raises(EpiposeError, match=words):
            READER.takes(path, Selection())
    np.savez(path, other=np.zeros(3))
    with pytest.raises(EpiposeError, match="positions_3d"):
        READER.takes(path, Selection())
