"""Soft-argmax against the full grid, half-voxel centring, the loss, and saving."""

import json

import pytest
import torch

from epipose.errors import EpiposeError
from epipose.network.devices import device_named
from epipose.network.posenet import PoseNet, TrainedPoseNet, soft_argmax, to_input
from epipose.skeletons import H36M17
from epipose.training.losses import smooth_l1

SMALL = {"input_size": 64, "depth_bins": 8, "channels": 16, "deconvs": 2}


def test_soft_argmax_is_the_mean_over_the_whole_grid() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, 3, 5, 4, 6, generator=generator, dtype=torch.float64)
    p = logits.flatten(2).softmax(-1).view(logits.shape)
    z, y, x = torch.meshgrid(*((torch.arange(n) + 0.5) / n - 0.5 for n in (5, 4, 6)), indexing="ij")
    expected = torch.stack([(p * axis).sum((-3, -2, -1)) for axis in (x, y, z)], -1)
    mean, _ = soft_argmax(logits)
    torch.testing.assert_close(mean, expected)


def test_voxel_centres_and_confidence() -> None:
    uniform, flat = soft_argmax(torch.zeros(1, 8, 8, 8))
    torch.testing.assert_close(uniform, torch.zeros(1, 3))
    peak = torch.full((1, 4, 8, 16), -1e4)
    peak[0, 3, 0, 15] = 0
    corner, sure = soft_argmax(peak)
    torch.testing.assert_close(corner, torch.tensor([[0.5 - 1 / 32, -0.5 + 1 / 16, 0.5 - 1 / 8]]))
    assert sure.item() == pytest.approx(1)
    assert flat.item() < 0.5


@pytest.mark.parametrize("bins", [4, 8, 12, 16, 64])
def test_a_joint_between_two_voxels_is_as_sure_as_one_in_a_voxel(bins: int) -> None:
    share = torch.linspace(0.01, 0.99, 21)
    marginal = torch.zeros(21, bins)
    marginal[:, 1], marginal[:, 2] = 1 - share, share
    alone = torch.tensor([1.0]).expand(21, 1)
    volume = marginal[:, :, None, None] * alone[:, None, :, None] * alone[:, None, None, :]
    mean, sure = soft_argmax(volume.log())
    torch.testing.assert_close(mean[:, 2], (1.5 + share) / bins - 0.5)
    torch.testing.assert_close(sure, torch.ones(21))


def test_devices_that_are_not_there_say_so(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert device_named("auto") == device_named("cpu") == torch.device("cpu")
    with pytest.raises(EpiposeError, match="'cuda': PyTorch finds 0 CUDA devices"):
        device_named("cuda")
    with pytest.raises(EpiposeError, match="Unknown device 'gpu'; choose auto, cpu or cuda"):
        device_named("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_named("auto") == torch.device("cuda")
    assert device_named("cuda:1") == torch.device("cuda:1")
    with pytest.raises(EpiposeError, match="'cuda:2': PyTorch finds 2"):
        device_named("cuda:2")


def test_output_shape_range_and_gradient() -> None:
    torch.manual_seed(0)
    net = PoseNet("resnet18", 5, **SMALL)
    uvd, conf = net(to_input(torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)))
    assert uvd.shape == (2, 5, 3)
    assert bool((uvd.abs() < 0.5).all())
    assert bool(((conf >= 0) & (conf <= 1)).all())
    uvd.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    with pytest.raises(EpiposeError, match="multiple of 32"):
        PoseNet(input_size=100)


def test_full_size_is_that_of_the_paper() -> None:
    """34 million parameters with ResNet-50, volumes of 64 x 64 x 64."""
    with torch.device("meta"):
        net = PoseNet("resnet50", 17)
        features = net.volume(net.head(net.backbone(torch.empty(1, 3, 256, 256))))
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(34.3, abs=0.5)
    assert features.shape == (1, 17 * 64, 64, 64)


def test_loss_is_quadratic_then_linear_and_weighted() -> None:
    zero = torch.zeros(1, 2, 3)
    near, far = zero.clone(), zero.clone()
    near[0, 0], far[0, 0] = 0.01, 0.3
    first, second, both = (torch.tensor([[[a, a], [b, b]]]) for a, b in ((1.0, 0.0), (0.0, 1.0), (1.0, 3.0)))

    def loss(pose: torch.Tensor, weight: torch.Tensor) -> float:
        error, counted = smooth_l1(pose, zero, weight, 0.02)
        return float(error / counted)

    assert loss(near, first) == pytest.approx(0.5 * 0.01**2 / 0.02)
    assert loss(far, first) == pytest.approx(0.3 - 0.01)
    assert loss(far, second) == 0
    assert loss(far, both) == pytest.approx(0.29 / 4)
    assert [float(part) for part in smooth_l1(far, zero, torch.zeros(1, 2, 2))] == [0, 0]


def test_without_depth_weight_only_the_place_in_the_image_counts() -> None:
    zero, pose = torch.zeros(1, 1, 3), torch.tensor([[[0.1, 0.0, 0.4]]], requires_grad=True)
    error, counted = smooth_l1(pose, zero, torch.tensor([[[1.0, 0.0]]]), 0.02)
    assert float(error.detach() / counted) == pytest.approx(0.09 / 2)
    error.backward()
    assert pose.grad is not None
    assert pose.grad[0, 0].tolist() == [1, 0, 0]
    error, _ = smooth_l1(pose, zero, torch.tensor([[[0.0, 1.0]]]), 0.02)
    assert float(error.detach()) == pytest.approx(0.39)


def _trained() -> TrainedPoseNet:
    torch.manual_seed(1)
    net = PoseNet("resnet18", 17, **SMALL).eval()
    return TrainedPoseNet(net, H36M17, torch.linspace(0.1, 0.5, 16), True, 1.3)


def test_saved_model_says_the_same(tmp_path) -> None:
    before = _trained()
    before.save(tmp_path)
    after = TrainedPoseNet.load(tmp_path)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(before.net(image)[0], after.net(image)[0])
    torch.testing.assert_close(after.bone_lengths, before.bone_lengths, atol=1e-6, rtol=0)
    assert (after.skeleton, after.metric, after.margin) == (H36M17, True, 1.3)


def test_damaged_models_say_so(tmp_path) -> None:
    with pytest.raises(EpiposeError, match="no trained model"):
        TrainedPoseNet.load(tmp_path)
    _trained().save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "channels": 24}))
    with pytest.raises(EpiposeError, match="cannot be read as"):
        TrainedPoseNet.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({k: v for k, v in config.items() if k != "margin"}))
    with pytest.raises(EpiposeError, match="cannot be read as"):
        TrainedPoseNet.load(tmp_path)
