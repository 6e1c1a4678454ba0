"""The hub host as the instructor's computer reaches it: files, and our own commands run there."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from hub_config.hub_host.given import SPEC_NAME
from hub_config.hub_host.layout import CURRENT, GIVEN, LIBRARY, PYTHON, STATE
from provisioning.errors import StepFailed
from provisioning.paths import StatePaths
from provisioning.ssh.connection import Connection, connect
from provisioning.ssh.login import Login

CONNECT_SECONDS = 30.0
#: A command may be one that a person ends: `grade --watch`.
LONGEST_SECONDS: Final = 24 * 3600.0

Hear = Callable[[bytes], None]


def _nothing(said: bytes) -> None:
    """Hears, and passes it on to nobody."""


@dataclass(frozen=True)
class Screen:
    """Where a command's words go, and what it must know of the terminal that shows them."""

    out: Hear = _nothing
    err: Hear = _nothing
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HubHost:
    """One connection, and the workshop that lives at its other end."""

    connection: Connection
    workshop: str

    @property
    def paths(self) -> StatePaths:
        """The workshop's folders there."""
        return StatePaths(STATE, self.workshop)

    def carry(self, words: tuple[str, ...], screen: Screen) -> int:
        """Run `workshop WORDS` there; its words as they come, its exit status at the end.

        It ends when we do: it holds our end of its standard input. Raises the SSH room's errors;
        when the connection is lost, what the command had done stays done.
        """
        line = command_line(words, screen.environment)
        with self.connection.talk(line, seconds=LONGEST_SECONDS, on_stderr=screen.err) as talk:
            while said := talk.read():
                screen.out(said)
            return talk.finish().status

    def ask(self, *words: str) -> bytes:
        """What `workshop WORDS` says there. StepFailed with its own words when it fails."""
        said: list[bytes] = []
        complaints: list[bytes] = []
        status = self.carry(words, Screen(said.append, complaints.append))
        if status != 0:
            told = b"".join(complaints or said).decode(errors="replace").strip()
            raise StepFailed(
                f"On the hub host, `workshop {' '.join(words)}` ended with status {status}: {told}",
                next_step="workshop status",
            )
        return b"".join(said)

    def run(self, command: str, *, seconds: float = 120) -> bytes:
        """A shell command as root; what it says. Raises the SSH room's errors."""
        return self.connection.run(command, seconds=seconds).stdout

    def is_installed(self) -> bool:
        """Whether an `up` has brought our code and the instructor's files."""
        look = f"[ -e {GIVEN / CURRENT / SPEC_NAME} ] && [ -e {LIBRARY / CURRENT} ]"
        return self.connection.run(look, seconds=60, check=False).status == 0


@contextmanager
def hub_host(login: Login, workshop: str) -> Iterator[HubHost]:
    """Log in. Raises the SSH room's errors."""
    with connect(login, seconds=CONNECT_SECONDS) as connection:
        yield HubHost(connection, workshop)


def command_line(words: tuple[str, ...], environment: Mapping[str, str]) -> str:
    """Our command line there. Nothing secret is in it."""
    told = {
        "PATH": f"{PYTHON.parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": str(LIBRARY / CURRENT),
        "LANG": "C.UTF-8",
        "HOME": "/root",
        **environment,
    }
    spec = GIVEN / CURRENT / SPEC_NAME
    return shlex.join(
        [
            *("env", "-i", *(f"{name}={value}" for name, value in told.items())),
            *(str(PYTHON), "-P", "-m", "cli", "--file", str(spec), "--state", str(STATE)),
            *("--on-hub-host", *words),
        ]
    )
