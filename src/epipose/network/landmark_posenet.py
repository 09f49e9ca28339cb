"""PoseNet on a landmark network: BlazePose's, and a head that learns depth from what it saw.

The landmark network is as its publishers trained it, on many real people, also with bodies that were fitted in 3D, or it
was trained on a little from there and belongs to the model; it is frozen here. The head has learned from whatever the
user, or we, gave it. Crops are BlazePose's own regions of interest (`epipose.network.crops.roi_around`): on others the
landmark network errs by half as much again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jaxtyping import Float
from torch import Tensor, nn

from epipose.errors import InputError
from epipose.network.blazepose import CROP_SIDE, BlazePoseLandmarks, Variant
from epipose.network.config import HeadSizes
from epipose.network.graph_net import GraphNet
from epipose.network.reading import PoseReading
from epipose.network.token_head import HEADS, TokenHead
from epipose.skeletons import H36M17

_TAPS = {  # (channels, side) of the features, as `BlazePoseLandmarks` gives them
    "full": ((88, 16), (144, 8), (48, 16), (48, 32), (48, 64), (288, 2)),
    "heavy": ((160, 16), (272, 8), (48, 16), (48, 32), (48, 64), (288, 2)),
}
_TRUNK = "trunk."  # before the names of the landmark network's tensors, in a model's file


class LandmarkPoseNet(nn.Module):
    """RGB crops to joints (u, v, d) in crop widths; only the head is trained. ``own_trunk``: see `take_trunk`."""

    def __init__(self, sizes: HeadSizes, landmarks: BlazePoseLandmarks) -> None:
        """``landmarks`` is the network that ``sizes.backbone`` names; it is shared, and not changed.

        Raises InputError for sizes that cannot be.
        """
        super().__init__()
        if sizes.input_size != CROP_SIDE or sizes.layers < 1 or sizes.width < HEADS or sizes.width % HEADS:
            raise InputError(
                f"Got input size {sizes.input_size}, {sizes.width} channels and {sizes.layers} layers; "
                f"{sizes.backbone} reads {CROP_SIDE} pixels, and its head has a multiple of {HEADS} channels and at "
                "least one layer."
            )
        self.sizes = sizes
        self.backbone = landmarks.requires_grad_(False)
        self.own_trunk = False
        self.head = TokenHead(_TAPS[variant_of(sizes.backbone)], H36M17, width=sizes.width, layers=sizes.layers)

    def forward(
        self, images: Float[Tensor, "batch 3 256 256"]
    ) -> tuple[Float[Tensor, "batch joint 3"], Float[Tensor, "batch joint"]]:
        """RGB in [0, 1] to (u, v, d) and confidence, as `PoseNet`."""
        reading = self.read(images)
        return reading.uvd, reading.conf

    def read(self, images: Float[Tensor, "batch 3 256 256"]) -> PoseReading:
        """RGB in [0, 1] to joints with their expected errors, and the landmark network's own answer."""
        return self.head(self.backbone(images))

    def trained_parameters(self) -> Iterator[nn.Parameter]:
        """Those that training changes at the full rate: the head's."""
        return self.head.parameters()

    def own_state(self) -> dict[str, Tensor]:
        """The head's tensors, and the landmark network's where they are its own; else that has a file of its own."""
        state = {f"head.{key}": value for key, value in self.head.state_dict().items()}
        if self.own_trunk:
            state |= {f"{_TRUNK}{key}": value.detach() for key, value in self.backbone.network.tensors.items()}
        return state

    def load_own_state(self, state: dict[str, Tensor]) -> None:
        """Take what `own_state` gave; RuntimeError or KeyError for other tensors."""
        head = {key.removeprefix("head."): value.float() for key, value in state.items() if not key.startswith(_TRUNK)}
        self.head.load_state_dict(head)
        if trunk := {key.removeprefix(_TRUNK): value for key, value in state.items() if key.startswith(_TRUNK)}:
            self.take_trunk(trunk)

    def take_trunk(self, tensors: Mapping[str, Tensor]) -> None:
        """Have a landmark network of one's own with these tensors, which no other network shares.

        RuntimeError for tensors of another network.
        """
        graph, known = self.backbone.network.graph, dict(self.backbone.network.tensors.items())
        if {key: value.shape for key, value in tensors.items()} != {key: value.shape for key, value in known.items()}:
            raise RuntimeError(f"these are not the tensors of {self.sizes.backbone}")
        device = next(iter(known.values())).device
        self.backbone = BlazePoseLandmarks(GraphNet(graph, tensors)).to(device).requires_grad_(False)
        self.own_trunk = True


def variant_of(backbone: str) -> Variant:
    """The variant of BlazePose that a backbone's name means."""
    return "heavy" if backbone == "blazepose_heavy" else "full"
