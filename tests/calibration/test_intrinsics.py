from dataclasses import replace
from pathlib import Path

import pytest
import torch

from epipose import Camera, Clip, EpiposeError, Rig, View
from epipose.calibration.intrinsics import assumed_intrinsics, choose_intrinsics, intrinsics_from, known_rig_from
from epipose.io.files import read_json
from tests.helpers.qualisys_files import qualisys_text


def clip_of(*names, size=(1088, 1920)):
    return Clip(tuple(View(name, Path(f"{name}.mp4"), *size, 10, 25.0) for name in names), 10, 25.0)


def rig_of(*names):
    n = len(names)
    K = torch.eye(3, dtype=torch.float64).repeat(n, 1, 1)
    K[:, 0, 0] = torch.arange(n) + 1000.0
    R = torch.eye(3, dtype=torch.float64).repeat(n, 1, 1)
    t, distortion = torch.full((n, 3), 7.0, dtype=torch.float64), torch.zeros(n, 5, dtype=torch.float64)
    return Rig(names, Camera(K, distortion, R, t, torch.tensor([[1088, 1920]] * n)))


def test_cameras_go_by_name_and_forget_where_they_stood(tmp_path):
    rig_of("a", "b", "c").save(tmp_path / "rig.json")
    rig, note = intrinsics_from(tmp_path / "rig.json", clip_of("c", "a"))
    assert rig.names == ("c", "a")
    assert rig.camera.K[:, 0, 0].tolist() == [1002, 1000]
    assert not rig.camera.t.any()
    assert not note


def test_what_is_saved_holds_no_pose(tmp_path):
    rig_of("a", "b").save(tmp_path / "intrinsics.json", intrinsics_only=True)
    assert set(read_json(tmp_path / "intrinsics.json")["cameras"]["a"]) == {"K", "distortion", "size"}
    rig, _ = intrinsics_from(tmp_path / "intrinsics.json", clip_of("a", "b"))
    assert rig.camera.K[1, 0, 0] == 1001


def test_qualisys_is_known_by_its_content(tmp_path):
    (tmp_path / "whatever.txt").write_text(qualisys_text("a", "b"))
    rig, _ = intrinsics_from(tmp_path / "whatever.txt", clip_of("a", "b"))
    assert rig.camera.K[0, 0, 0].item() == pytest.approx(1681.245, abs=1e-3)
    assert not rig.camera.t.any()


def test_by_order_where_no_name_matches_and_it_says_so(tmp_path):
    rig_of("miqus1", "miqus2").save(tmp_path / "rig.json")
    rig, note = intrinsics_from(tmp_path / "rig.json", clip_of("left", "right"))
    assert rig.names == ("left", "right")
    assert "left = miqus1, right = miqus2" in note


@pytest.mark.parametrize("names", [("a", "x"), ("p", "q", "r"), ("a",)])
def test_wrong_cameras(tmp_path, names):
    rig_of(*names).save(tmp_path / "rig.json")
    with pytest.raises(EpiposeError, match=f"{len(names)} cameras .*{names[-1]}.* 2 views .a, b."):
        intrinsics_from(tmp_path / "rig.json", clip_of("a", "b"))


def test_another_resolution_is_never_rescaled_in_silence(tmp_path):
    rig_of("a", "b").save(tmp_path / "rig.json")
    with pytest.raises(EpiposeError, match=r"calibrated at 1088x1920 .*'a' has 1080x1920. Give a file"):
        intrinsics_from(tmp_path / "rig.json", clip_of("a", "b", size=(1080, 1920)))


def test_what_is_no_camera_file(tmp_path):
    (tmp_path / "x.json").write_text("[1, 2]")
    with pytest.raises(EpiposeError, match="no camera file"):
        intrinsics_from(tmp_path / "x.json", clip_of("a", "b"))
    with pytest.raises(EpiposeError, match="no file"):
        intrinsics_from(tmp_path / "absent.json", clip_of("a", "b"))


def test_what_the_files_state_is_taken_and_the_rest_assumed(tmp_path):
    from tests.helpers.videos import video_with_metadata

    video_with_metadata(tmp_path / "a.mov", {"com.apple.quicktime.camera.focal_length.35mm_equivalent": "26"})
    video_with_metadata(tmp_path / "b.mov", {})
    clip = Clip(tuple(View(name, tmp_path / f"{name}.mov", 64, 48, 3, 25.0) for name in "ab"), 3, 25.0)
    rig, note, sigmas = assumed_intrinsics(clip)
    assert rig.camera.K[0, 0, 0].item() == pytest.approx(26 / 43.267 * 80, rel=1e-4)
    assert rig.camera.K[1, 0, 0].item() == pytest.approx(0.8 * 64)
    assert rig.camera.K[0, 1, 2].item() == 23.5
    assert sigmas == (0.15, None)
    assert "a: 48 px, to within 15%" in note
    assert "assumed for b (" in note


def test_a_known_rig_keeps_what_is_known_of_its_world(tmp_path):
    replace(rig_of("b", "a"), metric=True, upright=True).save(tmp_path / "rig.json")
    rig, _ = known_rig_from(tmp_path / "rig.json", clip_of("a", "b"))
    assert rig.names == ("a", "b")
    assert rig.metric
    assert rig.upright
    assert rig.camera.K[:, 0, 0].tolist() == [1001, 1000]
    assert rig.camera.t[0].tolist() == [7, 7, 7]


def test_focal_lengths_of_a_file_that_are_to_be_refined_are_searched_around(tmp_path):
    rig_of("a", "b").save(tmp_path / "rig.json")
    lens = choose_intrinsics(clip_of("a", "b"), tmp_path / "rig.json", "each")
    assert lens.focal == "each"
    assert all(sigma is not None and sigma < 0.2 for sigma in lens.sigma)
