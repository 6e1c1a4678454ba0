"""How long a process may take over what it owes at once: a reply, or the end of a stopped cell.

What counts are its own seconds, as for a cell. A machine that is busy with others costs nobody
a point, and a submission that keeps the machine busy itself gains no time by it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: A process may take this many times its limit when the machine lets it wait for a core.
PATIENCE = 4
#: More than this between two looks, and it was we who could not run.
_LONGEST_PAUSE = 0.1


class Grace:
    """A number of seconds, from now on."""

    def __init__(
        self,
        seconds: float,
        waited: Callable[[], float],
        cpu_seconds: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`waited`: how long it has waited for a core; `cpu_seconds`: what its tree has used."""
        self._seconds = seconds
        self._waited, self._had_waited = waited, waited()
        self._cpu_seconds, self._had_used = cpu_seconds, cpu_seconds()
        self._clock, self._last = clock, clock()
        self._elapsed = 0.0
        #: Whether it is over though the process had no core for so long.
        self.too_busy = False

    def left(self) -> float:
        """How many seconds are left; not more than zero when it is over."""
        now = self._clock()
        self._elapsed += min(now - self._last, _LONGEST_PAUSE)
        self._last = now
        own = self._own() if self._elapsed >= self._seconds else self._elapsed
        self.too_busy = own < self._seconds and self._elapsed >= PATIENCE * self._seconds
        return 0.0 if self.too_busy else self._seconds - own

    def _own(self) -> float:
        waited = max(self._waited() - self._had_waited, 0.0)
        used = self._cpu_seconds() - self._had_used
        return max(self._elapsed - waited, min(self._elapsed, used))
