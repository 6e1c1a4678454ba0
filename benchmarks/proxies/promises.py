"""What a proxy must do at all, checked once each: yes or no, and what was seen."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

from tornado.websocket import WebSocketClientConnection

from .backend import KERNEL_PROTOCOL
from .classroom import Backend, prefix_of, running
from .contenders import Proxy, Tls
from .robots import connect, get

SEAT = prefix_of(0)
SLOW_SECONDS = 22
DOWNLOAD_MEGABYTES = 200
MOST_MEGABYTES_HELD = 50

Verdicts = dict[str, bool]


async def promises(proxy: Proxy) -> Verdicts:
    """Every promise, against one running proxy; then a start with a certificate."""
    verdicts: Verdicts = {}
    async with running(proxy) as backend:
        await proxy.add_route(SEAT, backend.target, SEAT + "page")
        slow = asyncio.create_task(_slow_answer(proxy, backend))
        for promise, check in CHECKS.items():
            try:
                verdicts[promise] = await asyncio.wait_for(check(proxy, backend), 30)
            except Exception:  # broken in whatever way: the promise isn't kept
                verdicts[promise] = False
        verdicts[f"an answer that takes {SLOW_SECONDS} s"] = await slow
    verdicts["speaks TLS"] = await _speaks_tls(proxy)
    return verdicts


async def _slow_answer(proxy: Proxy, _backend: Backend) -> bool:
    answer = await get(proxy.address, f"{SEAT}slow/{SLOW_SECONDS}", patience=SLOW_SECONDS + 5)
    return answer.status == 200


async def _keeps_encoded_slash(proxy: Proxy, _backend: Backend) -> bool:
    path = f"{SEAT}raw/@jupyterlab%2Fapputils?x=a%20b"
    return (await get(proxy.address, path)).body == path.encode()


async def _streams_events(proxy: Proxy, _backend: Backend) -> bool:
    return (await get(proxy.address, f"{SEAT}events/2")).first_byte < 1


async def _large_frame(proxy: Proxy, _backend: Backend) -> bool:
    channel = await connect(proxy.address, SEAT + "channels")
    frame = b"f" * 12 * 1024 * 1024
    await channel.write_message(frame, binary=True)
    return await _read(channel) == frame


async def _kernel_protocol(proxy: Proxy, _backend: Backend) -> bool:
    channel = await connect(proxy.address, SEAT + "channels", [KERNEL_PROTOCOL])
    return channel.selected_subprotocol == KERNEL_PROTOCOL


async def _server_hears_goodbye(proxy: Proxy, backend: Backend) -> bool:
    before = await backend.websockets()
    channel = await connect(proxy.address, SEAT + "channels")
    channel.close()
    await asyncio.sleep(1)
    return await backend.websockets() <= before


async def _browser_hears_goodbye(proxy: Proxy, _backend: Backend) -> bool:
    channel = await connect(proxy.address, SEAT + "channels")
    await channel.write_message("hang up")
    return await _read(channel) is None


async def _slow_reader(proxy: Proxy, _backend: Backend) -> bool:
    """A phone on bad wireless takes 200 MB: the proxy must not hold them for it."""
    before = proxy.cost().megabytes
    reader, writer = await asyncio.open_connection(proxy.address.host, proxy.address.port)
    writer.write(f"GET {SEAT}download/{DOWNLOAD_MEGABYTES} HTTP/1.1\r\nHost: hub\r\n\r\n".encode())
    await asyncio.sleep(3)
    held = proxy.cost().megabytes - before
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    writer.close()
    return head.startswith(b"HTTP/1.1 200") and held < MOST_MEGABYTES_HELD


async def _speaks_tls(proxy: Proxy) -> bool:
    tls = _certificate(proxy.folder)
    try:
        await proxy.start(tls)
        trust = ssl.create_default_context(cafile=str(tls.certificate))
        trust.check_hostname = False
        # 404: no route is known, but the handshake and the certificate were right.
        return (await get(proxy.address, "/none", tls=trust)).status in (404, 503)
    except (RuntimeError, TimeoutError):
        return False
    finally:
        proxy.stop()


async def _read(channel: WebSocketClientConnection) -> str | bytes | None:
    return await asyncio.wait_for(channel.read_message(), 5)


def _certificate(folder: Path) -> Tls:
    tls = Tls(folder / "certificate.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=hub", "-keyout", str(tls.key), "-out", str(tls.certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return tls


CHECKS: dict[str, Callable[[Proxy, Backend], Awaitable[bool]]] = {
    "keeps %2F and the query": _keeps_encoded_slash,
    "passes events on at once": _streams_events,
    "a 12 MB websocket frame": _large_frame,
    "the kernel subprotocol": _kernel_protocol,
    "server hears browser close": _server_hears_goodbye,
    "browser hears server close": _browser_hears_goodbye,
    "200 MB to a slow reader": _slow_reader,
}
