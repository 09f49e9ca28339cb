"""Server of the live viewer, for this machine only: one page, and the images that it asks for."""

from __future__ import annotations

import logging
import re
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from epipose.errors import EpiposeError, InputError
from epipose.viz.view_images import LiveImages

log = logging.getLogger("epipose")

HOST = "127.0.0.1"
IMAGE_URL = "image/VIEW/FRAME.jpg"
_IMAGE = re.compile(r"/image/([^/]+)/(\d{1,9})\.jpg")
_NAMES = ("127.0.0.1", "localhost")  # by which a browser may ask; a page elsewhere has another name for this machine


class ViewerServer(ThreadingHTTPServer):
    """Serves ``page`` and, where there are any, ``images``. `serve_forever` runs until `shutdown`."""

    daemon_threads = True

    def __init__(self, port: int, page: str, images: LiveImages | None) -> None:
        """Listen at a port of this machine; 0 for any. Raises InputError where it is taken."""
        self.page, self.images = page.encode("utf-8"), images
        self.broken = set[str]()  # views whose images could not be read, said once each
        if port and _is_taken(port):
            raise InputError(f"Port {port} is in use. Close the other viewer, or choose another: --port {port + 1}")
        try:
            super().__init__((HOST, port), _Answer)
        except OSError as error:
            raise InputError(f"Port {port} cannot be used: {error.strerror}. Choose another with --port.") from error

    def image(self, view: str, frame: int) -> bytes | None:
        """The image of a view at a frame as JPEG; None where there is none, which is logged once for a view."""
        if self.images is None or view not in self.images.clip.names or frame >= self.images.clip.frames:
            return None
        try:
            return self.images.jpeg(self.images.clip.names.index(view), frame)
        except EpiposeError as error:
            if view not in self.broken:
                log.warning("Images of %s are missing: %s", view, error)
            self.broken.add(view)
            return None


class _Answer(BaseHTTPRequestHandler):
    """Answers to GET: the page at /, and images."""

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, ViewerServer)
        if self.headers.get("Host", "").rpartition(":")[0] not in _NAMES:
            return self.send_error(403)
        path = self.path.partition("?")[0]
        if path == "/":
            return self._send(server.page, "text/html; charset=utf-8", "no-store")
        asked = _IMAGE.fullmatch(path)
        image = None if asked is None else server.image(unquote(asked[1]), int(asked[2]))
        if image is None:
            return self.send_error(404)
        return self._send(image, "image/jpeg", "no-store")

    def _send(self, content: bytes, kind: str, cache: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", cache)
        self.end_headers()
        try:
            self.wfile.write(content)
        except ConnectionError:  # the page was closed
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of single requests."""


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
