"""Constant bone lengths over a clip: estimated from its poses, and imposed on every one of them.

A person's bones do not change from frame to frame, those of single-image poses do. The lengths of a clip are the weighted
medians over its frames; a pose gets them along the tree from the root, every bone keeping its direction.
"""

from __future__ import annotations

from collections import deque

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.skeleton import Skeleton


def clip_bone_lengths(
    xyz: Float[Tensor, "frame joint 3"],
    weight: Float[Tensor, "frame joint"],
    skeleton: Skeleton,
    *,
    symmetric: bool = True,
) -> Float[Tensor, " bone"]:
    """Weighted median length of every bone, in the order of ``skeleton.bones``; 0 for a bone that no frame has whole.

    A frame counts by the lesser weight of the bone's ends. ``symmetric``: left and right bones get the mean of their two
    medians, or the one that is known.
    """
    lengths, counted = skeleton.bone_lengths(xyz), skeleton.bone_weight(weight)
    order = lengths.argsort(0)
    total = counted.gather(0, order).cumsum(0)
    row = (total < total[-1] / 2).sum(0, keepdim=True).clamp(max=len(lengths) - 1)
    median = lengths.gather(0, order.gather(0, row))[0] * (total[-1] > 0)
    if not symmetric:
        return median
    both = torch.stack([median, median[list(skeleton.bone_flip)]])
    return both.sum(0) / (both > 0).sum(0).clamp(min=1)


def with_bone_lengths(
    xyz: Float[Tensor, "*batch joint 3"], lengths: Float[Tensor, " bone"], skeleton: Skeleton
) -> Float[Tensor, "*batch joint 3"]:
    """The poses with these lengths of bones: the root stays, every bone keeps its direction.

    A bone of length 0 in ``lengths`` or in the pose stays as it is.
    """
    parents, children = [list(ends) for ends in zip(*skeleton.bones, strict=True)]
    bones = xyz[..., children, :] - xyz[..., parents, :]
    own = bones.norm(dim=-1)
    share = torch.where((own > 0) & (lengths > 0), lengths / own.clamp(min=1e-12), torch.ones_like(own))
    moved = xyz.new_zeros(xyz.shape)
    moved[..., children, :] = bones * share[..., None]
    return xyz[..., skeleton.root, None, :] + torch.einsum("ja,...ac->...jc", _chains(skeleton).to(xyz), moved)


class RunningBones:
    """Constant bone lengths for live use: the medians over the last frames, up to the present one."""

    def __init__(self, skeleton: Skeleton, frames: int = 300) -> None:
        """``frames``: how many of the last ones are kept."""
        self._skeleton = skeleton
        self._poses: deque[Tensor] = deque(maxlen=frames)

    def push(self, pose: Float[Tensor, "joint 3"]) -> Float[Tensor, "joint 3"]:
        """The next frame's pose with the lengths of the frames so far, left and right alike."""
        self._poses.append(pose)
        poses = torch.stack(list(self._poses))
        lengths = clip_bone_lengths(poses, torch.ones_like(poses[..., 0]), self._skeleton)
        return with_bone_lengths(pose, lengths, self._skeleton)


def _chains(skeleton: Skeleton) -> Float[Tensor, "joint joint"]:
    """1 where the column's joint is the row's or lies between it and the root, the root itself left out."""
    held = torch.zeros(len(skeleton.joints), len(skeleton.joints))
    for joint in range(len(skeleton.joints)):
        at = joint
        while at != skeleton.root:
            held[joint, at] = 1.0
            at = skeleton.parents[at]
    return held
