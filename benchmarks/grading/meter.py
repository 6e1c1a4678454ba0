"""Wall clock and CPU seconds of a process and of everything that it starts."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ACCOUNTING = Path("/sys/fs/cgroup/cpuacct")


@dataclass(frozen=True)
class Reading:
    """Seconds since the meter was started."""

    wall: float
    #: None where this machine has no group that counts the CPU time of all processes.
    cpu: float | None


class Meter:
    """Counts from its start. A process that nobody waits for is counted by the group alone."""

    def __init__(self, group: Path | None) -> None:
        self._group = group
        self._began, self._used = time.monotonic(), self._cpu() or 0.0

    def read(self) -> Reading:
        """Where it stands."""
        cpu = self._cpu()
        return Reading(time.monotonic() - self._began, None if cpu is None else cpu - self._used)

    def _cpu(self) -> float | None:
        if self._group is None:
            return None
        return int((self._group / "cpuacct.usage").read_text()) / 1e9


@contextmanager
def accounting_group() -> Iterator[Path | None]:
    """A control group for this process and what it starts; None where that is not possible."""
    group = _ACCOUNTING / f"bench-{os.getpid()}"
    try:
        group.mkdir()
        (group / "cgroup.procs").write_text(str(os.getpid()))
    except OSError:
        yield None
        return
    try:
        yield group
    finally:
        with contextlib.suppress(OSError):
            (_ACCOUNTING / "cgroup.procs").write_text(str(os.getpid()))
            group.rmdir()
