"""Live poses to WebSocket clients, such as a page in a browser.

    epipose live 0 | python examples/live_to_websocket.py --port 8765

Every client gets the header first and then the lines as they come. A client who is too slow misses lines and always gets
the newest. In a page: new WebSocket("ws://127.0.0.1:8765").onmessage = event => draw(JSON.parse(event.data))
Needs websockets: pip install 'epipose[live]'
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import threading
from collections.abc import Iterable

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


class Newest:
    """The header, and the newest line with its number, which grows by one with each."""

    def __init__(self) -> None:
        self.header = asyncio.get_running_loop().create_future()
        self.line, self.number, self.ended = "", 0, False
        self._changed = asyncio.Event()

    def put(self, line: str | None) -> None:
        """The next line, the header first; None at the end."""
        if not self.header.done():
            self.header.set_result(line)
        elif line is None:
            self.ended = True
        else:
            self.line, self.number = line, self.number + 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, number: int) -> None:
        """Wait until there is a line after this one, or none will come."""
        while self.number == number and not self.ended:
            await self._changed.wait()

    async def send_to(self, client: ServerConnection) -> None:
        """Header and lines to one client, until either ends."""
        with contextlib.suppress(ConnectionClosed):
            await client.send(await asyncio.shield(self.header))
            number = self.number
            while not self.ended:
                await self.after(number)
                number = self.number
                await client.send(self.line)


async def bridge(lines: Iterable[str], host: str, port: int) -> None:
    """Serve until the lines end."""
    newest, loop = Newest(), asyncio.get_running_loop()

    def read() -> None:
        for line in lines:
            loop.call_soon_threadsafe(newest.put, line.rstrip("\n"))
        loop.call_soon_threadsafe(newest.put, None)

    async with serve(newest.send_to, host, port):
        threading.Thread(target=read, daemon=True).start()
        await asyncio.shield(newest.header)
        while not newest.ended:
            await newest.after(newest.number)


def main() -> None:
    """Serve what comes on standard input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(bridge(sys.stdin, given.host, given.port))


if __name__ == "__main__":
    main()
