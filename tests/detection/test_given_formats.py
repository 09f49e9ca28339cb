"""2D poses of other programs, assembled for the views of a clip: views, frames, tracks, joints, scores."""

from pathlib import Path

import numpy as np
import pytest
import torch

from epipose import Clip, EpiposeError, View
from epipose.detection.clip_of_poses import clip_of_poses
from epipose.detection.precomputed import read_keypoints
from epipose.skeletons import BLAZEPOSE33, COCO17, COCO_WHOLEBODY133, HALPE26, OPENPOSE18
from tests.helpers import keypoint_files as written
from tests.helpers.keypoint_checks import keypoint_checks

CLIP = Clip(tuple(View(name, Path(f"{name}.mp4"), 640, 480, 8, 25.0) for name in ("cam1", "cam2")), 8, 25.0)
SIDED = ("Nose", "LShoulder", "RShoulder", "LHip", "RHip", "LKnee", "RKnee")


def both(write, joints, tmp_path, **how):
    """The same file kind for both views, the second 50 pixels to the right."""
    for number, view in enumerate(CLIP.names):
        write(tmp_path, view, written.walking(joints, 8, x=100.0 + 50 * number, **how))
    return tmp_path


def assert_walk(poses, joints, conf=0.8):
    index = torch.arange(joints)
    for number in range(2):
        wanted = 100 + 50 * number + 2.0 * torch.arange(8)[:, None] + 3.0 * index
        torch.testing.assert_close(poses.xy[number, :, 0, :, 0], wanted, atol=1e-3, rtol=0)
        torch.testing.assert_close(
            poses.xy[number, :, 0, :, 1], (50 + 7.0 * index).expand(8, joints), atol=1e-3, rtol=0
        )
    torch.testing.assert_close(poses.conf, torch.full_like(poses.conf, conf))


def pose2sim(root, view, people):
    written.openpose(root / "pose" / f"{view}_json", people, "{stem}_{k:06d}.json", stem=view)


def alphapose(root, view, people):
    written.alphapose(root / view / "alphapose-results.json", people)


def mmpose(root, view, people):
    written.mmpose(root / f"results_{view}.json", people)


def mediapipe(root, view, people):
    written.mediapipe(root / f"{view}_landmarks.json", people, (640, 480))


def coco(root, view, people):
    written.coco_results(root / f"{view}.json", people, first=1)


@pytest.mark.parametrize(
    ("write", "skeleton"),
    [
        (pose2sim, HALPE26),
        (pose2sim, COCO_WHOLEBODY133),
        (pose2sim, OPENPOSE18),
        (alphapose, HALPE26),
        (alphapose, COCO17),
        (mmpose, COCO17),
        (mediapipe, BLAZEPOSE33),
        (coco, COCO17),
    ],
)
def test_formats_by_view(tmp_path, write, skeleton):
    joints = len(skeleton.joints)
    found = read_keypoints(both(write, joints, tmp_path), CLIP)
    assert found.poses.skeleton == skeleton
    assert found.poses.views == CLIP.names
    assert_walk(found.poses, joints)
    counted_from_1 = write in (mmpose, coco)
    assert [note for note in found.notes if "counted from 1" in note] == list(found.notes)[: int(counted_from_1)]
    assert len(found.notes) == int(counted_from_1)


def test_every_format_to_a_thousandth_of_a_pixel(tmp_path):
    pytest.importorskip("tables")
    checks = list(keypoint_checks(tmp_path))
    assert len({check.format for check in checks}) == 12
    assert max(check.error_px for check in checks) < 1e-3


def test_halpe_of_face_and_hands(tmp_path):
    found = read_keypoints(both(alphapose, 136, tmp_path), CLIP).poses
    assert found.skeleton.joints[:26] == HALPE26.joints
    assert found.skeleton.joints[94] == "left_hand"
    assert found.skeleton.joints[115] == "right_hand"
    assert found.skeleton.joints[found.skeleton.flip[98]] == found.skeleton.joints[98].replace("left", "right")


def test_openpose_only_for_frames_with_people(tmp_path):
    for view in CLIP.names:
        people = written.walking(25, 8)
        written.openpose(tmp_path / view, people, stem=view)
    for k in (2, 3, 7):
        (tmp_path / "cam2" / f"cam2_{k:012d}_keypoints.json").unlink()
    found = read_keypoints(tmp_path, CLIP)
    assert (found.poses.conf[1].sum((1, 2)) > 0).tolist() == [True, True, False, False, True, True, True, False]
    assert found.poses.xy[1, 6, 0, 0].tolist() == [112, 50]
    assert found.notes == ()


