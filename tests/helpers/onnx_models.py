"""Small ONNX networks with the signatures of published pose networks, which find the bright spots of an image.

Joint j is the spot in colour j % 3 (red, green, blue), so a network that is given BGR for RGB, another mean, or another
place in the image answers something else. Inputs are turned back into bytes first: normalisation is checked too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Mean and deviation of each channel of the input, in RGB, and whether it comes as BGR: as the networks were trained.
IMAGENET = [255 * share for share in (0.485, 0.456, 0.406)], [255 * share for share in (0.229, 0.224, 0.225)], False
RAW_BGR = [0.0] * 3, [1.0] * 3, True
UNIT_RGB = [0.0] * 3, [255.0] * 3, False

SIGMA = 9.0  # pixels, of the spots
FLOOR = 150.0  # darker pixels are nothing: the grey border is 114
BOX = 20.0  # half the side of the boxes round the spots' middle


def spots(width: int, height: int, places: np.ndarray, sigma: float = SIGMA) -> np.ndarray:
    """An image, black but for a spot in each colour, at ``places`` (3, 2) in pixels."""
    y, x = np.mgrid[:height, :width]
    squared = [(x - column) ** 2 + (y - row) ** 2 for column, row in places]
    return np.stack([255 * np.exp(-each / (2 * sigma**2)) for each in squared], -1).round().astype(np.uint8)


class Model:
    """Nodes of a network, from the input to bytes in RGB; ``save`` writes it with its outputs."""

    def __init__(self, normalisation, width: int, height: int, *, batch: int | str = "batch", open_size=False):
        self._nodes, self._constants = [], []
        size = ("height", "width") if open_size else (height, width)
        self._input = helper.make_tensor_value_info("images", TensorProto.FLOAT, (batch, 3, *size))
        mean, std = (np.array(values, np.float32)[:, None, None] for values in normalisation[:2])
        pixels = self("Add", self("Mul", "images", std), mean)
        self.pixels = self("Gather", pixels, np.array([2, 1, 0]), axis=1) if normalisation[2] else pixels
        self.spots = self("Relu", self("Sub", self.pixels, np.float32(FLOOR)))

    def __call__(self, kind: str, *inputs, **attributes) -> str:
        """Add a node with one output; arrays among the inputs become constants."""
        names = [each if isinstance(each, str) else self._constant(each) for each in inputs]
        output = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, names, [output], **attributes))
        return output

    def _constant(self, value) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def resized(self, values: str, width: int, height: int, mode: str) -> str:
        """Maps (batch, 3, rows, columns) made larger or smaller."""
        sizes = self("Concat", self("Shape", values, start=0, end=2), np.array([height, width]), axis=0)
        return self("Resize", values, "", "", sizes, mode="linear", coordinate_transformation_mode=mode)

    def joints(self, values: str, count: int) -> str:
        """The colours of axis 1, as often as there are joints."""
        return self("Gather", values, np.arange(count) % 3, axis=1)

    def centroids(self, width: int, height: int) -> tuple[str, str]:
        """Places (batch, 3, 2) of the spots, and how sure (batch, 3, 1): 0 where there is none."""
        total = self("ReduceSum", self.spots, np.array([2, 3]), keepdims=0)
        whole = self("Add", total, np.float32(1e-6))
        grids = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
        each = [
            self("Div", self("ReduceSum", self("Mul", self.spots, grid), np.array([2, 3]), keepdims=0), whole)
            for grid in grids
        ]
        last = np.array([2])
        xy = self("Concat", *(self("Unsqueeze", one, last) for one in each), axis=2)
        return xy, self("Min", self("Unsqueeze", total, last), np.float32(1))

    def save(self, path: Path, **outputs: str) -> Path:
        """Write the file; ``outputs``: the nodes' outputs by the names that they get."""
        for name, value in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [name]))
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self._nodes, "spots", [self._input], ends, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        onnx.save(model, str(path))
        return path


