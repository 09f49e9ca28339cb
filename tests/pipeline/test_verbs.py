"""The verbs as functions: their results, files and errors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import epipose
from epipose import (
    Calibration,
    Clip,
    DamagedFileError,
    DetectedClip,
    InputError,
    Poses2D,
    Poses3D,
    RejectedError,
    Rig,
    Verdict,
)
from epipose.detection.detect import detector_used
from epipose.geometry.rotation import angle_between
from epipose.io.files import read_json, write_json
from epipose.pipeline.detect import keypoints_in
from epipose.pipeline.options import DetectOptions
from tests.helpers.dot_videos import Dots, small_rig, videos


@pytest.fixture(scope="module")
def footage(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    videos(folder)
    return folder


@pytest.fixture(scope="module")
def seen(footage: Path) -> DetectedClip:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("epipose.pipeline.detect.detector_named", lambda name, *_: Dots())
        return epipose.detect(epipose.load_clip(str(footage)), sync="none")


@pytest.fixture(scope="module")
def calibration(seen: DetectedClip) -> Calibration:
    return epipose.calibrate(seen, intrinsics=small_rig(), height=1.7)


def test_cameras_and_labels_from_videos(seen: DetectedClip, calibration: Calibration) -> None:
    true = small_rig()
    between = [rig.camera.R[:, None] @ rig.camera.R[None].mT for rig in (calibration.rig, true)]
    assert float(torch.rad2deg(angle_between(*between)).max()) < 1
    assert calibration.rig.metric
    labels = epipose.label(seen, calibration)
    assert labels.xyz.shape[:2] == (seen.clip.frames, 1)
    assert labels.times is not None
    np.testing.assert_allclose(labels.times.numpy(), seen.clip.moments)
    assert labels.fps == pytest.approx(seen.clip.fps)
    assert torch.equal(labels["left_knee"], labels.xyz[:, :, labels.skeleton.joints.index("left_knee")])
    with pytest.raises(InputError, match=r"no joint 'left_nee'.*left_knee"):
        labels["left_nee"]


def test_labels_have_the_joints_of_the_keypoints_unless_others_are_asked_for(
    seen: DetectedClip, calibration: Calibration
) -> None:
    native, mapped = epipose.label(seen, calibration), epipose.label(seen, calibration, skeleton="coco17")
    assert native.skeleton == seen.keypoints.skeleton
    assert mapped.skeleton == epipose.COCO17
    assert torch.equal(native.mapped_to(epipose.COCO17).xyz, mapped.xyz)
    assert mapped.conf[..., epipose.COCO17.index("left_knee")].all()
    assert not mapped.conf[..., epipose.COCO17.index("left_eye")].any()
    with pytest.raises(InputError, match="The option 'skeleton' is 'mouse'"):
        epipose.label(seen, calibration, skeleton="mouse")


def test_every_result_comes_back_from_its_files(seen: DetectedClip, calibration: Calibration, tmp_path: Path) -> None:
    folder = str(tmp_path)
    seen.save(folder)
    calibration.save(folder)
    labels = epipose.label(seen, calibration)
    labels.save(f"{folder}/poses3d.npz")
    again = DetectedClip.load(folder)
    assert again.report == seen.report
    assert again.options == replace(seen.options, detector=again.options.detector)
    assert torch.equal(again.keypoints.xy, seen.keypoints.xy)
    assert [replace(view, video=Path()) for view in again.clip.views] == [
        replace(view, video=Path()) for view in seen.clip.views
    ]
    loaded = Calibration.load(folder)
    assert replace(loaded, rig=calibration.rig) == calibration
    assert torch.equal(loaded.rig.camera.t, calibration.rig.camera.t)
    poses = Poses3D.load(f"{folder}/poses3d.npz")
    assert torch.equal(poses.xyz, labels.xyz)
    assert poses.times is not None
    assert labels.times is not None
    assert torch.equal(poses.times, labels.times)
    assert epipose.load_clip(folder).frames == seen.clip.frames
    assert torch.equal(epipose.label(again, loaded).xyz, labels.xyz)


def test_a_folder_that_others_made_needs_no_record(seen: DetectedClip, tmp_path: Path) -> None:
    seen.clip.save(tmp_path)
    seen.keypoints.save(tmp_path / "poses2d.npz")
    found = DetectedClip.load(tmp_path)
    assert found.report is None
    assert found.warnings == ()
    assert "time offsets" in repr(found)
    found.save(tmp_path / "copy")
    again = DetectedClip.load(tmp_path / "copy")
    assert again.report is None
    assert torch.equal(again.keypoints.xy, seen.keypoints.xy)


def test_a_damaged_record_is_named(seen: DetectedClip, calibration: Calibration, tmp_path: Path) -> None:
    seen.save(tmp_path)
    write_json(tmp_path / "detect.json", {**read_json(tmp_path / "detect.json"), "warnings": 3})
    with pytest.raises(DamagedFileError, match=r"detect\.json"):
        DetectedClip.load(tmp_path)
    calibration.save(tmp_path)
    content = read_json(tmp_path / "calibration.json")
    del content["verdict"]
    write_json(tmp_path / "calibration.json", content)
    with pytest.raises(DamagedFileError, match=r"calibration\.json"):
        Calibration.load(tmp_path)


@pytest.mark.parametrize("name", ["detect.json", "clip.json", "calibration.json", "rig.json"])
@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"cameras": [1]}', '{"options": 3}'])
def test_files_that_hold_something_else_are_named(
    seen: DetectedClip, calibration: Calibration, tmp_path: Path, name: str, text: str
) -> None:
    seen.save(tmp_path)
    calibration.save(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(DamagedFileError, match=name.replace(".", r"\.")):
        DetectedClip.load(tmp_path) if name in ("detect.json", "clip.json") else Calibration.load(tmp_path)


def test_keypoints_of_others_are_synchronised(seen: DetectedClip, footage: Path, tmp_path: Path) -> None:
    """The detector's keypoints, given back as a file's, make the same clip."""
    clip = epipose.load_clip(footage)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("epipose.pipeline.detect.detector_named", lambda name, *_: Dots())
        keypoints = keypoints_in(clip, DetectOptions()).poses
    assert torch.equal(epipose.synchronise(clip, keypoints, sync="none").keypoints.xy, seen.keypoints.xy)
    late = epipose.synchronise(clip, keypoints, offsets=[0, 0.2, 0, 0])
    late.save(tmp_path)
    assert detector_used(tmp_path) == "given joints"
    assert DetectedClip.load(tmp_path).options == late.options
    assert read_json(tmp_path / "detect.json")["options"]["offsets"] == [0.0, 0.2, 0.0, 0.0]
    assert [view.start for view in late.clip.views] == [0.0, 0.2, 0.0, 0.0]
    assert late.clip.frames < seen.clip.frames
    for views, frames in ((("a", *clip.names[1:]), 20), (clip.names, 19), (clip.names[::-1], 20)):
        others = replace(keypoints, views=views, xy=keypoints.xy[:, :frames], conf=keypoints.conf[:, :frames])
        with pytest.raises(InputError, match=f"are of {frames} frames of the views {views[0]}"):
            epipose.synchronise(clip, others)


def test_sides_swapped_throughout_a_view_are_put_right(seen: DetectedClip, calibration: Calibration) -> None:
    """Of two views, because more repair a swap by themselves."""
    poses, views = seen.keypoints, seen.clip.names[:2]
    two = Poses2D(poses.xy[:2], poses.conf[:2], poses.skeleton, views)
    right = replace(seen, clip=replace(seen.clip, views=seen.clip.views[:2]), keypoints=two)
    wrong = replace(right, keypoints=two.with_sides_swapped(torch.tensor([False, True])))
    cameras = tuple(replace(camera, swapped_throughout=camera.name == views[1]) for camera in calibration.cameras)
    found = replace(calibration, cameras=cameras)
    assert found.swapped_throughout == (views[1],)
    assert torch.equal(epipose.label(wrong, found).xyz, epipose.label(right, calibration).xyz)
    assert not torch.equal(epipose.label(wrong, calibration).xyz, epipose.label(right, calibration).xyz)


def test_a_saved_calibration_leaves_no_record_of_another(calibration: Calibration, tmp_path: Path) -> None:
    for name in ("calibrate.json", "calibration.html"):
        (tmp_path / name).write_text("{}")
    calibration.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calibration.json", "rig.json"]


def test_rejected_cameras_label_nothing_unless_forced(seen: DetectedClip, calibration: Calibration) -> None:
    rejected = replace(calibration, verdict=Verdict("reject", ("The sky is green.",)))
    with pytest.raises(RejectedError, match="sky is green") as error:
        epipose.label(seen, rejected)
    assert (error.value.code, error.value.exit_code) == ("rejected", 3)
    assert bool(epipose.label(seen, rejected, force=True).conf.any())
    assert bool(epipose.label(seen, rejected.rig).conf.any())


def two_cameras() -> Rig:
    return small_rig().select(small_rig().names[:2])


def other_size() -> Rig:
    return replace(small_rig(), camera=small_rig().camera.resized(250, 250))


def in_metres() -> Rig:
    return replace(small_rig(), metric=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda seen: epipose.calibrate(seen, heigth=1.8), "no option 'heigth'; did you mean height"),
        (lambda seen: epipose.calibrate(seen, known_rig=in_metres(), height=1.8), "is metric.*Leave out --height"),
        (lambda seen: epipose.calibrate(seen, known_rig=small_rig(), focal="each"), "leave out --focal"),
        (lambda seen: epipose.calibrate(seen, known_rig=small_rig(), intrinsics=small_rig()), "Give either"),
        (lambda seen: epipose.detect(seen.clip, offsets=(0.0, 1.0)), "2 times for 4 videos"),
        (lambda seen: epipose.calibrate(seen, intrinsics=two_cameras()), r"^The given rig has 2 cameras"),
        (lambda seen: epipose.calibrate(seen, known_rig=other_size()), r"^The given rig: camera .* at 250x250 pixels"),
        (lambda seen: epipose.calibrate(seen, focal="shard"), "'focal' is 'shard'; expected 'auto' or 'known'"),
        (lambda seen: epipose.detect(seen.clip, sync="moton"), "'sync' is 'moton'"),
        (lambda seen: epipose.detect(seen.clip, poses="no.npz"), r"no file no\.npz"),
        (lambda seen: epipose.label(seen, small_rig(), people="everyone"), "'people' is 'everyone'"),
        (lambda seen: epipose.label(seen, two_cameras()), "No camera called"),
    ],
)
def test_bad_input_is_named(seen: DetectedClip, call, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(seen)


def test_a_known_rig_gets_its_scale_from_the_height(seen: DetectedClip) -> None:
    found = epipose.calibrate(seen, known_rig=small_rig(), height=1.8)
    assert found.rig.metric
    assert any(note.startswith("By the person's height of 1.8 m") for note in found.notes())
    as_it_is = epipose.calibrate(seen, known_rig=small_rig())
    assert not as_it_is.rig.metric
    assert "Give --height" in " ".join(as_it_is.notes())


def test_summaries_say_what_a_person_wants_to_know(seen: DetectedClip, calibration: Calibration) -> None:
    names = ", ".join(seen.clip.names)
    assert repr(seen.clip) == f"Clip(views 4 ({names}), frames {seen.clip.frames} at {seen.clip.fps:g} fps)"
    assert repr(seen.keypoints).startswith(f"Poses2D(views 4 ({names}), frames {seen.clip.frames}, people 1, joints 17")
    assert "scale metric" in repr(calibration.rig)
    labels = epipose.label(seen, calibration)
    assert "people 1, joints 17 (h36m17)" in repr(labels)
    for result in (seen, seen.clip, seen.keypoints, calibration, calibration.rig, labels):
        page = result._repr_html_()
        assert page.startswith("<table>")
        assert page.count("<tr>") == page.count("</tr>") > 1


def test_summaries_of_next_to_nothing() -> None:
    none = Poses2D(torch.zeros(1, 0, 0, 17, 2), torch.zeros(1, 0, 0, 17), epipose.H36M17, ("a",))
    assert "people 0" in repr(none)
    unseen = Poses2D(torch.zeros(1, 0, 1, 17, 2), torch.zeros(1, 0, 1, 17), epipose.H36M17, ("a",))
    assert "seen 0%" in repr(unseen)
    still = Poses3D(torch.zeros(2, 1, 17, 3), torch.zeros(2, 1, 17), epipose.H36M17, times=torch.zeros(2).double())
    assert still.fps is None
    empty = Poses3D(torch.zeros(0, 0, 17, 3), torch.zeros(0, 0, 17), epipose.H36M17, times=torch.zeros(0).double())
    assert "frames 0" in repr(empty)
    assert "<th>" in empty._repr_html_()
    assert Clip is epipose.Clip
