"""The stand-in for a classroom of single-user servers: one process that answers /user/<seat>/...

Run as a program: `python -m benchmarks.proxies.backend PORT`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

PAGE = b"<!doctype html><title>lab</title>" + b"x" * 4096
ASSET = b"a" * 5 * 1024 * 1024
CHUNK = b"d" * 1024 * 1024
OUTPUT = b"o" * 64 * 1024
KERNEL_PROTOCOL = "v1.kernel.websocket.jupyter.org"
# jupyter_server pings every 30 s for the same reason; shorter here so that a run stays short.
PING_SECONDS = 2

open_websockets: set[WebSocketHandler] = set()


class Page(RequestHandler):
    """A small answer, as most of the hub's and JupyterLab's are."""

    def get(self, _seat: str) -> None:
        self.finish(PAGE)


class Asset(RequestHandler):
    """JupyterLab's largest script, roughly."""

    def get(self, _seat: str) -> None:
        self.finish(ASSET)


class Download(RequestHandler):
    """A large file that the server sends only as fast as it's taken."""

    async def get(self, _seat: str, megabytes: str) -> None:
        with contextlib.suppress(StreamClosedError):  # the reader may leave before the end
            for _ in range(int(megabytes)):
                self.write(CHUNK)
                await self.flush()


class Events(RequestHandler):
    """An event stream, as the hub's spawn page opens one for every person who waits."""

    async def get(self, _seat: str, seconds: str) -> None:
        self.set_header("Content-Type", "text/event-stream")
        for number in range(int(seconds) * 2):
            self.write(f"data: {number}\n\n")
            await self.flush()
            await asyncio.sleep(0.5)


class Slow(RequestHandler):
    """An answer that takes its time, as nbgrader's do while it validates or grades."""

    async def get(self, _seat: str, seconds: str) -> None:
        await asyncio.sleep(float(seconds))
        self.finish(b"done")


class Raw(RequestHandler):
    """Says which request line arrived, so that rewritten paths are seen."""

    def get(self, _seat: str) -> None:
        self.finish(self.request.uri or "")


class Echo(WebSocketHandler):
    """A kernel's channel: echoes, and on `print N` sends N chunks of output without waiting."""

    def check_origin(self, _origin: str) -> bool:
        """Robots send no Origin worth checking."""
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Speak Jupyter's kernel protocol where it's offered."""
        return KERNEL_PROTOCOL if KERNEL_PROTOCOL in subprotocols else None

    def open(self, *_args: str, **_kwargs: str) -> None:
        """Count it."""
        open_websockets.add(self)

    def on_close(self) -> None:
        """Count it out: this is how we see whether the proxy passes a disconnect on."""
        open_websockets.discard(self)

    async def on_message(self, message: str | bytes) -> None:
        """Echo, print, or hang up, as asked."""
        if isinstance(message, str) and message.startswith("print "):
            chunks = int(message.removeprefix("print "))
            sent = [self.write_message(OUTPUT, binary=True) for _ in range(chunks)]
            await asyncio.gather(*sent, return_exceptions=True)
        elif message == "hang up":
            self.close()
        else:
            await self.write_message(message, binary=isinstance(message, bytes))


class Count(RequestHandler):
    """How many websockets the seats hold open (asked directly, not through the proxy)."""

    def get(self) -> None:
        self.finish({"websockets": len(open_websockets)})


def application() -> Application:
    """All seats' routes."""
    seat = r"/user/([^/]+)"
    routes: list[Any] = [
        (rf"{seat}/page", Page),
        (rf"{seat}/asset", Asset),
        (rf"{seat}/download/(\d+)", Download),
        (rf"{seat}/events/(\d+)", Events),
        (rf"{seat}/slow/([\d.]+)", Slow),
        (rf"{seat}/raw/.*", Raw),
        (rf"{seat}/channels", Echo),
        (r"/count", Count),
    ]
    return Application(
        routes,
        websocket_ping_interval=PING_SECONDS,
        websocket_ping_timeout=PING_SECONDS,
        websocket_max_message_size=64 * 1024 * 1024,
    )


async def serve(port: int) -> None:
    """Answer on loopback until killed."""
    application().listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
