"""Images with 2D keypoints alone: from clips and folders of images, without influence on depth."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from epipose.datasets.registry import READERS
from epipose.errors import EpiposeError
from epipose.inference.clip_views import predict_clip
from epipose.io.images import read_image
from epipose.network.posenet import TrainedPoseNet
from epipose.poses import Poses2D, in_skeleton
from epipose.skeletons import BLAZEPOSE33, H36M17, MPII16
from epipose.training.images_2d import samples_2d
from epipose.training.samples import WINDOW, clip_samples, concatenate_samples
from epipose.training.train import train_network
from tests.helpers.drawn_clips import clip_folder, figure_image

TINY = {"backbone": "resnet18", "input_size": 64, "depth_bins": 8, "channels": 16, "deconvs": 1, "batch_size": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return clip_folder(tmp_path_factory.mktemp("flat") / "clip", frames=3, views=2)


def test_a_clip_gives_the_places_of_its_labelled_samples_without_depth(folder: Path) -> None:
    flat, labelled = samples_2d(folder, 64), clip_samples(folder, 64)
    np.testing.assert_allclose(flat.uvd[..., :2], labelled.uvd[..., :2], atol=2e-3)
    assert (flat.uvd[..., 2] == 0).all()
    np.testing.assert_array_equal(flat.weight, np.broadcast_to([1.0, 0.0], (6, 17, 2)))
    assert not flat.bone_lengths.any()
    both = concatenate_samples([labelled, flat])
    assert both.metric, "images without lengths have no say in whether lengths are metres"
    np.testing.assert_array_equal(both.bone_lengths, labelled.bone_lengths)
    assert concatenate_samples([flat, labelled]).metric
    assert both.place is None


def test_what_the_detector_does_not_see_has_no_weight(folder: Path, tmp_path: Path) -> None:
    for name in ("clip.json", "cam1.mp4", "cam2.mp4"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    poses = Poses2D.load(folder / "poses2d.npz")
    conf, xy = poses.conf.clone(), poses.xy.clone()
    conf[0, 0, 0, 16], xy[0, 0, 0, 16] = 0.2, 5000.0  # too unsure to be believed
    conf[0, 1, 0, 3] = 0.6
    conf[1, 2, 0, :9] = 0  # too few joints
    replace(poses, conf=conf, xy=xy).save(tmp_path / "poses2d.npz")
    flat = samples_2d(tmp_path, 64)
    assert len(flat) == 5
    assert flat.weight[0, 16].tolist() == [0, 0]
    assert np.abs(flat.uvd[0]).max() < 0.5
    assert flat.weight[1, 3].tolist() == pytest.approx([0.6, 0])
    replace(poses, conf=torch.zeros_like(conf)).save(tmp_path / "poses2d.npz")
    with pytest.raises(EpiposeError, match="no image shows 70%"):
        samples_2d(tmp_path, 64)
    replace(poses, xy=xy[:, :2], conf=conf[:, :2]).save(tmp_path / "poses2d.npz")
    with pytest.raises(EpiposeError, match="does not belong to clip"):
        samples_2d(tmp_path, 64)


def test_a_folder_of_images(tmp_path: Path) -> None:
    xy = np.stack([np.linspace(50, 90, 17), np.linspace(30, 120, 17)], -1)
    places = np.stack([xy, xy + 20])
    for name, joints in zip(("b.png", "a.png"), places[::-1], strict=True):
        Image.fromarray(figure_image(joints, 160)).save(tmp_path / name)
    poses = Poses2D(torch.from_numpy(places).float()[None, :, None], torch.ones(1, 2, 1, 17), H36M17, ("photos",))
    poses.save(tmp_path / "poses2d.npz")
    (tmp_path / "._a.png").write_bytes(b"what macOS puts beside a file")
    flat = samples_2d(tmp_path, 64)
    for index in range(2):
        stored = flat.stored(index).astype(float)
        redrawn = figure_image((flat.uvd[index, :, :2] / WINDOW + 0.5) * 96 - 0.5, 96).astype(float)
        assert np.corrcoef(stored.max(-1).ravel(), redrawn.max(-1).ravel())[0, 1] > 0.7
    (tmp_path / "a.png").unlink()
    with pytest.raises(EpiposeError, match=r"holds 1 images, its poses2d\.npz has 1 views of 2 frames"):
        samples_2d(tmp_path, 64)


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch) -> tuple[Path, np.ndarray]:
    """MPII's JSON: two people in b.png, one in a.png, one in c.png of whom too little is seen; the joints of three."""
    monkeypatch.setattr("epipose.datasets.registry.READERS", {name: READERS[name] for name in ("mpii", "coco")})
    places = 20 + 100 * np.random.default_rng(0).random((3, 16, 2))
    seen = {"joints_vis": [1] * 16, "scale": 1.0, "center": [1.0, 1.0]}
    few = {**seen, "joints_vis": [1] * 4 + [0] * 12}
    people = [
        ("b.png", places[0], seen),
        ("a.png", places[2], seen),
        ("b.png", places[1], seen),
        ("c.png", places[0], few),
    ]
    (tmp_path / "annot").mkdir()
    (tmp_path / "images").mkdir()
    entries = [{**more, "image": name, "joints": (joints + 1).tolist()} for name, joints, more in people]
    (tmp_path / "annot" / "train.json").write_text(json.dumps(entries))
    for name in ("a.png", "b.png"):
        ramp = np.mgrid[:160, :160][::-1].transpose(1, 2, 0)  # red is x, green is y
        Image.fromarray(np.dstack([ramp, np.zeros((160, 160))]).astype(np.uint8)).save(tmp_path / "images" / name)
    return tmp_path, places


