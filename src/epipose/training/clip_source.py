"""Source of training batches from clips: labelled ones, images with 2D alone, and drawn people beside them.

A few cameras are soon learned by heart; random people whom the studio draws keep what the network knew of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from epipose.errors import InputError
from epipose.network.choices import crop_kind
from epipose.skeletons import H36M17
from epipose.training.batches import Shuffled, Source, StoredBatch
from epipose.training.images_2d import samples_2d
from epipose.training.options import TrainOptions
from epipose.training.samples import WINDOW, Samples, clip_samples, concatenate_samples, encoded

_RANDOM, _POSTURES = 0.6, 0.4  # shares of the drawn people's motions, which need no files


def clips_source(folders: Sequence[Path], labels: Sequence[Path], options: TrainOptions) -> Source:
    """The samples of all clips, and those of images with 2D alone in the same joints, in random order.

    ``labels``: the folder of each clip's labels. With ``options.drawn`` that share of every batch is drawn meanwhile.
    """
    parts = [
        clip_samples(
            clip,
            options.input_size,
            labels_in=where,
            label_weight=options.label_weight,
            min_confidence=options.min_confidence,
            margin=options.margin,
            frames=options.frames,
            max_frames=options.max_frames,
            seed=options.seed,
            views=options.views,
            crop=crop_kind(options.backbone),
            distil=options.distil,
        )
        for clip, where in zip(folders, labels, strict=True)
    ]
    flat: list[Samples] = [
        samples_2d(
            folder,
            options.input_size,
            skeleton=H36M17,
            margin=options.margin,
            crop=crop_kind(options.backbone),
        )
        for folder in options.images_2d
    ]
    clips = Shuffled(concatenate_samples(parts + flat), options.seed, pairs=options.unfrozen)
    return clips if options.drawn == 0 else WithDrawn(clips, drawn_people(options), options.drawn)


def drawn_people(options: TrainOptions) -> Source:
    """Random people in random and everyday poses, in the crops that the network reads; one process draws them."""
    from epipose.studio.actor import MotionShares
    from epipose.training.studio_scenes import StreamOptions
    from epipose.training.studio_stream import Stream

    shares = MotionShares(captured=0.0, random=_RANDOM, postures=_POSTURES)
    side, crop = round(WINDOW * options.input_size), crop_kind(options.backbone)
    return Stream(StreamOptions(side, options.seed, margin=options.margin, crop=crop, shares=shares), workers=1)


class WithDrawn:
    """Batches of clips of which a share is drawn; bones, their unit and the number of images follow from the clips."""

    def __init__(self, clips: Source, drawn: Source, share: float) -> None:
        """Raises InputError where their joints are not the same."""
        if clips.skeleton != drawn.skeleton:
            raise InputError(
                f"The labels have the joints of {clips.skeleton.name}, drawn people those of {drawn.skeleton.name}: label "
                "the clips in these, or leave out --drawn."
            )
        self.clips, self.drawn, self.share = clips, drawn, share
        self.skeleton, self.metric = clips.skeleton, clips.metric
        self.images = round(clips.images / (1 - share))

    @property
    def bone_lengths(self) -> Float[np.ndarray, " bone"]:
        """Those of the clips."""
        return self.clips.bone_lengths

    def batches(self, start_step: int, batch_size: int) -> Iterator[StoredBatch]:
        """As `Source` says; at least one image of a batch is drawn, and at least one is not."""
        drawn = min(max(round(self.share * batch_size), 1), batch_size - 1)
        both = self.clips.batches(start_step, batch_size - drawn), self.drawn.batches(start_step, drawn)
        for own, other in zip(*both, strict=False):
            crops = [crop if isinstance(crop, bytes) else encoded(crop) for crop in (*own.crops, *other.crops)]
            uvd, weight = (np.concatenate(pair) for pair in zip(own[1:3], other[1:3], strict=True))
            yield StoredBatch(crops, uvd, weight)
