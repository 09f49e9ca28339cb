"""EfficientNet-Lite0: a small backbone for CPUs, with ImageNet weights that a package carries.

Mobile inverted bottlenecks (Tan & Le 2019, EfficientNet-B0) without squeeze-and-excitation and with ReLU6, as the Lite
variants have them. A file of our own, so that the package needs no vision library; the parameter names
(``_blocks.3._expand_conv``, ...) are those of the published PyTorch state dict. Its weights come from TensorFlow, hence
the padding, which at stride 2 is one pixel more at the right and bottom, the epsilon of the batch normalisation, and
an input range of about -1 to 1.
"""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from epipose.network.resnet import load_without_classifier

# (expansion, kernel size, stride of the first block, channels, blocks) of every stage
_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


class _Conv(nn.Conv2d):
    """Convolution without bias, padded as TensorFlow's "SAME" pads even sides."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, size, stride, groups=groups, bias=False)
        before = (size - stride) // 2
        after = size - stride - before
        self.border = (before, after, before, after)
        nn.init.normal_(self.weight, std=(2 * groups / (size**2 * outputs)) ** 0.5)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(nn.functional.pad(input, self.border) if any(self.border) else input)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class MBConv(nn.Module):
    """Widen with a 1x1 convolution, filter every channel by itself, narrow; with a shortcut where shapes allow."""

    def __init__(self, inputs: int, outputs: int, *, expansion: int, size: int, stride: int) -> None:
        """``expansion`` times ``inputs`` channels in the middle, ``size`` of the depthwise convolution."""
        super().__init__()
        width = inputs * expansion
        self.widens, self.shortcut = expansion != 1, stride == 1 and inputs == outputs
        if self.widens:
            self._expand_conv, self._bn0 = _Conv(inputs, width, 1), _norm(width)
        self._depthwise_conv, self._bn1 = _Conv(width, width, size, stride, groups=width), _norm(width)
        self._project_conv, self._bn2 = _Conv(width, outputs, 1), _norm(outputs)
        self.relu = nn.ReLU6(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output; no activation after narrowing."""
        y = self.relu(self._bn0(self._expand_conv(x))) if self.widens else x
        y = self.relu(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.shortcut else y


class EfficientNetLite0(nn.Module):
    """The convolutional part: images to ``channels`` feature maps at 1/32 of the size."""

    name = "efficientnet_lite0"
    mean = (127 / 255,) * 3  # what to subtract from RGB in [0, 1], and then to divide by
    deviation = (128 / 255,) * 3
    channels = 1280

    def __init__(self) -> None:
        """Randomly initialised."""
        super().__init__()
        self._conv_stem, self._bn0 = _Conv(3, 32, 3, stride=2), _norm(32)
        blocks, inputs = [], 32
        for expansion, size, stride, outputs, depth in _STAGES:
            for index in range(depth):
                first = stride if index == 0 else 1
                blocks.append(MBConv(inputs, outputs, expansion=expansion, size=size, stride=first))
                inputs = outputs
        self._blocks = nn.Sequential(*blocks)
        self._conv_head, self._bn1 = _Conv(inputs, self.channels, 1), _norm(self.channels)
        self.relu = nn.ReLU6(inplace=True)

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch channels h w"]:
        """Feature maps at 1/32 of the size, which must be a multiple of 32."""
        x = self._blocks(self.relu(self._bn0(self._conv_stem(x))))
        return self.relu(self._bn1(self._conv_head(x)))

    def load_imagenet(self, path: Path) -> None:
        """Load the published state dict (.pth or .safetensors); the classifier ``_fc`` is dropped.

        Raises InputError when the file is missing, is no state dict, or belongs to another architecture.
        """
        load_without_classifier(self, self.name, path, "_fc.")
