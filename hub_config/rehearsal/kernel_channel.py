"""The websocket between an open notebook and its kernel, in Jupyter's JSON protocol."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection

from hub_config.rehearsal.errors import RobotStuck

CELL_SECONDS = 180
#: What a server says of a kernel that has ended by itself.
_ENDED = ("restarting", "dead")


@dataclass(frozen=True)
class KernelChannel:
    """One open websocket; it may run many cells, one after the other."""

    socket: ClientConnection
    session: str

    async def run(self, code: str, seconds: float = CELL_SECONDS) -> str:
        """The cell's output as text. RobotStuck when it takes longer, or the kernel goes."""
        request = execute_request(self.session, code)
        await self.socket.send(json.dumps(request))
        try:
            async with asyncio.timeout(seconds):
                return await output_of(self.socket, request["header"]["msg_id"])
        except TimeoutError:
            raise RobotStuck(f"a cell was not done after {seconds:g} s") from None

    async def close(self) -> None:
        await self.socket.close()

    def drop(self) -> None:
        """As a laptop that is shut: no word of goodbye."""
        self.socket.transport.abort()


def execute_request(session: str, code: str) -> dict[str, Any]:
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "username": "",
        "session": session,
        "version": "5.3",
        "date": "",
    }
    content = {
        "code": code,
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    return {
        "channel": "shell",
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "buffers": [],
    }


async def output_of(socket: Any, request: str) -> str:
    """The cell's text until the kernel is idle again; an error in the cell is text too."""
    text: list[str] = []
    async for frame in socket:
        message = json.loads(frame)
        if message["msg_type"] == "status" and message["content"]["execution_state"] in _ENDED:
            raise RobotStuck("the kernel ended in the middle of a cell")
        if message.get("parent_header", {}).get("msg_id") != request:
            continue
        content = message["content"]
        match message["msg_type"]:
            case "stream":
                text.append(content["text"])
            case "execute_result":
                text.append(content["data"].get("text/plain", ""))
            case "error":
                text.append(f"{content['ename']}: {content['evalue']}")
            case "status" if content["execution_state"] == "idle":
                return "".join(text)
    raise RobotStuck("the kernel's connection closed in the middle of a cell")
