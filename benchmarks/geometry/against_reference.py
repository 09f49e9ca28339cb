"""Errors of cameras and poses against a reference calibration, beside those of the paper's own recipe."""

from __future__ import annotations

from itertools import combinations
from statistics import median
from typing import Any

from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.experiments.errors import degrees_between, pose_errors, relative_rotation
from epipose.geometry.relative_pose import relative_pose_from_one_frame
from epipose.poses import Poses2D, Poses3D
from epipose.reconstruction.label import label_poses


def paper_recipe_errors(poses: Poses2D, reference: Rig) -> dict[str, Any]:
    """The paper's recipe on every frame: F by RANSAC from one frame's joints, then E, then (R, t).

    Rotation error per pair, median over the frames that gave any answer; the intrinsics are the reference's.
    """
    camera = reference.camera.spread(2)
    pixels, seen = camera.undistort(poses.xy[:, :, 0].double()), poses.conf[:, :, 0] >= 0.3
    pairs: dict[str, float] = {}
    answered = tried = 0
    for i, j in combinations(range(len(reference.names)), 2):
        true, errors = relative_rotation(reference, i, j), []
        for frame in range(pixels.shape[1]):
            both = seen[i, frame] & seen[j, frame]
            K_i, K_j = reference.camera.K[i], reference.camera.K[j]
            pose = relative_pose_from_one_frame(pixels[i, frame, both], pixels[j, frame, both], K_i, K_j)
            if pose is not None:
                errors.append(degrees_between(pose[0], true))
            tried += 1
        answered += len(errors)
        pairs[f"{reference.names[i]}-{reference.names[j]}"] = median(errors) if errors else 180.0
    return {
        "rotation_deg": pairs,
        "rotation_deg_median": median(pairs.values()),
        "rotation_deg_max": max(pairs.values()),
        "frames_with_an_answer": answered / tried,
    }


def frame_by_frame(poses: Poses2D, rig: Rig) -> Poses3D:
    """Labels whose paths are not smoothed: what cameras add to the error of a joint is seen better without it."""
    return label_poses(poses, rig, smooth=False)


def label_errors(labels: Poses3D, reference_labels: Poses3D) -> dict[str, float]:
    """Labels from recovered cameras against labels from reference cameras on the same 2D, where both exist."""
    counted = ((labels.conf > 0) & (reference_labels.conf > 0)).float()
    errors = pose_errors(labels.xyz, reference_labels.xyz, counted, labels.skeleton.root)
    return {"label_pmpjpe_mm": errors.pmpjpe_mm, "label_poses": errors.poses}


def truth_error(poses: Poses2D, rig: Rig, xyz: Float[Tensor, "frame joint 3"]) -> float:
    """PMPJPE (mm) of the labels that a rig gives, against true joints."""
    labels = frame_by_frame(poses, rig)
    counted = (labels.conf[:, 0] > 0).double()
    return pose_errors(labels.xyz[:, 0].double(), xyz, counted, labels.skeleton.root).pmpjpe_mm