def test_frames_counted_from_elsewhere_are_said(tmp_path):
    for view in CLIP.names:
        written.openpose(tmp_path / view, written.walking(25, 8), first=300)
    found = read_keypoints(tmp_path, CLIP)
    assert found.poses.conf.bool().all()
    assert found.notes == (
        "Frames are counted from 300 in the keypoint files: that is taken for the videos' first frame.",
    )


def tables(tmp_path, individuals=(), **how):
    rng = np.random.default_rng(0)
    arrays = {}
    for view in CLIP.names:
        drift = np.arange(8)[:, None, None, None] * 2.0
        places = rng.uniform(50, 400, (1, max(1, len(individuals)), len(SIDED), 2)) + drift
        arrays[view] = np.concatenate([places, np.full((*places.shape[:3], 1), 0.9)], -1)
        written.deeplabcut(tmp_path / f"{view}DLC_resnet50_walk.csv", arrays[view], SIDED, individuals, **how)
    return arrays


def test_deeplabcut_joints_by_their_names(tmp_path, caplog):
    caplog.set_level("INFO")
    pytest.importorskip("pandas")
    arrays = tables(tmp_path)
    found = read_keypoints(tmp_path, CLIP)
    skeleton = found.poses.skeleton
    assert skeleton.joints == (
        "nose", "left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee", "right_knee"
    )  # fmt: skip
    np.testing.assert_allclose(found.poses.xy[1, :, 0], arrays["cam2"][:, 0, :, :2], atol=1e-3)
    assert "joints by their names: Nose is nose, LShoulder is left_shoulder" in caplog.text


def test_individuals_keep_their_tracks(tmp_path):
    """Where two people exchange their places within a frame, which linking by nearness would not follow."""
    pytest.importorskip("pandas")
    arrays = tables(tmp_path, ("ann", "bob"))
    for view, array in arrays.items():
        array[4:] = array[4:, ::-1]
        written.deeplabcut(tmp_path / f"{view}DLC_resnet50_walk.csv", array, SIDED, ("ann", "bob"))
    found = read_keypoints(tmp_path, CLIP).poses
    assert found.xy.shape[2] == 2
    for view, name in enumerate(CLIP.names):
        for person in range(2):
            who = int(abs(float(found.xy[view, 0, person, 0, 0]) - arrays[name][0, 0, 0, 0]) > 1e-2)
            np.testing.assert_allclose(found.xy[view, :, person], arrays[name][:, who, :, :2], atol=1e-3)


def test_numbers_that_are_no_tracks_are_linked_by_nearness(tmp_path):
    """AlphaPose without tracking gives everybody the number 0."""
    for view in CLIP.names:
        people = [[a, b][:: 1 if k % 2 else -1] for k, ((a,), (b,)) in enumerate(
            zip(written.walking(17, 8), written.walking(17, 8, x=400.0), strict=True))]  # fmt: skip
        written.alphapose(tmp_path / view / "alphapose-results.json", people, tracks=(0, 0))
    found = read_keypoints(tmp_path, CLIP).poses
    assert found.xy.shape[2] == 2
    assert found.xy[:, :, :, 0, 0].diff(dim=1).eq(2).all()


def test_of_several_files_of_a_view_one_is_taken_and_that_is_said(tmp_path):
    pytest.importorskip("pandas")
    tables(tmp_path)
    for view in CLIP.names:
        path = tmp_path / f"{view}DLC_resnet50_walk.csv"
        (tmp_path / f"{view}DLC_resnet50_walk_filtered.csv").write_text(path.read_text())
    notes = read_keypoints(tmp_path, CLIP).notes
    assert (
        "View cam1: DeepLabCut in cam1DLC_resnet50_walk.csv was taken, not DeepLabCut in cam1DLC_resnet50_walk_fil"
        in notes[0]
    )


def test_a_joint_map_for_joints_that_names_do_not_tell(tmp_path):
    both(mmpose, 9, tmp_path)
    with pytest.raises(EpiposeError, match=r"9 joints, which are no skeleton .*--joints map\.toml"):
        read_keypoints(tmp_path, CLIP)
    names = ["left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee", "right_knee"]
    text = "[joints]\n" + "".join(f'{8 - k} = "{name}"\n' for k, name in enumerate(names))
    (tmp_path / "map.toml").write_text(text)
    found = read_keypoints(tmp_path, CLIP, str(tmp_path / "map.toml")).poses
    assert found.skeleton.joints == tuple(names)
    assert found.xy[0, 0, 0, :, 0].tolist() == [100 + 3 * (8 - k) for k in range(6)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("".join(f'{k} = "joint_{k}"\n' for k in range(9)), "no left and right hips nor shoulders"),
        ('0 = "left_hip"\n1 = "right_hip"\n', "2 joints .* too few"),
    ],
)
def test_joints_that_cameras_cannot_be_calibrated_by(tmp_path, text, message):
    both(mmpose, 9, tmp_path)
    (tmp_path / "map.toml").write_text("[joints]\n" + text)
    with pytest.raises(EpiposeError, match=message):
        read_keypoints(tmp_path, CLIP, str(tmp_path / "map.toml"))


