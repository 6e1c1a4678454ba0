"""Stand-ins for seat hosts: one process that speaks their protocol on a socket per host.

`python -m benchmarks.seats.stand_in PORT FOLDER HOST...` listens on FOLDER/HOST.sock for each. What
the hub orders to be started listens on the order's port, in this process. On PORT it stands in
for a service that the hub waits for.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from benchmarks.seats.stand_in_server import serve
from hub_config.seat_host.protocol import (
    LONGEST_LINE,
    Health,
    SeatOrder,
    SeatState,
    Started,
    line,
    read_noun,
    refusal,
)

_GIGABYTE = 10**9


@dataclass
class _Seat:
    order: SeatOrder
    server: HTTPServer
    started: Started


@dataclass
class StandInHost:
    """The seats of one host."""

    name: str
    seats: dict[str, _Seat] = field(default_factory=dict)
    count: int = 0

    async def answer(self, asked: Mapping[str, Any]) -> Mapping[str, object]:
        match asked["verb"]:
            case "start":
                order = read_noun(SeatOrder, asked["order"])
                return {"started": await self._start(order)}
            case "stop" | "forget":
                self._stop(asked["username"])
                return {}
            case "state":
                return {"state": self._state(asked["username"])}
            case "list":
                return {"seats": [self._state(name) for name in self.seats]}
            case "health":
                return {"health": self._health()}
            case verb:
                raise ValueError(f"the stand-in knows no verb {verb}")

    async def _start(self, order: SeatOrder) -> Started:
        self._stop(order.username)
        server = await serve(order.environment, order.port)
        self.count += 1
        started = Started(pid=os.getpid(), began=self.count, warm=True)
        self.seats[order.username] = _Seat(order, server, started)
        return started

    def _stop(self, username: str) -> None:
        if seat := self.seats.pop(username, None):
            seat.server.stop()

    def _state(self, username: str) -> SeatState:
        seat = self.seats.get(username)
        if seat is None:
            return SeatState(username, running=False)
        order = seat.order
        return SeatState(username, True, order.port, order.uid, order.gpu, seat.started, kernels=1)

    def _health(self) -> Health:
        return Health(
            hostname=self.name,
            cores=8,
            load=1.0,
            memory_bytes=64 * _GIGABYTE,
            memory_free_bytes=32 * _GIGABYTE,
            disk_bytes=100 * _GIGABYTE,
            disk_free_bytes=50 * _GIGABYTE,
            uptime_seconds=time.monotonic(),
            seats=len(self.seats),
            limits="none",
            firewall="none",
        )


def _door(host: StandInHost) -> Callable[..., Any]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            told = line({"ok": True, **await host.answer(json.loads(await reader.readline()))})
        except Exception as error:
            traceback.print_exc()
            told = refusal(error)
        writer.write(told)
        await writer.drain()
        writer.close()

    return one


class _Anything(RequestHandler):
    def get(self) -> None:
        self.finish("a stand-in")


async def stand_in(port: int, folder: Path, names: list[str]) -> None:
    """Answer for these hosts until killed."""
    # What goes wrong, the robots see.
    logging.disable(logging.WARNING)
    Application([(".*", _Anything)]).listen(port, "127.0.0.1")
    AsyncHTTPClient.configure(None, max_clients=100)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = folder / f"{name}.sock"
        path.unlink(missing_ok=True)
        await asyncio.start_unix_server(_door(StandInHost(name)), path, limit=LONGEST_LINE)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(stand_in(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
