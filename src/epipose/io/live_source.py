"""Live sources: webcams, network streams, pipes, and files at their own pace, as frames that know when they were taken.

A frame is decoded as it arrives and becomes an RGB image only if somebody looks at it. Decoders work slice by slice
here: threads that decode several frames at once hold as many back.
"""

from __future__ import annotations

import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from epipose.errors import DamagedFileError, InputError
from epipose.io.decoding import DecodedFrame, pixel_aspect
from epipose.io.live_clock import MAX_LATE, Pace, StreamClock, Timing
from epipose.io.video import VideoImage

NETWORK_TIMEOUT = 5.0  # seconds without a packet after which a stream counts as lost
USUAL_FPS = 30.0  # of a source that does not say
_AT_ONCE = Timing()
_WITHOUT_TIMES = {"mjpeg", "mpjpeg", "h264", "hevc", "m4v", "image2pipe"}  # formats whose stamps are made up


class LiveFrame(NamedTuple):
    """One frame: its number in the source, when it was taken, and how to get its image.

    ``seconds``: on the common clock of the sources (of a file its own time stamp). ``captured``: the same moment on
    this computer's `time.monotonic`. ``image``: makes the RGB image, upright, with square pixels.
    """

    number: int
    seconds: float
    captured: float
    image: Callable[[], UInt8[np.ndarray, "height width 3"]]


@runtime_checkable
class LiveSource(Protocol):
    """What `LiveReader` reads.

    ``name``: what to call it. ``returns``: whether it may come back after it was lost. ``paced``: whether it is played by
    the common clock, so that it never falls silent. ``fps``: frames a second, as far as it says, once it is open.
    """

    name: str
    returns: bool
    paced: bool
    fps: float

    def open(self) -> None:
        """Connect; raises InputError or DamagedFileError that says what is wrong."""
        ...

    def frames(self, stop: threading.Event) -> Iterator[LiveFrame]:
        """Frames as they come, until the source ends or ``stop`` is set; then the source is closed."""
        ...


def live_source(
    text: str, pace: Pace, size: tuple[int, int], timing: Timing = _AT_ONCE, name: str | None = None
) -> LiveSource:
    """The source that a text means: a webcam's number or device, a URL, a video file, a named pipe, or - for stdin.

    ``size``: width and height that a webcam is asked for. ``name``: what to call it, where not after the text. Nothing
    is opened yet. Raises InputError for a text that means none of these.
    """
    if text.isdecimal():
        return Webcam(int(text), pace, size, timing, name)
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", text):
        return VideoStream(text, pace, timing, name, returns=True)
    if text == "-":
        return VideoStream("pipe:0", pace, timing, name or "stdin")
    path = Path(text)
    if not path.exists():
        raise InputError(
            f"There is no source {text}. Give the number of a webcam, a URL such as rtsp://HOST/PATH, a video file, or - "
            "for a video on standard input."
        )
    if stat.S_ISCHR(path.stat().st_mode):
        return Webcam(text, pace, size, timing, name)
    if stat.S_ISFIFO(path.stat().st_mode):
        return VideoStream(f"file:{text}", pace, timing, name or path.name)
    if path.is_dir():
        raise InputError(f"{text} is a folder; a live source is one camera or one video. For images: epipose predict")
    return PacedFile(path, pace, timing, name)


class VideoStream:
    """A video that comes over a network or through a pipe, frame by frame as it is sent."""

    paced = False

    def __init__(
        self, url: str, pace: Pace, timing: Timing = _AT_ONCE, name: str | None = None, *, returns: bool = False
    ) -> None:
        """``returns``: see `LiveSource`; then it is lost after five seconds of silence. Passwords stay out of the name."""
        self.name, self.returns = name or without_password(url), returns
        self.fps = USUAL_FPS
        self._url, self._pace, self._timing = url, pace, timing
        self._container: Any = None

    def open(self) -> None:
        """Connect; raises InputError where nobody answers, or sends something else than video."""
        options = {"flags": "low_delay", "analyzeduration": "1000000"}
        if self._url.startswith(("rtsp://", "rtsps://")):
            options["rtsp_transport"] = "tcp"  # loses nothing, and passes where routers let no datagram through
        try:
            self._container = _opened(self._url, options, NETWORK_TIMEOUT if self.returns else None)
        except DamagedFileError as error:
            raise InputError(f"{error} Check the address, and whether the camera is switched on and sends.") from error
        self.fps = _fps(self._container)

    def frames(self, stop: threading.Event) -> Iterator[LiveFrame]:
        """See `LiveSource`."""
        clock = StreamClock()
        with self._container as container:
            timed = not _WITHOUT_TIMES & set(container.format.name.split(","))
            aspect = pixel_aspect(container.streams.video[0])
            for number, (frame, stamp) in enumerate(_decoded(container, stop)):
                taken = clock.captured(stamp if timed else None, time.monotonic()) + self._timing.offset
                yield LiveFrame(number, self._pace.seconds(taken), taken, _image_of(frame, aspect))


