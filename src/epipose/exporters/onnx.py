"""ONNX export of a trained network, for programs without PyTorch.

Input ``images``: RGB bytes (batch, size, size, 3), any batch; outputs ``uvd`` (batch, joint, 3) in crop widths,
``confidence`` (batch, joint) and ``scale``, the expected error of ``uvd``. A network on a landmark network also gives
that one's ``keypoints`` (batch, joint, 2), ``keypoint_confidence`` and ``own_depth``. The content of config.json lies
in the file's metadata under ``epipose``, so that the file alone is enough to predict with. The refiner is not in it: it
corrects the predictions of any backend where the model folder is.
"""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from epipose.errors import optional
from epipose.exporters.base import Recording, Written
from epipose.exporters.options import ExportOptions
from epipose.io.files import replacing
from epipose.network.backends import OWN_OUTPUTS
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.posenet import Net, to_input

OPSET = 18


class _FromBytes(nn.Module):
    """The network behind the step from bytes to what it takes."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: UInt8[Tensor, "batch size size 3"]) -> tuple[Tensor, ...]:
        reading = self.net.read(to_input(images))
        return (reading.uvd, reading.conf, reading.scale, *(reading.own or ()))


def export_onnx(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write ``out``, whole or not at all; raises MissingExtraError without the packages of the extra ``onnx``."""
    optional("onnx", "onnx")
    optional("onnxscript", "onnx")
    trained = recording.need_model()
    size = trained.input_size
    own = OWN_OUTPUTS if isinstance(trained.net, LandmarkPoseNet) else ()
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # the exporter's, on its own workings
        program = torch.onnx.export(
            _FromBytes(trained.net.cpu().eval()),
            (example,),
            input_names=["images"],
            output_names=["uvd", "confidence", "scale", *own],
            dynamic_shapes={"images": {0: torch.export.Dim.DYNAMIC}},
            opset_version=OPSET,
            dynamo=True,
        )
    assert program is not None
    program.model.metadata_props["epipose"] = json.dumps(trained.config().to_json())
    with replacing(out) as part:
        program.save(part, external_data=False)
    return Written((out,))
