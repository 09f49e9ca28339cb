"""Paths of joints without jitter: a Wiener filter whose noise is measured by how much the views disagree.

What the views disagree about is error, never motion: their residuals give the error's spectrum, which falls with
frequency but far less than that of a moving body. A path's second differences are taken to be white, as large as makes
its spectrum, with that of the error added, most likely (Whittle's likelihood). The filter passes at each frequency the
share that is motion: it is the smoothness prior with its size measured, joint by joint and stretch by stretch, rather
than set. Keypoints without error come through unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.geometry.sampling import evenly

WINDOW = 256  # frames that are filtered alike; a longer stretch is filtered in windows that overlap by half
MIN_FRAMES = 16  # of a stretch that is filtered at all
_MIN_SHARE = 0.5  # of a window's frames that a joint must be known in
_HIGH_BAND = 0.6  # share of the spectrum above which it is error alone
_SHAPE_WIDTH = 9  # frequencies over which the error's spectrum is averaged
_ACCELERATIONS = torch.logspace(-6, 6, 73, dtype=torch.float64)  # tried: motion over error, at the highest frequency
_PAD, _END = 24, 7  # frames by which a window is extended at either end, and those that say how it goes on
_WRONG = 3.5  # expected errors off its smooth path, beyond which a place is bridged like a missing one
_LEAST_ERROR = 0.01  # of the joints' distance from the middle of the body: places surer than that are not judged surer
_FRAMES_AT_ONCE = 4000  # that are looked at for jumps, or from which the body's extent is taken
_BODY_JOINTS = 4  # that tell of a jump
_JUMP = 4.0  # times the frames before and after that the middle joint moves where one stretch ends


def smooth_paths(
    xyz: Float[Tensor, "frame joint 3"],
    known: Bool[Tensor, "frame joint"],
    residual: Float[Tensor, "view frame joint 2"],
    variance: Float[Tensor, " joint"],
) -> Float[Tensor, "frame joint 3"]:
    """The paths without what is more likely error than motion.

    ``known``: where there is a joint; elsewhere it stays what it is, and the path is bridged by a straight line.
    ``residual``: of the joints in the views, 0 where there is none, in any unit: only the shape of its spectrum counts.
    ``variance``: of a joint's error per axis, at most; the filter takes no more for error than that.
    """
    result, least = xyz.clone(), (_LEAST_ERROR * _spread(xyz, known)) ** 2
    for begin, end in pairwise([0, *jumps(xyz, known), len(xyz)]):
        stretch = slice(begin, end)
        if end - begin >= MIN_FRAMES:
            raw, here, views = xyz[stretch], known[stretch], residual[:, stretch]
            off = torch.zeros_like(here)
            for piece, smooth in _smooth_pieces(raw, here, views, variance):
                result[stretch][piece] = torch.where(here[piece][..., None], smooth.to(raw), raw[piece])
                apart = (raw[piece] - smooth).square().sum(-1)
                off[piece] = here[piece] & (apart > _WRONG**2 * variance.clamp(min=least))
            if bool(off.any()):  # a filter smears a wrong place over its neighbours
                for piece, smooth in _smooth_pieces(raw, here & ~off, views, variance):
                    result[stretch][piece] = torch.where(here[piece][..., None], smooth.to(raw), raw[piece])
    return result


def _spread(xyz: Tensor, known: Tensor) -> float:
    """Median distance of the joints from the middle of their frame, in some of these; 0 where there are none."""
    some = evenly(len(xyz), _FRAMES_AT_ONCE)
    xyz, known = xyz[some], known[some]
    middle = (xyz * known[..., None]).sum(1, keepdim=True) / known.sum(1).clamp(min=1)[:, None, None]
    apart = (xyz - middle).norm(dim=-1)[known]
    return float(apart.median()) if len(apart) else 0.0


def jumps(xyz: Float[Tensor, "frame joint 3"], known: Bool[Tensor, "frame joint"]) -> list[int]:
    """Frames at which another stretch begins, as most of the body jumps: a cut, or another person.

    Frames without anybody are passed over: who comes back elsewhere has jumped, too. Fewer than `_BODY_JOINTS` joints
    are no body.
    """
    there = known.any(1).nonzero()[:, 0]
    if len(there) < 4:
        return []
    pairs = zip(there[:-1].split(_FRAMES_AT_ONCE), there[1:].split(_FRAMES_AT_ONCE), strict=True)
    moved = torch.cat([_moved(xyz, known, *pair) for pair in pairs]) / there.diff()
    around = torch.nn.functional.pad(moved, (1, 1))
    far = (moved > _JUMP * torch.maximum(around[:-2], around[2:])) & (moved > _JUMP * moved.median())
    return there[1:][far].tolist()


def _moved(xyz: Tensor, known: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """How far the middle joint of those known in both moves from one frame to another; 0 where too few are."""
    both = known[before] & known[after]
    both &= both.sum(1, keepdim=True) >= _BODY_JOINTS
    return torch.where(both, (xyz[after] - xyz[before]).norm(dim=-1), torch.nan).nanmedian(1).values.nan_to_num(0.0)


def _smooth_pieces(
    xyz: Tensor, known: Tensor, residual: Tensor, variance: Tensor
) -> Iterator[tuple[slice, Float[Tensor, "frame joint 3"]]]:
    """A stretch in pieces, each with its frames: windows that overlap by half, each filtered by itself, cross-faded.

    In float64, whatever the paths are in. A piece ends where the next window begins: only windows are in memory.
    """
    frames, variance = len(xyz), variance.double()
    size = min(WINDOW, frames)
    count = 1 if frames <= WINDOW else 1 + -(-(frames - size) // (size // 2))
    begins = [round(number * (frames - size) / max(count - 1, 1)) for number in range(count)]
    fade = (torch.arange(size).to(variance) + 0.5).mul(torch.pi / size).sin().square()[:, None, None]
    total, weights = torch.zeros(size, *xyz.shape[1:]).to(variance), torch.zeros_like(fade)
    for begin, following in pairwise([*begins, frames]):
        part, ready = slice(begin, begin + size), following - begin
        path = _bridged(xyz[part].double(), known[part])
        total += fade * _filtered(path, known[part], residual[:, part].double(), variance)
        weights += fade
        yield slice(begin, following), total[:ready] / weights[:ready]
        total = torch.cat([total[ready:], torch.zeros_like(total[:ready])])
        weights = torch.cat([weights[ready:], torch.zeros_like(weights[:ready])])


def _bridged(xyz: Tensor, known: Tensor) -> Tensor:
    """Straight lines across the frames without a joint; before its first and after its last frame it rests."""
    frames = len(xyz)
    index = torch.arange(frames)[:, None].expand(known.shape)
    before = torch.where(known, index, -1).cummax(0).values
    after = torch.where(known, index, frames).flip(0).cummin(0).values.flip(0)
    before, after = torch.where(before < 0, after, before), torch.where(after >= frames, before, after)
    before, after = (of.clamp(0, frames - 1) for of in (before, after))
    share = ((index - before) / (after - before).clamp(min=1))[..., None].to(xyz)
    here, there = (xyz.gather(0, of[..., None].expand_as(xyz)) for of in (before, after))
    return (1 - share) * here + share * there


def _filtered(xyz: Tensor, known: Tensor, residual: Tensor, variance: Tensor) -> Tensor:
    """One window through its Wiener filter; a joint that is mostly unknown there stays as it is."""
    pad, counted = min(_PAD, len(xyz) - 1), known.to(xyz).mean(0) >= _MIN_SHARE
    xyz = _extended(xyz, pad)
    residual = torch.cat([residual[:, 1 : pad + 1].flip(1), residual, residual[:, -pad - 1 : -1].flip(1)], 1)
    frames, line = len(xyz), _line(xyz)
    spectrum = _spectrum(xyz - line)
    passed = torch.where(counted, _passed(spectrum.abs().square().mean(-1)[1:], residual, variance), 1.0)
    passed = torch.cat([torch.ones_like(passed[:1]), passed])[..., None]
    return (torch.fft.irfft(spectrum * passed, n=2 * frames, dim=0)[:frames] + line)[pad : frames - pad]


def _passed(power: Float[Tensor, "frequency joint"], residual: Tensor, variance: Tensor) -> Tensor:
    """The share of motion at each frequency but 0, given the power of the paths: motion and error."""
    frames = len(power)
    shape = _error_shape(residual)[:, None]
    high = int(_HIGH_BAND * frames)
    level = (power[high:] / shape[high:]).mean(0)
    error = shape * torch.minimum(level, 2 * frames * variance)
    omega = (torch.arange(1, frames + 1).to(power) * (torch.pi / (2 * frames))).sin()
    unit, last = omega[:, None] ** -4.0, error[-1].clamp(min=1e-300)  # second differences that are white
    power, own = ((of / last).float() for of in (power, error))
    tried = _ACCELERATIONS[:, None, None].float() * unit.float() + own
    likely = (tried.log() + power / tried).sum(1).argmin(0)
    motion = _ACCELERATIONS.to(error)[likely] * unit * last
    return torch.where(error > 0, motion / (motion + error).clamp(min=1e-300), torch.ones_like(motion))


def _extended(xyz: Tensor, pad: int) -> Tensor:
    """A window and, at either end, its mirror image through the end of a straight line along the last few frames."""
    count = min(_END, len(xyz))
    along = torch.arange(count).to(xyz) - (count - 1) / 2

    def end(few: Tensor) -> Tensor:
        slope = (along[:, None, None] * few).sum(0) / along.square().sum()
        return few.mean(0) + along[0] * slope

    first, last = end(xyz[:count]), end(xyz[-count:].flip(0))
    return torch.cat([2 * first - xyz[1 : pad + 1].flip(0), xyz, 2 * last - xyz[-pad - 1 : -1].flip(0)])


def _line(xyz: Tensor) -> Tensor:
    """The straight line from the first frame to the last: without it the ends would not meet those of the mirror."""
    share = torch.linspace(0, 1, len(xyz)).to(xyz)[:, None, None]
    return xyz[:1] + share * (xyz[-1:] - xyz[:1])


def _spectrum(path: Tensor) -> Tensor:
    """Fourier transform of a path followed by its mirror image, which has no jump: frames + 1 frequencies."""
    return torch.fft.rfft(torch.cat([path, path.flip(0)]), dim=0)


def _error_shape(residual: Float[Tensor, "view frame joint 2"]) -> Float[Tensor, " frame"]:
    """Spectrum of the residuals of all joints and views, smoothed, with mean 1; flat where there are none."""
    centred = residual - residual.mean(1, keepdim=True) * (residual != 0)
    power = _spectrum(centred.movedim(1, 0)).abs().square()[1:].flatten(1).mean(1)
    half = _SHAPE_WIDTH // 2
    padded = torch.cat([power[:half].flip(0), power, power[-half:].flip(0)])
    smooth = padded.unfold(0, _SHAPE_WIDTH, 1).mean(1)
    return smooth / smooth.mean() if float(smooth.sum()) > 0 else torch.ones_like(smooth)
