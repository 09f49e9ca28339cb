"""Camera files told apart by their content, and what people report about them."""

import contextlib
import json
from random import Random

import pytest
import torch

from epipose import EpiposeError
from epipose.formats.calibration_toml import write_calibration_toml
from epipose.formats.cameras import FORMATS, files_of, format_of, read_cameras
from epipose.formats.colmap import write_colmap
from epipose.formats.easymocap import write_easymocap
from epipose.formats.opencv_storage import write_opencv
from epipose.formats.qualisys import write_qualisys
from epipose.formats.vicon import write_vicon
from tests.helpers.camera_files import EIGHT, FOUR, lab_rig, reprojection_px


def write_all(folder):
    """One of each format; where each is."""
    rig = lab_rig("none")
    rig.save(folder / "json")
    write_calibration_toml(rig, folder / "toml", "anipose")
    write_qualisys(rig, folder / "qualisys")
    write_vicon(rig, folder / "vicon")
    (folder / "opencv").mkdir()
    write_opencv(rig, folder / "opencv" / "x.yml")
    write_easymocap(rig, folder / "easymocap")
    write_colmap(rig, folder / "colmap")
    return {kind: folder / kind for kind in FORMATS}


def test_content_tells_not_the_name(tmp_path):
    rig = lab_rig("none")
    for kind, path in write_all(tmp_path).items():
        assert format_of(path) == kind
        file = read_cameras(path, poses=True)
        assert reprojection_px(rig, file.rig) < 1e-6, kind
        without = read_cameras(path)
        assert without.rig.names == file.rig.names
        assert not without.rig.camera.t.any() or kind == "qualisys"


def test_a_folder_with_one_camera_file_is_that_file(tmp_path):
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "notes.txt").write_text("A calibration of yesterday.")
    (tmp_path / "calibration" / "detect.json").write_text("{}")
    write_calibration_toml(lab_rig(), tmp_path / "calibration" / "Calib_board.toml", "pose2sim")
    assert read_cameras(tmp_path / "calibration").rig.names == lab_rig().names
    assert files_of(tmp_path / "calibration") == (tmp_path / "calibration" / "Calib_board.toml",)
    write_vicon(lab_rig("none"), tmp_path / "calibration" / "a.xcp")
    with pytest.raises(EpiposeError, match=r"several camera files \(Calib_board.toml, a.xcp\); give one of them"):
        read_cameras(tmp_path / "calibration")


def test_of_a_clip_folder_its_rig(tmp_path):
    lab_rig().save(tmp_path / "rig.json")
    for name in ("clip.json", "calibration.json", "intrinsics.json"):
        (tmp_path / name).write_text('{"cameras": {}}')
    assert read_cameras(tmp_path, poses=True).rig.names == lab_rig().names
    assert files_of(tmp_path) == (tmp_path / "rig.json",)


def test_the_files_that_are_read(tmp_path):
    paths = write_all(tmp_path)
    assert {kind: [file.name for file in files_of(path)] for kind, path in paths.items()} == {
        "json": ["json"],
        "toml": ["toml"],
        "qualisys": ["qualisys"],
        "vicon": ["vicon"],
        "opencv": [f"x_cam0{number}.yml" for number in (1, 2, 3, 4)],
        "easymocap": ["intri.yml", "extri.yml"],
        "colmap": ["cameras.txt", "images.txt"],
    }
    assert files_of(paths["easymocap"] / "extri.yml") == (
        paths["easymocap"] / "extri.yml",
        paths["easymocap"] / "intri.yml",
    )
    assert files_of(paths["colmap"] / "cameras.txt")[1].name == "images.txt"
    assert files_of(tmp_path / "absent") == (tmp_path / "absent",)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"nothing of the kind"),
        ("a.toml", b"[tool]\nx = 1\n"),
        ("a.npz", b"PK\x03\x04\0\0"),
        ("a.xml", b"<html/>"),
        ("a.yml", b"%YAML:1.0\n---\nx: 1\n"),
        ("a.bin", b"\xff\xfe\xfd"),
        ("empty", b""),
    ],
)
def test_anything_else_lists_the_formats(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        EpiposeError, match=r"no camera file that is read.*Pose2Sim.*OpenCV.*EasyMocap.*Qualisys.*COLMAP"
    ):
        read_cameras(tmp_path / name)


def test_nothing_there(tmp_path):
    with pytest.raises(EpiposeError, match="There is no file"):
        read_cameras(tmp_path / "absent.toml")
    with pytest.raises(EpiposeError, match="no camera file that is read"):
        read_cameras(tmp_path)
    (tmp_path / "x.xml").write_text("<a>")
    with pytest.raises(EpiposeError, match="cannot be read as XML"):
        read_cameras(tmp_path / "x.xml")


def intrinsics_json(path, distortion):
    entry = {"K": [[1668.9, 0, 529.1], [0, 1668.8, 948.2], [0, 0, 1]], "size": [1080, 1920], "distortion": distortion}
    path.write_text(json.dumps({"cameras": {"cam01": entry}}))
    return path


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (FOUR, [*FOUR, 0, 0, 0, 0]),
        (EIGHT, EIGHT),
        ([*EIGHT, 0, 0, 0, 0], EIGHT),
        ([*FOUR, *[0.0] * 10], [*FOUR, 0, 0, 0, 0]),
    ],
    ids=["4", "8", "12", "14"],
)
def test_four_numbers_are_filled_up_and_zeros_beyond_the_eighth_left_out(tmp_path, given, kept):
    rig = read_cameras(intrinsics_json(tmp_path / "ep.json", given)).rig
    assert rig.camera.distortion[0].tolist() == kept


def test_thin_prism_terms_are_refused_with_a_reason(tmp_path):
    with pytest.raises(EpiposeError, match=r"has 14 numbers\. .*thin-prism and tilt terms.*calibrate again without"):
        read_cameras(intrinsics_json(tmp_path / "ep.json", [*FOUR, *[0.0] * 9, 0.01]))


def test_the_same_cameras_from_metres_and_millimetres(tmp_path):
    write_calibration_toml(lab_rig(), tmp_path / "m.toml", "pose2sim", "m")
    write_calibration_toml(lab_rig(), tmp_path / "mm.toml", "anipose", "mm")
    for name in ("m.toml", "mm.toml"):  # as other programs write them
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text[: text.index("unit =")])
    metres, millimetres = (read_cameras(tmp_path / name, poses=True) for name in ("m.toml", "mm.toml"))
    assert torch.allclose(metres.rig.camera.t, millimetres.rig.camera.t, atol=1e-12)
    assert metres.rig.metric
    assert millimetres.rig.metric
    assert "taken as metres" in metres.notes[0]
    assert "taken as millimetres" in millimetres.notes[0]


@pytest.mark.parametrize("kind", list(FORMATS))
def test_damaged_files_are_reported_whatever_the_damage(tmp_path, kind):
    path = write_all(tmp_path)[kind]
    random = Random(0)
    for file in files_of(path):
        whole = file.read_text()
        for _ in range(20):
            at = random.randrange(len(whole))
            damage = random.choice(["", "nan", "1e400", "[", '"', "<", "\n", "-1", whole[at:][::-1]])
            rest = whole[at + random.randrange(8) :] if random.random() < 0.7 else ""
            file.write_text(whole[:at] + damage + rest)
            with contextlib.suppress(EpiposeError):  # any other exception fails
                read_cameras(path, poses=True)
        file.write_text(whole)
    assert len(read_cameras(path, poses=True).rig.names) == 4
