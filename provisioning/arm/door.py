"""Who comes to the Arm machine, who waits, and whose turn it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from itertools import count
from typing import Any

from provisioning.arm.fair_line import FairLine
from provisioning.arm.greeting import Stranger, greet, welcome

#: Connections that have not said yet who they are. Whoever comes then is turned away.
_MOST_STRANGERS = 128
_LONGEST = 4096


class Door:
    """Between the listening socket and the jailed server's control socket."""

    def __init__(
        self, listening: socket.socket, control: socket.socket, line: FairLine, secret: str
    ) -> None:
        for each in (listening, control):
            each.setblocking(False)
        self._listening = listening
        self._control = control
        self._line = line
        self._secret = secret
        self._tickets = count(1)
        #: Those in line, by ticket.
        self._waiting: dict[int, socket.socket] = {}
        self._strangers: set[asyncio.Task[None]] = set()
        self._ready = False

    async def keep(self) -> None:
        """Until the jailed server is gone."""
        coming = asyncio.ensure_future(self._let_in())
        try:
            await self._listen_to_server()
        finally:
            coming.cancel()
            for connection in self._waiting.values():
                connection.close()

    async def _let_in(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listening)
            if len(self._strangers) >= _MOST_STRANGERS:
                connection.close()
                continue
            task = asyncio.ensure_future(self._meet(connection))
            self._strangers.add(task)
            task.add_done_callback(self._strangers.discard)

    async def _meet(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            seat = await greet(connection, self._secret)
        except Stranger:
            connection.close()
            return
        ticket = next(self._tickets)
        if not self._line.join(seat, ticket):
            connection.close()
            return
        self._waiting[ticket] = connection
        # A client says nothing while it waits: what can be read is its end.
        asyncio.get_running_loop().add_reader(connection, self._leave, ticket)
        old = self._line.superseded(seat)
        if old is not None:
            self._order({"end": old})
        self._give_turns()

    def _leave(self, ticket: int) -> None:
        self._take_from_line(ticket).close()
        self._line.end(ticket)

    def _give_turns(self) -> None:
        while self._ready and (ticket := self._line.begin()) is not None:
            with self._take_from_line(ticket) as connection:
                try:
                    welcome(connection)
                    self._order({"begin": ticket}, connection)
                except OSError:  # it went away just now
                    self._line.end(ticket)

    def _take_from_line(self, ticket: int) -> socket.socket:
        connection = self._waiting.pop(ticket)
        asyncio.get_running_loop().remove_reader(connection)
        return connection

    def _order(self, order: dict[str, int], connection: socket.socket | None = None) -> None:
        data = json.dumps(order).encode()
        if connection is None:
            with contextlib.suppress(OSError):  # it is ending: we hear of that
                self._control.send(data)
            return
        connection.setblocking(True)  # as the server's RPC wants it
        socket.send_fds(self._control, [data], [connection.fileno()])

    async def _listen_to_server(self) -> None:
        while said := await self._word():
            if "ended" in said:
                self._line.end(int(said["ended"]))
                if said.get("why"):
                    sys.stderr.write(f"a session was ended: {said['why']}\n")
            if "ready" in said:
                self._ready = True
                sys.stderr.write("ready\n")
                sys.stderr.flush()
            self._give_turns()

    async def _word(self) -> dict[str, Any]:
        """The server's next word; nothing at its end. It is only ours until somebody is in."""
        try:
            data = await asyncio.get_running_loop().sock_recv(self._control, _LONGEST)
            word = json.loads(data) if data else {}
        except (OSError, ValueError):
            return {}
        return dict(word) if isinstance(word, dict) else {}
