"""The refiner: smaller errors than its input, trained on poses alone, for viewpoints and poses not in training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from epipose.camera import Rig
from epipose.cli.main import main
from epipose.errors import EpiposeError
from epipose.io.files import read_json
from epipose.motion.sampler import random_motion
from epipose.network import pretrained
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.network.refiner import WEIGHTS, Refiner, load_refiner
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from epipose.training import refine as module
from epipose.training.error_bank import error_bank
from epipose.training.refine import PoseSet, captured_poses, fit_refiner, gain, labelled_poses, refine
from epipose.training.virtual_views import virtual_views
from tests.helpers.drawn_clips import clip_folder
from tests.helpers.evidence import exact_evidence
from tests.helpers.synthetic import moving_skeleton

ROOT = H36M17.root


@pytest.fixture
def model(tmp_path: Path) -> Path:
    net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    TrainedPoseNet(net.eval(), H36M17, torch.full((16,), 0.25), True, 1.25).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return clip_folder(tmp_path / "clip", frames=6, views=2)


def pose_set(count: int, seed: int) -> PoseSet:
    xyz = moving_skeleton(count, seed=seed).float()
    return PoseSet(xyz, torch.ones(xyz.shape[:-1]))


def test_it_learns_how_readings_err(monkeypatch) -> None:
    """Every reading has too much depth, alike for all poses: other moments, seen from new viewpoints, are corrected."""
    bank = error_bank()
    wrong = torch.zeros_like(bank.reading_error)
    wrong[:, 1:, 2] = 0.05
    biased = bank._replace(
        reading_error=wrong, keypoint_error=0 * bank.keypoint_error, own_depth_error=0 * bank.own_depth_error
    )
    monkeypatch.setattr(module, "error_bank", lambda: biased)
    torch.manual_seed(0)
    start = Refiner(H36M17, width=32, layers=1)
    refiner = fit_refiner([pose_set(400, 0)], H36M17, start, steps=120, batch_size=32, lr=5e-3)
    others = pose_set(801, 0)
    before, after = gain(refiner, PoseSet(others.xyz[1::2], others.conf[1::2]))
    assert after < 0.6 * before


def test_the_outcome_follows_from_the_seed_and_the_start() -> None:
    few = {"steps": 3, "batch_size": 16}
    one, same, other = (fit_refiner([pose_set(20, 0)], H36M17, seed=seed, **few) for seed in (0, 0, 1))
    assert torch.equal(one.enter.weight, same.enter.weight)
    assert not torch.equal(one.enter.weight, other.enter.weight)
    further = fit_refiner([pose_set(20, 0)], H36M17, one, lr=1e-6, **few)
    torch.testing.assert_close(further.enter.weight, one.enter.weight, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_joints_that_nobody_labelled_teach_nothing() -> None:
    """Wherever a joint without confidence is said to be: no answer follows it there."""
    one = pose_set(60, 0)
    conf = one.conf.clone()
    conf[:, 13] = 0
    elsewhere = one.xyz.clone()
    elsewhere[:, 13] += 5.0
    filled = module._filled(elsewhere, conf, H36M17)
    assert torch.equal(filled[:, 13], one.xyz[:, 12])
    torch.manual_seed(0)
    start = Refiner(H36M17, width=64, layers=2)
    refiner = fit_refiner([PoseSet(filled, conf)], H36M17, start, steps=150, batch_size=64, lr=2e-3)
    uvd, _ = virtual_views(one.xyz, one.conf, H36M17, torch.Generator().manual_seed(4))
    with torch.inference_mode():
        answer = refiner(exact_evidence(uvd)).uvd
    forearm = [(pose[:, 16] - pose[:, 15])[:, :2].norm(dim=-1).mean() for pose in (uvd, answer)]
    assert float(forearm[1] / forearm[0]) > 0.75, "the right wrist, whose mirror image was missing, is not drawn in"


def test_labels_are_turned_upright(clip: Path) -> None:
    """World frames of a rig that knows no up are those of a level camera: the head is above the feet afterwards."""
    rig, labels = Rig.load(clip / "rig.json"), Poses3D.load(clip / "poses3d.npz")
    known = labelled_poses([clip], H36M17, None)
    turn = rig.camera.R[0].float()
    Rig(rig.names, rig.moved(1.0, rig.camera.R[0], torch.zeros(3).double()).camera, False, False).save(
        clip / "rig.json"
    )
    Poses3D(labels.xyz @ turn.T, labels.conf, H36M17).save(clip / "poses3d.npz")
    found = labelled_poses([clip], H36M17, None)
    rise = [(s.xyz[:, H36M17.index("head")] - s.xyz[:, ROOT])[:, 2] for s in (known, found)]
    assert float(rise[1].min()) > 0
    torch.testing.assert_close(rise[0], rise[1], atol=0.15, rtol=0.3)
    assert len(labelled_poses([clip], H36M17, (1, 2)).xyz) == 2


def test_legs_that_a_clip_never_shows_are_not_asked_for(clip: Path) -> None:
    """A person behind a desk: eleven of seventeen joints."""
    labels = Poses3D.load(clip / "poses3d.npz")
    legs = [H36M17.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("hip", "knee", "ankle")]
    conf = labels.conf.clone()
    conf[..., legs] = 0
    Poses3D(labels.xyz, conf, H36M17).save(clip / "poses3d.npz")
    found = labelled_poses([clip], H36M17, None)
    assert len(found.xyz) == len(labels.xyz)
    refiner = fit_refiner([found], H36M17, Refiner(H36M17, width=16, layers=1), steps=2, batch_size=4)
    assert all(bool(weights.isfinite().all()) for weights in refiner.parameters())


@pytest.mark.slow
def test_the_verb_writes_what_predict_finds(model: Path, clip: Path, capsys) -> None:
    few = ("--init", "none", "--steps", "3", "--batch-size", "16")
    assert main(["refine", str(clip), "--model", str(model), *few]) == 0
    said, record = capsys.readouterr().out, read_json(model / "refine.json")
    assert "epipose predict" in said
    assert "on poses that it learned" in said, "six are too few to keep some out"
    assert ("it helps" in said) == (record["after"] < record["before"])
    assert f"{100 * record['before']:.2f} % before" in said
    first = (model / WEIGHTS).read_bytes()
    assert TrainedPoseNet.load(model).refiner is not None
    assert read_json(model / "refine.json")["poses"] == [6, 24_000]
    (model / WEIGHTS).touch()
    stamp = (model / WEIGHTS).stat().st_mtime_ns
    assert main(["refine", str(clip), "--model", str(model), *few]) == 0
    assert (model / WEIGHTS).stat().st_mtime_ns == stamp, "it was there already"
    assert main(["refine", str(clip), "--model", str(model), *few, "--seed", "1"]) == 0
    assert (model / WEIGHTS).read_bytes() != first


@pytest.mark.slow
def test_it_goes_on_from_the_one_that_comes_with_epipose(model: Path, clip: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pretrained, "PRETRAINED", model)
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path))  # without the heavy landmark network
    other = tmp_path / "other"
    TrainedPoseNet.load(model).save(other)
    with pytest.raises(EpiposeError, match=r"has no refiner\.safetensors to begin with"):
        refine([clip], other)
    start = Refiner(H36M17, width=32)
    start.save(model / WEIGHTS)
    refined = refine([clip], other, steps=1, batch_size=8, lr=1e-9)
    torch.testing.assert_close(refined.enter.weight, start.enter.weight, atol=1e-3, rtol=0)  # saved in half precision


@pytest.mark.slow
def test_bad_input_says_so(model: Path, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(EpiposeError, match="nothing to refine with"):
        refine([], model)
    with pytest.raises(EpiposeError, match="no trained model"):
        refine([clip], tmp_path)
    (clip / "poses3d.npz").rename(tmp_path / "poses3d.npz")
    with pytest.raises(EpiposeError, match=r"lacks poses3d\.npz. Run epipose calibrate and label"):
        refine([clip], model, init="none")
    labels = Poses3D.load(tmp_path / "poses3d.npz")
    Poses3D(labels.xyz, 0 * labels.conf, H36M17).save(clip / "poses3d.npz")
    with pytest.raises(EpiposeError, match="no pose has a pelvis and 70% of the joints"):
        refine([clip], model, init="none")
    labels.save(clip / "poses3d.npz")
    with pytest.raises(EpiposeError, match="has frames 0 to 5; 2 to 9 were asked for"):
        refine([clip], model, init="none", frames=(2, 9))
    for wrong in ({"steps": 0}, {"batch_size": 1}, {"people": 0}, {"seed": -1}):
        with pytest.raises(EpiposeError, match=f"The option '{next(iter(wrong))}' is"):
            refine([clip], model, init="none", **wrong)
    with pytest.raises(EpiposeError, match="give the first and the last"):
        refine([clip], model, init="none", frames=(3, 2))
    with pytest.raises(EpiposeError, match="cannot begin with its own refiner"):
        refine([clip], model, init=model)
    (model / WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(EpiposeError, match="cannot be read as weights"):
        load_refiner(model / WEIGHTS, H36M17)
    Refiner(H36M17, width=8).save(model / WEIGHTS)
    state = {"enter.weight": torch.zeros(8, 5)}
    from safetensors.torch import save_file

    save_file(state, model / WEIGHTS)
    with pytest.raises(EpiposeError, match="a refiner of the joints h36m17"):
        load_refiner(model / WEIGHTS, H36M17)
    few = {"init": "none", "steps": 2, "batch_size": 8}
    assert refine([clip], model, **few), "a damaged one is replaced"
    (model / WEIGHTS).write_bytes(b"nothing")
    assert refine([clip], model, **few), "also where the record says that it is done"
    assert TrainedPoseNet.load(model).refiner is not None
    replace(TrainedPoseNet.load(model), refiner=None).save(model)
    assert not (model / WEIGHTS).exists(), "a network that is written anew has no refiner yet"


def test_motion_capture_is_played_by_random_bodies(model: Path, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("anny")
    monkeypatch.setattr(
        "epipose.studio.actor._cached_motion", lambda path: random_motion(np.random.default_rng(1), 3.0)
    )
    motion = tmp_path / "some.bvh"
    motion.write_text("read by nobody")
    poses = captured_poses((motion,), people=2, seed=0, each=5)
    assert poses.xyz.shape == (10, 17, 3)
    limbs = [(p, c) for p, c in H36M17.bones if H36M17.joints[c].endswith(("knee", "ankle", "elbow", "wrist"))]
    lengths = torch.stack([(poses.xyz[:, c] - poses.xyz[:, p]).norm(dim=-1) for p, c in limbs], -1)
    torch.testing.assert_close(lengths[:5], lengths[:1].expand(5, -1), atol=1e-4, rtol=0)
    assert not torch.allclose(lengths[0], lengths[5], atol=1e-3), "another body"
    refine((), model, mocap=(motion,), people=2, init="none", steps=2, batch_size=8)
    assert read_json(model / "refine.json")["poses"] == [300]
