"""Targets of a clip's crops: boxes and (u, v, d) of everybody who is labelled, in every view and frame.

Where the subject has no label, the 2D detector still says where a joint is in the image: with a ``distil`` weight it is
learned without depth, so that the network keeps to its frozen 2D branch on images that geometry says nothing of.

Footage that never shows a joint, as legs behind a desk, says nothing of it, and is used for the joints that it shows.
Where the root is one of those, depths are relative to where it must be: a trunk's length below the shoulders.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.camera import Camera
from epipose.network.choices import CropKind
from epipose.network.crops import crop_boxes, crop_from_pixels, pose_to_crop
from epipose.poses import Poses2D, Poses3D, in_skeleton, shown_joints
from epipose.reconstruction.anatomy import TRUNK_SHARE
from epipose.reconstruction.world_frame import stature
from epipose.skeleton import Skeleton

_MIN_CONFIDENCE = 0.3  # of a detected keypoint that is learned from


class Keypoints(NamedTuple):
    """What the detector saw of the subject with some confidence (else 0), in the joints of the labels."""

    xy: Float[Tensor, "view frame joint 2"]
    conf: Float[Tensor, "view frame joint"]


class CropTargets(NamedTuple):
    """Per view, frame and person; all weights (of (u, v) and of d) are 0 where there is no sample."""

    uvd: Float[np.ndarray, "view frame person joint 3"]
    weight: Float[np.ndarray, "view frame person joint 2"]
    box: Float[np.ndarray, "view frame person 4"]


def crop_targets(
    labels: Poses3D,
    camera: Camera,
    crop: CropKind,
    margin: float = 1.25,
    min_joints: float = 0.7,
    keypoints: Keypoints | None = None,
    distil: float = 0.0,
    upright: bool = True,
) -> CropTargets:
    """Labels as the crops of these cameras show them; weights are the labels' confidences.

    A sample needs the root, and ``min_joints`` of the joints that the clip ever shows labelled and inside the image. A
    root that it never shows is taken to be below the shoulders (at them unless the world is ``upright``), and is not
    learned. With ``keypoints`` of the subject, person 0, what is not labelled of it is learned in 2D, with ``distil``
    times the detector's confidence; frames without a labelled pose need ``min_joints`` of the keypoints.
    """
    root, shown = labels.skeleton.root, shown_joints(labels.conf)
    xyz, rooted = (labels.xyz, labels.conf[..., root]) if bool(shown[root]) else _with_likely_root(labels, upright)
    in_frame = camera.spread(3).into_frame(xyz)
    conf = labels.conf * (in_frame[..., 2] > 0)
    xy = camera.spread(3).project_in_frame(in_frame)
    inside = camera.spread(3).inside(xy) & (conf > 0)
    in_front = in_frame[..., root, 2] > 0
    usable = (inside[..., shown].float().mean(-1) >= min_joints) & (rooted > 0) & in_front & bool(shown.any())
    # A detector sees no more of a person whom the frame cuts off.
    box = crop_boxes(crop, xy, inside.float(), labels.skeleton, margin)
    conf = conf * usable[..., None]
    weight = torch.stack([conf, conf], -1)
    if keypoints is not None:
        own = crop_boxes(crop, keypoints.xy, keypoints.conf, labels.skeleton, margin)
        box[:, :, 0] = torch.where(usable[:, :, :1], box[:, :, 0], own)
    box[..., 2].clamp_(min=1.0)
    uvd = pose_to_crop(in_frame, camera.spread(2), box, root)
    uvd = torch.where(weight[..., :1] > 0, uvd, torch.zeros(()))
    if keypoints is not None:
        _add_2d(uvd, weight, box, keypoints, distil, usable[:, :, 0], min_joints)
    return CropTargets(uvd.numpy(), weight.numpy(), box.numpy())


def _add_2d(
    uvd: Float[Tensor, "view frame person joint 3"],
    weight: Float[Tensor, "view frame person joint 2"],
    box: Float[Tensor, "view frame person 4"],
    keypoints: Keypoints,
    distil: float,
    usable: Bool[Tensor, "view frame"],
    min_joints: float,
) -> None:
    """Write the keypoints of the subject, where they have no label, into its targets and their weights."""
    found = (keypoints.conf > 0)[..., shown_joints(keypoints.conf)]
    shown = usable | (found.float().mean(-1) >= min_joints)
    flat = (weight[:, :, 0, :, 0] == 0) & (keypoints.conf > 0) & shown[..., None]
    uv = crop_from_pixels(keypoints.xy, box[:, :, 0])
    uvd[:, :, 0, :, :2] = torch.where(flat[..., None], uv, uvd[:, :, 0, :, :2])
    weight[:, :, 0, :, 0] = torch.where(flat, distil * keypoints.conf, weight[:, :, 0, :, 0])


def _with_likely_root(
    labels: Poses3D, upright: bool
) -> tuple[Float[Tensor, "frame person joint 3"], Float[Tensor, "frame person"]]:
    """Joints with the root a trunk's length below the shoulders, and the confidence in those."""
    skeleton = labels.skeleton
    shoulders = [skeleton.index("left_shoulder"), skeleton.index("right_shoulder")]
    place, conf = labels.xyz[..., shoulders, :].mean(-2), labels.conf[..., shoulders].amin(-1)
    if upright:
        size = stature(labels.xyz.flatten(0, 1), labels.conf.flatten(0, 1), skeleton)
        place = place - size * TRUNK_SHARE * place.new_tensor([0.0, 0.0, 1.0])
    xyz = labels.xyz.clone()
    xyz[..., skeleton.root, :] = place
    return xyz, conf


def subject_keypoints(poses: Poses2D, views: tuple[str, ...], late: list[int], skeleton: Skeleton) -> Keypoints:
    """Person 0 of a clip's detections, of the views in this order; ``late``: by how many frames each shows a moment later.

    Frame f of the outcome is what the image of the labels' frame f shows.
    """
    rows = [poses.views.index(name) for name in views]
    xy, conf = in_skeleton(poses.xy[rows, :, 0], poses.conf[rows, :, 0], poses.skeleton, skeleton)
    frames = torch.arange(xy.shape[1])
    shown = torch.stack([(frames + by).clamp(0, len(frames) - 1) for by in late])
    row = torch.arange(len(rows))[:, None]
    return Keypoints(xy[row, shown].float(), (conf * (conf >= _MIN_CONFIDENCE))[row, shown].float())
