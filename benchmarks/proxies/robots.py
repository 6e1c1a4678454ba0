"""What attendees' browsers do to a proxy: fresh requests, websockets, and walking away."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import ssl
import time
from dataclasses import dataclass

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

PATIENCE_SECONDS = 20.0
READ_CHUNK = 256 * 1024
LARGEST_MESSAGE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    async def listening(self) -> bool:
        """Whether somebody accepts connections there."""
        try:
            _, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            return False
        writer.close()
        return True


@dataclass(frozen=True)
class Answer:
    """What came back: status 0 when nothing did. `first_byte` counts from the request."""

    status: int
    body: bytes
    first_byte: float
    seconds: float


@dataclass
class Tally:
    """Latencies of what worked and the number of what didn't."""

    seconds: list[float]
    failures: int = 0

    def add(self, other: Tally) -> None:
        """Take another robot's figures in."""
        self.seconds += other.seconds
        self.failures += other.failures


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie; infinite when there are none."""
    if not values:
        return float("inf")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def get(
    address: Address,
    path: str,
    patience: float = PATIENCE_SECONDS,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """One request on a connection of its own, read to its end."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=tls)
            try:
                writer.write(
                    f"GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n".encode()
                )
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.read(READ_CHUNK)
                first_byte = time.monotonic() - began
                parts = [body]
                while chunk := await reader.read(READ_CHUNK):
                    parts.append(chunk)
            finally:
                writer.close()
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        return Answer(0, b"", float("inf"), time.monotonic() - began)
    return Answer(int(head.split()[1]), b"".join(parts), first_byte, time.monotonic() - began)


async def status_of(address: Address, path: str) -> int:
    """The status of one request; 0 when there was no answer."""
    return (await get(address, path)).status


async def connect(
    address: Address, path: str, subprotocols: list[str] | None = None
) -> WebSocketClientConnection:
    """Open a websocket that answers pings, as a living browser does."""
    return await websocket_connect(
        HTTPRequest(f"ws://{address.host}:{address.port}{path}", request_timeout=PATIENCE_SECONDS),
        subprotocols=subprotocols,
        max_message_size=LARGEST_MESSAGE,
    )


async def ping_pong(channel: WebSocketClientConnection, times: int) -> Tally:
    """Send a cell's worth of text and wait for its echo, some times over."""
    tally = Tally([])
    for _ in range(times):
        began = time.monotonic()
        await channel.write_message("x" * 1024)
        answer = await asyncio.wait_for(channel.read_message(), PATIENCE_SECONDS)
        if answer is None:
            tally.failures += 1
            return tally
        tally.seconds.append(time.monotonic() - began)
    return tally


async def attend(address: Address, prefix: str) -> Tally:
    """One attendee arrives: the page, a large script, then a kernel's channel."""
    tally = Tally([])
    for path, size in (("page", 4096), ("asset", 5 * 1024 * 1024), ("page", 4096)):
        answer = await get(address, prefix + path)
        tally.failures += answer.status != 200 or len(answer.body) < size
    try:
        channel = await connect(address, prefix + "channels")
        tally.add(await ping_pong(channel, 20))
        channel.close()
    except Exception:  # whatever way a proxy finds to fail, it's one failure
        tally.failures += 1
    return tally


async def visit(address: Address, prefix: str, times: int, patience: float) -> Tally:
    """Fresh requests one after another: what somebody who clicks now has to wait."""
    tally = Tally([])
    for _ in range(times):
        answer = await get(address, prefix + "page", patience)
        tally.failures += answer.status != 200
        tally.seconds.append(answer.seconds)
    return tally


def abandon(address: Address, path: str, printing: int = 0) -> socket.socket:
    """Open a websocket and never read, answer a ping or close again: a shut laptop.

    With `printing`, a cell that prints was left running: that many chunks are on their way.
    """
    lost = socket.socket()
    # Small, so that what isn't read waits in the proxy or the server, not in our kernel.
    lost.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    lost.settimeout(PATIENCE_SECONDS)
    lost.connect((address.host, address.port))
    key = base64.b64encode(os.urandom(16)).decode()
    lost.sendall(
        f"GET {path} HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = lost.recv(4096)
    if not answer.startswith(b"HTTP/1.1 101"):
        lost.close()
        raise ConnectionError(f"no websocket: {answer[:60]!r}")
    if printing:
        lost.sendall(_masked_text(f"print {printing}"))
    return lost


def _masked_text(text: str) -> bytes:
    """A client's text frame; a mask of zeros is a legal mask."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode()
