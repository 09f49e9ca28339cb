"""Training options for adaptation of the pretrained network to one clip."""

from __future__ import annotations

from typing import Any

# How the network that comes with epipose adapts to one clip in minutes without a GPU: `run --network small`, the demo.
# Its sizes are `shipped_sizes`.
ADAPT: dict[str, Any] = {
    "init": "shipped",
    "epochs": 10,
    "batch_size": 16,
    "backbone_lr": 0.5,
    "schedule": "cosine",
    "warmup": 0.2,
    "clip_gradient": 1.0,
    "rotation": 0.26,
    "occlusion": 0.3,
}
