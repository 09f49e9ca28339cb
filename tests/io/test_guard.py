"""The guard of readers: one error for whatever is wrong with a file, and names that stay below their folder."""

import errno
import sys

import pytest

from epipose.camera import Rig
from epipose.clip import Clip, View
from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.io.files import read_json, write_json
from epipose.io.guard import check_size, checked_member, checked_name, checked_names, reading, reads
from epipose.poses import Poses2D
from tests.helpers.camera_files import lab_rig
from tests.helpers.fuzzed_own import poses2d


class Panic(BaseException):
    """As parsers written in Rust raise it."""


@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError(), MemoryError(), OverflowError("y"), Panic("z"), OSError("w")]
)
def test_whatever_a_parser_raises_is_one_error_that_names_the_file(tmp_path, error):
    (tmp_path / "a.bin").write_bytes(b"x")
    said = r"a\.bin cannot be read as a thing \(\w+.*Get it again"
    with (
        pytest.raises(DamagedFileError, match=said) as caught,
        reading(tmp_path / "a.bin", "a thing", "Get it again."),
    ):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), InputError("x"), OSError(errno.ENOSPC, "full")])
def test_what_is_not_the_file_s_fault_passes(tmp_path, error):
    (tmp_path / "a.bin").write_bytes(b"x")
    with pytest.raises(type(error)) as caught, reading(tmp_path / "a.bin", "a thing"):
        raise error
    assert caught.value is error


def test_a_missing_file_and_a_folder_are_no_damage(tmp_path):
    @reads("a thing")
    def read(path):
        return path.read_bytes()

    for path, words in (
        (tmp_path / "a", "There is no file"),
        (tmp_path, "cannot be read"),
        ("a\0b", "There is no file"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            read(path)
        assert type(caught.value) is InputError


def test_nesting_without_end_is_damage(tmp_path):
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(DamagedFileError, match="RecursionError"):
        read_json(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("9" * (sys.get_int_max_str_digits() + 1))
    with pytest.raises(DamagedFileError, match="integer string conversion"):
        read_json(tmp_path / "b.json")


def test_more_memory_than_a_file_can_stand_for_is_refused(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(1000))
    check_size(path, "it", 256 * 1024**2)
    for size in (256 * 1024**2 + 1, -1):
        with pytest.raises(DamagedFileError, match="would take"):
            check_size(path, "it", size)
    path.write_bytes(bytes(5 * 1024**2))
    check_size(path, "it", 320 * 1024**2)


@pytest.mark.parametrize("name", ["cam 1", "Kamera-ä", "a:b", "..x", "x" * 200, "00_03"])
def test_names_that_are_parts_of_paths(name):
    assert checked_name(name, "a.json") == name


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "a\\b", "/x", "", ".", "..", "a\0", "a\nb", "x" * 201, "ä" * 101, "\ud800", 3, None]
)
def test_names_that_are_none(name):
    with pytest.raises(DamagedFileError, match=r"^A view of a\.json has the name"):
        checked_name(name, "A view of a.json")


def test_several_names_differ():
    assert checked_names(["a", "b"], "x") == ("a", "b")
    for wrong in (["a", "a"], "ab", None, ["a", 3]):
        with pytest.raises(DamagedFileError):
            checked_names(wrong, "x")


def test_members_stay_below_their_folder():
    assert checked_member("train/a.jpg", "x") == "train/a.jpg"
    for wrong in ("../a.jpg", "/a.jpg", "a//b", "a/../b", "", None):
        with pytest.raises(DamagedFileError):
            checked_member(wrong, "x")


def test_a_view_called_as_a_path_is_refused_where_it_is_read(tmp_path):
    views = (View("../../x", None, 640, 480, 30, 25.0), View("b", None, 640, 480, 30, 25.0))
    Clip(views, 30, 25.0).save(tmp_path)
    with pytest.raises(DamagedFileError, match=r"clip\.json has the name '\.\./\.\./x'"):
        Clip.load(tmp_path)
    rig = lab_rig()
    Rig(("../x", *rig.names[1:]), rig.camera).save(tmp_path / "rig.json")
    with pytest.raises(DamagedFileError, match=r"rig\.json has the name '\.\./x'"):
        Rig.load(tmp_path / "rig.json")
    poses = poses2d()
    Poses2D(poses.xy, poses.conf, poses.skeleton, ("a/b", "c")).save(tmp_path / "poses2d.npz")
    with pytest.raises(DamagedFileError, match=r"poses2d\.npz has the name 'a/b'"):
        Poses2D.load(tmp_path / "poses2d.npz")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frames": 10**12}, "frames"), ({"fps": 0.0}, "fps"), ({"width": -3}, "images of"),
        ({"stride": 0}, "frames, every"), ({"fps": "25"}, "expected float"),
        ({"start": 1e300}, "starts at"), ({"frame_times": [0.0]}, "times of frames"),
        ({"video": 5}, "video"), ({"name": "b"}, "twice"),
    ],
)  # fmt: skip
def test_a_view_that_cannot_be_is_damage(tmp_path, change, words):
    Clip((View("a", None, 640, 480, 30, 25.0), View("b", None, 640, 480, 30, 25.0)), 30, 25.0).save(tmp_path)
    content = read_json(tmp_path / "clip.json")
    content["views"][0] |= change
    write_json(tmp_path / "clip.json", content)
    with pytest.raises(EpiposeError, match=words):
        Clip.load(tmp_path)
