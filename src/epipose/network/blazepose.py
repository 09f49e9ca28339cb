"""BlazePose's landmark networks in PyTorch (Bazarevsky et al. 2020): rebuilt from their files, to run and to train on.

An encoder of inverted residuals halves the image down to 8 x 8; a decoder adds it up again to 64 x 64, where heatmaps
are read; a second trunk goes down to 2 x 2, from which landmarks, world landmarks and the score are regressed. The
heavy variant has the same outline with more channels and a deeper trunk, which also reads the decoder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epipose.errors import DamagedFileError, InputError
from epipose.io.fetch import cache_folder
from epipose.network.blazepose_weights import DETECTION, ensure_cached, landmark_file
from epipose.network.graph_net import Graph, GraphNet
from epipose.network.graph_ops import Add, Conv, Flatten, Op, Resize
from epipose.network.tflite_graph import TfliteNetwork, read_tflite
from epipose.skeletons import BLAZEPOSE33

Variant = Literal["full", "heavy"]
CROP_SIDE = 256  # pixels
LANDMARKS = len(BLAZEPOSE33.joints)
HIPS, RIM = LANDMARKS, LANDMARKS + 1  # the points behind the landmarks that place the next crop
POINTS = LANDMARKS + 6  # landmarks, those two, and four more
PACKAGED = Path(__file__).parent / "pretrained_weights"
CONVERSION = 3  # goes up when files converted before must be made again
_WINDOW, _PEAK = 7, 0.5  # cells around a point; a heatmap that stays lower there is not used


class LandmarkReading(NamedTuple):
    """What a landmark network reads in crops of ``CROP_SIDE`` pixels.

    ``landmarks`` are x, y and z in pixels of the crop (z relative to the hips), and the logits of being visible and of
    being in the crop; ``score`` is the probability that a person is there; ``heatmaps`` are logits; ``world`` is in
    metres, relative to the hips, in the axes of the crop. ``taps`` are features: see `BlazePoseLandmarks`.
    """

    landmarks: Float[Tensor, "batch 39 5"]
    score: Float[Tensor, " batch"]
    heatmaps: Float[Tensor, "batch 39 64 64"]
    world: Float[Tensor, "batch 39 3"]
    taps: tuple[Tensor, ...]


class BlazePoseLandmarks(nn.Module):
    """A landmark network: a graph whose outputs are landmarks, score, heatmaps, world, and then the taps.

    The taps of "full", "heavy" in this order, each (batch, channel, side, side):
    encoder at 16 (88; 160 channels) and 8 (144; 272), decoder at 16, 32 and 64 (48; 48), end of the trunk at 2 (288).
    """

    def __init__(self, network: GraphNet) -> None:
        """Wrap a graph with at least the four outputs; raises InputError for one with fewer."""
        super().__init__()
        if len(network.graph.outputs) < 4:
            raise InputError(f"A landmark network has four outputs or more, not {len(network.graph.outputs)}.")
        self.network = network

    def forward(self, images: Float[Tensor, "batch 3 256 256"]) -> LandmarkReading:
        """Read crops, RGB in [0, 1]."""
        return landmark_reading(self.network(images))


def landmark_reading(outputs: Sequence[Tensor]) -> LandmarkReading:
    """The outputs of a landmark network's graph in their order, by name."""
    landmarks, score, heatmaps, world, *taps = outputs
    return LandmarkReading(
        landmarks.reshape(-1, POINTS, 5), score.reshape(-1), heatmaps, world.reshape(-1, POINTS, 3), (*taps,)
    )


