"""Pose metrics as the papers define them: MPJPE, NMPJPE, PMPJPE, MPJVE, acceleration error, PCK, AUC, CPS, bone lengths.

Root = pelvis; p is predicted, q is the ground truth. Everything 3D is one idea: align p with q as far as the metric
allows (`Alignment`), take the distance of every joint, and summarise. Batched over any leading axes; a value per pose.
Joints of weight 0 are missing and left out of every mean; a pose of which nothing counts has the value 0, so average
with the weights of `poses_that_count`. Inputs are metres (or any unit where the alignment includes the scale and the
ground truth is metric); results are millimetres, hence the names.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.geometry.align import similarity_between
from epipose.skeleton import Skeleton

Alignment = Literal["root", "scale", "similarity"]
Pose = Float[Tensor, "*batch joint 3"]
Weight = Float[Tensor, "*batch joint"]
PerJoint = Float[Tensor, "*batch joint"]
PerPose = Float[Tensor, " *batch"]

PCK_MM = 150.0  # Mehta et al., 3DV 2017: about half the size of a head
_AUC_STEP_MM, _AUC_STEPS = 5.0, 31  # limits 0, 5, ..., 150
_CPS_LIMITS = 300  # 1, 2, ..., 300 mm


def distances_mm(
    predicted: Pose, true: Pose, root: int, alignment: Alignment = "root", weight: Weight | None = None
) -> PerJoint:
    """Distance of every joint from the ground truth after the alignment.

    "root": both roots at the origin (MPJPE). "scale": then p times <p, q> / <p, p> (NMPJPE; Rhodin et al., ECCV 2018,
    section 3). "similarity": rotation, scale and shift by Procrustes, and NOT re-rooted afterwards (PMPJPE, protocol 2
    of Human3.6M). The root must be valid for the first two.
    """
    if alignment == "similarity":
        return 1000 * (similarity_between(predicted, true, weight).apply(predicted) - true).norm(dim=-1)
    p, q = (pose - pose[..., root : root + 1, :] for pose in (predicted, true))
    if alignment == "scale":
        w = torch.ones_like(p[..., 0]) if weight is None else weight
        tiny = torch.finfo(p.dtype).tiny
        scale = (w[..., None] * p * q).sum((-2, -1)) / (w[..., None] * p * p).sum((-2, -1)).clamp(min=tiny)
        p = scale[..., None, None] * p
    return 1000 * (p - q).norm(dim=-1)


def mpjpe_mm(predicted: Pose, true: Pose, root: int, weight: Weight | None = None) -> PerPose:
    """Mean per-joint position error after both poses are moved so that their root joints coincide (root included)."""
    return mean_over_joints(distances_mm(predicted, true, root, "root", weight), weight)


def nmpjpe_mm(predicted: Pose, true: Pose, root: int, weight: Weight | None = None) -> PerPose:
    """MPJPE after the prediction is scaled to the ground truth (see `distances_mm`)."""
    return mean_over_joints(distances_mm(predicted, true, root, "scale", weight), weight)


def pmpjpe_mm(predicted: Pose, true: Pose, weight: Weight | None = None) -> PerPose:
    """Mean distance after the best similarity (see `distances_mm`)."""
    return mean_over_joints(distances_mm(predicted, true, 0, "similarity", weight), weight)


def mpjve_mm(
    predicted: Float[Tensor, "*batch frame joint 3"],
    true: Float[Tensor, "*batch frame joint 3"],
    root: int,
    weight: Float[Tensor, "*batch frame joint"] | None = None,
) -> Float[Tensor, "*batch frame-1"]:
    """Mean per-joint velocity error, millimetres a frame (Pavllo et al., CVPR 2019, section 6.1).

    MPJPE of the root-centred poses' change from one frame to the next. A joint counts where it does in both frames (the
    lesser weight); frames must follow one another.
    """
    change = [(pose - pose[..., root : root + 1, :]).diff(dim=-3) for pose in (predicted, true)]
    both = None if weight is None else torch.minimum(weight[..., 1:, :], weight[..., :-1, :])
    return mean_over_joints(1000 * (change[0] - change[1]).norm(dim=-1), both)


def acceleration_error_mm(
    predicted: Float[Tensor, "*batch frame joint 3"],
    true: Float[Tensor, "*batch frame joint 3"],
    root: int,
    weight: Float[Tensor, "*batch frame joint"] | None = None,
) -> Float[Tensor, "*batch frame-2"]:
    """Mean per-joint acceleration error, millimetres a frame squared (Kanazawa et al., CVPR 2019, section 5.1).

    Distance of the root-centred poses' second differences, p[t - 1] - 2 p[t] + p[t + 1]. A joint counts where it does
    in all three frames (the least weight); frames must follow one another. Times the frame rate squared it is
    millimetres a second squared.
    """
    change = [(pose - pose[..., root : root + 1, :]).diff(n=2, dim=-3) for pose in (predicted, true)]
    all_three = None
    if weight is not None:
        all_three = torch.minimum(torch.minimum(weight[..., 2:, :], weight[..., :-2, :]), weight[..., 1:-1, :])
    return mean_over_joints(1000 * (change[0] - change[1]).norm(dim=-1), all_three)


def pck(distance: PerJoint, weight: Weight | None = None, limit: float | Float[Tensor, " *batch"] = PCK_MM) -> PerPose:
    """Share of joints within a limit (inclusive), the same for all or one per pose.

    On `distances_mm` with "root" this is PCK, with "scale" NPCK (at 150 mm; Mehta et al., 3DV 2017; Rhodin et al., ECCV
    2018). The root is at 0 then and counts, unless its weight is 0: published numbers differ in that. On pixels, with
    half the head's size as the limit, it is PCKh@0.5 (Andriluka et al., CVPR 2014).
    """
    bound = torch.as_tensor(limit, dtype=distance.dtype, device=distance.device)
    return mean_over_joints((distance <= bound[..., None]).to(distance), weight)


def auc(distance: PerJoint, weight: Weight | None = None) -> PerPose:
    """Mean PCK over the limits 0, 5, ..., 150 mm (Mehta et al., 3DV 2017).

    A joint passes all limits but those below its distance, so that no limit has to be tried.
    """
    passed = (_AUC_STEPS - torch.ceil(distance / _AUC_STEP_MM)).clamp(min=0)
    return mean_over_joints(passed / _AUC_STEPS, weight)


def cps(distance: PerJoint, weight: Weight | None = None) -> PerPose:
    """Correct poses score (Wandt et al., CVPR 2021), 0 to 300; its mean over poses is that of a set.

    A pose is correct at a limit where every joint that counts is within it, and the score is the number of limits among
    1, 2, ..., 300 mm at which it is: the area under the share of correct poses. The alignment is that of ``distance``;
    say which with the number.
    """
    counted = distance if weight is None else torch.where(weight > 0, distance, torch.zeros_like(distance))
    correct = (_CPS_LIMITS + 1 - torch.ceil(counted.amax(-1)).clamp(min=1)).clamp(min=0)
    return correct if weight is None else correct * (weight > 0).any(-1)


def bone_length_error_mm(predicted: Pose, true: Pose, skeleton: Skeleton, weight: Weight | None = None) -> PerPose:
    """Mean difference of the bones' lengths, without their sign; a bone counts as much as its lesser end."""
    difference = 1000 * (skeleton.bone_lengths(predicted) - skeleton.bone_lengths(true)).abs()
    return mean_over_joints(difference, None if weight is None else skeleton.bone_weight(weight))


def symmetry_error_mm(predicted: Pose, skeleton: Skeleton, weight: Weight | None = None) -> PerPose:
    """Mean difference between the lengths of left and right bones, of the prediction alone."""
    partner = list(skeleton.bone_flip)
    sided = [bone for bone, other in enumerate(partner) if other > bone]
    lengths, counted = skeleton.bone_lengths(predicted), None if weight is None else skeleton.bone_weight(weight)
    difference = 1000 * (lengths - lengths[..., partner]).abs()[..., sided]
    both = None if counted is None else torch.minimum(counted, counted[..., partner])[..., sided]
    return mean_over_joints(difference, both)


def mean_over_joints(value: Float[Tensor, "*batch part"], weight: Float[Tensor, "*batch part"] | None) -> PerPose:
    """Weighted mean over the last axis; 0 where nothing counts."""
    if weight is None:
        return value.mean(-1)
    return (weight * value).sum(-1) / weight.sum(-1).clamp(min=1e-12)
