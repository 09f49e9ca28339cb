"""Noise model of a real detector: a few numbers fitted to real footage, and errors drawn from them.

Independent noise averages out over the frames; a hip that is seen 2 % of the body's size too far left whenever the man
turns his back does not. So the model has, per joint of Human3.6M's skeleton and in units of the person's diagonal in
the image:

- a bias that depends on the viewing direction: first harmonics of the camera's yaw round the body, along the trunk's
  axis in the image and across it, the same for both sides of the body (mirrored), and what these leave of it. Other
  people, clothes and postures have other biases, so that part is drawn anew for every clip, as random harmonics of
  first and second order; hips and pelvis share most of it, and head and neck do;
- a slow error, correlated in time (first-order autoregressive), and a fast one with heavy tails (Student's t);
- larger errors and lower confidences where the trunk hides the joint, confidences that follow the error a little;
- left and right swapped for runs of frames.

It is fitted to the residuals of joints triangulated with the sample's reference cameras. One clip of one man for 1.7
seconds in four views is little: the fitted bias is shrunk (ridge with the pooled size of the biases as prior, counting
every view once), scales are drawn halfway to their common mean, and swaps, of which next to none are left, to once in
400 frames. What all joints of a view have in common is taken away first: it is a matter of the camera (its reference is
off by up to 1 % of the body's size), not of the joint. Residuals are scaled by sqrt(8 / 5):
four views less three unknowns.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import stats
from torch import Tensor

from epipose.camera import Rig
from epipose.geometry.left_right import correct_swaps
from epipose.geometry.observations import observe
from epipose.geometry.person_size import person_size
from epipose.geometry.robust import MAD_TO_SIGMA
from epipose.geometry.triangulate import triangulate_robust
from epipose.io.files import read_json, write_json
from epipose.poses import Poses2D
from epipose.skeletons import H36M17

_RESULT = Path(__file__).resolve().parents[1] / "results" / "noise_model.json"
_GROUPS = (("pelvis", "right_hip", "left_hip"), ("neck_nose", "head"))
_RANKS = 21  # confidences are kept as quantiles at 0, 5, ... 100 per cent


@dataclass(frozen=True)
class NoiseModel:
    """The numbers; joints in the order of H36M17, lengths as shares of the person's diagonal in the image."""

    bias: list[list[list[float]]]  # joint, (across, along the trunk), coefficient of (1, cos yaw, sin yaw)
    bias_left: list[float]  # standard deviation of the bias that the harmonics do not explain, per joint and axis
    slow: list[float]  # standard deviation per joint and axis
    fast: list[float]  # scale of Student's t per joint and axis
    correlation_s: float  # in which the slow part's correlation falls to 1/e
    freedom: float  # degrees of freedom of the fast part
    occluded_factor: float  # on slow and fast errors behind the trunk
    conf_quantiles: list[list[float]]  # (visible, occluded), quantiles of the confidence
    conf_follows_error: float  # rank correlation of 1 - confidence with the size of the error
    swap_share: float  # of frames and views
    swap_run_s: float  # mean length of a run
    together: float = 0.7  # share of the variance of a clip's own bias that hips and pelvis, or head and neck, share

    @staticmethod
    def load(path: Path = _RESULT, detector: str = "full") -> NoiseModel:
        """Read the parameters of one detector."""
        return NoiseModel(**read_json(path)[detector])


class Body(NamedTuple):
    """Viewing direction, image axes and self-occlusion of a body of H36M17 joints, per view."""

    yaw: Float[Tensor, "view frame"]  # of the camera round the trunk; 0 = it sees the front, positive = the right side
    axes: Float[Tensor, "view frame 2 2"]  # unit vectors in the image: across the trunk, along it (upwards)
    occluded: Bool[Tensor, "view frame joint"]  # the trunk stands between camera and joint


