import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.datasets.base import GroundTruth, Selection, Take
from epipose.datasets.panoptic import Panoptic
from epipose.datasets.to_clip import import_take, projected
from epipose.errors import EpiposeError
from epipose.inference.clip_views import predict_clip
from epipose.io.images import read_image
from epipose.pipeline.stages import detect_clip, label_clip
from epipose.pipeline.train import train
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17
from tests.helpers import drawn_clips
from tests.helpers.dead_process import dead_process
from tests.helpers.panoptic_files import panoptic

TINY = {"backbone": "resnet18", "input_size": 64, "depth_bins": 8, "channels": 16, "deconvs": 1, "batch_size": 4}
FRAMES = 12


@pytest.fixture(scope="module")
def take(tmp_path_factory) -> Take:
    """A drawn figure, frame by frame another pose, in folders of images; 12 frames at 50 a second."""
    root = tmp_path_factory.mktemp("dataset")
    rig, xyz = drawn_clips.rig(2), torch.from_numpy(drawn_clips.poses(FRAMES))
    for name, view in zip(rig.names, rig.camera.spread(2).project(xyz).numpy(), strict=True):
        (root / name).mkdir()
        for number, joints in enumerate(view):
            image = drawn_clips.figure_image(joints, 160)
            cv2.imwrite(str(root / name / f"{number:05d}.png"), image[..., ::-1])
    poses = Poses3D(xyz[:, None].float(), torch.ones(FRAMES, 1, 17), H36M17, "world", True)
    images = tuple(root / name for name in rig.names)
    return Take("S1-walk", "S1", "walk", rig, images, FRAMES, 50.0, lambda: GroundTruth(poses))


def test_every_third_frame_of_images_and_truth_alike(take, tmp_path):
    out = import_take(take, tmp_path / "clip", every=3)
    clip, truth = Clip.load(out), take.ground_truth().poses
    assert (clip.frames, clip.fps) == (4, 50 / 3)
    labels = Poses3D.load(out / "truth" / "poses3d.npz")
    torch.testing.assert_close(labels.xyz, truth.xyz[::3])
    shown = list(clip.read(clip.views[1]))
    for number, image in enumerate(shown):
        np.testing.assert_array_equal(image, read_image(take.images[1] / f"{3 * number:05d}.png"))
    assert Rig.load(out / "truth" / "rig.json").names == take.rig.names
    assert "R" not in json.loads((out / "intrinsics.json").read_text())["cameras"]["cam1"]
    record = json.loads((out / "take.json").read_text())
    assert record["options"]["take"] == "S1-walk"
    assert record["options"]["every"] == 3


def test_joints_in_the_images_are_projected_and_gone_outside_of_them(take, tmp_path):
    poses = take.ground_truth().poses
    xyz = poses.xyz.clone()
    xyz[5, 0, 3] += 10  # far to the side
    xyz[6, 0, 4] = take.rig.camera.center[0].float() - 0.5 * take.rig.camera.R[0, 2].float()  # behind the first camera
    xyz[7, 0, 0] = 0.1
    moved = replace(poses, xyz=xyz)
    found = projected(moved, take.rig)
    expected = [
        cv2.projectPoints(xyz[7, 0].double().numpy(), cv2.Rodrigues(R.numpy())[0], t.numpy(), K.numpy(), None)[0][:, 0]
        for R, t, K in zip(take.rig.camera.R, take.rig.camera.t, take.rig.camera.K, strict=True)
    ]
    torch.testing.assert_close(found.xy[:, 7, 0], torch.tensor(np.array(expected)).float(), atol=1e-3, rtol=0)
    assert found.conf[:, 5, 0, 3].tolist() == [0, 0]
    assert found.conf[0, 6, 0, 4] == 0
    assert found.conf[:, 7].all()
    out = import_take(replace(take, ground_truth=lambda: GroundTruth(moved)), tmp_path / "clip")
    torch.testing.assert_close(Poses2D.load(out / "truth" / "poses2d.npz").conf, found.conf)


def test_the_datasets_own_2d_is_taken_where_there_is_one(take, tmp_path):
    poses = take.ground_truth().poses
    given = projected(poses, take.rig)
    given = Poses2D(given.xy + 1, 0.5 * given.conf, H36M17, given.views)
    given.xy[1, 4, 0, 2] = 160.0  # one pixel outside
    out = import_take(replace(take, ground_truth=lambda: GroundTruth(poses, given)), tmp_path / "clip", every=2)
    found = Poses2D.load(out / "truth" / "poses2d.npz")
    assert found.views == take.rig.names
    torch.testing.assert_close(found.xy, given.xy[:, ::2])
    assert found.conf[1, 2, 0, 2] == 0
    assert found.conf[0, 2, 0, 2] == 0.5


