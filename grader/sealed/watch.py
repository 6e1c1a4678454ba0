"""What a jailed process and everything it started use, read from outside, from /proc.

Works for every account and without control groups. The tree is complete: a process that its
parent abandons goes to the first process of the pid namespace, which is the one watched.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGESIZE")
#: Of the kernel's flags of a process, in its stat file: it is on its way out (PF_EXITING).
_EXITING = 0x4


@dataclass(frozen=True)
class Use:
    """Of a process tree, now."""

    cpu_seconds: float = 0.0
    #: Memory of its own: what it shares with the zygote's files is not counted.
    megabytes: float = 0.0


def use_of(pid: int) -> Use:
    """What the tree below `pid` uses; nothing when it is gone."""
    cpu = pages = 0.0
    for process in _tree(pid):
        fields = _read(f"/proc/{process}/stat").rpartition(") ")[2].split()
        memory = _read(f"/proc/{process}/statm").split()
        if len(fields) > 14 and len(memory) > 2:
            cpu += sum(int(ticks) for ticks in fields[11:15]) / _TICKS
            pages += int(memory[1]) - int(memory[2])
    return Use(cpu, pages * _PAGE / 2**20)


def waited_seconds(*pids: int) -> float:
    """How long the main threads of these processes have waited for a core that others used."""
    schedules = [_read(f"/proc/{pid}/schedstat").split() for pid in pids]
    return sum(int(schedule[1]) / 1e9 for schedule in schedules if len(schedule) > 1)


def is_dying(pid: int) -> bool:
    """Whether it runs no more, though it may not have been buried yet."""
    fields = _read(f"/proc/{pid}/stat").rpartition(") ")[2].split()
    return len(fields) < 7 or fields[0] in "ZX" or bool(int(fields[6]) & _EXITING)


def _tree(pid: int) -> list[int]:
    found, queue = [], [pid]
    while queue:
        process = queue.pop()
        found.append(process)
        for thread in _threads(process):
            children = _read(f"/proc/{process}/task/{thread}/children")
            queue += [int(child) for child in children.split()]
    return found


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""
