"""PoseNet: single-image 3D pose by a volumetric heatmap per joint and soft-argmax.

A backbone, a few deconvolutions and a 1x1 convolution give every joint a volume of depth x height x width logits
(volumetric soft-argmax, Sun et al. 2018). Softmax over the whole volume makes it a probability; the pose is its mean.
The mean needs only the three marginals, so the volume is summed first and no grid of coordinates is ever built, and it
stands at voxel CENTRES, so that a uniform volume means the middle of the crop.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from epipose.errors import InputError
from epipose.io.files import AnyPath, write_tensors
from epipose.io.guard import reading
from epipose.io.staged import Staged, settle, staged
from epipose.io.summary import html_table, one_line
from epipose.network.blazepose import load_landmarks
from epipose.network.choices import CropKind, crop_kind
from epipose.network.config import HeadSizes, PoseNetConfig, PoseNetSizes
from epipose.network.efficientnet import EfficientNetLite0
from epipose.network.landmark_posenet import LandmarkPoseNet, variant_of
from epipose.network.pretrained import model_file
from epipose.network.reading import PoseReading, scale_of
from epipose.network.refiner import REFINED, WEIGHTS, Refiner, load_refiner
from epipose.network.resnet import ResNet, read_state
from epipose.skeleton import Skeleton

# Logits are multiplied by this: a volume must turn from flat to peaked before it can point anywhere near the crop's
# edge, which with Adam's even steps takes most of a short training.
_SHARPNESS = 20.0
_NEARBY = 1 / 16  # crop widths: what counts as close to the mean in a joint's confidence, if voxels are not coarser


class PoseNet(nn.Module):
    """RGB crops to joints (u, v, d) in crop widths; d is depth relative to the root, away from the camera."""

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        backbone: str = "resnet50",
        joints: int = 17,
        *,
        input_size: int = 256,
        depth_bins: int = 64,
        channels: int = 256,
        deconvs: int = 3,
    ) -> None:
        """Sizes: the input's side in pixels, voxels in depth, channels and number of the deconvolutions."""
        super().__init__()
        if input_size % 32 or input_size < 64:
            raise InputError(f"Got input size {input_size}; it must be a multiple of 32 and at least 64.")
        self.sizes = PoseNetSizes(backbone, joints, input_size, depth_bins, channels, deconvs)
        self.backbone = EfficientNetLite0() if backbone == EfficientNetLite0.name else ResNet(backbone)
        layers: list[nn.Module] = []
        inputs = self.backbone.channels
        for _ in range(deconvs):
            deconv = nn.ConvTranspose2d(inputs, channels, 4, stride=2, padding=1, bias=False)
            nn.init.normal_(deconv.weight, std=0.01)
            layers += [deconv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
            inputs = channels
        self.head = nn.Sequential(*layers)
        self.volume = nn.Conv2d(inputs, joints * depth_bins, 1)
        nn.init.normal_(self.volume.weight, std=0.001)  # starts with an almost uniform volume: every joint central
        nn.init.zeros_(self.volume.bias)  # type: ignore[arg-type]
        # The backbone's normalisation of its input, part of the network so that it cannot be forgotten.
        self.register_buffer("mean", torch.tensor(self.backbone.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(self.backbone.deviation).view(3, 1, 1), persistent=False)

    def forward(
        self, images: Float[Tensor, "batch 3 size size"]
    ) -> tuple[Float[Tensor, "batch joint 3"], Float[Tensor, "batch joint"]]:
        """RGB in [0, 1] to (u, v, d) in [-0.5, 0.5] (right, down, away from the camera) and confidence in [0, 1]."""
        features = self.backbone((images - self.mean) / self.deviation)
        logits = self.volume(self.head(features))
        batch, _, height, width = logits.shape
        volume = logits.float().reshape(batch, self.sizes.joints, self.sizes.depth_bins, height, width)
        return soft_argmax(_SHARPNESS * volume)

    def read(self, images: Float[Tensor, "batch 3 size size"]) -> PoseReading:
        """RGB in [0, 1] to joints with their expected errors, which follow from the confidence."""
        uvd, conf = self(images)
        return PoseReading(uvd, scale_of(conf))

    def trained_parameters(self) -> Iterator[nn.Parameter]:
        """Those that training changes at the full rate: all but the backbone's."""
        return itertools.chain(self.head.parameters(), self.volume.parameters())

    def own_state(self) -> dict[str, Tensor]:
        """All tensors."""
        return self.state_dict()

    def load_own_state(self, state: dict[str, Tensor]) -> None:
        """Take what `own_state` gave; RuntimeError for other tensors."""
        self.load_state_dict(state)


def soft_argmax(
    logits: Float[Tensor, "*batch depth height width"],
) -> tuple[Float[Tensor, "*batch 3"], Float[Tensor, " *batch"]]:
    """Mean position (x, y, z) in [-0.5, 0.5] under the softmax of a volume, and how concentrated it is.

    The confidence is the probability within 1/16 of the volume's width of the mean (within one voxel, where fewer than
    16 span it: a joint between two voxels has the confidence of one in the middle of a voxel), along the axis where it
    is least; at least 0.001, because 0 would mean that there is no joint at all.
    """
    volume = logits.flatten(-3).softmax(-1).view(logits.shape)
    planes = volume.sum(-3)  # height, width
    marginals = planes.sum(-2), planes.sum(-1), volume.sum((-1, -2))
    means, nearby = [], []
    for marginal in marginals:
        bins = marginal.shape[-1]
        centres = (torch.arange(bins, device=marginal.device, dtype=marginal.dtype) + 0.5) / bins - 0.5
        mean = (marginal * centres).sum(-1)
        near = (centres - mean.detach()[..., None]).abs() <= max(_NEARBY, 1 / bins) + 1e-6
        means.append(mean)
        nearby.append((marginal.detach() * near).sum(-1))
    return torch.stack(means, -1), torch.stack(nearby, -1).amin(-1).clamp(0.001, 1.0)


def to_input(images: UInt8[Tensor, "batch size size 3"]) -> Float[Tensor, "batch 3 size size"]:
    """RGB bytes, channels last, to what PoseNet takes; in memory the channels stay last, which convolutions like."""
    return images.permute(0, 3, 1, 2).float() / 255


Net = PoseNet | LandmarkPoseNet


def build_posenet(sizes: PoseNetSizes | HeadSizes) -> Net:
    """A network of these sizes, randomly initialised from torch's seed.

    Raises EpiposeError where a landmark network is neither in the package nor in the cache, nor can be downloaded.
    """
    if isinstance(sizes, HeadSizes):
        return LandmarkPoseNet(sizes, load_landmarks(variant_of(sizes.backbone)))
    return PoseNet(**vars(sizes))


@dataclass(frozen=True)
class TrainedPoseNet:
    """A network and how its output is read: its joints, the bone lengths of a person, the margin of a crop.

    ``bone_lengths`` follow ``skeleton.bones`` (0 = never seen in training), metres where ``metric``. ``margin`` is the
    side of the crop over the longer side of the person's joints. ``refiner`` corrects its predictions, where
    the model has one.
    """

    net: Net
    skeleton: Skeleton
    bone_lengths: Float[Tensor, " bone"]
    metric: bool
    margin: float
    refiner: Refiner | None = None

    @property
    def input_size(self) -> int:
        """Side of the crops that it reads, in pixels."""
        return self.net.sizes.input_size

    @property
    def crop(self) -> CropKind:
        """The kind of crops that it reads."""
        return crop_kind(self.net.sizes.backbone)

    def read(self, crops: UInt8[Tensor, "image size size 3"], device: torch.device) -> PoseReading:
        """The poses in RGB crops, computed on the device, given on the CPU."""
        net = self.net.to(device).eval()
        with torch.inference_mode():
            return net.read(to_input(crops.to(device))).cpu()

    def config(self) -> PoseNetConfig:
        """Sizes, skeleton, bone lengths and margin: what stands in config.json."""
        return PoseNetConfig(self.net.sizes, self.skeleton, self.bone_lengths, self.metric, self.margin)

    def __repr__(self) -> str:
        return one_line("TrainedPoseNet", self._facts())

    def _repr_html_(self) -> str:
        return html_table("TrainedPoseNet", self._facts())

    def _facts(self) -> dict[str, str]:
        return {
            "backbone": self.net.sizes.backbone,
            "input": f"{self.input_size} px",
            "joints": f"{len(self.skeleton.joints)} ({self.skeleton.name})",
            "scale": "metric" if self.metric else "not metric",
            "refiner": "none" if self.refiner is None else "yes",
        }

    def save(self, folder: AnyPath) -> None:
        """Write ``model.safetensors``, ``config.json`` and, where there is a refiner, its weights, as one set.

        Where there is none, the files of another network's refiner are removed.
        """
        with staged(folder, removes=REFINED if self.refiner is None else ()) as stage:
            self.write_into(stage)

    def write_into(self, stage: Staged) -> None:
        """Write what `save` writes into a set of files."""
        state = {key: value.detach().cpu().contiguous() for key, value in self.net.own_state().items()}
        if isinstance(self.net, LandmarkPoseNet):
            state = {key: value.half() for key, value in state.items()}
        write_tensors(stage.path("model.safetensors"), state)
        if self.refiner is not None:
            self.refiner.save(stage.path(WEIGHTS))
        self.config().save(stage.path("config.json"))

    @staticmethod
    def load(folder: AnyPath) -> TrainedPoseNet:
        """Read what `save` wrote, ready to predict on the CPU; InputError when the folder holds no such model."""
        settle(folder := Path(folder))
        path = folder / "config.json"
        if not path.exists():
            raise InputError(
                f"{folder} is no trained model (it has no config.json). Make one: epipose train CLIP --out {folder}"
            )
        with reading(folder, "a trained model", "Train it again."):
            config = PoseNetConfig.load(path)
            state = read_state(folder / "model.safetensors")
            net = build_posenet(config.sizes)
            net.load_own_state(state)
        refiner = load_refiner(model_file(folder, WEIGHTS), config.skeleton)
        return TrainedPoseNet(net.eval(), config.skeleton, config.bone_lengths, config.metric, config.margin, refiner)
