"""Options of single-image prediction: the command line of `epipose predict` and the keywords of `predict` in one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from epipose.io.ranges import Count, OptionRecord
from epipose.network.choices import Runtime


@dataclass(frozen=True)
class PredictOptions(OptionRecord):
    """Options of single-image prediction."""

    runtime: Runtime = "auto"
    """Runtime of the network. onnx: model.onnx in the model folder. auto: ONNX Runtime for an ONNX file and, without a
    file, for networks on a landmark network such as the pretrained one; torch for others."""
    flip_test: bool = False
    """Predict the horizontally flipped image too and average both: somewhat more accurate, half as fast."""
    temporal: bool = True
    """Refine the poses of a video over time, where the model folder has a temporal refiner: less jitter, more accurate."""
    intrinsics: Path | None = None
    """Intrinsics of the camera, where known (JSON as for calibrate: one camera, or one called like the file); otherwise
    those of an ordinary lens are assumed."""
    detector: str = "auto"
    """Detector of the person in the image: blazepose, blazepose-full, blazepose-heavy, or pretrained, which is BlazePose
    full from the package, finds people by itself and needs no download; or another one, as for detect. auto: the
    landmark network that the model stands on; for other models blazepose where its weights are there, else
    pretrained."""
    detector_option: tuple[str, ...] = ()
    """Option of the detector, KEY=VALUE, such as device=cuda or threads=4; may be repeated."""
    batch_size: Count | None = None
    """Images per batch; default: 8 on a CPU, 32 on a GPU."""
    device: str = "auto"
    """cpu, cuda, or auto: a graphics card where there is one."""
