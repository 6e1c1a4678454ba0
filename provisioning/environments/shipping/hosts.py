"""The hosts of a ship, and how our program on each of them is talked to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from provisioning.ssh.connection import connect
from provisioning.ssh.kept_output import Finished
from provisioning.ssh.login import Login

_CONNECT_SECONDS = 20.0


@dataclass(frozen=True)
class ShipHost:
    """A host that is to get an environment."""

    login: Login
    #: Where the other hosts reach its port 7475; None: it gets everything from here.
    private_address: str | None = None


class Talk(Protocol):
    """The part of provisioning.ssh.talk.Talk that a ship needs."""

    def write(self, data: bytes) -> None: ...
    def read_line(self, seconds: float | None = None) -> bytes | None: ...
    def finish(self) -> Finished: ...


#: Starts a command on a host as root, for so many seconds at most.
Start = Callable[[ShipHost, str, float], AbstractContextManager[Talk]]


@contextmanager
def start_over_ssh(host: ShipHost, command: str, seconds: float) -> Iterator[Talk]:
    """Raises an SshError when the host can't be reached."""
    with (
        connect(host.login, seconds=min(_CONNECT_SECONDS, seconds)) as connection,
        connection.talk(command, seconds=seconds) as talk,
    ):
        yield talk