def simcc_model(path: Path, joints: int = 17, width: int = 192, height: int = 256, **options) -> Path:
    """As RTMPose: the profile of each colour along x and along y, in half pixels, at most 1."""
    model = Model(IMAGENET, width, height, **options)
    twice = model.resized(model.pixels, 2 * width, 2 * height, "asymmetric")
    share = model("Div", twice, np.float32(255))
    x, y = (model.joints(model("ReduceMax", share, np.array([axis]), keepdims=0), joints) for axis in (2, 3))
    return model.save(path, simcc_x=x, simcc_y=y)


def heatmap_model(path: Path, joints: int = 17, width: int = 192, height: int = 256, **options) -> Path:
    """As ViTPose: the image itself at a quarter of the size, corners on corners, as UDP has it."""
    model = Model(IMAGENET, width, height, **options)
    small = model.resized(model.pixels, width // 4, height // 4, "align_corners")
    return model.save(path, heatmaps=model.joints(model("Div", small, np.float32(255)), joints))


def _people(model: Model, joints: int, width: int, height: int) -> tuple[str, str, str]:
    """Middle (batch, 1, 2), score (batch, 1, 1) and keypoints (batch, 1, joints, 3) of the one person."""
    xy, sure = model.centroids(width, height)
    keypoints = model("Unsqueeze", model.joints(model("Concat", xy, sure, axis=2), joints), np.array([1]))
    middle = model("ReduceMean", xy, np.array([1]), keepdims=1)
    return middle, model("ReduceMin", sure, np.array([1]), keepdims=1), keypoints


SCORES = (0.9, 0.8, 0.05)  # the person, the same once more, and nobody


def _boxes(model: Model, middle: str, score: str, corners: bool) -> str:
    """Rows (batch, 3, 5): a box round the middle as corners, or as centre and size, and the score."""
    if corners:
        box = model("Concat", model("Sub", middle, np.float32(BOX)), model("Add", middle, np.float32(BOX)), axis=2)
    else:
        box = model("Concat", middle, model("Add", model("Mul", middle, np.float32(0)), np.float32(2 * BOX)), axis=2)
    rows = [model("Concat", box, model("Mul", score, np.float32(share)), axis=2) for share in SCORES]
    return model("Concat", *rows, axis=1)


def rtmo_model(path: Path, joints: int = 17, width: int = 640, height: int = 640, **options) -> Path:
    """As RTMO from MMDeploy: boxes and keypoints of three people, of whom two are one, and one is none."""
    model = Model(RAW_BGR, width, height, **options)
    middle, score, keypoints = _people(model, joints, width, height)
    dets = _boxes(model, middle, score, corners=True)
    return model.save(path, dets=dets, keypoints=model("Concat", *[keypoints] * 3, axis=1))


def yolo_model(path: Path, end_to_end: bool, joints: int = 17, width: int = 640, height: int = 640, **options) -> Path:
    """As YOLO's pose networks: (batch, 5 + 3 joints, candidates), or end to end (batch, people, 6 + 3 joints)."""
    model = Model(UNIT_RGB, width, height, **options)
    middle, score, keypoints = _people(model, joints, width, height)
    boxes = _boxes(model, middle, score, corners=end_to_end)
    flat = model("Flatten", keypoints, axis=2)
    points = model("Reshape", flat, np.array([-1, 1, 3 * joints]))
    points = model("Concat", *[points] * 3, axis=1)
    if end_to_end:
        kind = model("Mul", model("Slice", boxes, np.array([4]), np.array([5]), np.array([2])), np.float32(0))
        return model.save(path, output0=model("Concat", boxes, kind, points, axis=2))
    rows = model("Concat", boxes, points, axis=2)
    padded = model("Concat", *[rows] * 30, axis=1)  # candidates are many more than numbers of one
    return model.save(path, output0=model("Transpose", padded, perm=[0, 2, 1]))