def seen_body(rig: Rig, xyz: Float[Tensor, "view frame joint 3"]) -> Body:
    """Viewing direction, image axes and self-occlusion of the body that each view sees."""
    joint = {name: xyz[:, :, i] for i, name in enumerate(H36M17.joints)}
    pelvis, thorax = joint["pelvis"], joint["thorax"]
    up = torch.nn.functional.normalize(thorax - pelvis, dim=-1)
    right = joint["right_hip"] - joint["left_hip"] + joint["right_shoulder"] - joint["left_shoulder"]
    right = torch.nn.functional.normalize(right - (right * up).sum(-1, keepdim=True) * up, dim=-1)
    forward = torch.linalg.cross(up, right)
    towards = rig.camera.center[:, None] - pelvis
    yaw = torch.atan2((towards * right).sum(-1), (towards * forward).sum(-1))
    along = rig.camera.spread(1).project(thorax) - rig.camera.spread(1).project(pelvis)
    length = along.norm(dim=-1, keepdim=True)
    along = torch.where(length > 5, along / length.clamp(min=1e-9), torch.tensor([0.0, -1.0], dtype=along.dtype))
    across = torch.stack([-along[..., 1], along[..., 0]], -1)
    return Body(yaw, torch.stack([across, along], -2), _behind_trunk(rig, xyz, pelvis, thorax))


def _behind_trunk(rig: Rig, xyz: Tensor, pelvis: Tensor, thorax: Tensor, radius: float = 0.13) -> Tensor:
    """Whether the sight line passes the trunk's axis within ``radius`` metres, in front of the joint."""
    center = rig.camera.center[:, None, None]
    sight = xyz - center
    hidden = torch.zeros(sight.shape[:-1], dtype=torch.bool)
    for share in torch.linspace(0, 1, 5).tolist():
        point = (pelvis + share * (thorax - pelvis))[:, :, None]
        along = ((point - center) * sight).sum(-1) / sight.square().sum(-1)
        nearest = center + along[..., None] * sight
        in_front = (1 - along) * sight.norm(dim=-1) > 0.15
        hidden |= in_front & ((nearest - point).norm(dim=-1) < radius)
    limbs = torch.tensor([any(part in name for part in ("elbow", "wrist", "knee", "ankle")) for name in H36M17.joints])
    return hidden & limbs


class Drawn(NamedTuple):
    """Errors in pixels, confidences, and where left and right are swapped (in errors and confidences not yet)."""

    error: Float[Tensor, "view frame joint 2"]
    conf: Float[Tensor, "view frame joint"]
    swapped: Bool[Tensor, "view frame"]


def draw(
    model: NoiseModel,
    rig: Rig,
    xyz: Float[Tensor, "view frame joint 3"],
    fps: float,
    level: float,
    rng: np.random.Generator,
) -> Drawn:
    """Errors of a detector that sees a moving body (one per view, as views may be at different moments).

    ``level`` scales every error (1 = as fitted).
    """
    body = seen_body(rig, xyz)
    views, frames, joints = body.occluded.shape
    size = person_size(rig.camera.spread(2).project(xyz), torch.ones(body.occluded.shape, dtype=torch.float64))
    bias = _bias(model, body.yaw, rng)
    keep = math.exp(-1 / (fps * model.correlation_s))
    slow = rng.standard_normal((frames, views, joints, 2))
    for frame in range(1, frames):
        slow[frame] = keep * slow[frame - 1] + math.sqrt(1 - keep**2) * slow[frame]
    fast = rng.standard_t(model.freedom, (frames, views, joints, 2))
    scale_slow, scale_fast = (np.array(scale)[:, None] for scale in (model.slow, model.fast))
    random = torch.from_numpy(scale_slow * slow + scale_fast * fast).movedim(0, 1)
    random = random * torch.where(body.occluded, model.occluded_factor, 1.0)[..., None]
    error = torch.einsum("vfja,vfac->vfjc", bias + random, body.axes) * size[..., None, None] * level
    return Drawn(error, _confidences(model, random, body.occluded, rng), _runs(model, views, frames, fps, rng))


def _bias(model: NoiseModel, yaw: Tensor, rng: np.random.Generator) -> Tensor:
    """The fitted bias plus this clip's own (view, frame, joint, axis): random harmonics of the fitted size."""
    fitted = torch.einsum("jac,vfc->vfja", torch.tensor(model.bias, dtype=torch.float64), _harmonics(yaw))
    left = np.array(model.bias_left)[:, None, None] / math.sqrt(3)  # 1 + cos^2 + sin^2 + cos^2 + sin^2 = 3
    drawn = rng.standard_normal((len(model.bias), 2, 5))
    for group in _GROUPS:
        members = [H36M17.index(joint) for joint in group]
        drawn[members] *= math.sqrt(1 - model.together)
        drawn[members] += math.sqrt(model.together) * rng.standard_normal((1, 2, 5))
    own = torch.from_numpy(left * drawn)
    second = torch.cat([_harmonics(yaw), _harmonics(2 * yaw)[..., 1:]], -1)
    return fitted + torch.einsum("jac,vfc->vfja", own, second)


