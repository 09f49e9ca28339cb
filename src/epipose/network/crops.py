"""Crops: turned squares around people, square input images, normalised poses and their inverse.

A box is four numbers: centre x, centre y and side in pixels, and the angle in radians by which it is turned clockwise.
A normalised pose is (u, v, d) in units of the box's side: u right and v down along the box's own axes from its centre,
in the image as it is (distorted); d is the depth relative to the root, scaled as weak perspective scales the image,
``d = (Z - Z_root) * focal / Z_root / side``. So turning and scaling a crop turns and scales (u, v, d) alike. Depth is
along the line of sight through the box's centre: a crop does not show where in the image it was, and a person at the
side of the image looks turned (perspective crops, Yu et al., CVPR 2021). The way back is exact in perspective and
distortion, up to the root's distance: that follows from the size of a person.

Two boxes are made from keypoints: the upright one around their extent, and BlazePose's region of interest, centred on
the hips and turned so that the way from hips to shoulders points up (Bazarevsky et al. 2020). A network must see the
kind of box that it was trained on.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from epipose.camera import Camera
from epipose.errors import InputError
from epipose.network.choices import CropKind
from epipose.skeleton import Skeleton

ROI_MARGIN = 1.25  # side of a region of interest over the diameter of the circle around the body
# The circle's radius is the larger of these: shares of the trunk (hips to shoulders) and of the farthest keypoint's
# distance from the hips. They reproduce the circle of BlazePose's own tracker to some 5 %.
_RADIUS_OVER_TRUNK, _RADIUS_OVER_FARTHEST = 1.75, 1.03
_LEAST_COSINE = 1e-3  # of a joint's angle to the line of sight: joints are not beside the camera


def box_around(
    xy: Float[Tensor, "*batch joint 2"], conf: Float[Tensor, "*batch joint"], margin: float = 1.25
) -> Float[Tensor, "*batch 4"]:
    """Upright square boxes in pixels around the keypoints with conf > 0; side 0 where there is none."""
    seen = (conf > 0)[..., None]
    low = torch.where(seen, xy, torch.inf).amin(-2)
    high = torch.where(seen, xy, -torch.inf).amax(-2)
    side = margin * (high - low).amax(-1, keepdim=True)
    box = torch.cat([(low + high) / 2, side, torch.zeros_like(side)], -1)
    return torch.where(seen.any(-2), box, torch.zeros_like(box))


def roi_around(
    xy: Float[Tensor, "*batch joint 2"], conf: Float[Tensor, "*batch joint"], skeleton: Skeleton
) -> Float[Tensor, "*batch 4"]:
    """Regions of interest around the keypoints with conf > 0, as BlazePose's tracker places them.

    Where a hip or a shoulder was not seen, the upright square around the seen keypoints' circle; side 0 where nothing
    was seen. Raises InputError for a skeleton without hips or shoulders.
    """
    names = [f"{side}_{joint}" for joint in ("hip", "shoulder") for side in ("left", "right")]
    if missing := [name for name in names if name not in skeleton.joints]:
        raise InputError(f"Skeleton {skeleton.name} lacks {', '.join(missing)}, which place the region of interest.")
    ends = [skeleton.index(name) for name in names]
    hips, shoulders = xy[..., ends[:2], :].mean(-2), xy[..., ends[2:], :].mean(-2)
    way = shoulders - hips
    farthest = ((xy - hips[..., None, :]).norm(dim=-1) * (conf > 0)).amax(-1)
    radius = torch.maximum(_RADIUS_OVER_TRUNK * way.norm(dim=-1), _RADIUS_OVER_FARTHEST * farthest)
    angle = torch.atan2(way[..., 0], -way[..., 1])
    roi = torch.cat([hips, 2 * ROI_MARGIN * radius[..., None], angle[..., None]], -1)
    whole = (conf[..., ends] > 0).all(-1, keepdim=True)
    upright = box_around(xy, conf, ROI_MARGIN * _RADIUS_OVER_FARTHEST)
    return torch.where(whole, roi, upright)


def crop_boxes(
    kind: CropKind,
    xy: Float[Tensor, "*batch joint 2"],
    conf: Float[Tensor, "*batch joint"],
    skeleton: Skeleton,
    margin: float = 1.25,
) -> Float[Tensor, "*batch 4"]:
    """Boxes of the kind that a network reads around keypoints; ``margin`` is that of upright ones."""
    return roi_around(xy, conf, skeleton) if kind == "roi" else box_around(xy, conf, margin)


def turned(xy: Float[Tensor, "*batch joint 2"], angle: Float[Tensor, " *batch"]) -> Float[Tensor, "*batch joint 2"]:
    """Directions turned clockwise (as the image shows them) by an angle for each group of joints."""
    cos, sin = angle.cos()[..., None], angle.sin()[..., None]
    x, y = xy.unbind(-1)
    return torch.stack([cos * x - sin * y, sin * x + cos * y], -1)


def crop_image(
    image: UInt8[np.ndarray, "height width 3"], box: Float[np.ndarray, "4"], size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """The box of an image as size x size; black outside the image, averaged over areas where it shrinks."""
    center, side = box[:2].astype(np.float64), max(float(box[2]), 1.0)
    axes = _axes(float(box[3]))
    reach = side / 2 * np.abs(axes).sum(1)  # of the turned square, along the image's axes
    low = np.clip(np.floor(center - reach).astype(int) - 2, 0, [image.shape[1], image.shape[0]])
    high = np.clip(np.ceil(center + reach).astype(int) + 3, 0, [image.shape[1], image.shape[0]])
    if (high <= low).any():
        return np.zeros((size, size, 3), np.uint8)
    region = image[low[1] : high[1], low[0] : high[0]]
    shape = np.maximum(np.round((high - low) * min(1.0, size / side)).astype(int), 1)
    small = cv2.resize(region, (int(shape[0]), int(shape[1])), interpolation=cv2.INTER_AREA)
    # Crop pixel q shows image pixel center + axes side ((q + 1/2) / size - 1/2): pixel i covers [i - 1/2, i + 1/2].
    shrink = shape / (high - low)
    linear = axes * side / size
    origin = center - linear @ np.full(2, (size - 1) / 2)
    small_from_crop = np.empty((2, 3))
    small_from_crop[:, :2] = shrink[:, None] * linear
    small_from_crop[:, 2] = (origin - low + 0.5) * shrink - 0.5
    return cv2.warpAffine(small, small_from_crop, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _axes(angle: float) -> Float[np.ndarray, "2 2"]:
    """The box's axes in the image, as columns."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def pose_to_crop(
    xyz_cam: Float[Tensor, "*batch joint 3"], camera: Camera, box: Float[Tensor, "*batch 4"], root: int
) -> Float[Tensor, "*batch joint 3"]:
    """Joints in the camera's frame (all in front of it) to (u, v, d) of the box; one camera of the batch per pose."""
    uv = crop_from_pixels(camera.spread(1).project_in_frame(xyz_cam), box)
    sight = _line_of_sight(camera, box)
    z = (xyz_cam @ sight.R)[..., 2]
    z_root = z[..., root, None]
    d = (z - z_root) * sight.focal[..., None] / z_root / box[..., 2:3]
    return torch.cat([uv, d[..., None]], -1)


