"""Time offsets from sound: the same bursts of noise in four recordings that were started at other times."""

from pathlib import Path

import av
import numpy as np
import pytest

from epipose.sync.from_audio import SAMPLE_RATE, has_sound, offsets_from_audio, read_sound

STARTS = (0.0, 1.37, 4.8, 0.61)


def event(seconds=20.0, seed=0):
    """Bursts of noise of random length and loudness at random times, as claps and steps are."""
    rng = np.random.default_rng(seed)
    samples = np.zeros(round(seconds * SAMPLE_RATE))
    for when in rng.uniform(0, seconds - 0.3, 40):
        length = round(rng.uniform(0.02, 0.15) * SAMPLE_RATE)
        first = round(when * SAMPLE_RATE)
        samples[first : first + length] += rng.uniform(0.2, 1) * rng.normal(size=length)
    return samples


def heard(samples, start, seconds=12.0, noise=0.1, seed=0, delay=0.0):
    """What a microphone records from ``start`` on: filtered by its room, with noise of its own."""
    rng = np.random.default_rng(seed)
    first = round((start - delay) * SAMPLE_RATE)
    cut = samples[max(0, first) : max(0, first) + round(seconds * SAMPLE_RATE)]
    echo = np.convolve(cut, np.concatenate([[1.0], 0.5 * rng.normal(size=200) * np.exp(-np.arange(200) / 60)]))[
        : len(cut)
    ]
    return echo * rng.uniform(0.2, 1) + noise * rng.normal(size=len(cut))


def write_video(path, samples, frames=60, fps=25, late=0.0, images_late=0.0):
    """A small video with sound; ``late`` delays the audio track, ``images_late`` the images."""
    with av.open(str(path), "w") as container:
        images, track = container.add_stream("mpeg4", rate=fps), None
        images.width, images.height, images.pix_fmt = 64, 48, "yuv420p"
        if samples is not None:
            track = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for k in range(frames):
            image = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * k % 255, np.uint8))
            image.pts = round(images_late * fps) + k
            container.mux(images.encode(image))
        container.mux(images.encode())
        if samples is not None and track is not None:
            frame = av.AudioFrame.from_ndarray((samples[None] * 0.2).astype(np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE, round(late * SAMPLE_RATE)
            container.mux(track.encode(frame))
            container.mux(track.encode())
    return path


@pytest.mark.parametrize("seed", range(3))
def test_bursts_give_the_starts_to_a_few_milliseconds(seed):
    samples = event(seed=seed)
    found = offsets_from_audio([heard(samples, start, seed=10 * seed + k) for k, start in enumerate(STARTS)])
    assert found.sure
    np.testing.assert_allclose(found.starts, STARTS, atol=0.01)


def test_sounds_of_other_events_are_not_sure():
    tracks = [heard(event(seed=k), 0.0, seed=k) for k in range(3)]
    found = offsets_from_audio(tracks)
    assert not found.sure
    assert "too little in common" in found.warnings[-1]
    one_other = [heard(event(), start, seed=k) for k, start in enumerate(STARTS[:3])] + tracks[1:2]
    assert not offsets_from_audio(one_other).sure


def test_a_steady_beat_fits_at_many_shifts_and_is_not_sure():
    beat = np.zeros(20 * SAMPLE_RATE)
    beat[:: SAMPLE_RATE // 2] = 1
    beat = np.convolve(beat, np.random.default_rng(0).normal(size=200))[: len(beat)]
    assert not offsets_from_audio([heard(beat, 0.0, noise=0.01), heard(beat, 2.5, noise=0.01, seed=1)]).sure


def test_the_track_is_read_from_the_first_image_on(tmp_path):
    samples = event(seconds=3.0)
    plain = read_sound(write_video(tmp_path / "a.mp4", samples))
    late = read_sound(write_video(tmp_path / "b.mp4", samples, late=0.5))
    assert plain is not None
    assert late is not None
    found = offsets_from_audio([late, plain])
    np.testing.assert_allclose(found.starts, [0.0, 0.5], atol=0.01)
    assert len(plain) == pytest.approx(3 * SAMPLE_RATE, rel=0.1)


def test_a_video_without_sound_says_none(tmp_path):
    assert read_sound(write_video(tmp_path / "mute.mp4", None)) is None
    assert read_sound(write_video(tmp_path / "silent.mp4", np.zeros(SAMPLE_RATE))) is None


def test_a_name_with_a_colon_is_no_protocol(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mp4", event(seconds=1.0)).rename(tmp_path / "take1:walk.mp4")
    monkeypatch.chdir(tmp_path)
    assert has_sound(Path("take1:walk.mp4"))
    assert read_sound(Path("take1:walk.mp4")) is not None


def test_sound_that_ends_before_the_images_begin_is_none(tmp_path):
    assert read_sound(write_video(tmp_path / "odd.mkv", event(seconds=2.0), images_late=4.0)) is None
