"""TVM's handshake, from the machine's side: who is it, and may it come in?"""

from __future__ import annotations

import asyncio
import socket
import struct

from provisioning.arm.keys import seat_of

MAGIC = WELCOME = 0xFF271
WRONG_KEY = MAGIC + 2
#: For a client that has said hello and waits for its turn, anything else is a fault.
SECONDS = 10.0
_LONGEST_WORD = 512
_NAME = b"server:arm"  # a key is never sent back


class Stranger(Exception):
    """It speaks another language, has no key of ours, or said nothing in time."""


async def greet(connection: socket.socket, secret: str) -> str:
    """Whose connection this is. A wrong key is told so. Raises Stranger."""
    try:
        async with asyncio.timeout(SECONDS):
            magic, length = struct.unpack("<ii", await _receive(connection, 8))
            if magic != MAGIC or not 0 < length <= _LONGEST_WORD:
                raise Stranger("it does not speak TVM's language")
            words = (await _receive(connection, length)).decode("ascii", "replace").split()
            seat = seat_of(secret, words[0].removeprefix("client:")) if words else None
            if seat is None or not words[0].startswith("client:"):
                await _send(connection, struct.pack("<i", WRONG_KEY))
                raise Stranger("it has no key of ours")
            return seat
    except (OSError, TimeoutError) as error:
        raise Stranger("it went away or said nothing") from error


def welcome(connection: socket.socket) -> None:
    """It is your turn. Raises OSError when nobody is there any more."""
    connection.send(struct.pack("<ii", WELCOME, len(_NAME)) + _NAME)


async def _receive(connection: socket.socket, size: int) -> bytes:
    """Exactly so many bytes: the next ones are for the session."""
    data = b""
    while len(data) < size:
        more = await asyncio.get_running_loop().sock_recv(connection, size - len(data))
        if not more:
            raise Stranger("it went away")
        data += more
    return data


async def _send(connection: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(connection, data)
