"""The sample from a tiny wheel of the same layout or file by file: what is written, and what is refused."""

import hashlib
import re
import socket
import sys
import zipfile
from dataclasses import replace

import pytest
import torch

from epipose import Clip, EpiposeError, Rig
from epipose.datasets import sample as sample_module
from epipose.formats.qualisys import read_qualisys
from epipose.io.files import read_json
from epipose.io.packages import Package
from tests.helpers.file_server import serving
from tests.helpers.qualisys_files import qualisys_text
from tests.helpers.videos import moving_square_video

LICENCE = "LICENSE-pose2sim.txt"
CAMERAS = ("cam01", "cam02", "cam03", "cam04")
make_sample = sample_module.sample


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    content = {f"videos/{name}.mp4": moving_square_video(tmp_path / f"{name}.mp4", 3).read_bytes() for name in CAMERAS}
    content["reference/Calib.qca.txt"] = qualisys_text(*CAMERAS).encode()
    content[LICENCE] = b"BSD 3-Clause"
    path = tmp_path / "pose2sim-0.10.49-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for name, data in content.items():
            path_there = sample_module.MEMBERS[name][0]
            file.writestr(path_there if name != LICENCE else "pose2sim-0.10.49.dist-info/licenses/LICENSE", data)
    members = {n: (m, hashlib.sha256(content[n]).hexdigest()) for n, (m, _) in sample_module.MEMBERS.items()}
    monkeypatch.setattr(sample_module, "MEMBERS", members)
    command = ("no-such-client-anywhere", "pose2sim")
    wheel = Package("pose2sim-0.10.49-*.whl", command, hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(sample_module, "WHEEL", wheel)
    monkeypatch.setattr(sample_module, "SERVER", "http://127.0.0.1:9")  # where nothing listens
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))
    return path


@pytest.fixture
def server(wheel, monkeypatch):
    """A server that has all files of the wheel at the paths of Pose2Sim's repository."""
    with serving() as state, zipfile.ZipFile(wheel) as file:
        for name in file.namelist():
            path = "LICENSE" if name.endswith("LICENSE") else name
            state.files[f"/v1/{path}"] = file.read(name)
        monkeypatch.setattr(sample_module, "SERVER", f"{state.url}/v1")
        yield state


@pytest.fixture
def pip(wheel, tmp_path, monkeypatch):
    """A client that copies the wheel, and leaves a mark each time."""
    mark = tmp_path / "mark"
    script = f"import shutil; shutil.copy({str(wheel)!r}, '.'); open({str(mark)!r}, 'a').write('x')"
    package = replace(sample_module.WHEEL, command=(sys.executable, "-c", script, "pip"))
    monkeypatch.setattr(sample_module, "WHEEL", package)
    return mark


def test_a_clip_folder_with_its_reference_apart(wheel, tmp_path):
    out = tmp_path / "out"
    assert make_sample(out, wheel).names == CAMERAS
    assert Clip.load(out).frames == 3
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()) == [
        "LICENSE-pose2sim.txt",
        "clip.json",
        "intrinsics.json",
        "reference/Calib.qca.txt",
        "reference/rig.json",
        *(f"videos/{name}.mp4" for name in CAMERAS),
    ]
    for entry in read_json(out / "intrinsics.json")["cameras"].values():
        assert set(entry) == {"K", "distortion", "size"}
    reference = Rig.load(out / "reference" / "rig.json")
    assert reference.metric
    assert reference.camera.size.tolist() == [[1080, 1920], [1080, 1920], [1088, 1920], [1088, 1920]]


