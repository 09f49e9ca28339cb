"""Training options for adaptation of the pretrained network to one clip."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

from epipose.network.choices import Backbone
from epipose.network.pretrained import pretrained_config
from epipose.training.options import TrainOptions

# How the pretrained network adapts to one clip in minutes without a GPU, but for its sizes: `run --network small`, the
# demo.
ADAPT = TrainOptions(
    init="pretrained",
    epochs=10,
    batch_size=16,
    backbone_lr=0.5,
    schedule="cosine",
    warmup=0.2,
    clip_gradient=1.0,
    rotation_deg=math.degrees(0.26),
    occlusion=0.3,
)


def adapt_options() -> TrainOptions:
    """``ADAPT`` with sizes and margin of the pretrained network; DamagedFileError where the package lacks it."""
    config = pretrained_config()
    sizes = config.sizes
    return replace(
        ADAPT,
        backbone=cast(Backbone, sizes.backbone),
        input_size=sizes.input_size,
        depth_bins=sizes.depth_bins,
        channels=sizes.channels,
        deconvs=sizes.deconvs,
        margin=config.margin,
    )
