"""Names of backbones, crops and runtimes, apart from the networks so that the command line need not import PyTorch."""

from __future__ import annotations

from typing import Literal

Backbone = Literal["resnet18", "resnet34", "resnet50", "efficientnet_lite0", "blazepose_full", "blazepose_heavy"]
Runtime = Literal["auto", "torch", "onnx"]
CropKind = Literal["upright", "roi"]  # upright boxes, or regions of interest: see `epipose.network.crops`


def on_landmarks(backbone: str) -> bool:
    """Whether a backbone is a landmark network, which is frozen and reads regions of interest."""
    return backbone.startswith("blazepose")


def crop_kind(backbone: str) -> CropKind:
    """The crops that a network on this backbone reads."""
    return "roi" if on_landmarks(backbone) else "upright"
