"""Training options for adaptation of the pretrained network to one clip."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from epipose.network.choices import Backbone
from epipose.network.config import HeadSizes
from epipose.network.pretrained import pretrained_config
from epipose.training.options import TrainOptions

# How the pretrained network adapts to one clip in minutes without a GPU, but for its sizes: `run --network small`, the
# demo. Only the head learns, and half of what it knew before is kept: a few cameras are soon learned by heart.
ADAPT = TrainOptions(
    init="pretrained",
    epochs=3,
    batch_size=16,
    lr=3e-4,
    schedule="cosine",
    warmup=0.2,
    clip_gradient=1.0,
    keep_initial=0.5,
    rotation_deg=10.0,
    scale=(0.9, 1.1),
    shift=0.03,
    occlusion=0.3,
    flip=0.5,
)


def adapt_options() -> TrainOptions:
    """``ADAPT`` with sizes and margin of the pretrained network; DamagedFileError where the package lacks it."""
    config = pretrained_config()
    sizes = config.sizes
    assert isinstance(sizes, HeadSizes)  # the package's
    return replace(
        ADAPT, backbone=cast(Backbone, sizes.backbone), input_size=sizes.input_size, channels=sizes.width,
        layers=sizes.layers, margin=config.margin,
    )  # fmt: skip