class PacedFile:
    """A video file played at its own pace: a frame comes no sooner than a camera would have taken it.

    Packets are given to the decoder when they are due, so that decoding counts as it does for a camera.
    """

    returns, paced = False, True

    def __init__(self, path: Path, pace: Pace, timing: Timing = _AT_ONCE, name: str | None = None) -> None:
        """``name``: by default the file's, without its ending."""
        self.name, self.fps = name or path.stem, USUAL_FPS
        self._path, self._pace, self._timing = path, pace, timing
        self._container: Any = None

    def open(self) -> None:
        """Open the file; raises DamagedFileError for what is no video."""
        self._container = _opened(f"file:{self._path}", {}, None)
        self.fps = _fps(self._container)

    def frames(self, stop: threading.Event) -> Iterator[LiveFrame]:
        """See `LiveSource`; frames before the clock's first moment are passed over."""
        with self._container as container:
            aspect = pixel_aspect(container.streams.video[0])
            origin: float | None = None
            for number, (frame, stamp) in enumerate(_decoded(container, stop, self._wait)):
                own = number / self.fps if stamp is None else stamp
                origin = own if origin is None else origin
                seconds = self._timing.offset + (own - origin) / self._timing.rate
                if seconds >= self._pace.first - 1e-6 and self._wait_until(seconds, stop):
                    yield LiveFrame(number, seconds, self._pace.due(seconds), _image_of(frame, aspect))

    def _wait(self, since_first: float, stop: threading.Event) -> None:
        """Wait until a packet of so many seconds after the first frame is due."""
        self._wait_until(self._timing.offset + since_first / self._timing.rate, stop)

    def _wait_until(self, seconds: float, stop: threading.Event) -> bool:
        """Wait until the clock shows these seconds, or put it back where it is far beyond; False where stopped."""
        left = self._pace.due(seconds) - time.monotonic()
        if left < -MAX_LATE and seconds >= self._pace.first:
            self._pace.put_back(seconds)
        return not stop.wait(left) if left > 0 else not stop.is_set()


class Webcam:
    """A camera at this computer, read by OpenCV."""

    returns, paced = True, False

    def __init__(
        self,
        device: int | str,
        pace: Pace,
        size: tuple[int, int],
        timing: Timing = _AT_ONCE,
        name: str | None = None,
    ) -> None:
        """``size``: width and height to ask for; the camera takes the nearest that it has."""
        self.name = name or (f"webcam {device}" if isinstance(device, int) else device)
        self.fps = USUAL_FPS
        self._device, self._pace, self._timing, self._size = device, pace, timing, size
        self._camera: Any = None

    def open(self) -> None:
        """Open the device; raises InputError where there is none, or another program has it."""
        import cv2

        logged = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what it tried in vain
        self._camera = camera = cv2.VideoCapture(self._device)
        cv2.utils.logging.setLogLevel(logged)
        # Compressed, and said before the size: uncompressed, most cameras send ten images of 720p a second at most.
        camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        camera.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
        camera.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        if not camera.isOpened():
            camera.release()
            raise InputError(
                f"There is no {self.name}, or another program uses it. The first webcam is 0. Close what else shows its "
                "images."
            )
        rate = camera.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 1 <= rate <= 1000 else USUAL_FPS  # drivers that do not know say 0, or anything

    def frames(self, stop: threading.Event) -> Iterator[LiveFrame]:
        """See `LiveSource`; a frame was taken when the driver had it, plus the source's offset."""
        camera, number = self._camera, 0
        try:
            while not stop.is_set() and camera.grab():
                taken = time.monotonic() + self._timing.offset
                fine, image = camera.retrieve()
                if fine:
                    yield LiveFrame(number, self._pace.seconds(taken), taken, _rgb_of(image))
                    number += 1
        finally:
            camera.release()


def without_password(url: str) -> str:
    """A URL as it may be shown: without the user's name and password in it."""
    return re.sub(r"//[^/]*@", "//", url)


def _opened(url: str, options: dict[str, str], timeout: float | None) -> Any:
    """An open container with a video stream, decoded without delay; DamagedFileError where there is none."""
    import av
    import av.error

    name = without_password(url).removeprefix("file:")
    try:
        container = av.open(url, options=options, timeout=timeout)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__  # its text would show the whole address
        raise DamagedFileError(f"{name} cannot be read as a video ({reason}).") from error
    if not container.streams.video:
        container.close()
        raise DamagedFileError(f"{name} has no video stream. Give a video.")
    container.streams.video[0].thread_type = "SLICE"
    return container


def _decoded(
    container: Any, stop: threading.Event, wait: Callable[[float, threading.Event], None] | None = None
) -> Iterator[tuple[Any, float | None]]:
    """Frames in order of display with their stamps in seconds; packets that cannot be decoded are passed over.

    ``wait`` is called before each packet with when it was to be decoded, in seconds after the first frame.
    """
    import av.error

    stream, first = container.streams.video[0], None
    for packet in container.demux(stream):
        if stop.is_set():
            return
        if wait is not None and packet.dts is not None:
            first = (packet.dts if packet.pts is None else packet.pts) if first is None else first
            wait(float((packet.dts - first) * packet.time_base), stop)
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:  # a packet lost on the way, or a stream that was joined in the middle
            continue
        for frame in frames:
            yield frame, None if frame.pts is None else float(frame.pts * frame.time_base)


def _fps(container: Any) -> float:
    stream = container.streams.video[0]
    return float(stream.average_rate or stream.guessed_rate or USUAL_FPS)


def _image_of(frame: Any, aspect: float) -> Callable[[], UInt8[np.ndarray, "height width 3"]]:
    return VideoImage(DecodedFrame(0, frame, aspect)).rgb


def _rgb_of(image: UInt8[np.ndarray, "height width 3"]) -> Callable[[], UInt8[np.ndarray, "height width 3"]]:
    return lambda: np.ascontiguousarray(image[..., ::-1])
