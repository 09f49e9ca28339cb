"""Real streams on this computer: an HTTP server of JPEG images, an RTSP server, and a sender of datagrams."""

from __future__ import annotations

import io
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import cv2
import numpy as np

FPS = 20


def numbered(number: int) -> np.ndarray:
    """An RGB image whose brightness says its number, up to 12."""
    return np.full((48, 64, 3), 10 + 20 * number, np.uint8)


def number_in(image: np.ndarray) -> int:
    """The number of an image of `numbered`, after compression."""
    return round((float(image.mean()) - 10) / 20)


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port of this computer that nobody listens at, for a kind of socket."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def transport_stream(images: list[np.ndarray]) -> bytes:
    """The images as an MPEG transport stream."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.gop_size, stream.max_b_frames = "yuv420p", 1, 0
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


@contextmanager
def jpeg_server(
    images: int, connections: int, fps: float = FPS, image_of: Callable[[int], np.ndarray] = numbered
) -> Iterator[str]:
    """A camera that sends JPEG images to each of so many callers (multipart/x-mixed-replace); its URL.

    Image k is sent k / fps seconds after the call; with an ``image_of``, which shows a scene, after the server's start.
    """
    left, begun = [connections], time.monotonic()

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            left[0] -= 1
            if left[0] < 0:
                return self.send_error(503)
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            called = time.monotonic()
            for number in range(images):
                begin = begun if image_of is not numbered else called
                time.sleep(max(0.0, begin + number / fps - time.monotonic()))
                full = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
                _, data = cv2.imencode(".jpg", image_of(number)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98, *full])
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data.tobytes() + b"\r\n")
                self.wfile.flush()
            return None

        def log_message(self, format: str, *args: object) -> None:
            """Be silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Be silent: clients go away in the middle."""

    with Server(("127.0.0.1", 0), Camera) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/camera.mjpg"
        server.shutdown()


@contextmanager
def rtsp_server(images: list[np.ndarray]) -> Iterator[str]:
    """A camera that plays images once as MPEG-TS over RTP, interleaved with RTSP on one connection; its URL."""

    class Camera(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                method, _, number = line.split()[0].decode(), None, "0"
                while (header := self.rfile.readline().strip()) != b"":
                    if header.lower().startswith(b"cseq:"):
                        number = header.split(b":")[1].strip().decode()
                self.answer(method, number)
                if method == "PLAY":
                    return self.play()
            return None

        def answer(self, method: str, number: str) -> None:
            body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track\r\n"
            extra = {
                "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
                "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n",
                "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
            }.get(method, "")
            head = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1\r\n{extra}\r\n"
            self.wfile.write((head + (body if method == "DESCRIBE" else "")).encode())
            self.wfile.flush()

        def play(self) -> None:
            data = transport_stream(images)
            for count, start in enumerate(range(0, len(data), 7 * 188)):
                part = struct.pack(">BBHII", 0x80, 33, count, count * 3600, 1) + data[start : start + 7 * 188]
                self.wfile.write(struct.pack(">cBH", b"$", 0, len(part)) + part)
                self.wfile.flush()
                time.sleep(0.005)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Camera) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"rtsp://user:secret@127.0.0.1:{server.server_address[1]}/live"
        server.shutdown()


@contextmanager
def datagrams(images: list[np.ndarray]) -> Iterator[str]:
    """A camera that sends images again and again as MPEG-TS in datagrams, whether anybody listens or not; the URL."""
    port = free_port(socket.SOCK_DGRAM)
    stop = threading.Event()

    def send() -> None:
        data = transport_stream(images)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not stop.is_set():
                for start in range(0, len(data), 7 * 188):
                    out.sendto(data[start : start + 7 * 188], ("127.0.0.1", port))
                    stop.wait(0.01)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    yield f"udp://127.0.0.1:{port}"
    stop.set()
    thread.join()