def pose_from_crop(
    uvd: Float[Tensor, "*batch joint 3"],
    camera: Camera,
    box: Float[Tensor, "*batch 4"],
    skeleton: Skeleton,
    bone_lengths: Float[Tensor, " bone"],
) -> Float[Tensor, "*batch joint 3"]:
    """Invert `pose_to_crop` up to the root's distance, and root-centre: joints in the camera's frame.

    The distance is the one at which the bones' summed length is that of ``bone_lengths`` (bones of length 0 are left
    out), whose unit the result has.
    """
    sight = _line_of_sight(camera, box)
    xy = camera.spread(1).to_normalized(pixels_from_crop(uvd[..., :2], box))
    rays = torch.cat([xy, torch.ones_like(xy[..., :1])], -1)
    depth = 1 + uvd[..., 2:] * box[..., None, 2:3] / sight.focal[..., None, None]  # Z / Z_root along the line of sight
    points = rays / (rays @ sight.R)[..., 2:].clamp(min=_LEAST_COSINE) * depth
    points = points - points[..., skeleton.root, None, :]
    lengths = skeleton.bone_lengths(points)
    known = (bone_lengths > 0).to(lengths)
    root_distance = bone_lengths.sum() / (lengths * known).sum(-1).clamp(min=1e-9)
    return points * root_distance[..., None, None]


class _LineOfSight(NamedTuple):
    """The camera turned to look at a box's centre: its axes in the camera's frame, as columns, and its focal length."""

    R: Float[Tensor, "*batch 3 3"]
    focal: Float[Tensor, " *batch"]


def _line_of_sight(camera: Camera, box: Float[Tensor, "*batch 4"]) -> _LineOfSight:
    """Turned by the smallest rotation, and zoomed so that the box's centre is shown as large as it was."""
    ray = camera.to_normalized(box[..., :2])
    x, y, z = functional.normalize(torch.cat([ray, torch.ones_like(ray[..., :1])], -1), dim=-1).unbind(-1)
    xx, xy, yy = (part / (1 + z) for part in (x * x, x * y, y * y))
    R = torch.stack([1 - xx, -xy, x, -xy, 1 - yy, y, -x, -y, z], -1).unflatten(-1, (3, 3))
    focal = camera.focal / z
    if bool(camera.fisheye.any()):  # shows things smaller off its axis than a pinhole does
        seen, flat = camera.from_normalized(ray), camera.to_pixels(ray)
        shown = (seen - camera.K[..., :2, 2]).norm(dim=-1), (flat - camera.K[..., :2, 2]).norm(dim=-1)
        focal = torch.where(camera.fisheye & (shown[1] > 0), focal * shown[0] / shown[1].clamp(min=1e-9), focal)
    return _LineOfSight(R, focal)


def crop_from_pixels(
    xy: Float[Tensor, "*batch joint 2"], box: Float[Tensor, "*batch 4"]
) -> Float[Tensor, "*batch joint 2"]:
    """Pixels of the image to crop coordinates (u, v)."""
    return turned(xy - box[..., None, :2], -box[..., 3]) / box[..., None, 2:3]


def pixels_from_crop(
    uv: Float[Tensor, "*batch joint 2"], box: Float[Tensor, "*batch 4"]
) -> Float[Tensor, "*batch joint 2"]:
    """Crop coordinates to pixels of the image the box was cut from."""
    return box[..., None, :2] + turned(uv * box[..., None, 2:3], box[..., 3])