def test_the_first_two_cameras_are_scaled_and_padded_as_their_videos(wheel, tmp_path):
    make_sample(tmp_path / "out", wheel)
    lab = read_qualisys(tmp_path / "out" / "reference" / "Calib.qca.txt").camera
    ours = sample_module.reference_rig(tmp_path / "out" / "reference" / "Calib.qca.txt").camera
    points = torch.tensor([[0.0, 0, 1], [0.5, 0.3, 0.2], [-0.4, 0.8, 1.7]], dtype=torch.float64)
    before, after = lab.spread(1).project(points), ours.spread(1).project(points)
    # pixel i covers [i - 1/2, i + 1/2]: 1088 columns became 1080, 1920 rows became 1906 and start at row 7
    scale, bar = torch.tensor([1080 / 1088, 1906 / 1920]), torch.tensor([0.0, 7.0])
    torch.testing.assert_close(after[:2], (before[:2] + 0.5) * scale - 0.5 + bar, check_dtype=False)
    torch.testing.assert_close(after[2:], before[2:])


def test_what_is_there_is_left_and_what_is_damaged_is_repaired(wheel, tmp_path):
    out = tmp_path / "out"
    make_sample(out, wheel)
    kept = (out / "videos" / "cam01.mp4").stat().st_mtime_ns
    (out / "videos" / "cam02.mp4").write_bytes(b"cut off")
    make_sample(out, wheel)
    assert (out / "videos" / "cam01.mp4").stat().st_mtime_ns == kept
    wheel.unlink()
    assert make_sample(out).frames == 3  # nothing is missing, so nothing is fetched


def test_a_wheel_put_into_the_cache(wheel, tmp_path):
    (tmp_path / "cache").mkdir()
    wheel.rename(tmp_path / "cache" / wheel.name)
    assert make_sample(tmp_path / "out").names == CAMERAS


def test_what_is_refused(wheel, tmp_path):
    wheel.write_bytes(wheel.read_bytes() + b"x")
    with pytest.raises(EpiposeError, match="is not pose2sim"):
        make_sample(tmp_path / "out", wheel)
    (tmp_path / "cache").mkdir()
    wheel.write_bytes(wheel.read_bytes()[:2000])
    bad = wheel.rename(tmp_path / "cache" / wheel.name)
    with pytest.raises(EpiposeError) as caught:
        make_sample(tmp_path / "out")
    tried = r"Tried:\n  .*cache.*\n  http.*cannot be downloaded.*\n  .*no-such-client.*\nBy hand: run .*"
    assert re.search(tried, str(caught.value))
    assert bad.exists(), "what somebody put there is not removed without another"
    other = tmp_path / "other"
    other.mkdir()
    Clip.from_videos([tmp_path / "cam01.mp4", tmp_path / "cam03.mp4"]).save(other)
    with pytest.raises(EpiposeError, match="another clip"):
        make_sample(other)


def test_the_files_come_one_by_one_without_a_package_client(server, wheel, tmp_path):
    wheel.unlink()
    out = tmp_path / "out"
    assert make_sample(out).names == CAMERAS
    assert len(server.requests) == 6
    (out / "videos" / "cam02.mp4").write_bytes(b"cut off")
    make_sample(out)
    assert server.requests[6:] == [("/v1/Pose2Sim/Demo_SinglePerson/videos/cam02.mp4", None)]


def test_an_archive_in_the_cache_comes_before_the_server(server, wheel, tmp_path):
    (tmp_path / "cache").mkdir()
    wheel.rename(tmp_path / "cache" / wheel.name)
    make_sample(tmp_path / "out")
    assert server.requests == []


@pytest.mark.parametrize("fault", ["missing", "replaced"])
def test_after_one_file_that_the_server_lacks_pip_is_asked_at_once(fault, server, pip, tmp_path):
    second = "/v1/Pose2Sim/Demo_SinglePerson/videos/cam02.mp4"
    if fault == "missing":
        del server.files[second]
    else:
        server.files[second] = b"another video"
    assert make_sample(tmp_path / "out").names == CAMERAS
    assert [path for path, _ in server.requests] == [second.replace("cam02", "cam01"), second]
    assert pip.read_text() == "x"


def test_without_a_network_nothing_is_waited_for(pip, tmp_path, monkeypatch):
    asked = []

    def unresolved(*where, **_):
        asked.append(where[0])
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(sample_module, "SERVER", "https://code.invalid/v1")
    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    assert make_sample(tmp_path / "out").names == CAMERAS
    assert asked == ["code.invalid"]
    assert pip.read_text() == "x"
