"""How much one submission may use, as plain data that both sides share."""

from __future__ import annotations

import resource
from dataclasses import asdict, dataclass
from typing import Any

MEBI = 2**20


@dataclass(frozen=True)
class Limits:
    """Limits of one submission. Seconds are wall clock unless the name says cpu."""

    cell_seconds: float = 60.0
    cell_cpu_seconds: float = 60.0
    notebook_seconds: float = 600.0
    notebook_cpu_seconds: float = 600.0
    #: Memory that the student's processes may use beyond what the warm libraries hold.
    memory_megabytes: int = 1024
    #: Processes and threads together.
    processes: int = 64
    #: Largest single file, and all files together (they live in memory).
    file_megabytes: int = 64
    disk_megabytes: int = 128
    #: Output of one cell and of the whole notebook, beyond which it is cut.
    cell_output_bytes: int = 512 * 1024
    notebook_output_bytes: int = 4 * MEBI
    #: How long an interrupted cell may take to come to its end before its process is killed, and
    #: a reply to be whole; seconds in which it waited for a core are not counted.
    grace_seconds: float = 2.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def virtual_memory_bytes() -> int:
    """The address space of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - runs per fork
        return int(file.read().split()[0]) * resource.getpagesize()


def impose(limits: Limits) -> None:
    """Set this process's own limits, and those of everything it starts. Needs /proc.

    Address space is no measure of memory: thread stacks and allocator arenas reserve much
    that is never touched. So the limit is generous here, and the sum of the resident memory
    of all processes is held by the watch and, where there is one, by the control group.
    """
    _set(resource.RLIMIT_AS, virtual_memory_bytes() + 2 * limits.memory_megabytes * MEBI)
    _set(resource.RLIMIT_NPROC, limits.processes)
    _set(resource.RLIMIT_FSIZE, limits.file_megabytes * MEBI)
    _set(resource.RLIMIT_CPU, int(limits.notebook_cpu_seconds) + 1)
    _set(resource.RLIMIT_NOFILE, 512)
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_MEMLOCK, 64 * 1024)
    _set(resource.RLIMIT_MSGQUEUE, 0)
    _set(resource.RLIMIT_SIGPENDING, 256)


def _set(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))
