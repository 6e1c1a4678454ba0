"""One jailed process tree: is it still the one we started, and how to end all of it."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class SeatProcess:
    """The jail's outer process, told apart from a later one with the same number.

    `first` is the first process of the jail's namespace, once the jail stands. It outlives
    the outer process for as long as anything that the seat left behind still runs.
    """

    pid: int
    started: int
    first: SeatProcess | None = None

    @classmethod
    def of(cls, pid: int) -> SeatProcess | None:
        """None when there is no such process (or only its zombie)."""
        started = _started(pid)
        if started is None:
            return None
        first = next(
            (cls(child, when) for child in _children(pid) if (when := _started(child))), None
        )
        return cls(pid, started, first)

    def alive(self) -> bool:
        return _started(self.pid) == self.started

    def ask_to_end(self) -> None:
        """SIGTERM to the server itself, so that it can end its kernels."""
        for init in _children(self.pid):
            for server in _children(init):
                _signal(server, signal.SIGTERM)

    def end(self) -> None:
        """Kill the first process of the jail's namespace: the kernel kills all others.

        Killing the outer process first would leave the namespace running; when it has
        ended by itself, the namespace may be running still.
        """
        if self.first is not None and self.first.alive():
            _signal(self.first.pid, signal.SIGKILL)
        if not self.alive():
            return
        for init in _children(self.pid):
            _signal(init, signal.SIGKILL)
        _signal(self.pid, signal.SIGKILL)


def _started(pid: int) -> int | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The name in parentheses may hold spaces; fields after it are plain.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return None if state in "ZX" else int(started)


def _children(pid: int) -> list[int]:
    try:
        text = (PROC / str(pid) / "task" / str(pid) / "children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