def refined_points(reading: LandmarkReading) -> Float[Tensor, "batch 39 2"]:
    """Where the points are, in crop widths from the crop's upper left corner; as precise as ``landmarks``.

    Each is moved to the centroid of its heatmap in the 7 x 7 cells around it, where that has a clear peak. Cell (row,
    column) stands for the point (column, row) / 64: measured, the half cell that one would add makes it worse.
    """
    points = reading.landmarks[..., :2] / CROP_SIDE
    cells, steps = reading.heatmaps.shape[-1], torch.arange(_WINDOW, device=points.device) - _WINDOW // 2
    column, row = (points * cells).long().clamp(0, cells - 1).unbind(-1)
    window = torch.meshgrid(steps, steps, indexing="ij")
    rows, columns = (at[..., None] + step.flatten() for at, step in zip((row, column), window, strict=True))
    inside = (rows >= 0) & (rows < cells) & (columns >= 0) & (columns < cells)
    index = rows.clamp(0, cells - 1) * cells + columns.clamp(0, cells - 1)
    weight = reading.heatmaps.flatten(2).gather(2, index).to(points).sigmoid() * inside
    places = torch.stack([columns, rows], -1)
    mean = (weight[..., None] * places).sum(2) / weight.sum(2, keepdim=True).clamp(min=1e-9) / cells
    clear = (weight.amax(2) >= _PEAK) & ((points >= 0) & (points < 1)).all(-1)
    return torch.where(clear[..., None], mean, points)


def load_landmarks(variant: Variant = "full") -> BlazePoseLandmarks:
    """The landmark network "full" or "heavy": from the package where it has that one, else from the cache.

    Into the cache it is downloaded and converted the first time. Raises InputError for another name, EpiposeError that
    lists what was tried where no download worked.
    """
    if (packaged := PACKAGED / f"blazepose-{variant}.safetensors").exists():
        return BlazePoseLandmarks(GraphNet.load(packaged))
    file = landmark_file(variant)
    name = f"blazepose-{variant}-{CONVERSION}.safetensors"
    return BlazePoseLandmarks(_converted(name, lambda: landmark_graph(read_tflite(ensure_cached(file)))))


def load_person_detector() -> GraphNet:
    """The person detector: crops (batch, 3, 224, 224) in [-1, 1] to boxes (batch, 2254, 12) and logits (.., 1).

    Raises EpiposeError that lists what was tried where no download worked.
    """
    return _converted(
        f"blazepose-detector-{CONVERSION}.safetensors", lambda: person_graph(read_tflite(ensure_cached(DETECTION)))
    )


def landmark_graph(network: TfliteNetwork) -> GraphNet:
    """A landmark network as read from its file, with outputs in the order of `LandmarkReading` and the taps behind."""
    landmarks, score, _, heatmaps, world = network.graph.outputs  # the third separates person and background
    graph = network.graph.pruned((landmarks, score, heatmaps, world))
    outputs = (landmarks, score, heatmaps, world, *_taps(graph, network))
    return GraphNet(graph.pruned(outputs).folded(), network.tensors)


def person_graph(network: TfliteNetwork) -> GraphNet:
    """The person detector as read from its file."""
    return GraphNet(network.graph.folded().mixed_before_resize(network.tensors), network.tensors)


def _taps(graph: Graph, network: TfliteNetwork) -> list[str]:
    """The features by their role: sums that end a stage of the encoder, sums of the decoder, what the heads read."""
    makers = {op.output: op for op in graph.ops}
    start = next(i for i, op in enumerate(graph.ops) if isinstance(op, Resize))
    encoder = {network.shapes[op.output][-1]: op.output for op in graph.ops[:start] if isinstance(op, Add)}
    decoder = {
        network.shapes[op.output][-1]: op.output
        for op in graph.ops[start:]
        if isinstance(op, Add) and any(isinstance(makers[name], Resize) for name in op.inputs)
    }
    head: Op = makers[graph.outputs[0]]
    while isinstance(head, Flatten):
        head = makers[head.inputs[0]]
    assert isinstance(head, Conv)
    return [encoder[16], encoder[8], decoder[16], decoder[32], decoder[64], head.inputs[0]]


def _converted(name: str, convert: Callable[[], GraphNet]) -> GraphNet:
    """A converted network from the cache, made where it is missing or damaged. All its numbers are of half precision."""
    path: Path = cache_folder() / name
    if path.exists():
        try:
            return GraphNet.load(path)
        except DamagedFileError:
            path.unlink(missing_ok=True)
    graph = convert()
    with contextlib.suppress(OSError):  # a cache that cannot be written serves as well, but is converted every time
        graph.save(path, dtype=torch.float16)
    return graph
