"""Rotations: the exponential map, the angle between two, and the one that turns a direction up."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def hat(v: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The matrix [v]x of the cross product: hat(v) w = v x w."""
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*v.shape, 3)


def exp(w: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotation by |w| radians about w (Rodrigues' formula, exact to rounding for every angle, also zero)."""
    theta = w.norm(dim=-1)[..., None, None]
    W = hat(w)
    a = torch.sinc(theta / math.pi)  # sin(theta) / theta
    b = torch.sinc(theta / (2 * math.pi)).square() / 2  # (1 - cos(theta)) / theta^2
    return torch.eye(3, dtype=w.dtype, device=w.device) + a * W + b * (W @ W)


def angle_between(A: Float[Tensor, "*batch 3 3"], B: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, " *batch"]:
    """Angle in radians of the rotation that takes A to B; accurate at 0, where the arc cosine of the trace is not."""
    chord = (A - B).flatten(-2).norm(dim=-1) / math.sqrt(8)
    return 2 * torch.asin(chord.clamp(max=1))


def rotation_to_z(up: Float[Tensor, "3"], right: Float[Tensor, "3"]) -> Float[Tensor, "3 3"]:
    """The rotation whose third row is ``up`` (a unit vector) and whose first row is as near to ``right`` as can be."""
    x = right - (right @ up) * up
    if float(x.norm()) < 1e-3:  # right is up or down: any level direction
        x = torch.linalg.svd(up[None])[2][1]
    x = x / x.norm()
    return torch.stack([x, torch.linalg.cross(up, x), up])
