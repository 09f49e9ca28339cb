"""When each video was started, from what its microphone heard.

The same claps, steps and voices are in every track, at the same moments. Coarsely, the onsets of sounds (where the
spectrum suddenly grows) are correlated at all shifts: they survive other microphones, levels and rooms. Finely, the
waveforms themselves are, with all frequencies counted alike (GCC-PHAT, Knapp and Carter 1976). Sound needs 3 ms per
metre, so two microphones cannot agree better than that; the motion, where it is sure, is finer.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import av
import av.error
import numpy as np
from jaxtyping import Float

from epipose.sync.result import SURE, Sync

RATE = 8000  # Hz
HOP = 80  # samples between two looks at the spectrum: 10 ms
WINDOW = 256  # samples of one look
FINE = 0.03  # seconds around the coarse shift in which the waveforms are compared
CHANCE = 4.0  # standard deviations that the best of a thousand shifts of unrelated sounds reaches
CLOSED = 0.05  # seconds by which the shifts of three pairs may fail to add up


def read_sound(path: Path) -> Float[np.ndarray, " sample"] | None:
    """The audio track, mono at `RATE`, from the moment of the first video frame on; None where there is none."""
    if path.is_dir():  # of images
        return None
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        stream, video = container.streams.audio[0], container.streams.video[0]
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        began, parts = None, []
        try:
            for frame in container.decode(stream):
                began = frame.time if began is None else began
                parts += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
            parts += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
        except av.error.FFmpegError:  # a broken track is as good as none: there is the motion
            return None
    samples = np.concatenate(parts).astype(float) if parts else np.zeros(0)
    first_frame = float((video.start_time or 0) * (video.time_base or 0))
    late = round(((began or 0.0) - first_frame) * RATE)
    samples = np.pad(samples, (late, 0)) if late >= 0 else samples[-late:]
    return samples if samples.any() else None


def offsets_from_audio(sounds: Sequence[Float[np.ndarray, " _"]], max_offset: float = 10.0) -> Sync:
    """Starts of videos from their sounds (`read_sound`), offsets of up to ``max_offset`` seconds between any two.

    ``support`` is the log of the best shift's correlation over the next best elsewhere, that of the pair by which a
    view is tied to the others. A warning says where shifts do not add up, or nothing fits.
    """
    onset = [_onsets(samples) for samples in sounds]
    pairs = {
        (a, b): _shift(sounds[a], sounds[b], onset[a], onset[b], max_offset)
        for a, b in itertools.combinations(range(len(sounds)), 2)
    }
    starts, support = {0: 0.0}, {}
    while len(starts) < len(sounds):  # the surest tie first
        a, b = max(
            (pair for pair in pairs if (pair[0] in starts) != (pair[1] in starts)), key=lambda pair: pairs[pair][1]
        )
        shift, sure = pairs[a, b]
        fresh = b if a in starts else a
        starts[fresh] = starts[a] + shift if fresh == b else starts[b] - shift
        support[fresh] = sure
        support.setdefault(a if fresh == b else b, sure)
    open_ = [
        (a, b)
        for (a, b), (shift, sure) in pairs.items()
        if sure >= SURE and abs(starts[b] - starts[a] - shift) > CLOSED
    ]
    warnings = [f"The sounds of videos {a + 1} and {b + 1} contradict those of the others." for a, b in open_]
    if min(support.values()) < SURE:
        warnings.append("The sounds of the videos have too little in common to tell when they were started.")
    earliest = min(starts.values())
    ordered = range(len(sounds))
    return Sync(
        tuple(starts[v] - earliest for v in ordered),
        "audio",
        tuple(round(support[v], 3) for v in ordered),
        not warnings,
        tuple(warnings),
    )


def _shift(
    a: np.ndarray, b: np.ndarray, onset_a: np.ndarray, onset_b: np.ndarray, max_offset: float
) -> tuple[float, float]:
    """Start of b minus start of a in seconds, and the support for it."""
    most = round(max_offset * RATE / HOP)
    length = 1 << max(len(onset_a) + len(onset_b), 2 * most).bit_length()

    def correlated(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        product = np.fft.irfft(np.fft.rfft(x, length) * np.fft.rfft(y, length).conj(), length)
        return np.concatenate([product[length - most :], product[: most + 1]])

    overlap = correlated(np.ones(len(onset_a)), np.ones(len(onset_b)))
    # short overlaps agree by chance: they are not worth more than a second of it
    score = correlated(onset_a, onset_b) / np.sqrt(np.maximum(overlap, RATE / HOP))
    score = score / max(1.4826 * float(np.median(np.abs(score))), 1e-9)
    peak = int(score.argmax())
    elsewhere = np.abs(np.arange(len(score)) - peak) > 0.25 * RATE / HOP
    support = float(np.log(max(score[peak], 1e-9) / max(CHANCE, float(score[elsewhere].max(initial=0.0)))))
    return _fine(a, b, (peak - most) * HOP) / RATE, support


def _fine(a: np.ndarray, b: np.ndarray, shift: int) -> int:
    """The shift in samples at which the waveforms, every frequency alike, agree best near the one given."""
    first, second = a[max(0, shift) :], b[max(0, -shift) :]
    common = min(len(first), len(second))
    length = 1 << (2 * common).bit_length()
    cross = np.fft.rfft(first[:common], length) * np.fft.rfft(second[:common], length).conj()
    sharp = np.fft.irfft(cross / np.maximum(np.abs(cross), 1e-12), length)
    reach = round(FINE * RATE)
    near = np.concatenate([sharp[-reach:], sharp[: reach + 1]])
    peak = int(near.argmax())
    return shift + peak - reach if near[peak] > 8 * near.std() else shift


def _onsets(samples: Float[np.ndarray, " sample"]) -> Float[np.ndarray, " look"]:
    """How much the log spectrum grows every 10 ms, mean 0 and variance 1; near 0 in steady noise."""
    stack_tracklets = np.pad(samples / max(float(np.abs(samples).max()), 1e-9), (0, WINDOW + HOP))
    looks = np.lib.stride_tricks.sliding_window_view(stack_tracklets, WINDOW)[::HOP]
    power = np.log1p(1e4 * np.abs(np.fft.rfft(looks * np.hanning(WINDOW), axis=1)) ** 2 / WINDOW)
    growth = np.diff(power, axis=0, prepend=power[:1]).clip(0).sum(1)
    away = growth - growth.mean()
    return away / max(float(away.std()), 1e-9)
