"""Names of backbones and runtimes, apart from the networks so that the command line need not import PyTorch."""

from __future__ import annotations

from typing import Literal

Backbone = Literal["resnet18", "resnet34", "resnet50", "efficientnet_lite0"]
Runtime = Literal["auto", "torch", "onnx"]
