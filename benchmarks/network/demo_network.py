"""Adaptation of the pretrained network to some footage: errors before and after, on known cameras and on a new one.

Labels come from the videos alone: detected keypoints and recovered cameras, no 3D label. The network learns from them
on frames 0-69; what is predicted, one image at a time, before and after, is

- frames 80-99 of the same four cameras: the same man and viewpoints, a third of a second later;
- the last camera, after an adaptation that knew only the three others. Their time offsets, the subject,
  the extrinsics, the labels and the images are made from three videos, as if the fourth did not exist (`clip_without`;
  only the detector's run is shared, which reads each video on its own). The held-out camera contributes to the test
  alone: its images; the keypoints that the detector finds in them, which give the box; its intrinsics; and its part in
  the reference. Frames 80-99 are new in camera and time, all frames in camera only.

Each network is evaluated with its refiner, which is how it is used, and alone. The refiner also reads the keypoints
that the detector found in the image; it was adapted on the same labels, seen by virtual cameras.

Every prediction is compared with the same reference: joints triangulated from all four videos with the laboratory's
cameras. Beside the network stand BlazePose's own 3D of the same images, and the mean pose of frames 0-69 as each
camera sees it: a prediction that does not use the image, but the reference and its extrinsics.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.experiments.errors import pose_errors
from epipose.experiments.network_evaluator import detectors_own
from epipose.experiments.rows import PoseErrors
from epipose.inference.clip_views import predict_clip
from epipose.io.records import as_json
from epipose.network.posenet import TrainedPoseNet
from epipose.pipeline.stages import calibrate_clip, detect_clip, label_clip
from epipose.poses import Poses2D, in_camera_frames
from epipose.reconstruction.label import label_poses
from epipose.skeletons import H36M17

TRAIN, TEST = (0, 69), (80, 99)

Poses = Float[Tensor, "view frame joint 3"]  # metres, H36M17, axes of each view's camera


class Reference(NamedTuple):
    """Poses as each camera sees them, and the confidence of their labels (frame, joint)."""

    xyz: Poses
    conf: Float[Tensor, "frame joint"]


def clip_without(folder: Path, left_out: str, out: Path, intrinsics: Path) -> None:
    """The clip folder ``out`` of all views but one, synchronised, calibrated and labelled as if it had not been filmed.

    Of the clip in ``folder`` only what the detector saw in each video is taken over, because it does not depend on the
    other videos.
    """
    videos = [view.images() for view in Clip.load(folder).views if view.name != left_out]
    detect_clip(videos, out, poses=folder / "detections.npz")
    calibrate_clip(out, intrinsics=intrinsics)
    label_clip(out)


def network_results(folder: Path, models: dict[str, Path], held_out: str, reference: Rig) -> dict[str, Any]:
    """Errors before and after, on the four cameras and on the one held out.

    ``models``: "pretrained", "adapted" (to all views of the clip in ``folder``), "adapted_without" (the view
    ``held_out``).
    """
    poses = Poses2D.load(folder / "poses2d.npz")
    known, views = reference_poses(poses, reference), poses.views
    everything = (0, poses.xy.shape[1] - 1)
    pretrained = predictions_of(models["pretrained"], folder, known, views, everything)
    others = {"blazepose_world_landmarks": detectors_own(poses), "mean_training_pose": mean_pose(known, TRAIN)}
    four = _named(pretrained, predictions_of(models["adapted"], folder, known, views, TEST)) | others
    without = predictions_of(models["adapted_without"], folder, known, (held_out,), everything)
    alone = _named(pretrained, without) | others
    view = [views.index(held_out)]
    return {
        "four_cameras": as_json(errors(four, known, range(len(poses.views)), TEST)),
        "held_out_camera": {
            "camera": held_out,
            "new_frames": as_json(errors(alone, known, view, TEST)),
            "all_frames": as_json(errors(alone, known, view, everything)),
        },
    }


def predictions_of(
    model: Path, folder: Path, known: Reference, views: tuple[str, ...], frames: tuple[int, int]
) -> dict[str, Poses]:
    """Predictions of a model with its refiner ("refined") and without ("alone"); 0 for the other images."""
    trained, clip = TrainedPoseNet.load(model), Clip.load(folder)
    rows = [clip.names.index(name) for name in views]
    predictions = {}
    for name, reader in {"refined": trained, "alone": replace(trained, refiner=None)}.items():
        predictions[name] = torch.zeros_like(known.xyz)
        xyz = predict_clip(folder, reader, frames, views=views)[0]
        predictions[name][rows, frames[0] : frames[1] + 1] = xyz.to(known.xyz)
    return predictions


def _named(pretrained: dict[str, Poses], adapted: dict[str, Poses]) -> dict[str, Poses]:
    return {
        "pretrained": pretrained["refined"],
        "pretrained_alone": pretrained["alone"],
        "adapted": adapted["refined"],
        "adapted_alone": adapted["alone"],
    }


def headline(network: dict[str, Any]) -> dict[str, float]:
    """The errors on the held-out camera that the documentation quotes: frames 80-99, and all frames."""
    short = {
        "pretrained": "pretrained",
        "adapted": "adapted",
        "adapted_alone": "adapted_alone",
        "blazepose_world_landmarks": "blazepose",
    }
    parts = {"": "new_frames", "_all_frames": "all_frames"}
    return {
        f"{name}_pmpjpe_mm{ending}": network["held_out_camera"][part][row]["pmpjpe_mm"]
        for ending, part in parts.items()
        for row, name in short.items()
    }


def reference_poses(poses: Poses2D, reference: Rig) -> Reference:
    """The subject as the reference cameras triangulate it from all views, seen by each of them."""
    labels = label_poses(poses, reference)
    return Reference(in_camera_frames(labels, reference)[:, :, 0], labels.conf[:, 0])


def mean_pose(known: Reference, frames: tuple[int, int]) -> Poses:
    """Each camera's mean pose over some frames (first, last), weighted by confidence, for every image."""
    root, part = H36M17.root, slice(frames[0], frames[1] + 1)
    conf = known.conf[part]
    weight = (conf * conf[:, root, None]).clamp(min=1e-9)[..., None]
    centred = known.xyz[:, part] - known.xyz[:, part, root, None]
    return ((weight * centred).sum(1) / weight.sum(0))[:, None].expand_as(known.xyz)


def errors(
    predictions: dict[str, Poses], known: Reference, views: range | list[int], frames: tuple[int, int]
) -> dict[str, PoseErrors]:
    """`pose_errors` of every prediction on the same views, frames (first, last) and joints with a reference."""
    part = slice(frames[0], frames[1] + 1)
    chosen = list(views)
    true = known.xyz[chosen, part]
    counted = (known.conf[part] > 0).float().expand(true.shape[:-1])
    return {name: pose_errors(xyz[chosen, part], true, counted, H36M17.root) for name, xyz in predictions.items()}
