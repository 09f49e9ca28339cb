"""Selection of unknowns by evidence: lags, differences between lenses, pixels that are not square, constant bones.

A number that is estimated without need only adds its error to the cameras, and one that is left out without reason
bends the others. So each is tried, and kept where it comes out clearly different from none (by four standard
deviations); the bones, which are a prior rather than an unknown, where they make the cameras clearly more certain.
Distortion and principal points of a lens that is not known are adjusted in any case, under their priors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.calibration.adjustment import (
    EARLY_STEPS,
    Round,
    Setting,
    Task,
    adjusted,
    again,
    sigma_of,
    with_intrinsics,
)
from epipose.calibration.rig_options import RigOptions
from epipose.camera import Rig
from epipose.geometry.bundle import Bundle, Free
from epipose.geometry.parameters import Priors
from epipose.geometry.sampling import evenly
from epipose.geometry.uncertainty import Uncertainty

_CLEAR_SIGMAS = 4.0  # standard deviations by which an unknown must differ from none to be kept
_SUSPECT_SIGMAS = 3.0  # and from which on a lag is estimated again from all frames
_MIN_LAG = 0.05  # frames: smaller lags are left alone
_MAX_LAG_ROUNDS = 12
_MAX_SETTLED_LAG = 0.02  # frames by which a round may move lags that have come to rest
_MIN_ASPECT = 0.02  # of fx / fy: pixels are square, or not at all
# Share of the sigma of the cameras that must be left with constant bones: their lengths come from the same noisy joints,
# and where the images alone determine the cameras they were seen to harm as often as to help (docs/benchmarks.md).
_MAX_SIGMA_WITH_BONES = 0.95
_TRIAL_GAIN, _BONES_GAIN = 1e-3, 1e-4  # share of the cost at which the adjustment with bones ends
_DOUBT_FRAMES, _DOUBT_SIGMAS = 80, 3.0
_DOUBTING = Priors(focal_sigma=0.5, center_sigma=0.1, aspect_sigma=0.2)  # of intrinsics that were given


@dataclass(frozen=True)
class IntrinsicsDoubt:
    """By what share the footage would change given intrinsics, and the standard deviation of that, for every view."""

    focal: Float[Tensor, "view 2"]
    aspect: Float[Tensor, "view 2"]
    center: Float[Tensor, "view 2"]  # length of the principal point's move, as a share of the image's longer side

    @property
    def is_clear(self) -> bool:
        """Whether anything would change by more than three standard deviations."""
        change, sigma = torch.cat([self.focal, self.aspect, self.center]).abs().unbind(-1)
        return bool((change > _DOUBT_SIGMAS * sigma).any())

    @staticmethod
    def none(views: int) -> IntrinsicsDoubt:
        """No doubt, as nothing was given."""
        return IntrinsicsDoubt(*(torch.zeros(views, 2, dtype=torch.float64) for _ in range(3)))


def until_lags_rest(task: Task, now: Round, setting: Setting, most: int) -> Round:
    """Further rounds, until the lags have come to rest.

    A joint's velocity in the image is noisy where it moves slowly, and noise in what a slope is fitted against makes
    the slope too small: each round finds a part of the lag, the next one reads the views later and finds the rest.
    """
    for _ in range(most):
        now = adjusted(task, now.rig, replace(setting, free=now.free), now)
        if float(now.bundle.lag.abs().max()) < _MAX_SETTLED_LAG:
            break
    return now


def with_supported_lags(task: Task, now: Round, frames: Tensor) -> Round:
    """Keep lags where they are clear, else set them to none and stop estimating them.

    Where a few frames suggest any, all are used: with slow motion, few hardly tell lags from turns of the cameras.
    """
    few = Setting(now.frames, now.free, EARLY_STEPS, measured=True)
    if _lags_differ(task, now, _SUSPECT_SIGMAS):
        now = until_lags_rest(task, now, replace(few, frames=frames), _MAX_LAG_ROUNDS)
        if _lags_differ(task, now, _CLEAR_SIGMAS):
            return now
    still = replace(now.rig, lag=task.given.lag)
    return adjusted(task, still, replace(few, free=replace(now.free, lag=False)), now)


def _lags_differ(task: Task, now: Round, sigmas: float) -> bool:
    """Whether a lag is clear, with all freedom that the lens has where it is not known: else it would stand for that."""
    free, bundle = now.free, now.bundle
    lag = now.rig.lag - task.given.lag
    if free.focal != "known":
        free = replace(free, focal="each", center="each")
        bundle = again(task, now, free)
        lag = lag - now.bundle.lag + bundle.lag
    sigma = sigma_of(task, now, bundle, free).lag
    return bool((lag.abs() > (sigmas * sigma).clamp(min=_MIN_LAG)).any())


def with_assumed_lens(task: Task, now: Round, options: RigOptions) -> Round:
    """The round with principal points and distortion adjusted under their priors, where the lens is not known.

    Every lens distorts. Left out, even where it is not clear by itself, distortion passes for principal points that lie
    far off the middle, and so turns the cameras. It has two numbers, k1 and k2, for ordinary lenses only: with a fisheye,
    or a model of eight numbers, among the cameras, distortion is held as given.
    """
    radial = "shared" if bool(task.given.camera.five_numbers.all()) else "known"
    free = replace(now.free, center=options.center, radial=radial)
    return _with_unknowns(task, now, again(task, now, free), free)


def with_supported_lens(task: Task, now: Round) -> Round:
    """Each camera its own focal length and distortion, pixels that are not square: whatever is clear, the clearest first.

    An unknown that is left out bends the others, so the one that lowers the cost most is taken before the next is tried.
    """
    while True:
        tried = [_tried(task, now, free) for free in _wider(now.free)]
        clear = [(bundle.cost, bundle, free) for bundle, free, is_clear in tried if is_clear]
        if not clear:
            return now
        _, bundle, free = min(clear, key=lambda one: one[0])
        now = _with_unknowns(task, now, bundle, free)


def _with_unknowns(task: Task, now: Round, bundle: Bundle, free: Free) -> Round:
    """The round with its observations adjusted with other unknowns."""
    lag = now.rig.lag - now.bundle.lag + bundle.lag
    rig = replace(now.rig, camera=with_intrinsics(task.given.camera, bundle, free), lag=lag)
    return replace(now, rig=rig, bundle=bundle, free=free)


def _wider(free: Free) -> list[Free]:
    """The unknowns with one more of the lens."""
    wider = []
    if free.focal == "shared":
        wider.append(replace(free, focal="each"))
    if free.radial == "shared":
        wider.append(replace(free, radial="each"))
    if free.aspect == "known":
        wider.append(replace(free, aspect=free.focal))
    return wider


def _tried(task: Task, now: Round, free: Free) -> tuple[Bundle, Free, bool]:
    """The adjustment with other unknowns of the lens, and whether what is new in it differs clearly from none."""
    bundle = again(task, now, free)
    sigma = sigma_of(task, now, bundle, free)
    if free.focal != now.free.focal:
        log = bundle.focal.log()
        clear = ((log - log.mean()).abs() > _CLEAR_SIGMAS * sigma.focal).any()
    elif free.radial != now.free.radial:
        clear = ((bundle.radial - bundle.radial.mean(0)).abs() > _CLEAR_SIGMAS * sigma.radial)[:, 0].any()
    else:
        clear = (bundle.aspect.log().abs() > (_CLEAR_SIGMAS * sigma.aspect).clamp(min=_MIN_ASPECT)).any()
    return bundle, free, bool(clear) and bundle.cost < now.bundle.cost


def with_supported_bones(task: Task, now: Round, sigma: Uncertainty) -> tuple[Round, Uncertainty]:
    """Hold bones to constant lengths where that makes the cameras clearly more certain than ``sigma``.

    The first steps show it: sigma hardly changes any more in the many small ones that end an adjustment with bones.
    """
    tried = again(task, now, now.free, bones=True, min_gain=_TRIAL_GAIN)
    with_bones = sigma_of(task, now, tried, now.free, bones=True)
    if not float(with_bones.between.max()) < _MAX_SIGMA_WITH_BONES * float(sigma.between.max()):
        return now, sigma
    bundle = again(task, replace(now, bundle=tried), now.free, bones=True, min_gain=_BONES_GAIN)
    found = replace(_with_unknowns(task, now, bundle, now.free), bones=True)
    return found, sigma_of(task, found, bundle, found.free, bones=True)


def intrinsics_doubt(task: Task, now: Round) -> IntrinsicsDoubt:
    """By how much the footage would change focal lengths, principal points or aspect that were given.

    Each is tried alone, because all together hardly determine one another. Of those that come out clearly different from
    what was given, the one that explains the images best is the doubt: a squeezed image has another mean focal length
    and another middle, too.
    """
    doubting = replace(task, priors=replace(_DOUBTING, smoothness=task.priors.smoothness))
    few = evenly(now.raw.x.shape[1], _DOUBT_FRAMES)
    part = replace(now, raw=now.raw.frames(few), bundle=now.bundle._replace(xyz=now.bundle.xyz[few]))
    found: list[tuple[bool, float, IntrinsicsDoubt]] = []
    for free in (Free(focal="each"), Free(center="each"), Free(focal="shared", center="shared", aspect="shared")):
        bundle = again(doubting, part, free)
        sigma = sigma_of(doubting, part, bundle, free)
        own = torch.stack([bundle.focal - 1, sigma.focal], 1) * (free.focal == "each")
        doubt = _doubt(task.given, bundle, sigma, own)
        found.append((not doubt.is_clear, bundle.cost, doubt))
    return min(found, key=lambda one: one[:2])[2]


def assumption_doubt(task: Task, now: Round, sigma: Uncertainty) -> IntrinsicsDoubt:
    """By how much the footage did change principal points and aspect that were assumed."""
    return _doubt(task.given, now.bundle, sigma, IntrinsicsDoubt.none(len(task.given.names)).focal)


def _doubt(given: Rig, bundle: Bundle, sigma: Uncertainty, focal: Tensor) -> IntrinsicsDoubt:
    share = (given.camera.focal / given.camera.size.max(-1).values).double()  # of the image, of a unit on z = 1
    return IntrinsicsDoubt(
        focal,
        torch.stack([bundle.aspect - 1, sigma.aspect], 1),
        share[:, None] * torch.stack([bundle.center.norm(dim=-1), sigma.principal.norm(dim=-1)], 1),
    )
