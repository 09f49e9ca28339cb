"""ResNet-18, -34 and -50 whose parameter names are those of the usual ImageNet files.

A file of our own, so that the package needs no vision library; the names (``conv1``, ``layer1.0.bn2``,
``layer2.0.downsample.0``) are the widespread ones, so that published weights load. Architecture: He et al. 2016, with
the stride of a bottleneck in its 3x3 convolution, as all current weights have it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epipose.errors import DamagedFileError, InputError
from epipose.io.guard import reading


def _conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)


class _Block(nn.Module):
    """Residual block: subclasses define ``branch``, this adds the shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        outputs = width * self.expansion
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(_conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def branch(self, x: Tensor) -> Tensor:
        """The residual."""
        raise AssertionError("a block defines its branch")

    def forward(self, x: Tensor) -> Tensor:
        """Residual plus shortcut."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(self.branch(x) + shortcut)


class BasicBlock(_Block):
    """Two 3x3 convolutions."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        """``inputs`` channels in, ``width`` channels out."""
        super().__init__(inputs, width, stride)
        self.conv1, self.bn1 = _conv(inputs, width, 3, stride), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width, 3), nn.BatchNorm2d(width)

    def branch(self, x: Tensor) -> Tensor:
        """The residual."""
        return self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))


class Bottleneck(_Block):
    """1x1, 3x3, 1x1 convolutions; four times as many channels out as in the middle."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        """``inputs`` channels in, ``width`` in the middle, four times ``width`` out."""
        super().__init__(inputs, width, stride)
        self.conv1, self.bn1 = _conv(inputs, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width, 3, stride), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = _conv(width, 4 * width, 1), nn.BatchNorm2d(4 * width)

    def branch(self, x: Tensor) -> Tensor:
        """The residual."""
        x = self.relu(self.bn1(self.conv1(x)))
        return self.bn3(self.conv3(self.relu(self.bn2(self.conv2(x)))))


BACKBONES: dict[str, tuple[type[_Block], tuple[int, int, int, int]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}


class ResNet(nn.Module):
    """The convolutional part: images to ``channels`` feature maps at 1/32 of the size."""

    mean = (0.485, 0.456, 0.406)  # ImageNet's, of RGB in [0, 1]
    deviation = (0.229, 0.224, 0.225)

    def __init__(self, name: str) -> None:
        """One of `BACKBONES`, randomly initialised; InputError for another name."""
        if name not in BACKBONES:
            raise InputError(f"Unknown backbone '{name}'; there are {', '.join(BACKBONES)} and efficientnet_lite0.")
        super().__init__()
        block, depths = BACKBONES[name]
        self.name = name
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, padding=1)
        inputs = 64
        for level, depth in enumerate(depths):
            width = 64 * 2**level
            blocks = []
            for index in range(depth):
                blocks.append(block(inputs, width, stride=2 if level and not index else 1))
                inputs = width * block.expansion
            self.add_module(f"layer{level + 1}", nn.Sequential(*blocks))
        self.channels = inputs
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, Bottleneck):  # blocks start as the identity: Goyal et al. 2017, section 5.1
                nn.init.zeros_(module.bn3.weight)
            elif isinstance(module, BasicBlock):
                nn.init.zeros_(module.bn2.weight)

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch channels h w"]:
        """Feature maps at 1/32 of the size."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for level in range(1, 5):
            x = self.get_submodule(f"layer{level}")(x)
        return x

    def load_imagenet(self, path: Path) -> None:
        """Load a standard ImageNet state dict (.pth or .safetensors); the classifier ``fc`` is dropped.

        Raises InputError when the file is missing, is no state dict, or belongs to another architecture.
        """
        load_without_classifier(self, self.name, path, "fc.")


def load_without_classifier(net: nn.Module, name: str, path: Path, classifier: str) -> None:
    """Load a state dict into a backbone, less the entries that begin with ``classifier``; InputError on a misfit."""
    state = {key: value for key, value in read_state(path).items() if not key.startswith(classifier)}
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(
            f"{path} does not fit {name}: {str(error)[:300]}. Give the ImageNet weights of {name}, or choose the "
            "backbone they belong to."
        ) from error


def read_state(path: Path) -> dict[str, Tensor]:
    """Named tensors of a .safetensors or (weights only, no code runs) .pth file.

    InputError for a missing file, DamagedFileError for another one.
    """
    with reading(path, "weights", "Get the file again."):
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DamagedFileError(f"{path} is no state dict (a table of named tensors). Save model.state_dict() to it.")
    return state
