import json
from pathlib import Path

import numpy as np
import pytest
import torch

from epipose import Clip, EpiposeError, Poses2D, View
from epipose.detection.precomputed import read_keypoints
from epipose.skeletons import BODY25, COCO17

CLIP = Clip(tuple(View(name, Path(f"{name}.mp4"), 640, 480, 6, 25.0) for name in "ab"), 6, 25.0)


def numbers(x, y, joints=25, conf=0.8):
    offsets = np.arange(joints)[:, None] * [1.0, 5.0]
    return np.column_stack([offsets + np.array([x, y]), np.full(joints, conf)]).ravel().tolist()


def write_frames(folder, frames):
    folder.mkdir(parents=True)
    for k, people in enumerate(frames):
        content = {"version": 1.3, "people": [{"pose_keypoints_2d": person} for person in people]}
        (folder / f"clip_{k:012d}_keypoints.json").write_text(json.dumps(content))


def test_openpose_folders(tmp_path):
    two = [
        [numbers(300, 50), numbers(10 + k, 20)] if k % 2 else [numbers(10 + k, 20), numbers(300, 50)] for k in range(6)
    ]
    two[3] = [two[3][0]]  # the walking one is unseen once
    write_frames(tmp_path / "a", two)
    write_frames(tmp_path / "b_json", [[numbers(50, 60)], [], *[[numbers(50, 60)]] * 4])
    poses = read_keypoints(tmp_path, CLIP).poses
    assert poses.skeleton == BODY25
    assert poses.views == ("a", "b")
    assert poses.xy.shape == (2, 6, 2, 25, 2)
    assert poses.xyz is None
    still = int((poses.xy[0, 0, :, 0, 0] == 300).nonzero()[0])
    torch.testing.assert_close(poses.xy[0, :, still, 2], torch.tensor([[302.0, 60.0]] * 6))
    assert poses.xy[0, 5, 1 - still, 0].tolist() == [15, 20]
    assert not poses.conf[0, 3, 1 - still].any()
    assert poses.conf[1, :, 0, 0].tolist() == pytest.approx([0.8, 0, 0.8, 0.8, 0.8, 0.8])


def test_openpose_with_coco_keypoints(tmp_path):
    for view in "ab":
        write_frames(tmp_path / view, [[numbers(50, 60, joints=17)]] * 6)
    assert read_keypoints(tmp_path, CLIP).poses.skeleton == COCO17


def test_openpose_that_does_not_fit(tmp_path):
    write_frames(tmp_path / "a", [[numbers(1, 2)]] * 6)
    with pytest.raises(EpiposeError, match=r"no keypoints of view b; it has .*the views, which are a, b"):
        read_keypoints(tmp_path, CLIP)
    write_frames(tmp_path / "b", [[numbers(1, 2)]] * 7)
    with pytest.raises(EpiposeError, match=r"frames numbered 0 to 6; the video has 6 frames"):
        read_keypoints(tmp_path, CLIP)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ([[1.0, 2.0, 0.5, 4.0]], r"4 numbers, expected x, y, score of every joint"),
        ([numbers(1, 2, joints=17)], "17 and 25 joints; give one kind"),
        (["wrong"], "cannot be read as 2D poses"),
    ],
)
def test_openpose_people_that_cannot_be_read(tmp_path, frame, message):
    write_frames(tmp_path / "a", [[numbers(1, 2)]] * 6)
    write_frames(tmp_path / "b", [frame] * 6)
    with pytest.raises(EpiposeError, match=message):
        read_keypoints(tmp_path, CLIP)


def test_openpose_view_without_anybody(tmp_path):
    write_frames(tmp_path / "a", [[numbers(1, 2)]] * 6)
    write_frames(tmp_path / "b", [[]] * 6)
    with pytest.raises(EpiposeError, match="nobody is seen in view b"):
        read_keypoints(tmp_path, CLIP)


def npz(path, views=("b", "x", "a"), frames=6):
    xy = torch.arange(len(views)).reshape(-1, 1, 1, 1, 1).expand(-1, frames, 1, 17, 2).float()
    Poses2D(xy, torch.ones(xy.shape[:-1]), COCO17, views).save(path)
    return path


def test_npz_views_go_by_name(tmp_path):
    poses = read_keypoints(npz(tmp_path / "p.npz"), CLIP).poses
    assert poses.views == ("a", "b")
    assert poses.xy[:, 0, 0, 0, 0].tolist() == [2, 0]


def test_npz_that_does_not_fit(tmp_path):
    with pytest.raises(EpiposeError, match="has views a, c; the clip has a, b"):
        read_keypoints(npz(tmp_path / "p.npz", views=("a", "c")), CLIP)
    with pytest.raises(EpiposeError, match="7 frames; the videos have 6"):
        read_keypoints(npz(tmp_path / "p.npz", frames=7), CLIP)
    with pytest.raises(EpiposeError, match="no file"):
        read_keypoints(tmp_path / "absent.npz", CLIP)
