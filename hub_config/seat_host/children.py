"""Processes of seats that are this service's children, collected when they have ended.

Until it is collected, a process that ended keeps its jail's namespace from ending. They are
waited for one by one: waiting for any child would take those of `subprocess` away from it.
"""

from __future__ import annotations

import os
from pathlib import Path


class Children:
    """Thread-safe, for sets are."""

    def __init__(self) -> None:
        self._pids: set[int] = set()

    def add(self, pid: int) -> None:
        self._pids.add(pid)

    def reap(self) -> None:
        for pid in tuple(self._pids):
            try:
                ended, _ = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                # Collected already; or not ours yet, because its parent is still ending.
                ended = 0 if Path(f"/proc/{pid}").exists() else pid
            if ended:
                self._pids.discard(pid)
