"""Live sources: files at their own pace, real streams on this computer, a webcam that stands for one."""

import os
import threading
import time
from contextlib import suppress
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from epipose.errors import DamagedFileError, InputError
from epipose.io.live_clock import Pace, Timing
from epipose.io.live_source import PacedFile, VideoStream, Webcam, live_source, without_password
from epipose.io.video import read_frames
from tests.helpers.live_streams import (
    datagrams,
    free_port,
    jpeg_server,
    number_in,
    numbered,
    rtsp_server,
    transport_stream,
)
from tests.helpers.videos import anamorphic_video, moving_square_video

SIZE = (1280, 720)


def frames_of(source, most=None):
    """The frames of a source with when each came, and their images."""
    stop = threading.Event()
    source.open()
    found = []
    with suppress(av.error.FFmpegError):  # of a stream that broke off
        for frame in source.frames(stop):
            found.append((frame, time.monotonic(), frame.image()))
            if len(found) == most:
                stop.set()
    return found


def test_a_file_comes_at_its_own_pace(tmp_path):
    path = moving_square_video(tmp_path / "a:b.mp4", frames=6)  # ten a second
    found = frames_of(live_source(str(path), Pace(), SIZE))
    frames = [frame for frame, _, _ in found]
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(6) / 10, atol=1e-6)
    assert [frame.number for frame in frames] == list(range(6))
    captured = np.array([frame.captured for frame in frames])
    np.testing.assert_allclose(np.diff(captured), 0.1, atol=1e-6)
    assert (np.array([came for _, came, _ in found]) >= captured - 1e-3).all()  # never before it was taken


def test_a_file_gives_the_images_that_predict_reads(tmp_path):
    path = anamorphic_video(tmp_path / "turned.mp4", Fraction(4, 3), turned=True)
    live = [image for _, _, image in frames_of(live_source(str(path), Pace(), SIZE))]
    np.testing.assert_array_equal(live, list(read_frames(path)))


def test_two_files_start_at_the_moment_that_both_have(tmp_path):
    path, pace = moving_square_video(tmp_path / "a.mp4", frames=6), Pace(first=0.25)
    early, late = PacedFile(path, pace), PacedFile(path, pace, Timing(offset=0.25))
    assert [frame.number for frame, _, _ in frames_of(early)] == [3, 4, 5]
    np.testing.assert_allclose([frame.seconds for frame, _, _ in frames_of(late)], 0.25 + np.arange(6) / 10, atol=1e-6)


def test_slow_motion_comes_as_fast_as_it_was_taken(tmp_path):
    path = moving_square_video(tmp_path / "a.mp4", frames=6)
    found = frames_of(PacedFile(path, Pace(), Timing(rate=4.0)))
    np.testing.assert_allclose([frame.seconds for frame, _, _ in found], np.arange(6) / 40, atol=1e-6)


def test_a_file_that_cannot_be_played_in_time_puts_the_clock_back(tmp_path):
    pace = Pace()
    source = PacedFile(moving_square_video(tmp_path / "a.mp4", frames=6), pace)
    pace.due(0.0)
    source.open()
    begun = pace.due(0.0)
    frames = source.frames(threading.Event())
    next(frames)
    time.sleep(1.5)  # whoever decodes is busy
    late = next(frames)
    assert pace.due(0.0) > begun + 1.2
    assert time.monotonic() - late.captured < 0.3


