"""A kernel in a seat and a websocket to it, as an open notebook has them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hub_config.rehearsal.kernel_channel import KernelChannel
from hub_config.rehearsal.robot import Robot

CELL_SECONDS = 120


@dataclass(frozen=True)
class KernelLine:
    """One websocket; it stays open from one cell to the next."""

    channel: KernelChannel

    async def ask(self, code: str) -> str:
        """Run a cell; its output as text."""
        return await self.channel.run(code, CELL_SECONDS)


async def start_kernel(robot: Robot, name: str = "nlp-cpu") -> str:
    kernel = await robot.post("api/kernels", {"name": name})
    return str(kernel["id"])


@asynccontextmanager
async def kernel_line(robot: Robot, kernel: str) -> AsyncIterator[KernelLine]:
    """Connect to a running kernel, through the proxy and with the browser's cookies."""
    channel = await robot.connect(kernel)
    try:
        yield KernelLine(channel)
    finally:
        await channel.close()
