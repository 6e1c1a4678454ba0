"""A kernel in a seat and a websocket to it, as an open notebook has them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import websockets

from hub_config.rehearsal.robot import Robot, _execute_request, _output

CELL_SECONDS = 120


@dataclass(frozen=True)
class KernelLine:
    """One websocket; it stays open from one cell to the next."""

    socket: Any
    session: str

    async def ask(self, code: str) -> str:
        """Run a cell; its output as text."""
        request = _execute_request(self.session, code)
        await self.socket.send(json.dumps(request))
        return await asyncio.wait_for(
            _output(self.socket, request["header"]["msg_id"]), CELL_SECONDS
        )


async def start_kernel(robot: Robot, name: str = "nlp-cpu") -> str:
    kernel = await robot._post("api/kernels", {"name": name})
    return str(kernel["id"])


@asynccontextmanager
async def kernel_line(robot: Robot, kernel: str) -> AsyncIterator[KernelLine]:
    """Connect to a running kernel, through the proxy and with the browser's cookies."""
    session = uuid4().hex
    path = robot._path(f"api/kernels/{kernel}/channels?session_id={session}")
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in robot._cookies(path))
    async with websockets.connect(
        robot._address.replace("http", "ws", 1) + path,
        additional_headers={"Cookie": cookies},
        origin=websockets.Origin(robot._address),
        max_size=2**24,
        proxy=None,
    ) as socket:
        yield KernelLine(socket, session)