def _harmonics(yaw: Tensor) -> Tensor:
    return torch.stack([torch.ones_like(yaw), yaw.cos(), yaw.sin()], -1)


def _confidences(model: NoiseModel, random: Tensor, occluded: Tensor, rng: np.random.Generator) -> Tensor:
    """Confidences whose ranks follow the errors' ranks as far as the model says (a Gaussian copula)."""
    size = random.norm(dim=-1).numpy()
    rank = stats.norm.ppf((stats.rankdata(size) - 0.5) / size.size).reshape(size.shape)
    follow = model.conf_follows_error
    level = stats.norm.cdf(-follow * rank + math.sqrt(1 - follow**2) * rng.standard_normal(size.shape))
    grid = np.linspace(0, 1, _RANKS)
    conf = [np.interp(level, grid, quantiles) for quantiles in model.conf_quantiles]
    return torch.from_numpy(np.where(occluded.numpy(), conf[1], conf[0])).clamp(0, 1)


def _runs(model: NoiseModel, views: int, frames: int, fps: float, rng: np.random.Generator) -> Tensor:
    """Runs of swapped frames: a two-state Markov chain with the model's share and mean length."""
    leave = min(1.0, 1 / (fps * model.swap_run_s))
    enter = leave * model.swap_share / (1 - model.swap_share)
    swapped = torch.zeros(views, frames, dtype=torch.bool)
    chance = rng.random((frames, views))
    state = chance[0] < model.swap_share
    for frame in range(frames):
        state = np.where(state, chance[frame] >= leave, chance[frame] < enter)
        swapped[:, frame] = torch.from_numpy(state)
    return swapped


def fit(poses: Poses2D, reference: Rig, fps: float) -> NoiseModel:
    """The model of the detector that made ``poses`` (any skeleton), given reference cameras."""
    e, body, conf, swaps = _residuals(poses, reference)
    visible = ~body.occluded
    slow_share, correlation_s = _correlation(e, fps)
    bias = _fitted_bias(e, body.yaw)
    rest = e - torch.einsum("jac,vfc->vfja", bias, _harmonics(body.yaw))
    bias_left = _halfway(rest.mean(1).square().mean((0, 2)).sqrt())
    rest = rest - rest.mean(1, keepdim=True)
    spread = _halfway(_robust_sigma(rest.movedim(2, 0).flatten(1)))
    change = (rest[:, 1:] - rest[:, :-1]) / math.sqrt(2)
    fast = _halfway(_robust_sigma(change.movedim(2, 0).flatten(1)))
    standard = (change / fast[:, None]).flatten().numpy()
    freedom = float(np.clip(stats.t.fit(standard, floc=0)[0], 3.0, 30))
    slow = (spread.square() - fast.square()).clamp(min=0).sqrt().clamp(min=float(spread.mean()) * slow_share**0.5 / 4)
    larger = _robust_sigma(rest[body.occluded].flatten()[None]) / _robust_sigma(rest[visible].flatten()[None])
    grid = torch.linspace(0, 1, _RANKS, dtype=torch.float64)
    follows = -np.corrcoef(stats.rankdata(rest.norm(dim=-1)), stats.rankdata(conf))[0, 1]
    return NoiseModel(
        bias=_rounded(bias),
        bias_left=_rounded(bias_left),
        slow=_rounded(slow),
        fast=_rounded(fast),
        correlation_s=round(correlation_s, 3),
        freedom=round(freedom, 2),
        occluded_factor=round(float(larger.clamp(min=1)), 2),
        conf_quantiles=_rounded(torch.stack([conf[visible].quantile(grid), conf[body.occluded].quantile(grid)])),
        conf_follows_error=round(float(np.clip(follows, 0, 0.9)), 2),
        swap_share=round((float(swaps) + 0.5) / (len(poses.views) * e.shape[1] + 1), 5),
        swap_run_s=0.2,
    )


