"""How two hosts of one ship find out that the other one belongs to it.

The one who connects says which ship it means; both prove with HMAC-SHA256 that they know its
secret, over random numbers of both, so that nothing overheard can be used again. Who doesn't
know it gets no byte of the archive, and not even a word why.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
import struct
import time

#: A stranger who says nothing, or a byte now and then, is shown out after so many seconds.
GREETING_SECONDS = 5.0

MAGIC = b"wsh1"
SHIP_BYTES = 16
NONCE_BYTES = 32
HELLO_BYTES = len(MAGIC) + SHIP_BYTES + NONCE_BYTES
PROOF_BYTES = 32


class NotOneOfUs(Exception):
    """The other side doesn't know the secret, or speaks something else."""


def hello_of(connection: socket.socket) -> bytes:
    """What somebody who connects says first. Raises NotOneOfUs."""
    hello = receive(connection, HELLO_BYTES)
    if not hello.startswith(MAGIC):
        raise NotOneOfUs
    return hello


def ship_in(hello: bytes) -> str:
    return hello[len(MAGIC) : len(MAGIC) + SHIP_BYTES].hex()


def greet(connection: socket.socket, ship: str, secret: bytes) -> None:
    """Prove ourselves to the host that we connected to, and have it prove itself."""
    hello = MAGIC + bytes.fromhex(ship) + os.urandom(NONCE_BYTES)
    connection.sendall(hello)
    nonce = receive(connection, NONCE_BYTES)
    connection.sendall(_proof(secret, b"asks", hello, nonce))
    _check(receive(connection, PROOF_BYTES), _proof(secret, b"has", hello, nonce))


def answer(connection: socket.socket, hello: bytes, secret: bytes) -> None:
    """The other side of `greet`: who asks proves itself first."""
    nonce = os.urandom(NONCE_BYTES)
    connection.sendall(nonce)
    _check(receive(connection, PROOF_BYTES), _proof(secret, b"asks", hello, nonce))
    connection.sendall(_proof(secret, b"has", hello, nonce))


def receive(connection: socket.socket, count: int) -> bytes:
    """Exactly `count` bytes. Raises NotOneOfUs when the other side ends before, or takes its
    time, and OSError when it's silent."""
    until = time.monotonic() + GREETING_SECONDS
    received = b""
    while len(received) < count:
        got = connection.recv(count - len(received), socket.MSG_WAITALL)
        if not got or time.monotonic() > until:
            raise NotOneOfUs
        received += got
    return received


def set_patience(connection: socket.socket, *, receiving: float, sending: float) -> None:
    """How long the other side may be silent, or take nothing. The kernel counts: a socket
    timeout of Python's would cost a poll for every read."""
    for option, seconds in (
        (socket.SO_RCVTIMEO, receiving),
        (socket.SO_SNDTIMEO, sending),
    ):
        whole = int(seconds)
        value = struct.pack("ll", whole, int((seconds - whole) * 1e6))
        connection.setsockopt(socket.SOL_SOCKET, option, value)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _proof(secret: bytes, role: bytes, hello: bytes, nonce: bytes) -> bytes:
    return hmac.new(secret, role + hello + nonce, hashlib.sha256).digest()


def _check(given: bytes, expected: bytes) -> None:
    if not hmac.compare_digest(given, expected):
        raise NotOneOfUs
