"""One question to many hosts: our program answers it there, and changes nothing unless asked to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from provisioning.environments.shipping import program
from provisioning.environments.shipping.errors import HostUnfit, refusal
from provisioning.errors import StepFailed, WorkshopError
from provisioning.ssh.connection import Connection
from provisioning.ssh.errors import last_of
from provisioning.ssh.kept_output import Finished
from provisioning.ssh.login import Login
from provisioning.ssh.pool import on_each

T = TypeVar("T")


def ask_each(
    logins: Mapping[str, Login],
    verb: str,
    order: Mapping[str, Any],
    *,
    seconds: float,
    reading: Callable[[str, dict[str, Any]], T],
) -> dict[str, T | WorkshopError]:
    """What `reading(host, facts)` makes of every host's answer, or why there is none.

    `seconds` is for all hosts together.
    """
    stdin = program.opening() + json.dumps(dict(order)).encode() + b"\n"

    def ask(name: str, connection: Connection) -> T:
        finished = connection.run(
            program.command(verb), stdin=stdin, seconds=seconds, check=False, keep=_KEEP
        )
        return reading(name, answer(name, finished))

    return on_each(logins, ask, seconds=seconds)


#: An answer names at most some hundred files.
_KEEP = 4 * 2**20


def answer(host: str, finished: Finished) -> dict[str, Any]:
    """The last thing that the program said. Raises a family of errors.py if it refused."""
    lines = finished.stdout.splitlines()
    if finished.status in (126, 127) and not lines:
        raise HostUnfit(
            f"{host}: {program.PYTHON} can't be run: {last_of(finished.stderr)}",
            next_step=f"on {host}: apt-get install python3; then repeat the command",
        )
    if finished.status != 0 or not lines:
        said = last_of(finished.stderr) or "no word"
        raise StepFailed(
            f"{host}: looking at its environments ended with status {finished.status}: {said}",
            next_step="repeat the command",
        )
    facts: dict[str, Any] = json.loads(lines[-1])
    if facts["say"] == "refused":
        raise refusal(host, facts)
    return facts
