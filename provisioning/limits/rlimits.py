"""Limits by process, where we may not make cgroups: an ordinary account, a plain container."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from dataclasses import dataclass

from provisioning.limits.cells import SeatLimits, safe_name

# Seats give way to the hub.
_NICENESS = 5


@dataclass(frozen=True)
class RlimitCell:
    """What each process of a seat may use. The jail's own end is the end of its processes."""

    limits: SeatLimits

    @property
    def inner_command(self) -> tuple[str, ...]:
        """The number of processes is counted per user namespace from the moment in which
        it is set, so it must be set inside the jail: outside, all seats count as one."""
        return ("prlimit", f"--nproc={self.limits.processes}", "--")

    def enter(self, pid: int = 0) -> None:
        size = self.limits.memory_bytes
        resource.prlimit(pid, resource.RLIMIT_DATA, (size, size))
        with suppress(PermissionError):  # it is nicer already
            os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)

    def usage(self) -> None:
        return None

    def remove(self) -> None:
        return None


@dataclass(frozen=True)
class ProcessLimits:
    """The backend that is always there."""

    sentence = (
        "memory is limited for each process of a seat, not for the seat, and cores are shared "
        "evenly, because control groups can't be used here"
    )
    per_seat = False

    def prepare(self, seat: str, limits: SeatLimits) -> RlimitCell:
        safe_name(seat)
        return RlimitCell(limits)

    def remove_all(self) -> None:
        return None
