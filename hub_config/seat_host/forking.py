"""One start, as the service sees it: a fork of a root process becomes a process of a seat.

The conversation runs over a socket that only the new process holds, never the warm one:

    service: move the fork into the seat's cell · header + descriptors · payload
    fork:    "child 4711" (its own child, in the jail) · "ready 7" (that child, privileges gone)
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from hub_config.seat_host.protocol import SeatHostError
from hub_config.seat_host.standing_jail import StandingJail
from hub_config.seat_host.warm.entering import HEADER_BYTES, PAYLOAD_BYTES, Account

#: From the fork to a process without privileges: a hundredth of a second, if all is well.
_SECONDS = 10.0
_CREDENTIALS = struct.Struct("iII")


@dataclass(frozen=True)
class Birth:
    """What a new process needs: where it will live, as whom, and what it will read then.

    `payload` is the JSON of a `Task`; `move` puts a process into the seat's cell.
    """

    jail: StandingJail
    account: Account
    log: int
    payload: bytes
    move: Callable[[int], None]


@dataclass(frozen=True)
class Born:
    """A process of the seat: its number on the host and its number in the jail."""

    pid: int
    inner: int


def task_payload(environment: Mapping[str, str], folder: str, argv: tuple[str, ...]) -> bytes:
    """The JSON that becomes a `Task`."""
    return json.dumps({"environment": environment, "folder": folder, "argv": argv}).encode()


def give_birth(birth: Birth, fork: Callable[[socket.socket], int]) -> Born:
    """`fork` makes a root process that holds the socket it is given, and returns its number.

    Raises: SeatHostError of kind "ill" when no process came of it; none is left then.
    """
    if len(birth.payload) > PAYLOAD_BYTES:
        raise SeatHostError("too-long", "the environment of the seat is too long to be passed on")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        ours.settimeout(_SECONDS)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        with theirs:
            made = [fork(theirs)]
        try:
            birth.move(made[0])
            _send_header(ours, birth)
            # Parent and child speak at the same time: either may be heard first.
            told: dict[str, _Message] = {}
            while len(told) < 2:
                message = _hear(ours)
                told[message.word] = message
                made.append(message.number if message.word == "child" else message.sender)
            return _believe(told, birth.account)
        except (OSError, SeatHostError) as error:
            for pid in made:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if isinstance(error, SeatHostError):
                raise
            raise SeatHostError("ill", f"no process came into being: {error}") from error


def _send_header(control: socket.socket, birth: Birth) -> None:
    header = json.dumps({"uid": birth.account.uid, "gid": birth.account.gid}).encode()
    with birth.jail.namespaces() as descriptors:
        socket.send_fds(control, [header], [*descriptors, birth.log])
    control.send(birth.payload)


@dataclass(frozen=True)
class _Message:
    """A word and a number; who sent it, as Linux knows them."""

    word: str
    number: int
    sender: int
    account: Account


def _hear(control: socket.socket) -> _Message:
    space = socket.CMSG_SPACE(_CREDENTIALS.size)
    received, ancillary, _, _ = control.recvmsg(HEADER_BYTES, space)
    said = received.decode(errors="replace")
    word, _, number = said.partition(" ")
    if word not in ("child", "ready") or not number.isdigit():
        raise SeatHostError("ill", f"the start failed: {said!r}")
    sender, uid, gid = _CREDENTIALS.unpack(ancillary[0][2][: _CREDENTIALS.size])
    return _Message(word, int(number), sender, Account(uid, gid))


def _believe(told: Mapping[str, _Message], account: Account) -> Born:
    """Who is ready must be the process that we were told about, and no longer root."""
    child, ready = told["child"].number, told["ready"]
    if (ready.sender, ready.account) != (child, account):
        raise SeatHostError("ill", f"process {ready.sender} has the account {ready.account.uid}")
    return Born(child, ready.number)
