"""What a session uses now, read from /proc: the same on a real machine and an emulated one.

Runs on the machine itself, where every import takes long: plain file names instead of paths.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class SessionUsage:
    """`memory_bytes` of the machine's own memory; what the server has warmed up counts too."""

    memory_bytes: int = 0
    processes: int = 0


def session_usage(child: int) -> SessionUsage:
    """Of all processes below `child`, in whatever session or group they put themselves."""
    memory = found = 0
    for pid in _family(child):
        resident = _resident(pid)
        if resident:
            memory, found = memory + resident, found + 1
    return SessionUsage(memory, found)


def _family(root: int) -> Iterator[int]:
    """A process and its descendants. Orphans of a namespace go to its first process."""
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += _children(pid)


def _children(pid: int) -> list[int]:
    """Of all of its threads."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:  # noqa: PTH123
                found += [int(word) for word in file.read().split()]
    except OSError:  # it has ended meanwhile
        return found
    return found


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123
            fields = file.read().split()
    except OSError:
        return 0
    # Without what is shared with the server's files; its copied pages count.
    return (int(fields[1]) - int(fields[2])) * _PAGE