def _residuals(poses: Poses2D, reference: Rig) -> tuple[Tensor, Body, Tensor, int]:
    """Errors of H36M17 joints along the body's axes as shares of its size, what the views see, confidences, swaps."""
    observed, swapped = correct_swaps(
        observe(poses, reference, 0.0), reference.camera.R, reference.camera.t, poses.skeleton.flip
    )
    points = triangulate_robust(reference.camera.R, reference.camera.t, *observed.per_point())
    mapping = poses.skeleton.mapping_to(H36M17).double()
    camera = reference.camera.spread(2)
    seen = torch.nn.functional.pad(observed.x, (0, 1), value=1.0)
    off = camera.project_in_frame(seen) - camera.project(points.xyz)
    size = person_size(poses.xy[:, :, 0].double(), poses.conf[:, :, 0].double())
    off = torch.einsum("tj,vfjc->vftc", mapping, off) / size[..., None, None] * math.sqrt(8 / 5)
    off = off - off.median(2, keepdim=True).values.mean(1, keepdim=True)
    xyz = torch.einsum("tj,fjc->ftc", mapping, points.xyz)
    body = seen_body(reference, xyz.expand(len(poses.views), *xyz.shape))
    conf = torch.einsum("tj,vfj->vft", mapping, poses.conf[:, :, 0].double())
    return torch.einsum("vfjc,vfac->vfja", off, body.axes), body, conf, int(swapped.sum())


def _fitted_bias(e: Tensor, yaw: Tensor) -> Tensor:
    """Harmonics per joint and axis by ridge regression; both sides of the body give one answer, mirrored."""
    mirrored = e[:, :, list(H36M17.flip)] * torch.tensor([-1.0, 1.0], dtype=e.dtype)
    y = torch.cat([e, mirrored]).movedim(2, 0)  # joint, view, frame, axis
    X = torch.cat([_harmonics(yaw), _harmonics(-yaw)])
    # A view is one look at the body, however many frames it lasts: the spread of the views' means is both the size of
    # the biases and, as the harmonics explain but a part of it, the noise.
    gram = torch.einsum("vfc,vfd->cd", X, X) / X.shape[1]
    right = torch.einsum("vfc,jvfa->jac", X, y) / X.shape[1]
    return torch.linalg.solve(gram + 2 * torch.eye(3, dtype=e.dtype), right.mT).mT


def _correlation(e: Tensor, fps: float) -> tuple[float, float]:
    """Share of the variance that is slow, and its time constant, from the autocorrelation at 1 and 10 frames."""
    centred = e - e.mean(1, keepdim=True)
    spread = centred.square().mean(1).clamp(min=1e-12)
    one, ten = (
        float(((centred[:, lag:] * centred[:, :-lag]).mean(1) / spread).median().clamp(0.05, 0.98)) for lag in (1, 10)
    )
    keep = min(max((ten / one) ** (1 / 9), 0.5), 0.995)
    return min(one / keep, 1.0), -1 / (fps * math.log(keep))


def _robust_sigma(values: Tensor) -> Tensor:
    return MAD_TO_SIGMA * values.abs().median(-1).values


def _halfway(scale: Tensor) -> Tensor:
    """Per-joint scales, equal on both sides, halfway to their common geometric mean."""
    log = scale.clamp(min=1e-5).log()
    log = (log + log[list(H36M17.flip)]) / 2
    return ((log + log.mean()) / 2).exp()


def _rounded(values: Tensor) -> Any:
    return torch.round(values, decimals=5).tolist()


def main() -> None:
    """Fit both detectors of the demo and write the parameters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path("demo"))
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    reference = Rig.load(arguments.demo / "sample/reference/rig.json")
    models = {}
    for detector in ("full", "heavy"):
        poses = Poses2D.load(arguments.demo / detector / "poses2d.npz")
        models[detector] = asdict(fit(poses, reference, arguments.fps))
        print(detector, {key: value for key, value in models[detector].items() if key != "bias"})
    write_json(arguments.out, models)


if __name__ == "__main__":
    main()
