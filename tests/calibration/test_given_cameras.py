"""Cameras of other programs' files matched to the views of a clip."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from epipose import Clip, EpiposeError, View
from epipose.calibration.intrinsics import choose_intrinsics, intrinsics_from, known_rig_from
from epipose.formats.calibration_toml import write_calibration_toml
from epipose.formats.easymocap import write_easymocap
from epipose.formats.opencv_storage import write_opencv
from tests.helpers.camera_files import lab_rig, reprojection_px


def clip_of(names, sizes):
    views = (View(name, Path(f"{name}.mp4"), *size, 10, 25.0) for name, size in zip(names, sizes, strict=True))
    return Clip(tuple(views), 10, 25.0)


SIZES = [(1080, 1920), (1080, 1920), (1088, 1920), (1088, 1920)]
NAMES = ("cam01", "cam02", "cam03", "cam04")


def without(path, *keys):
    """The file without the lines that begin so."""
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.strip().startswith(keys)))


def test_intrinsics_of_a_toml_say_nothing_where_nothing_was_assumed(tmp_path):
    write_calibration_toml(lab_rig("five"), tmp_path / "Calib.toml", "pose2sim")
    rig, note = intrinsics_from(tmp_path / "Calib.toml", clip_of(NAMES[::-1], SIZES[::-1]))
    assert rig.names == NAMES[::-1]
    assert not rig.camera.t.any()
    assert note == ""
    assert choose_intrinsics(clip_of(NAMES, SIZES), tmp_path / "Calib.toml", "auto").focal == "known"


def test_a_known_rig_says_its_unit(tmp_path):
    write_calibration_toml(lab_rig(), tmp_path / "Calib.toml", "anipose", "mm")
    without(tmp_path / "Calib.toml", "unit", "upright")
    rig, note = known_rig_from(tmp_path / "Calib.toml", clip_of(NAMES, SIZES))
    assert rig.metric
    assert reprojection_px(lab_rig(), rig) < 1e-9
    assert note.endswith("its lengths are taken as millimetres: the farthest cameras stand 6.69 m apart.")


def test_names_within_names(tmp_path):
    rig = replace(lab_rig(), names=("21401", "21402", "21403", "21404"))
    write_calibration_toml(rig, tmp_path / "Calib.toml", "pose2sim")
    views = tuple(f"Trial 1_Miqus_{number}" for number in (21404, 21402, 21403, 21401))
    found, note = known_rig_from(tmp_path / "Calib.toml", clip_of(views, [SIZES[i] for i in (3, 1, 2, 0)]))
    assert found.names == views
    assert torch.equal(found.camera.K[0], rig.camera.K[3])
    assert "matched to views by the names within names: Trial 1_Miqus_21404 = 21404, " in note


@pytest.mark.parametrize(
    ("views", "cameras"),
    [
        (("port_1", "port_10", "port_2", "port_3"), ("cam_1", "cam_2", "cam_3", "cam_10")),
        (("Cam01", "Cam10", "Cam2", "Cam3"), ("cam1", "cam2", "cam3", "cam10")),
    ],
)
def test_numbers_come_before_order(views, cameras):
    rig = replace(lab_rig(), names=cameras)
    found, note = known_rig_from(rig, clip_of(views, [SIZES[i] for i in (0, 3, 1, 2)]))
    assert [found.camera.K[i, 0, 0] for i in range(4)] == [rig.camera.K[i, 0, 0] for i in (0, 3, 1, 2)]
    assert f"by the numbers in names: {views[0]} = {cameras[0]}, {views[1]} = {cameras[3]}, " in note


def test_files_of_a_folder_go_by_the_names_in_theirs(tmp_path):
    for path in write_opencv(lab_rig(), tmp_path / "calib.yml"):
        without(path, "camera_name")
    found, note = intrinsics_from(tmp_path, clip_of(NAMES[::-1], SIZES[::-1]))
    assert torch.equal(found.camera.K[0], lab_rig().camera.K[3])
    assert "cam04 = calib_cam04" in note


def test_a_number_is_no_part_of_a_longer_one(tmp_path):
    rig = replace(lab_rig(), names=("1", "2", "3", "11"))
    write_calibration_toml(rig, tmp_path / "Calib.toml", "pose2sim")
    with pytest.raises(EpiposeError, match=r"4 cameras \(1, 2, 3, 11\); the clip has 3 views"):
        intrinsics_from(tmp_path / "Calib.toml", clip_of(("v1", "v2", "v3"), SIZES[:3]))
    found, _ = intrinsics_from(tmp_path / "Calib.toml", clip_of(("v-11", "v-2", "v-1"), [SIZES[i] for i in (3, 1, 0)]))
    assert torch.equal(found.camera.K[2], rig.camera.K[0])


def test_sizes_that_are_missing_are_those_of_the_videos_where_the_middle_fits(tmp_path):
    write_easymocap(lab_rig(), tmp_path / "calib")
    without(tmp_path / "calib" / "intri.yml", "H_", "W_")
    rig, note = intrinsics_from(tmp_path / "calib", clip_of(NAMES, SIZES))
    assert rig.camera.size.tolist() == [list(size) for size in SIZES]
    assert "does not say the size of the images of cam01, cam02, cam03, cam04; that of the videos is assumed" in note


@pytest.mark.parametrize("size", [(1920, 1080), (540, 960), (2160, 3840)])
def test_sizes_that_are_missing_and_do_not_fit(tmp_path, size):
    write_easymocap(lab_rig(), tmp_path / "calib")
    without(tmp_path / "calib" / "intri.yml", "H_", "W_")
    with pytest.raises(
        EpiposeError, match=r"'cam01' has no image size.*\(529, 948\) is not about the middle of .*'cam01'"
    ):
        intrinsics_from(tmp_path / "calib", clip_of(NAMES, [size] * 4))


def test_another_size_is_refused_for_every_format(tmp_path):
    write_calibration_toml(lab_rig(), tmp_path / "Calib.toml", "caliscope")
    with pytest.raises(EpiposeError, match=r"camera 'cam01' was calibrated at 1080x1920 pixels; .*'cam01' has 540x960"):
        known_rig_from(tmp_path / "Calib.toml", clip_of(NAMES, [(540, 960)] * 4))


def test_a_file_with_more_cameras_than_views(tmp_path):
    write_calibration_toml(lab_rig(), tmp_path / "Calib.toml", "pose2sim")
    rig, _ = known_rig_from(tmp_path / "Calib.toml", clip_of(("cam03", "cam01"), [SIZES[2], SIZES[0]]))
    assert torch.equal(rig.camera.t, lab_rig().select(("cam03", "cam01")).camera.t)


def test_intrinsics_alone_are_no_known_rig(tmp_path):
    write_easymocap(lab_rig(), tmp_path / "calib")
    (tmp_path / "calib" / "extri.yml").unlink()
    with pytest.raises(EpiposeError, match=r"does not say where its cameras stand .*extri.yml.*--intrinsics"):
        known_rig_from(tmp_path / "calib", clip_of(NAMES, SIZES))