@pytest.mark.parametrize(
    ("scores", "conf", "note"),
    [
        ((0.2, 1.15), (0.2, 1.0), "Scores reach 1.15; those above 1 count as 1."),
        ((40.0, 98.0), (0.4, 0.98), "taken for percent"),
        ((2.0, 8.0), (0.25, 1.0), "divided by 8.00"),
    ],
)
def test_scores_above_one(tmp_path, scores, conf, note):
    for view in CLIP.names:
        people = written.walking(25, 8)
        for each in people:
            each[0][:, 2] = np.where(np.arange(25) % 2, scores[1], scores[0])
        written.openpose(tmp_path / view, people)
    found = read_keypoints(tmp_path, CLIP)
    assert found.poses.conf[0, 0, 0, :2].tolist() == pytest.approx(conf)
    (said,) = found.notes
    assert note in said


def test_clip_of_poses_alone(tmp_path):
    both(pose2sim, 26, tmp_path)
    clip = clip_of_poses(tmp_path, [(1920, 1080)], 60.0)
    assert clip.names == CLIP.names
    assert [(view.width, view.height, view.frames, view.fps, view.video) for view in clip.views] == [
        (1920, 1080, 8, 60.0, None)
    ] * 2
    assert_walk(read_keypoints(tmp_path, clip).poses, 26)
    sizes = [(view.width, view.height) for view in clip_of_poses(tmp_path, [(640, 480), (800, 600)], 60.0).views]
    assert sizes == [(640, 480), (800, 600)]


def test_a_whole_project_of_pose2sim(tmp_path):
    """Poses before and after synchronisation, other files beside them: the first are taken, and that is said."""
    both(pose2sim, 26, tmp_path)
    for view in CLIP.names:
        written.openpose(tmp_path / "pose-sync" / f"{view}_json", written.walking(26, 8, x=9), stem=view)
    trc = written.sports2d(tmp_path / "pose-3d" / "walk.trc", np.ones((2, 7, 2)), SIDED)
    trc.write_text(trc.read_text().replace("\tpx\t", "\tm\t"))
    written.write(tmp_path / "calibration" / "notes.json", {"a": 1})
    clip = clip_of_poses(tmp_path, [(640, 480)], 60.0)
    assert clip.names == CLIP.names
    found = read_keypoints(tmp_path, clip)
    assert_walk(found.poses, 26)
    assert "in pose/cam1_json/cam1_000000.json was taken, not OpenPose JSON in pose-sync/cam1_json/" in found.notes[0]


@pytest.mark.parametrize(
    ("sizes", "fps", "message"),
    [
        ([(640, 480)], None, r"frame rate is not known: .*--fps"),
        ([], 30.0, r"size of the images is not known: .*cam1, cam2.*--size"),
        ([(1, 1)] * 3, 30.0, "--size has 3 sizes; .* has the 2 views cam1, cam2"),
    ],
)
def test_clip_of_poses_alone_needs_size_and_rate(tmp_path, sizes, fps, message):
    both(pose2sim, 26, tmp_path)
    with pytest.raises(EpiposeError, match=message):
        clip_of_poses(tmp_path, sizes, fps)


def test_one_view_alone_has_no_depth(tmp_path):
    pose2sim(tmp_path, "cam1", written.walking(26))
    with pytest.raises(EpiposeError, match="the view cam1 alone"):
        clip_of_poses(tmp_path, [(640, 480)], 30.0)


def test_sports2d_says_its_rate(tmp_path):
    names = [*SIDED, "LElbow", "RElbow"]
    for view in CLIP.names:
        places = np.random.default_rng(0).uniform(10, 400, (8, 9, 2))
        written.sports2d(tmp_path / f"{view}_Sports2D" / f"{view}_Sports2D_px_person00.trc", places, names)
    clip = clip_of_poses(tmp_path, [(640, 480)], None)
    assert (clip.names, clip.fps) == (CLIP.names, 30.0)
    assert read_keypoints(tmp_path, clip).poses.conf.bool().all()


def test_pickled_arrays_are_refused_in_plain_words(tmp_path):
    np.savez(tmp_path / "p.npz", keypoints=np.array({"a": 1}), xy=np.zeros(1))
    with pytest.raises(EpiposeError, match="holds Python objects") as caught:
        read_keypoints(tmp_path / "p.npz", CLIP)
    assert "allow_pickle" not in str(caught.value)