@pytest.mark.slow
def test_the_verbs_take_it(take, tmp_path):
    out = import_take(take, tmp_path / "clip", every=3)
    detect_clip([out], out, poses=out / "truth" / "poses2d.npz", sync="none")
    assert Clip.load(out).views[0].stride == 3
    assert label_clip(out, mode="full")
    assert label_clip(out, mode="true2d")
    made = Poses3D.load(out / "labels" / "true2d" / "poses3d.npz")
    apart = (made.xyz - take.ground_truth().poses.xyz[:, 0]).norm(dim=-1).mean(-1)  # (label, frame of the dataset)
    assert apart.argmin(-1).tolist() == [0, 3, 6, 9]
    model = train([out], tmp_path / "model", mode="full", epochs=1, lr_drops=(), **TINY)
    shutil.copy(out / "truth" / "rig.json", out / "rig.json")
    xyz, conf, _ = predict_clip(out, model, (0, 3))
    assert xyz.shape == (2, 4, 17, 3)
    assert (conf > 0).all()


@pytest.mark.slow
def test_one_view_alone_is_a_clip_to_predict_on(take, tmp_path):
    one = replace(take, rig=take.rig.select(("cam2",)), images=take.images[1:])
    out = import_take(one, tmp_path / "clip", every=2)
    clip = Clip.load(out)
    assert (clip.names, clip.frames) == (("cam2",), 6)
    for name in ("rig.json", "poses2d.npz"):
        shutil.copy(out / "truth" / name, out / name)
    model = train([out], tmp_path / "model", mode="full", epochs=1, lr_drops=(), **TINY)
    assert predict_clip(out, model, (1, 5))[0].shape == (1, 5, 17, 3)


def test_what_is_there_is_left_and_another_is_refused(take, tmp_path):
    asked = []
    counted = replace(take, ground_truth=lambda: asked.append(1) or take.ground_truth())
    out = import_take(counted, tmp_path / "clip", options={"dataset": "x"})
    assert import_take(counted, tmp_path / "clip", options={"dataset": "x"}) == out
    assert len(asked) == 1
    with pytest.raises(EpiposeError, match=r"holds another import: every 1 \(now 2\)"):
        import_take(take, out, every=2, options={"dataset": "x"})
    with pytest.raises(EpiposeError, match=r"dataset x \(now y\)"):
        import_take(take, out, options={"dataset": "y"})
    (tmp_path / "mine").mkdir()
    with pytest.raises(EpiposeError, match="is no import of a dataset"):
        import_take(take, tmp_path / "mine")
    with pytest.raises(EpiposeError, match="--every is 0"):
        import_take(take, tmp_path / "new", every=0)


def test_an_import_that_fails_leaves_nothing(take, tmp_path, monkeypatch):
    def damaged():
        raise EpiposeError("poses.h5 is damaged")

    with pytest.raises(EpiposeError, match=r"poses.h5 is damaged"):
        import_take(replace(take, ground_truth=damaged), tmp_path / "clip")

    def full_disk(*_):
        raise OSError("no space left")

    monkeypatch.setattr(Poses2D, "save", full_disk)
    with pytest.raises(OSError, match="no space left"):
        import_take(take, tmp_path / "clip")
    assert not list(tmp_path.iterdir())


def test_a_view_without_images_is_left_out_with_its_2d(take, tmp_path):
    poses = take.ground_truth().poses
    given = projected(poses, take.rig)
    part = replace(take, images=(None, take.images[1]), ground_truth=lambda: GroundTruth(poses, given))
    out = import_take(part, tmp_path / "clip")
    assert Clip.load(out).names == Rig.load(out / "truth" / "rig.json").names == ("cam2",)
    torch.testing.assert_close(Poses2D.load(out / "truth" / "poses2d.npz").xy, given.xy[1:])


