"""Errors of camera poses and of 3D poses against ground truth or a reference."""

from __future__ import annotations

from itertools import combinations
from statistics import median

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import InputError
from epipose.evaluation.metrics import mpjpe_mm, nmpjpe_mm, pmpjpe_mm
from epipose.evaluation.protocols import MIN_JOINTS
from epipose.experiments.rows import CameraErrors, PoseErrors
from epipose.geometry.align import similarity_between
from epipose.geometry.rotation import angle_between
from epipose.poses import poses_that_count


def camera_errors(rig: Rig, reference: Rig) -> CameraErrors:
    """Rotation error of every pair in degrees, and of every centre in millimetres after a similarity alignment."""
    pairs = {
        f"{rig.names[i]}-{rig.names[j]}": degrees_between(
            relative_rotation(rig, i, j), relative_rotation(reference, i, j)
        )
        for i, j in combinations(range(len(rig.names)), 2)
    }
    centers, true = rig.camera.center, reference.camera.center
    off = 1000 * (similarity_between(centers, true).apply(centers) - true).norm(dim=-1)
    return CameraErrors(
        rotation_deg=pairs,
        rotation_deg_median=median(pairs.values()),
        rotation_deg_max=max(pairs.values()),
        center_mm=dict(zip(rig.names, off.tolist(), strict=True)),
        center_mm_mean=float(off.mean()),
    )


def pose_errors(
    predicted: Float[Tensor, "*batch joint 3"],
    true: Float[Tensor, "*batch joint 3"],
    counted: Float[Tensor, "*batch joint"],
    root: int,
) -> PoseErrors:
    """MPJPE, NMPJPE and PMPJPE, averaged over poses in which the root and at least ten joints count.

    Raises InputError where there is none.
    """
    enough = poses_that_count(counted, root, MIN_JOINTS)
    if not bool(enough.any()):
        raise InputError("No pose has enough joints to be compared.")
    p, q, w = predicted[enough], true[enough], counted[enough]
    return PoseErrors(
        mpjpe_mm=float(mpjpe_mm(p, q, root, w).mean()),
        nmpjpe_mm=float(nmpjpe_mm(p, q, root, w).mean()),
        pmpjpe_mm=float(pmpjpe_mm(p, q, w).mean()),
        poses=int(enough.sum()),
    )


def relative_rotation(rig: Rig, i: int, j: int) -> Float[Tensor, "3 3"]:
    """Rotation from camera i to camera j."""
    return rig.camera.R[j] @ rig.camera.R[i].mT


def degrees_between(a: Float[Tensor, "3 3"], b: Float[Tensor, "3 3"]) -> float:
    """Angle between two rotations."""
    return float(torch.rad2deg(angle_between(a.double(), b.double())))
