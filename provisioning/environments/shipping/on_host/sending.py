"""Give the chunks of this host to another one, those that are still to come as well."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading

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
            connection.setblocking(False)
            stream = Stream(connection, self._order, self._chunks, had)
            with self._chunks.told_to(stream.go_on):
                stream.run()


class Stream:
    """What one visitor lacks, on its way there.

    The thread that brings a chunk to this host sends it to every visitor, too, as far as that
    goes without waiting, so no other thread has to be woken for it. The visitor's own thread
    does what is left: what was there before, what the connection couldn't take at once, and the
    beats.
    """

    def __init__(self, connection: socket.socket, order: Order, chunks: Chunks, had: bytes) -> None:
        self._connection = connection
        self._order = order
        self._chunks = chunks
        self._had = had
        self._missing = order.chunks - sum(had)
        #: How many of those that arrived here were dealt with.
        self._place = 0
        #: What is still to be sent of the frame that is under way, and of its chunk.
        self._frame = b""
        self._offset = self._size = 0
        self._sending = threading.Lock()
        self._left_to_us = threading.Event()

    def run(self) -> None:
        """Until the visitor has everything. Raises OSError when it's gone, or takes nothing."""
        while True:
            place = self._place
            if not self._send_what_goes():
                self._wait_for_room()
            elif self._has_everything():
                return
            elif self._left_to_us.wait(BEAT_SECONDS):
                self._left_to_us.clear()
            elif self._place == place:
                self._beat()

    def go_on(self) -> None:
        """Send what has come. Doesn't wait, and raises nothing."""
        try:
            alone = self._send_what_goes() and self._missing
        except OSError:  # the visitor's thread meets it as well
            alone = False
        if not alone:
            self._left_to_us.set()

    def _has_everything(self) -> bool:
        with self._sending:  # the other thread may be at the last chunk
            return not (self._missing or self._frame or self._size)

    def _send_what_goes(self) -> bool:
        """True when nothing is left to send for now."""
        with self._sending:
            try:
                self._send_the_rest()
                while self._next_chunk():
                    self._send_the_rest()
            except BlockingIOError:
                return False
            return True

    def _next_chunk(self) -> bool:
        while self._place < len(self._chunks.arrived):
            index = self._chunks.arrived[self._place]
            self._place += 1
            if not self._had[index]:
                self._missing -= 1
                self._offset = self._chunks.offset(index)
                self._size = self._order.chunk_size(index)
                self._frame = FRAME.pack(CHUNK, index, self._size)
                return True
        return False

    def _send_the_rest(self) -> None:
        more = socket.MSG_MORE if self._size else 0
        while self._frame:
            self._frame = self._frame[self._connection.send(self._frame, more) :]
        while self._size:
            # From the page cache to the network, without a copy in this process. (Not
            # socket.sendfile: it waits for ever when the kernel's own time limit passes.)
            sent = os.sendfile(
                self._connection.fileno(), self._chunks.descriptor, self._offset, self._size
            )
            if not sent:
                raise OSError("the archive was cut while it was given on")
            self._offset, self._size = self._offset + sent, self._size - sent

    def _beat(self) -> None:
        with self._sending, contextlib.suppress(BlockingIOError):
            if not (self._frame or self._size):
                self._frame = FRAME.pack(WAITING, 0, 0)
                self._send_the_rest()

    def _wait_for_room(self) -> None:
        poll = select.poll()
        poll.register(self._connection, select.POLLOUT)
        if not poll.poll(_SENDING_SECONDS * 1000):
            raise TimeoutError