def test_takes_that_make_no_clip_say_why(take, tmp_path):
    with pytest.raises(EpiposeError, match="The take S1-walk has no cameras"):
        import_take(replace(take, rig=None, images=()), tmp_path / "clip")
    with pytest.raises(EpiposeError, match="The take S1-walk has no images"):
        import_take(replace(take, images=(None, None)), tmp_path / "clip")
    wrong = replace(take.rig, camera=take.rig.camera.resized(80, 80))
    with pytest.raises(EpiposeError, match=r"images of 160x160; the dataset's camera cam1 has 80x80"):
        import_take(replace(take, rig=wrong), tmp_path / "clip")
    with pytest.raises(EpiposeError, match=r"cam1 has 12 frames; the take S1-walk has 63"):
        import_take(replace(take, frames=63), tmp_path / "clip")


def test_a_take_without_a_frame_makes_no_clip(take, tmp_path):
    poses = take.ground_truth().poses
    nothing = replace(poses, xyz=poses.xyz[:0], conf=poses.conf[:0])
    with pytest.raises(EpiposeError, match="S1-walk has no frame with both images and poses"):
        import_take(replace(take, frames=0, ground_truth=lambda: GroundTruth(nothing)), tmp_path / "clip")
    assert not list(tmp_path.iterdir())


def test_every_goes_by_the_frames_of_the_recording(take, tmp_path):
    sparse = replace(take, step=5, fps=10.0)
    out = import_take(sparse, tmp_path / "all", every=3)
    assert Clip.load(out).frames == FRAMES
    assert json.loads((out / "take.json").read_text())["options"]["every"] == 5
    assert import_take(sparse, tmp_path / "all", every=5) == out
    out = import_take(sparse, tmp_path / "some", every=15)
    assert (Clip.load(out).frames, Clip.load(out).fps) == (4, 50 / 15)
    assert json.loads((out / "take.json").read_text())["options"]["every"] == 15
    torch.testing.assert_close(Poses3D.load(out / "truth" / "poses3d.npz").xyz, take.ground_truth().poses.xyz[::3])
    with pytest.raises(EpiposeError, match=r"every 5th frame of its recording alone, and --every is 64"):
        import_take(sparse, tmp_path / "wrong", every=64)


def test_the_same_images_by_another_path_are_the_same_import(take, tmp_path, monkeypatch):
    out = import_take(take, tmp_path / "clip")
    monkeypatch.chdir(take.images[0].parent)
    relative = replace(take, images=tuple(Path(path.name) for path in take.images))
    assert import_take(relative, out) == out
    (tmp_path / "link").symlink_to(take.images[0].parent)
    linked = replace(take, images=tuple(tmp_path / "link" / path.name for path in take.images))
    assert import_take(linked, out) == out


def test_what_a_killed_import_left_is_removed_and_what_a_living_one_has_is_not(take, tmp_path):
    stale, running = tmp_path / f".clip.{dead_process()}.part", tmp_path / f".clip.{os.getppid()}.part"
    for folder in (stale, running):
        (folder / "truth").mkdir(parents=True)
    import_take(take, tmp_path / "clip")
    assert sorted(tmp_path.iterdir()) == sorted([running, tmp_path / "clip"])


def test_images_that_end_a_little_early_shorten_the_clip(take, tmp_path):
    poses = take.ground_truth().poses
    longer = replace(poses, xyz=poses.xyz.repeat(2, 1, 1, 1), conf=poses.conf.repeat(2, 1, 1))
    out = import_take(replace(take, frames=24, ground_truth=lambda: GroundTruth(longer)), tmp_path / "clip", every=5)
    assert Clip.load(out).frames == len(Poses3D.load(out / "truth" / "poses3d.npz").xyz) == 3


def test_a_take_without_any_pose_has_its_cameras_only(take, tmp_path):
    poses = take.ground_truth().poses
    nobody = replace(poses, conf=0 * poses.conf)
    out = import_take(replace(take, ground_truth=lambda: GroundTruth(nobody)), tmp_path / "clip")
    assert sorted(path.name for path in (out / "truth").iterdir()) == ["rig.json"]


def test_a_sequence_of_several_people_keeps_them_all(tmp_path):
    panoptic(tmp_path / "s", list(range(4)))
    (take,) = Panoptic().takes(tmp_path / "s", Selection(views=("00_12", "00_00")))
    out: Path = import_take(take, tmp_path / "clip", every=2)
    poses, seen = Poses3D.load(out / "truth" / "poses3d.npz"), Poses2D.load(out / "truth" / "poses2d.npz")
    assert poses.xyz.shape[:2] == (2, 2)
    assert seen.xy.shape[:3] == (2, 2, 2)
    assert seen.views == Clip.load(out).names == ("00_12", "00_00")
