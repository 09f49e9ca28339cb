"""2D poses of other programs through the verbs, with and without videos: the cameras come out, mistakes are named."""

import math

import numpy as np
import pytest
import torch

from epipose import EpiposeError, Poses2D, Rig
from epipose.cli.main import main
from epipose.detection.clip_of_poses import clip_of_poses
from epipose.detection.precomputed import read_keypoints
from epipose.pipeline.calibrate import calibrate
from epipose.pipeline.detect import DetectedClip, recorded
from epipose.pipeline.options import DetectOptions
from epipose.pipeline.stages import calibrate_clip, detect_clip, label_clip
from epipose.skeletons import COCO17, H36M17
from tests.helpers import keypoint_files as written
from tests.helpers.dot_videos import small_rig, videos
from tests.helpers.synthetic import detections, moving_skeleton, rig

SIZES = tuple(f"{width}x{height}" for width, height in rig().camera.size.tolist())
SPELLED = {"pelvis": "Hip", "neck_nose": "jaw", "spine": "Spine", "thorax": "Chest"}


def spelled(joint):
    """Names as many label them: LShoulder, RKnee."""
    side, _, rest = joint.partition("_")
    return SPELLED.get(joint) or (f"{side[0].upper()}{rest.title()}" if rest else joint.title())


@pytest.fixture(scope="module")
def keypoints():
    xy, _ = detections(rig(), moving_skeleton(300), pixels=2.0)
    return xy.numpy()


@pytest.fixture(scope="module")
def tables(keypoints, tmp_path_factory):
    """One DeepLabCut CSV for each camera, bodyparts by other names than ours."""
    pytest.importorskip("pandas")
    folder = tmp_path_factory.mktemp("dlc")
    for name, xy in zip(rig().names, keypoints, strict=True):
        array = np.concatenate([xy, np.full((*xy.shape[:2], 1), 0.95)], -1)
        written.deeplabcut(folder / f"{name}DLC_resnet50.csv", array[:, None], [spelled(j) for j in H36M17.joints])
    return folder


