"""Keypoint decoding: from what 2D pose networks answer (SimCC, heatmaps, rows of people) to pixels of their input.

SimCC classifies x and y by themselves, in bins of a fraction of a pixel (Li et al., ECCV 2022; RTMPose, Jiang et al.
2023): bin k is the place k / split. Heatmaps are read at their maximum, moved by a Newton step on the logarithm of the
blurred map (DARK: Zhang et al., CVPR 2020), which is a parabola where the map is a Gaussian. Where cell k of a heatmap
lies in the input depends on the training: at k (W - 1) / (w - 1) with unbiased data processing (UDP: Huang et al.,
CVPR 2020; ViTPose), else at k W / w.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from epipose.errors import InputError

BLUR_SIDE, BLUR_SIGMA = 11, 2.0  # cells: DARK's kernel, and the deviation that OpenCV gives a kernel of that side
_LEAST, _MOST = 1e-3, 50.0  # of a blurred heatmap before its logarithm is taken
_FURTHEST = 1.0  # cells from the maximum; a longer step is that of a map that is no Gaussian


class PeopleRows(NamedTuple):
    """What a one-stage network found in one image: boxes (left, top, right, bottom), scores, and keypoints.

    In pixels of the network's input; the third number of a keypoint is its confidence.
    """

    boxes: Float[Tensor, "person 4"]
    scores: Float[Tensor, " person"]
    keypoints: Float[Tensor, "person joint 3"]


def simcc_keypoints(
    x: Float[Tensor, "person joint column"], y: Float[Tensor, "person joint row"], split: float = 2.0
) -> tuple[Float[Tensor, "person joint 2"], Float[Tensor, "person joint"]]:
    """Keypoints in pixels of the crop, and confidence: the lesser of the two maxima, within [0, 1].

    ``split``: bins per pixel, 2 in RTMPose.
    """
    (x_conf, column), (y_conf, row) = x.max(-1), y.max(-1)
    conf = torch.minimum(x_conf, y_conf).clamp(0, 1)
    return torch.stack([column, row], -1).to(x) / split, conf


def heatmap_keypoints(
    heatmaps: Float[Tensor, "person joint row column"], width: int, height: int, *, unbiased: bool = True
) -> tuple[Float[Tensor, "person joint 2"], Float[Tensor, "person joint"]]:
    """Keypoints in pixels of a crop of ``width`` x ``height``, and confidence: the maximum, within [0, 1].

    ``unbiased``: the network was trained with UDP.
    """
    rows, columns = heatmaps.shape[-2:]
    conf, index = heatmaps.flatten(2).max(-1)
    peak = torch.stack([index % columns, index // columns], -1)
    cells = peak.to(heatmaps) + _newton_step(_log_blurred(heatmaps), peak)
    size, grid = heatmaps.new_tensor([width, height]), heatmaps.new_tensor([columns, rows])
    pixels = (size - 1) / (grid - 1) if unbiased else size / grid
    return cells * pixels, conf.clamp(0, 1)


def _log_blurred(heatmaps: Float[Tensor, "person joint row column"]) -> Float[Tensor, "person joint row column"]:
    """Logarithm of the maps, blurred and scaled back to the height that they had."""
    steps = torch.arange(BLUR_SIDE, device=heatmaps.device).to(heatmaps) - BLUR_SIDE // 2
    kernel = torch.exp(-(steps**2) / (2 * BLUR_SIGMA**2))
    kernel = kernel / kernel.sum()
    maps = heatmaps.flatten(0, 1)[:, None]
    half = BLUR_SIDE // 2
    blurred = functional.conv2d(maps, kernel[None, None, :, None], padding=(half, 0))
    blurred = functional.conv2d(blurred, kernel[None, None, None], padding=(0, half)).reshape(heatmaps.shape)
    before, after = (of.flatten(2).amax(-1)[..., None, None] for of in (heatmaps, blurred))
    return (blurred * before / after.clamp(min=1e-9)).clamp(_LEAST, _MOST).log()


def _newton_step(
    logs: Float[Tensor, "person joint row column"], peak: Tensor
) -> Float[Tensor, "person joint 2"]:  # fmt: skip
    """From each peak (column, row) to the top of the parabola through its neighbours."""
    padded = functional.pad(logs, (1, 1, 1, 1), mode="replicate")
    width = padded.shape[-1]
    flat = padded.flatten(2)
    centre = (peak[..., 1] + 1) * width + peak[..., 0] + 1

    def at(right: int, down: int) -> Tensor:
        return flat.gather(2, (centre + down * width + right)[..., None])[..., 0]

    here = at(0, 0)
    slope = torch.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], -1) / 2
    xx, yy = at(1, 0) - 2 * here + at(-1, 0), at(0, 1) - 2 * here + at(0, -1)
    xy = (at(1, 1) - at(-1, 1) - at(1, -1) + at(-1, -1)) / 4
    curvature = torch.stack([yy, -xy, -xy, xx], -1).unflatten(-1, (2, 2))
    determinant = xx * yy - xy * xy
    top = (xx < 0) & (determinant > 1e-12)  # else there is no top to go to
    step = -(curvature @ slope[..., None])[..., 0] / determinant.where(top, torch.ones(()).to(xx))[..., None]
    return (step * top[..., None]).clamp(-_FURTHEST, _FURTHEST)


def yolo_rows(output: Float[Tensor, "image a b"]) -> list[PeopleRows]:
    """The people of every image as YOLO's pose networks answer, in either of their layouts.

    (5 + 3 joints, candidates): centre, size, score, keypoints, overlapping candidates included (YOLOv8 and YOLO11);
    (people, 6 + 3 joints): corners, score, class, keypoints (end to end, YOLO26). Raises InputError for another shape.
    """
    columns, rows = output.shape[1:]
    if columns > 5 and (columns - 5) % 3 == 0 and columns != rows:
        table = output.transpose(1, 2)
        middle, half = table[..., :2], table[..., 2:4] / 2
        boxes, scores, points = torch.cat([middle - half, middle + half], -1), table[..., 4], table[..., 5:]
    elif rows > 6 and (rows - 6) % 3 == 0:
        boxes, scores, points = output[..., :4], output[..., 4], output[..., 6:]
    else:
        raise InputError(
            f"The network's output has shape {tuple(output.shape)}; expected (images, 5 + 3 joints, candidates) or "
            "(images, people, 6 + 3 joints), as YOLO's pose networks for one class have. Is it one for poses?"
        )
    keypoints = points.unflatten(-1, (-1, 3))
    return [PeopleRows(*of_image) for of_image in zip(boxes, scores, keypoints, strict=True)]


def rtmo_rows(
    boxes: Float[Tensor, "image person 5"], keypoints: Float[Tensor, "image person joint 3"]
) -> list[PeopleRows]:
    """The people of every image as RTMO answers: corners and score, and keypoints (Lu et al., CVPR 2024)."""
    return [PeopleRows(box[:, :4], box[:, 4], points) for box, points in zip(boxes, keypoints, strict=True)]


def distinct(people: PeopleRows, min_score: float, overlap: float) -> PeopleRows:
    """People with a score of at least ``min_score``, best first, without those who overlap a better one too much.

    ``overlap``: the largest intersection over union of two people's boxes (non-maximum suppression).
    """
    order = people.scores.argsort(descending=True, stable=True)
    order = order[people.scores[order] >= min_score]
    boxes, kept = people.boxes[order], []
    for row in range(len(order)):
        if not kept or float(_overlaps(boxes[row], boxes[kept]).max()) <= overlap:
            kept.append(row)
    chosen = order[kept]
    return PeopleRows(people.boxes[chosen], people.scores[chosen], people.keypoints[chosen])


def _overlaps(box: Float[Tensor, "4"], others: Float[Tensor, "other 4"]) -> Float[Tensor, " other"]:
    """Intersection over union of a box with each of the others."""
    shared = (torch.minimum(box[2:], others[:, 2:]) - torch.maximum(box[:2], others[:, :2])).clamp(min=0).prod(-1)
    areas = (others[:, 2:] - others[:, :2]).clamp(min=0).prod(-1) + (box[2:] - box[:2]).clamp(min=0).prod()
    return shared / (areas - shared).clamp(min=1e-9)
