"""Headless Chromium over its debugging pipe: pages are looked at and measured as a browser shows them.

Commands of the DevTools protocol go to the browser through file descriptor 3 and answers come back through 4, as JSON
that ends in a zero byte. No port is opened and no package is needed; without Chromium, `find_chromium` gives None.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions")
_HIGH = 40  # file descriptors from here on do not collide with 3 and 4


def find_chromium() -> str | None:
    """The browser's program, or None where there is none."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def _moved_up(end: int) -> int:
    """The same end of a pipe under a number that collides with none of the browser's."""
    moved = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    os.close(end)
    return moved


class Browser:
    """One page in a browser without a window; use it in a ``with`` statement."""

    def __init__(self, program: str, width: int, height: int, *, scale: float = 1.0, phone: bool = False) -> None:
        """Start the browser with a page of so many CSS pixels; ``scale``: image pixels each; ``phone``: touch, no mouse."""
        self._profile = tempfile.TemporaryDirectory(prefix="epipose-chromium-")
        theirs_in, self._to, self._from, theirs_out = (_moved_up(end) for end in (*os.pipe(), *os.pipe()))

        def connect() -> None:
            os.dup2(theirs_in, 3)
            os.dup2(theirs_out, 4)

        command = [program, *_FLAGS, "--remote-debugging-pipe", f"--user-data-dir={self._profile.name}", "about:blank"]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, pass_fds=(3, 4), preexec_fn=connect, stdout=quiet, stderr=quiet)
        os.close(theirs_in)
        os.close(theirs_out)
        self._number, self._buffer, self._session = 0, b"", ""
        self.errors: list[str] = []
        page = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol and its answer. Raises RuntimeError for one that the browser refuses."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            read = os.read(self._from, 1 << 20)
            if not read:
                raise RuntimeError("The browser has ended.")
            self._buffer += read
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        if message.get("method") == "Runtime.exceptionThrown":
            details = message["params"]["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        if message.get("method") == "Network.requestWillBeSent":
            self.errors += [url for url in [message["params"]["request"]["url"]] if url.startswith("http")]
        return message

    def open(self, page: Path, settle: float = 1.0) -> None:
        """Load a file, and let it draw for so many seconds. ``errors`` collects exceptions and requests to the network."""
        self.call("Page.navigate", url=page.resolve().as_uri())
        while self.evaluate("document.readyState") != "complete":
            time.sleep(0.05)
        time.sleep(settle)

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write what is shown, or the ``whole`` page, as PNG."""
        size = self.evaluate("[innerWidth, document.documentElement.scrollHeight]")
        clip = {"clip": {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}} if whole else {}
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **clip)
        path.write_bytes(base64.b64decode(answer["data"]))

    def print_pdf(self, path: Path) -> None:
        """Write the page as it prints."""
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"]))

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._to)
        os.close(self._from)
        self._process.terminate()
        self._process.wait(timeout=20)
        self._profile.cleanup()
