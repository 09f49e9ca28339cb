"""Configuration of a trained network: its sizes and how its output is read, as config.json has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.io.files import AnyPath, read_json, write_json
from epipose.io.guard import reads
from epipose.network.choices import on_landmarks
from epipose.skeleton import Skeleton
from epipose.skeletons import skeleton_named

_FORMAT = "epipose-posenet-1"
_LARGEST = {  # sizes of a network in a file, so that one that is damaged asks for no more memory than there is
    "joints": 256, "input_size": 2048, "depth_bins": 256, "channels": 1024, "deconvs": 8, "width": 2048, "layers": 32,
}  # fmt: skip


@dataclass(frozen=True)
class PoseNetSizes:
    """Sizes of a `PoseNet`, named as its arguments."""

    backbone: str
    joints: int
    input_size: int
    depth_bins: int
    channels: int
    deconvs: int


@dataclass(frozen=True)
class HeadSizes:
    """Sizes of a `LandmarkPoseNet`: the landmark network, and width and layers of the head's transformer."""

    backbone: str
    joints: int
    input_size: int
    width: int
    layers: int


@dataclass(frozen=True)
class PoseNetConfig:
    """Sizes of a network, the skeleton it predicts, and its bone lengths and margin as `TrainedPoseNet` has them."""

    sizes: PoseNetSizes | HeadSizes
    skeleton: Skeleton
    bone_lengths: Float[Tensor, " bone"]
    metric: bool
    margin: float

    def to_json(self) -> dict[str, object]:
        """The content of config.json: flat, the bones named by their lower joint, lengths rounded to six decimals."""
        bones = {
            self.skeleton.joints[child]: round(float(length), 6)
            for (_, child), length in zip(self.skeleton.bones, self.bone_lengths, strict=True)
        }
        reading = {"skeleton": self.skeleton.name, "metric": self.metric, "margin": self.margin, "bone_lengths": bones}
        return {"format": _FORMAT, **asdict(self.sizes), **reading}

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> PoseNetConfig:
        """Read what `to_json` gave; raises whatever Python does for what is no such thing: call it under `reading`."""
        kind = HeadSizes if on_landmarks(str(content["backbone"])) else PoseNetSizes
        numbers = {field.name: int(content[field.name]) for field in fields(kind) if field.name != "backbone"}
        if not all(0 < number <= _LARGEST[name] for name, number in numbers.items()):
            raise ValueError(f"sizes of a network from 1 to {_LARGEST} were expected, got {numbers}")
        sizes = kind(str(content["backbone"]), **numbers)
        skeleton = skeleton_named(content["skeleton"])
        lengths = torch.tensor([content["bone_lengths"][skeleton.joints[child]] for _, child in skeleton.bones])
        return PoseNetConfig(sizes, skeleton, lengths, bool(content["metric"]), float(content["margin"]))

    def save(self, path: AnyPath) -> None:
        """Write it as JSON."""
        write_json(path, self.to_json())

    @staticmethod
    @reads("the configuration of a network", "Train it again, or get its folder again.")
    def load(path: AnyPath) -> PoseNetConfig:
        """Read what `save` wrote; InputError where there is no such file, DamagedFileError for a damaged one."""
        return PoseNetConfig.from_json(read_json(path))
