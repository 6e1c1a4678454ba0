"""Give the chunks of this host to another one, those that are still to come as well."""

from __future__ import annotations

import contextlib
import os
import socket

from . import greeting
from .chunks import Chunks
from .frames import CHUNK, FRAME, WAITING
from .order import Order

#: A host that has nothing new says so this often, so that silence means that it is gone.
BEAT_SECONDS = 0.5
_SENDING_SECONDS = 10.0


class Sending:
    """Answers visits: proves and asks for the secret, then sends what the visitor lacks."""

    def __init__(self, order: Order, chunks: Chunks) -> None:
        self._order = order
        self._secret = bytes.fromhex(order.secret)
        self._chunks = chunks

    def visit(self, connection: socket.socket, hello: bytes) -> None:
        """One visitor, until it has everything or is gone."""
        with connection, contextlib.suppress(OSError, greeting.NotOneOfUs):
            greeting.set_patience(connection, receiving=5, sending=_SENDING_SECONDS)
            greeting.answer(connection, hello, self._secret)
            had = greeting.receive(connection, self._order.chunks)
            self._send_all_but(connection, had)

    def _send_all_but(self, connection: socket.socket, had: bytes) -> None:
        place, missing = 0, self._order.chunks - sum(had)
        while missing:
            if not self._chunks.wait_beyond(place, BEAT_SECONDS):
                connection.sendall(FRAME.pack(WAITING, 0, 0))
                continue
            index = self._chunks.arrived[place]
            place += 1
            if not had[index]:
                self._send(connection, index)
                missing -= 1

    def _send(self, connection: socket.socket, index: int) -> None:
        size = self._order.chunk_size(index)
        connection.sendall(FRAME.pack(CHUNK, index, size), socket.MSG_MORE)
        offset = self._chunks.offset(index)
        while size:
            # From the page cache to the network, without a copy in this process. (Not
            # socket.sendfile: it waits for ever when the kernel's own time limit passes.)
            sent = os.sendfile(connection.fileno(), self._chunks.descriptor, offset, size)
            offset, size = offset + sent, size - sent
