"""Framed messages between processes that do not trust each other: JSON and raw blocks.

A frame is a header of fixed size (length of the JSON text, number of blocks), the length of
each block, the JSON text, the blocks. Nothing is ever unpickled. Every length is checked
before anything is allocated, and every defect of a frame raises `WireBroken`.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

_HEAD = struct.Struct("!II")
_LENGTH = struct.Struct("!Q")

#: No honest message comes near these.
MOST_TEXT = 16 * 2**20
MOST_BLOCKS = 4096
MOST_BYTES = 256 * 2**20
#: How long to wait for a piece before it is asked how much time is left.
_LOOK_EVERY = 0.05

#: How many seconds are left now.
Left = Callable[[], float]


class WireError(Exception):
    """The other side can't be talked to any more, or not in time."""


class WireClosed(WireError):
    """The other side is gone."""


class WireBroken(WireError):
    """The other side sent something that is not a frame."""


class WireSilent(WireError):
    """The other side did not answer in time."""


class Wire:
    """One end of a stream socket that carries frames."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream

    def fileno(self) -> int:
        return self._stream.fileno()

    def close(self) -> None:
        self._stream.close()

    def send(
        self, message: dict[str, Any], blocks: Sequence[bytes] = (), within: float | None = None
    ) -> None:
        """Send one frame. Raises WireSilent when the other side does not read it in time."""
        text = json.dumps(message, separators=(",", ":")).encode("ascii")
        if len(text) > MOST_TEXT or sum(map(len, blocks)) > MOST_BYTES:
            raise WireBroken("the message is too large")
        head = _HEAD.pack(len(text), len(blocks))
        lengths = b"".join(_LENGTH.pack(len(block)) for block in blocks)
        self._stream.settimeout(within)
        try:
            self._stream.sendall(head + lengths + text)
            for block in blocks:
                self._stream.sendall(block)
        except TimeoutError:
            raise WireSilent("the other side does not read") from None
        except OSError as error:
            raise WireClosed(str(error)) from None

    def receive(self, within: float | Left | None = None) -> tuple[dict[str, Any], list[bytes]]:
        """The next frame: its JSON object and its blocks."""
        left = _countdown(within) if isinstance(within, int | float) else within
        text_length, count = _HEAD.unpack(self._exactly(_HEAD.size, left))
        if text_length > MOST_TEXT or count > MOST_BLOCKS:
            raise WireBroken("the frame is too large")
        raw = self._exactly(_LENGTH.size * count, left)
        lengths = [length for (length,) in _LENGTH.iter_unpack(raw)]
        if sum(lengths) > MOST_BYTES:
            raise WireBroken("the frame is too large")
        message = _parse(self._exactly(text_length, left))
        return message, [self._exactly(length, left) for length in lengths]

    def _exactly(self, size: int, left: Left | None) -> bytes:
        if not size:
            return b""
        pieces = bytearray()
        while len(pieces) < size:
            # Also with pieces that come one by one: a frame takes no longer than it may.
            if left and left() <= 0:
                raise WireSilent("the other side does not answer")
            try:
                self._stream.settimeout(_LOOK_EVERY if left else None)
                piece = self._stream.recv(min(size - len(pieces), 2**20))
            except TimeoutError:
                continue
            except OSError as error:
                raise WireClosed(str(error)) from None
            if not piece:
                raise WireClosed("the other side is gone")
            pieces += piece
        return bytes(pieces)


def _countdown(seconds: float) -> Left:
    until = time.monotonic() + seconds
    return lambda: until - time.monotonic()


def _parse(text: bytes) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise WireBroken("the frame is not JSON") from None
    if not isinstance(message, dict):
        raise WireBroken("the frame is not an object")
    return message
