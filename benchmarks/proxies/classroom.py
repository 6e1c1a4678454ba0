"""One pass of one proxy through a morning: 50 seats, lost laptops, a queue, then 300 seats."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from .backend import PING_SECONDS
from .contenders import Proxy, free_port, kill
from .robots import (
    Address,
    Tally,
    abandon,
    attend,
    connect,
    get,
    percentile,
    ping_pong,
    status_of,
    visit,
)

SEATS = 50
MANY_SEATS = 300
ROUNDS_OF_LEAVING = 6
# One laptop in six left a cell running that prints so many chunks of 64 KiB.
STILL_PRINTING = 6
CHUNKS_STILL_PRINTED = 128
# A server's ping goes out, isn't answered, and the server hangs up on a silent peer 5 s later.
LETTING_GO_SECONDS = 2 * PING_SECONDS + 5 + 1
EVENT_STREAM_SECONDS = 2
IMPATIENCE_SECONDS = 5.0

Figures = dict[str, float]


def prefix_of(seat: int) -> str:
    """The path a seat's server lies under."""
    return f"/user/seat{seat:03}/"


class Backend:
    """The stand-in servers: a process of ours that can be killed and started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> Address:
        """Where the seats answer without a proxy."""
        return Address("127.0.0.1", self.port)

    @property
    def target(self) -> str:
        """The same as a route's target."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Run it and wait until it listens."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.proxies.backend", str(self.port)],
            cwd=Path(__file__).parents[2],
        )
        while not await self.address.listening():
            await asyncio.sleep(0.05)

    def stop(self, brutally: bool = False) -> None:
        """End it; with `brutally`, the way the kernel ends a server that ran out of memory."""
        if self.process is None:
            return
        if brutally:
            self.process.kill()
            self.process.wait()
        else:
            kill(self.process)
        self.process = None

    async def websockets(self) -> int:
        """How many websockets the seats still believe in."""
        return int(json.loads((await get(self.address, "/count")).body)["websockets"])


@contextlib.asynccontextmanager
async def running(proxy: Proxy) -> AsyncIterator[Backend]:
    """A proxy and the servers behind it, both gone afterwards."""
    backend = Backend()
    try:
        await backend.start()
        await proxy.start()
        yield backend
    finally:
        proxy.stop()
        backend.stop()


async def morning(proxy: Proxy) -> Figures:
    """Every stage once; each writes its figures into the answer."""
    async with running(proxy) as backend:
        figures: Figures = {}
        for stage in (_routes, _class, _queue, _leaving, _crash, _full_house, _restart):
            figures |= await stage(proxy, backend)
        return figures


async def _routes(proxy: Proxy, backend: Backend) -> Figures:
    """Fifty routes one after another, each awaited; the others all announced, then awaited."""
    began = time.monotonic()
    for seat in range(SEATS):
        await proxy.add_route(prefix_of(seat), backend.target, prefix_of(seat) + "page")
    one_by_one = time.monotonic() - began
    for seat in range(SEATS, MANY_SEATS):
        await proxy.tell(prefix_of(seat), backend.target)
    last = prefix_of(MANY_SEATS - 1)
    await proxy.add_route(last, backend.target, last + "page")
    everything = time.monotonic() - began
    await _calm(proxy)
    return {
        "route_ms": 1000 * one_by_one / SEATS,
        "all_routes_s": everything,
        "idle_mb": proxy.cost().megabytes,
    }


async def _calm(proxy: Proxy) -> None:
    """Wait until the proxy has digested its routes, so that the class isn't charged for them."""
    used, idle = proxy.cost().cpu_seconds, 0
    while idle < 3:
        await asyncio.sleep(0.2)
        now = proxy.cost().cpu_seconds
        idle = idle + 1 if now - used < 0.02 else 0
        used = now


async def _class(proxy: Proxy, _backend: Backend) -> Figures:
    """Fifty attendees arrive at once: 250 MB of pages and scripts, then their kernels."""
    before, began, tally = proxy.cost(), time.monotonic(), Tally([])
    for robot in await asyncio.gather(
        *(attend(proxy.address, prefix_of(seat)) for seat in range(SEATS))
    ):
        tally.add(robot)
    took, after = time.monotonic() - began, proxy.cost()
    calm = await visit(proxy.address, prefix_of(0), 40, IMPATIENCE_SECONDS)
    return {
        "class_s": took,
        "class_cpu_s": after.cpu_seconds - before.cpu_seconds,
        "class_failures": tally.failures,
        "class_mb": after.megabytes,
        "echo_p95_ms": 1000 * percentile(tally.seconds, 0.95),
        "page_p50_ms": 1000 * percentile(calm.seconds, 0.5),
        "page_p95_ms": 1000 * percentile(calm.seconds, 0.95),
    }