def test_a_damaged_packet_is_passed_over(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"tune": "zerolatency", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(10):
            for packet in stream.encode(av.VideoFrame.from_ndarray(numbered(number), format="rgb24")):
                if number == 4:
                    broken = av.Packet(b"\xff" * packet.size)
                    broken.pts, broken.dts, broken.time_base, broken.stream = (
                        packet.pts,
                        packet.dts,
                        packet.time_base,
                        stream,
                    )
                    packet = broken
                container.mux(packet)
    found = frames_of(live_source(str(path), Pace(), SIZE))
    assert [number_in(image) for _, _, image in found] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    np.testing.assert_allclose([f.seconds for f, _, _ in found], np.delete(np.arange(10), 4) / 25, atol=2e-3)


@pytest.mark.parametrize("content", [b"", b"no video at all" * 99])
def test_what_is_no_video_says_so(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"a\.mp4 cannot be read as a video"):
        live_source(str(path), Pace(), SIZE).open()


def test_what_is_no_source_says_what_one_is(tmp_path):
    with pytest.raises(InputError, match=r"There is no source nowhere\.mp4"):
        live_source("nowhere.mp4", Pace(), SIZE)
    with pytest.raises(InputError, match="is a folder"):
        live_source(str(tmp_path), Pace(), SIZE)
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        container.add_stream("pcm_s16le", rate=8000)
        container.start_encoding()
    with pytest.raises(DamagedFileError, match="no video stream"):
        live_source(str(tmp_path / "a.wav"), Pace(), SIZE).open()


def test_jpeg_images_over_http():
    with jpeg_server(images=8, connections=1) as url:
        begun = time.monotonic()
        found = frames_of(live_source(url, Pace(), SIZE))
    numbers = [number_in(image) for _, _, image in found]
    assert numbers == list(range(8))[-len(numbers) :]
    assert len(numbers) >= 5
    captured = [frame.captured for frame, _, _ in found]
    assert begun < captured[0] < captured[-1] <= time.monotonic()
    assert max(came - frame.captured for frame, came, _ in found) < 0.02  # stamps that are made up do not count


def test_rtsp_with_a_password():
    with rtsp_server([numbered(n) for n in range(12)]) as url:
        source = live_source(url, Pace(), SIZE)
        assert "secret" not in source.name
        assert source.returns
        numbers = [number_in(image) for _, _, image in frames_of(source)]
    assert numbers == sorted(numbers)
    assert numbers[-1] >= 10


def test_datagrams_joined_in_the_middle():
    with datagrams([numbered(n) for n in range(12)]) as url:
        found = frames_of(live_source(url, Pace(), SIZE), most=10)
    assert len(found) == 10
    assert {number_in(image) for _, _, image in found} <= set(range(12))


def test_nobody_who_answers_is_an_error_without_the_password():
    with pytest.raises(InputError, match="Check the address") as caught:
        live_source(f"rtsp://user:secret@127.0.0.1:{free_port()}/live", Pace(), SIZE).open()
    assert "secret" not in str(caught.value)
    assert without_password("rtsp://user:p@ss@host/a@b") == "rtsp://host/a@b"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    data = transport_stream([numbered(n) for n in range(10)])
    writer = threading.Thread(target=path.write_bytes, args=(data,))
    writer.start()
    source = live_source(str(path), Pace(), SIZE)
    assert isinstance(source, VideoStream)
    assert not source.returns
    assert [number_in(image) for _, _, image in frames_of(source)] == list(range(10))
    writer.join()


class FakeCapture:
    """Stands for a camera driver; three images, then the plug is pulled."""

    opened = True

    def __init__(self, device):
        self.device, self.left, self.asked = device, 3, {}

    def set(self, key, value):
        self.asked[key] = value

    def get(self, key):
        return 0.0

    def isOpened(self):
        return self.opened

    def grab(self):
        self.left -= 1
        return self.left >= 0

    def retrieve(self):
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 0] = 200  # blue
        return True, image

    def release(self):
        self.device = None


def test_a_webcam_is_asked_for_a_size_and_gives_rgb(monkeypatch):
    made = []
    monkeypatch.setattr(cv2, "VideoCapture", lambda device: made.append(FakeCapture(device)) or made[-1])
    source = live_source("1", Pace(), (640, 480), Timing(offset=-0.1))
    found = frames_of(source)
    assert isinstance(source, Webcam)
    assert (source.name, source.returns, source.fps) == ("webcam 1", True, 30.0)
    assert made[0].asked[cv2.CAP_PROP_FRAME_WIDTH] == 640
    assert len(found) == 3
    assert found[0][2][0, 0].tolist() == [0, 0, 200]
    assert 0.09 < found[0][1] - found[0][0].captured < 0.3
    assert made[0].device is None  # given back


def test_a_webcam_that_is_not_there(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(FakeCapture, "opened", False)
    with pytest.raises(InputError, match="no webcam 7, or another program"):
        live_source("7", Pace(), SIZE).open()
