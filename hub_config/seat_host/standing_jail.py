"""A jail that stands empty until processes are put into it, and ends with all that is in it."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hub_config.seat_host.protocol import SeatHostError
from hub_config.seat_host.warm.entering import NAMESPACES
from hub_config.seat_host.warm_process import our_mark
from hub_config.seat_jail import Fittings, SeatView, root_jail
from hub_config.seat_process import SeatProcess

#: Says that every mount is made, then waits without using anything.
_HOLDER = ("/bin/sh", "-c", "echo stands; exec sleep infinity >&- 2>&-")
_STANDS_SECONDS = 15.0


@dataclass(frozen=True)
class StandingJail:
    """`outer` is bwrap itself; its `first` is the first process inside."""

    outer: SeatProcess

    @contextmanager
    def namespaces(self) -> Iterator[list[int]]:
        """Open descriptors of what a process has to join, in the order of joining."""
        first = self.outer.first
        if first is None or not first.alive():
            raise SeatHostError("jail", "the seat's jail has ended", next_step="start the seat")
        descriptors: list[int] = []
        try:
            for name in NAMESPACES:
                descriptors.append(os.open(f"/proc/{first.pid}/ns/{name}", os.O_RDONLY))
            if not first.alive():  # the number could be somebody else's by now
                raise SeatHostError("jail", "the seat's jail has ended")
            yield descriptors
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def end(self) -> None:
        """Kill the first process inside; Linux kills all others."""
        self.outer.end()


def stand_jail(view: SeatView, fittings: Fittings, log: int) -> tuple[StandingJail, int]:
    """A new jail and the number of the child that has to be waited for some day.

    Raises: SeatHostError with what bwrap said.
    """
    process = subprocess.Popen(
        [*root_jail(view, fittings), *_HOLDER],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        env=our_mark() | {"PATH": os.defpath, "JUPYTERHUB_USER": view.username},
        cwd="/",
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    with process.stdout as said:
        readable, _, _ = select.select([said], [], [], _STANDS_SECONDS)
        stands = bool(readable) and said.readline() == b"stands\n"
    outer = SeatProcess.of(process.pid)
    if not stands or outer is None or outer.first is None:
        if outer is not None:
            outer.end()
        process.kill()
        process.wait()
        raise SeatHostError(
            "jail",
            "the seat's jail could not be built; nothing of the seat has run",
            next_step=f"the seat's log on this host says why ({_name(log)})",
        )
    # From here on it is waited for by number: Popen would do that on its own, at any time.
    process.returncode = 0
    return StandingJail(outer), process.pid


def _name(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()
