"""What one host says to another while it gives: frames, and a chunk's bytes behind some of them."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

from .greeting import NotOneOfUs

#: A kind, a chunk's number, its size.
FRAME = struct.Struct("!BII")
CHUNK, WAITING = 1, 2


class Frame(NamedTuple):
    """`data` is a chunk's; it is there until the next frame is taken."""

    kind: int
    chunk: int
    data: memoryview


class Frames:
    """Takes frames from a connection, most of them with one waking.

    After a chunk probably the next one follows, so its frame and all of its bytes are waited for
    together: whoever wakes twice for a chunk meets the thread that passes the last one on, and
    then Python's threads hand their lock to and fro. What comes instead, and what was taken too
    much, does no harm.
    """

    def __init__(
        self,
        connection: socket.socket,
        *,
        sizes: Callable[[int], int],
        largest: int,
        seconds: float,
    ) -> None:
        """`sizes` of chunks, 0 behind the last; it is an error to be silent for `seconds`."""
        self._connection = connection
        self._sizes = sizes
        self._largest = largest
        self._milliseconds = int(seconds * 1000)
        self._buffer = memoryview(bytearray(FRAME.size + largest))
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._wakes_at = 0
        #: How much of the buffer was received, and how much of that was given out.
        self._received = self._given = 0
        #: What probably comes next has so many bytes.
        self._expected = FRAME.size

    def take(self) -> Frame:
        """The next one. Raises NotOneOfUs when the other side ends before, OSError when it's
        silent."""
        self._keep_what_was_too_much()
        self._receive(FRAME.size, self._expected)
        kind, index, size = FRAME.unpack_from(self._buffer)
        if kind != CHUNK:
            self._given = self._expected = FRAME.size
            return Frame(kind, index, self._buffer[:0])
        end = FRAME.size + min(size, self._largest)
        self._receive(end, end)
        self._given, self._expected = end, FRAME.size + self._sizes(index + 1)
        return Frame(kind, index, self._buffer[FRAME.size : end])

    def _keep_what_was_too_much(self) -> None:
        left = self._received - self._given
        if left:
            self._buffer[:left] = self._buffer[self._given : self._received]
        self._received, self._given = left, 0

    def _receive(self, needed: int, wanted: int) -> None:
        """Until `needed` bytes are here; the kernel wakes us when `wanted` are, or after a time."""
        while self._received < needed:
            left = wanted - self._received
            if left != self._wakes_at:
                self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, left)
                self._wakes_at = left
            # Not a reading that blocks: it takes what there is, and then waits for as much again.
            self._poll.poll(self._milliseconds)
            view = self._buffer[self._received : wanted]
            got = self._connection.recv_into(view, left, socket.MSG_DONTWAIT)
            if not got:
                raise NotOneOfUs
            self._received += got
