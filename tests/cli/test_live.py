"""`epipose live` as a process: its lines on a pipe, and how it ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from benchmarks.network.blazepose_speed import people
from epipose.cli.live import Live
from epipose.cli.main import main
from epipose.errors import InputError
from epipose.inference import live
from epipose.inference.live_options import LiveOptions
from epipose.io.video import write_video
from tests.helpers.videos import moving_square_video
from tests.io.test_damaged_video import rewritten


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Thirty seconds of a person, so that it does not end by itself."""
    path = tmp_path_factory.mktemp("video") / "person.mp4"
    image = people(120)[8]
    write_video(path, (np.roll(image, k % 20, axis=1) for k in range(600)), 20.0)
    return path


@contextlib.contextmanager
def running(video, *options):
    """The command in a process of its own, with its lines on a pipe."""
    environment = {**os.environ, "EPIPOSE_CACHE": str(video.parent / "cache"), "PYTHONUNBUFFERED": ""}
    command = [sys.executable, "-m", "epipose", "live", str(video), "--report-every", "0.5", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, errors="strict"
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_its_end(video, number):
    with running(video) as process:
        header = json.loads(process.stdout.readline())
        line = json.loads(process.stdout.readline())  # there at once, although nobody flushes but the command
        process.send_signal(number)
        rest, told = process.communicate(timeout=20)
    assert header["sources"] == ["person"]
    assert len(line["xyz"]) == len(header["joints"]) == 17
    assert all(json.loads(each) for each in rest.splitlines())  # no line is cut short
    assert process.returncode == 0
    assert "Traceback" not in told
    assert "lines in" in told.splitlines()[-1]


@pytest.mark.slow
def test_a_reader_who_goes_away_is_its_end(video):
    with running(video) as process:
        process.stdout.readline()
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
        process.wait(timeout=20)
    assert process.returncode == 0
    assert "nobody reads the lines any more" in told
    assert "Traceback" not in told
    assert "Exception" not in told


@pytest.mark.slow
def test_a_video_on_standard_input(video):
    command = [sys.executable, "-m", "epipose", "live", "-", "--frames", "2"]
    environment = {**os.environ, "EPIPOSE_CACHE": str(video.parent / "cache")}
    stream = rewritten(video, video.with_suffix(".ts"), lambda number, content: content)
    with open(stream, "rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    header, *lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert header["sources"] == ["stdin"]
    assert len(lines) == 2


def test_what_the_library_says_is_no_line(monkeypatch, capsys):
    def talkative(source, out, model, options, tell):
        print("downloading")
        out.write("{}\n")
        tell("3 a second")

    monkeypatch.setattr(live, "live_camera", talkative)
    assert main(["live", "0"]) == 0
    written = capsys.readouterr()
    assert written.out == "{}\n"
    assert written.err == "downloading\nepipose live: 3 a second\n"


def test_what_does_not_go_together(tmp_path, capsys):
    for given, message in (
        (Live(("a", "b")), "Got 2 sources; one camera is one source"),
        (Live(()), "Got 0 sources"),
        (Live(("a", "b"), rig=tmp_path, model=tmp_path), "Give either --rig or --model"),
        (Live(("a",), model=tmp_path, options=LiveOptions(variant="full")), "Give either --model or --variant"),
    ):
        with pytest.raises(InputError, match=message):
            given.run()
    assert main(["live", str(tmp_path / "no.mp4")]) == 2
    assert main(["live", "0", "--frames", "0"]) == 2
    assert "frames" in capsys.readouterr().err


def test_the_pretrained_network_of_a_size(tmp_path, monkeypatch):
    made = []

    def stop(*given, **options):
        made.append(given)
        raise InputError("enough")

    monkeypatch.setattr(live, "PoseStream", stop)
    video = moving_square_video(tmp_path / "a.mp4")
    assert main(["live", str(video), "--variant", "full"]) == 2
    assert made[0][0].name == "pretrained_weights"
    made.clear()
    assert main(["live", str(video)]) == 2
    assert made[0][0] is None


def test_time_is_not_lost_before_the_first_line(video):
    """The file's clock starts when the network is ready, not before."""
    out = []

    class Sink:
        def write(self, text):
            out.append(text)

        def flush(self):
            pass

    begun = time.monotonic()
    live.live_camera(str(video), Sink(), None, LiveOptions(frames=1, variant="full"), lambda text: None)
    assert json.loads(out[1])["frame"] == 0
    assert time.monotonic() - begun < 60
