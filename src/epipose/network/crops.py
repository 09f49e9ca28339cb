"""Crops: boxes around people, square input images, normalised poses and their inverse.

A normalised pose is (u, v, d) in units of the box's side: u right and v down from the box's centre, in the image as
it is (distorted); d is the depth relative to the root, scaled as weak perspective scales the image,
``d = (Z - Z_root) * focal / Z_root / side``. So turning and scaling a crop turns and scales (u, v, d) alike. The way
back is exact in perspective and distortion, up to the root's distance: that follows from the size of a person.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from epipose.camera import Camera
from epipose.skeleton import Skeleton


def box_around(
    xy: Float[Tensor, "*batch joint 2"], conf: Float[Tensor, "*batch joint"], margin: float = 1.25
) -> Float[Tensor, "*batch 3"]:
    """Square boxes (centre x, centre y, side) in pixels around the keypoints with conf > 0; side 0 where there is none."""
    seen = (conf > 0)[..., None]
    low = torch.where(seen, xy, torch.inf).amin(-2)
    high = torch.where(seen, xy, -torch.inf).amax(-2)
    box = torch.cat([(low + high) / 2, margin * (high - low).amax(-1, keepdim=True)], -1)
    return torch.where(seen.any(-2), box, torch.zeros_like(box))


def crop_image(
    image: UInt8[np.ndarray, "height width 3"], box: Float[np.ndarray, "3"], size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """The box of an image as size x size; black outside the image, averaged over areas where it shrinks."""
    center, side = box[:2].astype(np.float64), max(float(box[2]), 1.0)
    low = np.clip(np.floor(center - side / 2).astype(int) - 2, 0, [image.shape[1], image.shape[0]])
    high = np.clip(np.ceil(center + side / 2).astype(int) + 3, 0, [image.shape[1], image.shape[0]])
    if (high <= low).any():
        return np.zeros((size, size, 3), np.uint8)
    region = image[low[1] : high[1], low[0] : high[0]]
    shape = np.maximum(np.round((high - low) * min(1.0, size / side)).astype(int), 1)
    small = cv2.resize(region, (int(shape[0]), int(shape[1])), interpolation=cv2.INTER_AREA)
    # Crop pixel q shows image pixel center + side * ((q + 1/2) / size - 1/2): pixel i covers [i - 1/2, i + 1/2].
    shrink = shape / (high - low)
    step = side / size
    origin = center - side / 2 + step / 2
    small_from_crop = np.zeros((2, 3))
    small_from_crop[[0, 1], [0, 1]] = step * shrink
    small_from_crop[:, 2] = (origin - low + 0.5) * shrink - 0.5
    return cv2.warpAffine(small, small_from_crop, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def pose_to_crop(
    xyz_cam: Float[Tensor, "*batch joint 3"], camera: Camera, box: Float[Tensor, "*batch 3"], root: int
) -> Float[Tensor, "*batch joint 3"]:
    """Joints in the camera's frame (all in front of it) to (u, v, d) of the box; one camera of the batch per pose."""
    uv = crop_from_pixels(camera.spread(1).project_in_frame(xyz_cam), box)
    z = xyz_cam[..., 2]
    z_root = z[..., root, None]
    d = (z - z_root) * camera.focal[..., None] / z_root / box[..., 2:]
    return torch.cat([uv, d[..., None]], -1)


def pose_from_crop(
    uvd: Float[Tensor, "*batch joint 3"],
    camera: Camera,
    box: Float[Tensor, "*batch 3"],
    skeleton: Skeleton,
    bone_lengths: Float[Tensor, " bone"],
) -> Float[Tensor, "*batch joint 3"]:
    """Invert `pose_to_crop` up to the root's distance, and root-centre: joints in the camera's frame.

    The distance is the one at which the bones' summed length is that of ``bone_lengths`` (bones of length 0 are left
    out), whose unit the result has.
    """
    rays = camera.spread(1).to_normalized(pixels_from_crop(uvd[..., :2], box))
    depth = 1 + uvd[..., 2:] * box[..., None, 2:] / camera.focal[..., None, None]  # Z / Z_root
    points = torch.cat([rays, torch.ones_like(depth)], -1) * depth
    points = points - points[..., skeleton.root, None, :]
    lengths = skeleton.bone_lengths(points)
    known = (bone_lengths > 0).to(lengths)
    root_distance = bone_lengths.sum() / (lengths * known).sum(-1).clamp(min=1e-9)
    return points * root_distance[..., None, None]


def crop_from_pixels(
    xy: Float[Tensor, "*batch joint 2"], box: Float[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch joint 2"]:
    """Pixels of the image to crop coordinates (u, v)."""
    return (xy - box[..., None, :2]) / box[..., None, 2:]


def pixels_from_crop(
    uv: Float[Tensor, "*batch joint 2"], box: Float[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch joint 2"]:
    """Crop coordinates to pixels of the image the box was cut from."""
    return box[..., None, :2] + uv * box[..., None, 2:]