def rotation_error_deg(found, truth):
    """Largest error of the cameras' rotations, relative to the first camera."""
    ours, true = (each.camera.R @ each.camera.R[:1].mT for each in (found, truth.select(found.names)))
    cosine = ((ours @ true.mT).diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    return math.degrees(float(torch.arccos(cosine.clamp(-1, 1)).max()))


def test_cameras_from_poses_alone_by_the_names_of_their_joints(tables, tmp_path):
    rig().save(tmp_path / "intrinsics.json")
    out = tmp_path / "clip"
    assert detect_clip([], out, poses=tables, size=SIZES, fps=50.0)
    assert not detect_clip([], out, poses=tables, size=SIZES, fps=50.0), "what is done is not done again"
    seen = DetectedClip.load(out)
    assert seen.clip.names == rig().names
    assert {"left_hip", "right_shoulder", "jaw"} <= set(seen.keypoints.skeleton.joints)
    calibrate_clip(out, intrinsics=tmp_path / "intrinsics.json")
    assert rotation_error_deg(Rig.load(out / "rig.json"), rig()) < 0.5
    label_clip(out)
    with pytest.raises(EpiposeError, match="has no images: its clip was made from 2D poses alone"):
        next(seen.clip.read(seen.clip.views[0]))


def test_command_line_and_what_is_missing_there(tables, tmp_path, capsys):
    poses, out = ["detect", "--poses", str(tables)], ["--out", str(tmp_path / "clip")]
    assert main([*poses, *out]) == 2
    assert "Give --fps" in capsys.readouterr().err
    assert main([*poses, *out, "--fps", "50", "--size", "1000"]) == 2
    assert "--size is '1000'; give width and height in pixels, such as 1920x1080" in capsys.readouterr().err
    assert main([*poses, *out, "--fps", "50", "--size", *SIZES, "--sync", "none"]) == 0
    printed = capsys.readouterr().out
    assert "DeepLabCut, 17 joints (from file)" in printed
    assert "RHip is right_hip" in printed
    assert main(["detect", *out]) == 2
    assert "No video was given" in capsys.readouterr().err
    assert main(["run", "--poses", str(tables), *out, "--fps", "50", "--size", *SIZES]) == 2
    assert "learns from images" in capsys.readouterr().err


def test_other_poses_into_the_same_folder_are_refused(tables, keypoints, tmp_path):
    out = tmp_path / "clip"
    detect_clip([], out, poses=tables, size=SIZES, fps=50.0, sync="none")
    other = Poses2D(torch.from_numpy(keypoints)[:, :, None].float(), torch.ones(4, 300, 1, 17), H36M17, rig().names)
    other.save(tmp_path / "other.npz")
    with pytest.raises(EpiposeError, match="holds another run"):
        detect_clip([], out, poses=tmp_path / "other.npz", size=SIZES, fps=50.0, sync="none")


@pytest.mark.parametrize("kind", ["npz", "openpose"])
def test_shares_of_the_image_are_named_at_detect_with_the_factor(keypoints, tmp_path, kind):
    shares = keypoints / rig().camera.size[:, None, None].numpy()
    path = tmp_path / "poses.npz"
    if kind == "npz":
        poses = Poses2D(torch.from_numpy(shares)[:, :, None].float(), torch.ones(4, 300, 1, 17), H36M17, rig().names)
        poses.save(path)
    else:
        path = tmp_path / "pose"
        for name, xy in zip(rig().names, shares, strict=True):
            people = [[np.column_stack([frame, np.ones(17)])] for frame in xy]
            written.openpose(path / name, people)
    with pytest.raises(EpiposeError, match=r"lie between .*multiply x by 1000 and y by 100[02]"):
        detect_clip([], tmp_path / "clip", poses=path, size=SIZES, fps=50.0)


def test_mediapipe_shares_are_read_as_pixels(keypoints, tmp_path):
    """Its 33 landmarks, of which the synthetic person has those of the body."""
    from epipose.skeletons import BLAZEPOSE33

    for name, xy, size in zip(rig().names, keypoints, rig().camera.size.tolist(), strict=True):
        people = []
        for frame in xy[:60]:
            table = np.zeros((33, 3))
            for joint, place in zip(H36M17.joints, frame, strict=True):
                if joint in BLAZEPOSE33.joints:
                    table[BLAZEPOSE33.index(joint)] = [*place, 0.9]
            people.append([table])
        written.mediapipe(tmp_path / "mp" / f"{name}.json", people, tuple(size))
    detect_clip([], tmp_path / "clip", poses=tmp_path / "mp", size=SIZES, fps=50.0, sync="none")
    seen = Poses2D.load(tmp_path / "clip" / "poses2d.npz")
    hip = seen.skeleton.index("left_hip")
    np.testing.assert_allclose(seen.xy[:, :, 0, hip], keypoints[:, :60, H36M17.index("left_hip")], atol=1e-2)
    assert float(seen.conf[:, :, :, seen.skeleton.index("nose")].max()) == 0


@pytest.mark.parametrize("left_out", ["ankle", "knee", "hip"])
def test_cameras_without_some_joints(keypoints, tmp_path, left_out):
    """What a lab's own skeleton lacks is missing, no reason to stop: no feet, no knees, no hips."""
    kept = [k for k, joint in enumerate(H36M17.joints) if left_out not in joint]
    names = [spelled(H36M17.joints[k]) for k in kept]
    pytest.importorskip("pandas")
    for name, xy in zip(rig().names, keypoints, strict=True):
        array = np.concatenate([xy[:, kept], np.full((len(xy), len(kept), 1), 0.95)], -1)
        written.deeplabcut(tmp_path / "dlc" / f"{name}.csv", array[:, None], names)
    detect_clip([], tmp_path / "clip", poses=tmp_path / "dlc", size=SIZES, fps=50.0, sync="none")
    found = calibrate(DetectedClip.load(tmp_path / "clip"), intrinsics=rig(), max_frames=150)
    assert rotation_error_deg(found.rig, rig()) < 1.0


def test_without_videos_a_filtered_table_is_no_view_of_its_own(tmp_path):
    pytest.importorskip("pandas")
    for name in ("cam1", "cam2"):
        for added in ("", "_filtered"):
            array = np.stack([np.stack(people) for people in written.walking(17, 30)])
            written.deeplabcut(tmp_path / f"{name}DLC_resnet50{added}.csv", array, COCO17.joints)
    clip = clip_of_poses(tmp_path, [(640, 480)], 25.0)
    assert clip.names == ("cam1", "cam2")
    assert "cam1DLC_resnet50.csv was taken, not DeepLabCut in cam1DLC_resnet50_filtered.csv" in " ".join(
        read_keypoints(tmp_path, clip).notes
    )


def test_files_that_were_numbered_anew_are_another_input(tmp_path):
    for name in ("cam1", "cam2"):
        written.openpose(tmp_path / f"{name}_json", written.walking(25, 30), "{stem}_{k:04d}.json", stem=name)
    clip, options = clip_of_poses(tmp_path, [(640, 480)], 25.0), DetectOptions(poses=tmp_path)
    before = recorded(clip, options)
    assert recorded(clip, options) == before
    for file in sorted(tmp_path.rglob("*.json"), reverse=True):
        name, number = file.stem.split("_")
        file.rename(file.with_stem(f"{name}_{int(number) + 5:04d}"))
    assert recorded(clip, options) != before


def test_videos_that_were_moved_or_renamed_are_found_again(tmp_path):
    cameras, out = small_rig(), tmp_path / "clip"
    videos(tmp_path / "videos", seed=0)
    uv, conf = detections(cameras, moving_skeleton(20, 0), pixels=0.5)
    names = [file.stem for file in sorted((tmp_path / "videos").glob("*.mp4"))]
    new = [f"{name}b" for name in names]
    views = (*names, *new)
    Poses2D(uv[:, :, None].repeat(2, 1, 1, 1, 1), conf[:, :, None].repeat(2, 1, 1, 1), H36M17, views).save(
        tmp_path / "poses.npz"
    )
    asked = {"poses": tmp_path / "poses.npz", "sync": "none"}
    assert detect_clip([tmp_path / "videos"], out, **asked)
    assert not detect_clip([tmp_path / "videos"], out, **asked)
    (tmp_path / "videos").rename(tmp_path / "moved")
    assert detect_clip([tmp_path / "moved"], out, **asked)
    assert all(view.video.exists() for view in DetectedClip.load(out).clip.views)
    for name, other in zip(names, new, strict=True):
        (tmp_path / "moved" / f"{name}.mp4").rename(tmp_path / "moved" / f"{other}.mp4")
    assert detect_clip([tmp_path / "moved"], out, **asked)
    assert DetectedClip.load(out).keypoints.views == DetectedClip.load(out).clip.names == tuple(new)


def test_a_clip_folder_among_the_poses_is_none_of_them(tmp_path):
    for name in ("cam1", "cam2"):
        written.openpose(tmp_path / f"{name}_json", written.walking(25, 30), stem=name)
    asked = {"poses": tmp_path, "size": ("640x480",), "fps": 25.0, "sync": "none"}
    assert detect_clip([], tmp_path / "clip", **asked)
    assert not detect_clip([], tmp_path / "clip", **asked), "what is done is not done again"
