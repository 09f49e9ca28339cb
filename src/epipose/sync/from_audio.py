"""Time offsets from sound: spectral onsets coarsely, then GCC-PHAT.

The same claps, steps and voices are in every sound track, at the same moments. Coarsely, the onsets of sounds (where
the spectrum suddenly grows) are correlated at all offsets: they survive other microphones, levels and rooms. Finely,
the waveforms themselves are, with all frequencies weighted alike (GCC-PHAT, Knapp and Carter 1976). Sound needs 3 ms
per metre, so two microphones cannot agree better than that; offsets from motion are finer where they are certain.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import av
import av.error
import numpy as np
from jaxtyping import Float

from epipose.io.decoding import open_video
from epipose.sync.result import MIN_SUPPORT, TimeOffsets

SAMPLE_RATE = 8000  # Hz
HOP_SAMPLES = 80  # between two windows of the spectrogram: 10 ms
WINDOW_SAMPLES = 256  # of one spectrum
FINE_SECONDS = 0.03  # around the coarse offset, in which the waveforms are compared
CHANCE_PEAK = 4.0  # standard deviations that the best of a thousand offsets of unrelated sounds reaches
MAX_LOOP_SECONDS = 0.05  # closure error of the offsets round three pairs


def read_sound(path: Path) -> Float[np.ndarray, " sample"] | None:
    """The audio track, mono at `SAMPLE_RATE`, from the moment of the first video frame on; None where there is none."""
    if path.is_dir():  # of images
        return None
    with open_video(path) as container:
        if not container.streams.audio:
            return None
        stream, video = container.streams.audio[0], container.streams.video[0]
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        began, parts = None, []
        try:
            for frame in container.decode(stream):
                began = frame.time if began is None else began
                parts += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
            parts += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
        except av.error.FFmpegError:  # a broken sound track counts as none: the motion remains
            return None
        first_frame = float((video.start_time or 0) * (video.time_base or 0))
    samples = np.concatenate(parts).astype(float) if parts else np.zeros(0)
    late = round(((began or 0.0) - first_frame) * SAMPLE_RATE)
    samples = np.pad(samples, (late, 0)) if late >= 0 else samples[-late:]
    return samples if samples.any() else None


def has_sound(path: Path) -> bool:
    """Whether a video states an audio track; nothing is decoded."""
    if path.is_dir():  # of images
        return False
    with open_video(path) as container:
        return bool(container.streams.audio)


def offsets_from_audio(sounds: Sequence[Float[np.ndarray, " _"]], max_offset: float = 10.0) -> TimeOffsets:
    """Time offsets of videos from their sounds (`read_sound`), up to ``max_offset`` seconds between any two.

    ``support`` is the log of the best offset's correlation over the next best elsewhere, that of the pair by which a
    view is tied to the others. A warning says where offsets do not add up, or nothing fits.
    """
    onset = [_spectral_onsets(samples) for samples in sounds]
    pairs = {
        (a, b): _pair_offset(sounds[a], sounds[b], onset[a], onset[b], max_offset)
        for a, b in itertools.combinations(range(len(sounds)), 2)
    }
    starts, support = {0: 0.0}, {}
    while len(starts) < len(sounds):  # the pair with the most support first
        a, b = max(
            (pair for pair in pairs if (pair[0] in starts) != (pair[1] in starts)), key=lambda pair: pairs[pair][1]
        )
        offset, certainty = pairs[a, b]
        fresh = b if a in starts else a
        starts[fresh] = starts[a] + offset if fresh == b else starts[b] - offset
        support[fresh] = certainty
        support.setdefault(a if fresh == b else b, certainty)
    contradictions = [
        (a, b)
        for (a, b), (offset, certainty) in pairs.items()
        if certainty >= MIN_SUPPORT and abs(starts[b] - starts[a] - offset) > MAX_LOOP_SECONDS
    ]
    warnings = [
        f"The offset between the sounds of videos {a + 1} and {b + 1} contradicts those of other pairs."
        for a, b in contradictions
    ]
    if min(support.values()) < MIN_SUPPORT:
        warnings.append(
            "The sounds of the videos have too little in common to estimate time offsets "
            f"(up to {max_offset:g} s were searched; --max-offset searches further)."
        )
    earliest = min(starts.values())
    ordered = range(len(sounds))
    return TimeOffsets(
        tuple(starts[v] - earliest for v in ordered),
        "audio",
        tuple(round(support[v], 3) for v in ordered),
        not warnings,
        tuple(warnings),
        searched=max_offset,
    )


def _pair_offset(
    a: np.ndarray, b: np.ndarray, onset_a: np.ndarray, onset_b: np.ndarray, max_offset: float
) -> tuple[float, float]:
    """Start of b minus start of a in seconds, and its support."""
    most = round(max_offset * SAMPLE_RATE / HOP_SAMPLES)
    length = 1 << max(len(onset_a) + len(onset_b), 2 * most).bit_length()

    def correlated(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        product = np.fft.irfft(np.fft.rfft(x, length) * np.fft.rfft(y, length).conj(), length)
        return np.concatenate([product[length - most :], product[: most + 1]])

    overlap = correlated(np.ones(len(onset_a)), np.ones(len(onset_b)))
    # short overlaps agree by chance: each counts like a second at most
    score = correlated(onset_a, onset_b) / np.sqrt(np.maximum(overlap, SAMPLE_RATE / HOP_SAMPLES))
    score = score / max(1.4826 * float(np.median(np.abs(score))), 1e-9)
    peak = int(score.argmax())
    elsewhere = np.abs(np.arange(len(score)) - peak) > 0.25 * SAMPLE_RATE / HOP_SAMPLES
    support = float(np.log(max(score[peak], 1e-9) / max(CHANCE_PEAK, float(score[elsewhere].max(initial=0.0)))))
    return _refine_offset(a, b, (peak - most) * HOP_SAMPLES) / SAMPLE_RATE, support


def _refine_offset(a: np.ndarray, b: np.ndarray, offset: int) -> int:
    """The offset in samples at which the waveforms, every frequency alike, agree best near the one given."""
    first, second = a[max(0, offset) :], b[max(0, -offset) :]
    common = min(len(first), len(second))
    length = 1 << (2 * common).bit_length()
    cross = np.fft.rfft(first[:common], length) * np.fft.rfft(second[:common], length).conj()
    sharp = np.fft.irfft(cross / np.maximum(np.abs(cross), 1e-12), length)
    reach = round(FINE_SECONDS * SAMPLE_RATE)
    near = np.concatenate([sharp[-reach:], sharp[: reach + 1]])
    peak = int(near.argmax())
    return offset + peak - reach if near[peak] > 8 * near.std() else offset


def _spectral_onsets(samples: Float[np.ndarray, " sample"]) -> Float[np.ndarray, " window"]:
    """Growth of the log spectrum every 10 ms, mean 0 and variance 1; near 0 in steady noise."""
    stack_tracklets = np.pad(samples / max(float(np.abs(samples).max()), 1e-9), (0, WINDOW_SAMPLES + HOP_SAMPLES))
    windows = np.lib.stride_tricks.sliding_window_view(stack_tracklets, WINDOW_SAMPLES)[::HOP_SAMPLES]
    power = np.log1p(1e4 * np.abs(np.fft.rfft(windows * np.hanning(WINDOW_SAMPLES), axis=1)) ** 2 / WINDOW_SAMPLES)
    growth = np.diff(power, axis=0, prepend=power[:1]).clip(0).sum(1)
    away = growth - growth.mean()
    return away / max(float(away.std()), 1e-9)
