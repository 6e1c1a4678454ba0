"""Computing time of a process and everything below it, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def seconds_below(root: int) -> float:
    """User and system time of `root` and its descendants, also of children that were waited for.

    Machines that are gone take their time with them, so ask while they run.
    """
    lines = _all()
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in lines.items():
        children.setdefault(parent, []).append(pid)
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        total += lines.get(pid, (0, 0))[1]
        waiting += children.get(pid, [])
    return total / _TICK


def _all() -> dict[int, tuple[int, int]]:
    """Parent and ticks by process id (proc(5): fields 4 and 14 to 17 of stat)."""
    found: dict[int, tuple[int, int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(file.parent.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    return found
