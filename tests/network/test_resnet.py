"""The backbone: the widespread parameter names, sizes and files."""

import pytest
import torch
from safetensors.torch import save_file

from epipose.errors import EpiposeError
from epipose.network.resnet import ResNet


@pytest.mark.parametrize(
    ("name", "parameters", "tensors", "channels"),
    [("resnet18", 11_176_512, 120, 512), ("resnet34", 21_284_672, 216, 512), ("resnet50", 23_508_032, 318, 2048)],
)
def test_published_sizes(name: str, parameters: int, tensors: int, channels: int) -> None:
    """Parameter counts and entries of the published models without their classifier (11 689 512 - 513 000, ...)."""
    net = ResNet(name)
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert len(net.state_dict()) == tensors
    assert net(torch.rand(2, 3, 64, 96)).shape == (2, channels, 2, 3)


def test_standard_names() -> None:
    keys = set(ResNet("resnet50").state_dict())
    assert {
        "conv1.weight",
        "bn1.running_var",
        "layer1.0.conv3.weight",
        "layer1.0.downsample.0.weight",
        "layer2.0.downsample.1.running_mean",
        "layer4.2.bn3.bias",
    } <= keys
    assert not any("shortcut" in key or "branch" in key for key in keys)
    assert "layer1.0.downsample.0.weight" not in ResNet("resnet18").state_dict()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_imagenet_file_loads_without_classifier(tmp_path, suffix: str) -> None:
    source, net = ResNet("resnet18"), ResNet("resnet18")
    state = {**source.state_dict(), "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    net.load_imagenet(path)
    assert all(torch.equal(value, source.state_dict()[key]) for key, value in net.state_dict().items())


def test_wrong_files_say_so(tmp_path) -> None:
    net = ResNet("resnet18")
    with pytest.raises(EpiposeError, match="There is no file"):
        net.load_imagenet(tmp_path / "none.pth")
    torch.save(ResNet("resnet34").state_dict(), tmp_path / "other.pth")
    with pytest.raises(EpiposeError, match="does not fit resnet18"):
        net.load_imagenet(tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(EpiposeError, match="cannot be read as weights"):
        net.load_imagenet(tmp_path / "text.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(EpiposeError, match="no state dict"):
        net.load_imagenet(tmp_path / "list.pth")
    with pytest.raises(EpiposeError, match="resnet18, resnet34, resnet50"):
        ResNet("resnet19")
