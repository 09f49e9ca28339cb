"""Damaged videos: every frame that can be decoded stays at its own time, and the others are known to be lost."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from epipose.errors import DamagedFileError, InputError
from epipose.io.decoding import video_index
from epipose.io.video import probe, read_frames, read_images

FRAMES, GROUP = 40, 10


def level_video(path: Path, frames: int = FRAMES, codec: str = "libx264", group: int = GROUP, bframes: int = 2) -> Path:
    """Frame k has the level 6 k; a key frame every ``group`` frames."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.gop_size, stream.codec_context.max_b_frames = group, bframes
        if codec == "libx264":
            stream.options = {"sc_threshold": "0", "crf": "5"}
        for k in range(frames):
            image = np.full((48, 64, 3), 6 * k, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def rewritten(path: Path, out: Path, change: Callable[[int, bytes], bytes | None]) -> Path:
    """The video with the content of its packets changed, by their number in storage; None drops one."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for number, packet in enumerate(source.demux(stream)):
            content = change(number, bytes(packet)) if packet.size else None
            if content is None:
                continue
            changed = av.Packet(content)
            changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
            changed.is_keyframe, changed.stream = packet.is_keyframe, copy
            target.mux(changed)
    return out


def levels(path: Path) -> np.ndarray:
    return np.array([image.mean() for image in read_frames(path)]) / 6


def lost(path: Path) -> list[int]:
    return [number for number, image in enumerate(read_images(path)) if image.lost]


def noise(content: bytes) -> bytes:
    return content[:4] + b"\0" * (len(content) - 4)


def test_one_bad_packet_loses_its_frame_and_shifts_none(tmp_path):
    whole = level_video(tmp_path / "a.mp4")
    number = int(video_index(whole).ranks()[13])
    bad = rewritten(whole, tmp_path / "bad.mp4", lambda k, content: noise(content) if k == 13 else content)
    assert lost(whole) == []
    assert lost(bad) == [number]
    assert probe(bad) == probe(whole)
    found = levels(bad)
    assert len(found) == FRAMES
    in_other_groups = [k for k in range(FRAMES) if k // GROUP != number // GROUP]
    np.testing.assert_allclose(found[in_other_groups], in_other_groups, atol=0.5)
    assert found[number] == pytest.approx(found[number - 1], abs=0.1), "the frame before stands in its place"


def test_a_stream_that_begins_within_a_group_starts_at_its_first_key_frame(tmp_path):
    bad = rewritten(level_video(tmp_path / "a.mp4"), tmp_path / "b.mkv", lambda k, content: content if k > 3 else None)
    first = next(number for number in range(FRAMES) if number not in lost(bad))
    assert probe(bad).frames == FRAMES - 4
    assert lost(bad) == list(range(first))
    assert first > 0
    np.testing.assert_allclose(levels(bad)[first:], np.arange(FRAMES - 4)[first:] + 4, atol=0.5)
    np.testing.assert_allclose(levels(bad)[:first], first + 4, atol=0.5, err_msg="the first that there is")


def test_a_file_that_is_cut_off_gives_what_it_holds(tmp_path):
    whole = level_video(tmp_path / "a.ts", bframes=0)
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    frames = probe(cut).frames
    assert 10 < frames < FRAMES
    there = [number for number in range(frames) if number not in lost(cut)]
    np.testing.assert_allclose(levels(cut)[there], there, atol=0.5)


def test_a_video_with_nothing_that_can_be_decoded_is_an_error(tmp_path):
    bad = rewritten(level_video(tmp_path / "a.mp4"), tmp_path / "b.mp4", lambda k, content: noise(content))
    with pytest.raises(DamagedFileError, match=r"b\.mp4 holds no image that can be decoded"):
        probe(bad)


@pytest.mark.parametrize("bframes", [0, 2])
def test_frames_far_apart_are_those_of_a_whole_pass_and_spare_the_groups_between(tmp_path, bframes):
    path = level_video(tmp_path / "a.mp4", bframes=bframes)
    wanted = [0, 9, 9, 10, 25, 26, 39]
    found = [image.mean() / 6 for image in read_frames(path, wanted)]
    np.testing.assert_allclose(found, wanted, atol=0.5)
    needed = video_index(path).needed([25])
    assert needed.sum() <= 2 * GROUP
    assert video_index(path).needed(range(FRAMES)).all()
    assert list(read_frames(path, [FRAMES + 1])) == []


def test_a_lost_frame_alone_is_given_another_in_its_place(tmp_path):
    whole = level_video(tmp_path / "a.mp4", bframes=0)
    bad = rewritten(whole, tmp_path / "b.mp4", lambda k, content: noise(content) if k == 20 else content)
    (image,) = read_images(bad, [20])
    assert image.lost
    numbers = set[int]()
    (pixels,) = read_frames(bad, [20, FRAMES + 1], numbers)
    assert numbers == {20}
    assert pixels.shape == (48, 64, 3)


def test_videos_without_times_are_counted(tmp_path):
    path = level_video(tmp_path / "a.h264")
    assert video_index(path).stamps is None
    np.testing.assert_allclose(levels(path), np.arange(FRAMES), atol=0.5)


def test_names_with_a_colon_are_no_protocol(tmp_path, monkeypatch):
    level_video(tmp_path / "a.mp4").rename(tmp_path / "take 12:30.mp4")
    assert probe(tmp_path / "take 12:30.mp4").frames == FRAMES
    monkeypatch.chdir(tmp_path)
    assert probe("take 12:30.mp4").frames == FRAMES


def test_a_pipe_is_refused_with_a_way_out(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InputError, match=r"no file but a FIFO.*epipose live"):
        probe(tmp_path / "pipe.mp4")


def test_a_video_that_changes_is_read_anew(tmp_path):
    path = level_video(tmp_path / "a.mp4")
    assert probe(path).frames == FRAMES
    level_video(path, frames=20)
    assert probe(path).frames == 20