def test_a_dataset_of_people_gives_a_crop_for_each(dataset: tuple[Path, np.ndarray], monkeypatch) -> None:
    root, places = dataset
    read = []
    monkeypatch.setattr(
        "epipose.training.images_2d.read_image", lambda path: read.append(path.name) or read_image(path)
    )
    flat = samples_2d(root, 64)
    assert len(flat) == 3
    assert read == ["b.png", "a.png"], "each once, for all its people, and none where too little is seen"
    knee, nose = H36M17.joints.index("right_knee"), H36M17.joints.index("neck_nose")
    assert flat.weight[:, nose].tolist() == [[0, 0]] * 3, "MPII has no nose"
    for row in range(3):
        assert flat.weight[row, knee].tolist() == [1, 0]
        u, v = (flat.uvd[row, knee, :2] / WINDOW + 0.5) * 96 - 0.5
        red, green, _ = flat.stored(row)[round(v), round(u)].astype(float)
        assert [red, green] == pytest.approx(places[row, MPII16.joints.index("right_knee")], abs=4)
    net = train_network([], root / "net", images_2d=[root], epochs=1, **TINY)
    assert not net.bone_lengths.any()


def test_a_folder_that_is_nothing_says_what_it_could_be(dataset: tuple[Path, np.ndarray]) -> None:
    root, _ = dataset
    with pytest.raises(
        EpiposeError, match=r"no file .*poses2d\.npz \(run: epipose detect\), and .* none of the datasets"
    ):
        samples_2d(root / "images", 64)
    (root / "images" / "b.png").write_bytes(b"damaged")
    with pytest.raises(EpiposeError, match=r"b\.png cannot be read as an image"):
        samples_2d(root, 64)


def test_joints_of_another_skeleton_are_as_sure_as_their_parts() -> None:
    xy, conf = torch.rand(33, 2), torch.full((33,), 0.8)
    hip = BLAZEPOSE33.joints.index("left_hip")
    conf[hip] = 0.3
    mapped, sure = in_skeleton(xy, conf, BLAZEPOSE33, H36M17)
    assert sure[H36M17.root] == pytest.approx(0.3)
    assert sure[H36M17.joints.index("right_knee")] == pytest.approx(0.8)
    right = BLAZEPOSE33.joints.index("right_hip")
    torch.testing.assert_close(mapped[H36M17.root], (xy[hip] + xy[right]) / 2)


@pytest.mark.slow
def test_pretraining_teaches_places_and_training_goes_on_from_it(folder: Path, tmp_path: Path) -> None:
    pre = train_network([], tmp_path / "pre", images_2d=[folder], epochs=1, **TINY)
    assert not pre.bone_lengths.any()
    with pytest.raises(EpiposeError, match="predicts no depth"):
        predict_clip(folder, pre, (0, 1))
    whole = train_network(
        [folder], tmp_path / "whole", images_2d=[folder], init=tmp_path / "pre", epochs=1, lr=0.0, **TINY
    )
    assert torch.equal(whole.net.volume.weight.cpu(), pre.net.volume.weight.cpu())
    assert bool(whole.bone_lengths.all())
    predict_clip(folder, TrainedPoseNet.load(tmp_path / "whole"), (0, 1))
    with pytest.raises(EpiposeError, match="nothing to train on"):
        train_network([], tmp_path / "none", **TINY)


@pytest.mark.slow
def test_depth_is_not_touched_by_images_without_it(folder: Path, tmp_path: Path) -> None:
    """Two pre-trainings whose images differ only in the unknown depth are the same network."""
    first = train_network([], tmp_path / "a", images_2d=[folder], epochs=2, **TINY)
    import epipose.training.clip_source as module

    def with_depth(*arguments, **options):
        flat = samples_2d(*arguments, **options)
        flat.uvd[..., 2] = 0.2
        return flat

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "samples_2d", with_depth)
        second = train_network([], tmp_path / "b", images_2d=[folder], epochs=2, **TINY)
    assert torch.equal(first.net.volume.weight, second.net.volume.weight)