async def _queue(proxy: Proxy, _backend: Backend) -> Figures:
    """Fifty people look at the hub's progress page (an event stream); one more clicks."""
    streams = [
        asyncio.create_task(get(proxy.address, f"{prefix_of(s)}events/{EVENT_STREAM_SECONDS}"))
        for s in range(SEATS)
    ]
    await asyncio.sleep(0.3)
    clicks = await visit(proxy.address, prefix_of(0), 5, IMPATIENCE_SECONDS)
    answers = await asyncio.gather(*streams)
    return {
        "first_news_s": percentile([answer.first_byte for answer in answers], 0.5),
        "queue_page_p95_ms": 1000 * percentile(clicks.seconds, 0.95),
        "queue_failures": clicks.failures + sum(answer.status != 200 for answer in answers),
    }


async def _leaving(proxy: Proxy, backend: Backend) -> Figures:
    """In each round every seat's websocket is opened and abandoned; some cells go on printing.

    Afterwards the servers' pings go unanswered, so every one of these connections should end.
    """
    before = proxy.cost()
    lost, failures = [], 0
    for round_of_leaving in range(ROUNDS_OF_LEAVING):
        for seat in range(SEATS):
            prints = (seat + round_of_leaving) % STILL_PRINTING == 0
            printing = CHUNKS_STILL_PRINTED if prints else 0
            try:
                path = prefix_of(seat) + "channels"
                lost.append(await asyncio.to_thread(abandon, proxy.address, path, printing))
            except OSError:
                failures += 1
    clicks = await visit(proxy.address, prefix_of(0), 40, IMPATIENCE_SECONDS)
    crowded = proxy.cost()
    await asyncio.sleep(LETTING_GO_SECONDS)
    after = proxy.cost()
    figures: Figures = {
        "left_page_p95_ms": 1000 * percentile(clicks.seconds, 0.95),
        "left_failures": failures + clicks.failures,
        "left_mb": crowded.megabytes - before.megabytes,
        "never_let_go": await backend.websockets(),
        "still_open": after.descriptors - before.descriptors,
    }
    for connection in lost:
        connection.close()
    return figures


async def _crash(proxy: Proxy, backend: Backend) -> Figures:
    """The servers die under fifty open websockets: do the browsers hear of it?"""
    channels = [await connect(proxy.address, prefix_of(s) + "channels") for s in range(SEATS)]
    backend.stop(brutally=True)
    heard = await asyncio.gather(
        *(asyncio.wait_for(channel.read_message(), 3) for channel in channels),
        return_exceptions=True,
    )
    while_dead = await status_of(proxy.address, prefix_of(0) + "page")
    await backend.start()
    began = time.monotonic()
    while await status_of(proxy.address, prefix_of(0) + "page") != 200:
        await asyncio.sleep(0.02)
    for channel in channels:
        channel.close()
    return {
        "crash_not_heard": sum(answer is not None for answer in heard),
        "crash_status": while_dead,
        "back_ms": 1000 * (time.monotonic() - began),
    }


async def _full_house(proxy: Proxy, _backend: Backend) -> Figures:
    """Three hundred seats, a websocket each, all typing at the same time."""
    before, failures, channels = proxy.cost(), 0, []
    for seat in range(MANY_SEATS):
        try:
            channels.append(await connect(proxy.address, prefix_of(seat) + "channels"))
        except Exception:  # a refusal, whatever its kind
            failures += 1
    tally = Tally([])
    for robot in await asyncio.gather(*(ping_pong(channel, 10) for channel in channels)):
        tally.add(robot)
    clicks = await visit(proxy.address, prefix_of(1), 40, IMPATIENCE_SECONDS)
    after = proxy.cost()
    for channel in channels:
        channel.close()
    return {
        "full_failures": failures + tally.failures + clicks.failures,
        "full_echo_p50_ms": 1000 * percentile(tally.seconds, 0.5),
        "full_echo_p95_ms": 1000 * percentile(tally.seconds, 0.95),
        "full_page_p95_ms": 1000 * percentile(clicks.seconds, 0.95),
        "full_cpu_s": after.cpu_seconds - before.cpu_seconds,
        "full_mb": after.megabytes,
    }


async def _restart(proxy: Proxy, _backend: Backend) -> Figures:
    """The proxy is started again: which routes does it still know by itself?"""
    proxy.stop()
    began = time.monotonic()
    await proxy.start()
    ready = time.monotonic() - began
    await asyncio.sleep(0.5)
    statuses = [await status_of(proxy.address, prefix_of(s) + "page") for s in range(SEATS)]
    return {"restart_s": ready, "routes_kept": sum(status == 200 for status in statuses) / SEATS}
