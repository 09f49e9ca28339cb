"""Packed motions: what is read is what was written, within a quarter of a millimetre, in a fraction of the space."""

import numpy as np
import pytest

from epipose.errors import EpiposeError
from epipose.experiments.clips import split
from epipose.io.files import write_npz
from epipose.motion import motion_files, motion_name, read_motion
from epipose.motion.motion import at_frames
from epipose.motion.packed import write_packed
from epipose.motion.sampler import random_motion


@pytest.fixture(scope="module")
def motion():
    made = random_motion(np.random.default_rng(5), 6.0, 60.0)
    path = np.linspace(0, 40, len(made.xyz))[:, None, None] * [1, 0, 0]  # far from the origin in the end
    return made._replace(xyz=made.xyz + path, toes=made.toes + path)


def test_what_is_read_is_what_was_written(motion, tmp_path):
    write_packed(motion, tmp_path / "walk.motion.npz")
    read = read_motion(tmp_path / "walk.motion.npz")
    assert (read.name, read.fps) == ("walk", motion.fps)
    assert np.abs(read.xyz - motion.xyz).max() <= 0.251e-3
    assert np.abs(read.toes - motion.toes).max() <= 0.251e-3
    assert np.abs(read.face - motion.face).max() < 2e-4
    assert np.linalg.norm(read.face, axis=-1) == pytest.approx(1)
    assert (tmp_path / "walk.motion.npz").stat().st_size < motion.xyz.nbytes / 4


def test_the_rate_is_lowered_and_never_raised(motion, tmp_path):
    for asked, given in ((15.0, 15.0), (25.0, 25.0), (100.0, 60.0)):
        write_packed(motion, tmp_path / "walk.motion.npz", asked)
        read_motion.cache_clear()
        read = read_motion(tmp_path / "walk.motion.npz")
        assert read.fps == pytest.approx(given)
        expected = at_frames(motion, np.arange(len(read.xyz)) * 60 / given).xyz
        assert np.abs(read.xyz - expected).max() <= 0.251e-3
        assert len(read.xyz) / given == pytest.approx(len(motion.xyz) / 60, abs=1 / given)


def test_a_motion_without_toes_and_face_stays_without(motion, tmp_path):
    write_packed(motion._replace(toes=None, face=None), tmp_path / "bare.motion.npz")
    read = read_motion(tmp_path / "bare.motion.npz")
    assert read.toes is None
    assert read.face is None


def test_the_split_of_a_packed_folder_is_that_of_the_folder(tmp_path):
    names = [f"test_walking_{number}" for number in range(1, 13)] + ["walk", "walk_b", "walk_mirror", "walk_b_mirror"]
    for name in names:
        (tmp_path / "texts").mkdir(exist_ok=True)
        (tmp_path / "packed" / "sub").mkdir(parents=True, exist_ok=True)
        (tmp_path / "texts" / f"{name}.bvh").touch()
        (tmp_path / "packed" / "sub" / f"{name}.motion.npz").touch()
    assert len(motion_files(tmp_path / "packed")) == len(names)
    parts = [[sorted(map(motion_name, part)) for part in split(tmp_path / kind)] for kind in ("texts", "packed")]
    assert parts[0] == parts[1]
    assert len(parts[0][1]) >= 2


def test_what_cannot_be_packed_or_read_is_said(motion, tmp_path):
    far, lost = motion.xyz.copy(), motion.xyz.copy()
    far[3, 2] += 9
    lost[0, 0] = np.nan
    for xyz in (far, lost):
        with pytest.raises(EpiposeError, match="cannot be packed"):
            write_packed(motion._replace(xyz=xyz), tmp_path / "x.motion.npz")
    with pytest.raises(EpiposeError, match=r"ending in \.motion\.npz"):
        write_packed(motion, tmp_path / "x.npz")
    with pytest.raises(EpiposeError, match=r"at 0\.0 frames/s"):
        write_packed(motion, tmp_path / "x.motion.npz", 0.0)
    assert not list(tmp_path.iterdir())
    (tmp_path / "x.motion.npz").write_bytes(b"PK")
    with pytest.raises(EpiposeError, match="cannot be read"):
        read_motion(tmp_path / "x.motion.npz")
    write_npz(tmp_path / "y.motion.npz", fps=30.0, root=np.zeros((4, 3), np.int32), joints=np.zeros((3, 16, 3)))
    with pytest.raises(EpiposeError, match="expected"):
        read_motion(tmp_path / "y.motion.npz")
