"""Between graders and worker hosts: Dask's scheduler and one client of it, behind a Unix socket.

    python -m grader.scheduling.dispatcher SETTINGS     (started through `jailed`)

Dask's parts pickle what they tell each other, and who holds a certificate can send what is
unpickled here. So a worker that was taken over can run code in this process: it is jailed, knows
no gradebook, no token and no file but its own certificate, and all it can say to a grader is
JSON text that the grader reads as if an attendee had written it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from distributed import Client, Scheduler

from grader.scheduling.channel import LONGEST
from grader.scheduling.placing import NotPossible, Placing
from grader.scheduling.quiet_dask import quieten
from grader.scheduling.settings import LOOPBACK, DispatcherSettings, address, security

Answer = dict[str, Any]


def main(settings_file: Path) -> None:
    """Serve until SIGTERM."""
    settings = DispatcherSettings.model_validate_json(settings_file.read_text())
    quieten()
    os.umask(0o007)  # the socket is for the grader's group
    asyncio.run(_serve(settings))


async def _serve(settings: DispatcherSettings) -> None:
    keys = security(settings.tls)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with (
        Scheduler(
            protocol="tls", host=LOOPBACK, port=settings.port, security=keys, dashboard=False
        ) as scheduler,
        _client(address(settings.port), keys) as client,
    ):
        desk = Desk(Placing(client, scheduler, settings.patience_seconds))
        settings.socket.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(desk.answer, settings.socket, limit=LONGEST)
        async with server:
            await ended.wait()


def _client(scheduler: str, keys: Any) -> Any:
    kind: Any = Client  # untyped
    return kind(scheduler, security=keys, asynchronous=True, set_as_default=False)


class Desk:
    """Answers graders; see grader.scheduling.channel for what they ask."""

    def __init__(self, placing: Placing) -> None:
        self._placing = placing

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its question to its end."""
        try:
            asked = json.loads(await reader.readline())
            work = asyncio.ensure_future(self._work(asked))
            gone = asyncio.ensure_future(reader.read(1))  # a grader says nothing more
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if not work.done():
                work.cancel()
                return
            writer.write(json.dumps(work.result()).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError):
            return  # a grader that was killed in the middle of a word
        finally:
            writer.close()

    async def _work(self, asked: Any) -> Answer:
        does: dict[str, Callable[[Any], Awaitable[Answer]]] = {
            "judge": self._judge,
            "learn": self._learn,
            "try out": self._try_out,
            "state": self._state,
        }
        try:
            return await does[asked["do"]](asked)
        except NotPossible as error:
            return {"unavailable": str(error)}
        except Exception as error:  # Dask's and the workers' own: nobody was judged
            logging.getLogger(__name__).warning("%s: %s", type(error).__name__, error)
            return {"unavailable": f"{type(error).__name__}: {error}"[:500]}

    async def _judge(self, asked: Any) -> Answer:
        if not self._placing.knows(asked["lab"]):
            return {"unknown": True}
        return {"answer": await self._placing.judge(asked["lab"], asked["order"])}

    async def _learn(self, asked: Any) -> Answer:
        self._placing.learn(asked["lab"], asked["text"], asked["limits"])
        return {"learnt": True}

    async def _try_out(self, asked: Any) -> Answer:
        return {"answer": await self._placing.try_out(asked["text"], asked["order"])}

    async def _state(self, _asked: Any) -> Answer:
        return {"hosts": self._placing.hosts(), "judged": dict(self._placing.judged)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
