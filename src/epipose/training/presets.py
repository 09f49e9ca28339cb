"""Training options for adaptation of the pretrained network to one clip."""

from __future__ import annotations

from typing import Any

# How the pretrained network adapts to one clip in minutes without a GPU: `run --network small`, the demo.
# Its sizes are `pretrained_sizes`.
ADAPT: dict[str, Any] = {
    "init": "pretrained",
    "epochs": 10,
    "batch_size": 16,
    "backbone_lr": 0.5,
    "schedule": "cosine",
    "warmup": 0.2,
    "clip_gradient": 1.0,
    "rotation": 0.26,
    "occlusion": 0.3,
}
