"""How a host is: what it has, what is left of it, and what its warm processes say."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hub_config.seat_host.graphics import ask_cards
from hub_config.seat_host.protocol import Gpu, Health, HomeSize, WarmState

#: The hub asks every five seconds, and the cards' program takes half a second of a core.
_CARDS_SECONDS = 15.0
#: A home that takes longer to count is counted in part.
_COUNT_SECONDS = 5.0


@dataclass(frozen=True)
class Facts:
    """What the service knows by itself."""

    seats: int
    limits: str
    firewall: str
    warm: tuple[WarmState, ...]
    disk: Path


class HealthDesk:
    """Thread-safe. Remembers what is dear to ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._cards: tuple[Gpu, ...] = ()
        self._asked = float("-inf")

    def health(self, facts: Facts) -> Health:
        memory = meminfo(Path("/proc/meminfo").read_text())
        disk = shutil.disk_usage(facts.disk)
        return Health(
            hostname=socket.gethostname(),
            cores=len(os.sched_getaffinity(0)),
            load=os.getloadavg()[0],
            memory_bytes=memory.get("MemTotal", 0),
            memory_free_bytes=memory.get("MemAvailable", 0),
            disk_bytes=disk.total,
            disk_free_bytes=disk.free,
            uptime_seconds=float(Path("/proc/uptime").read_text().split()[0]),
            seats=facts.seats,
            limits=facts.limits,
            firewall=facts.firewall,
            warm=facts.warm,
            gpus=self._gpus(),
        )

    def _gpus(self) -> tuple[Gpu, ...]:
        with self._lock:
            if self._clock() - self._asked > _CARDS_SECONDS:
                self._cards, self._asked = ask_cards(), self._clock()
            return self._cards


def meminfo(text: str) -> dict[str, int]:
    """/proc/meminfo in bytes."""
    lines = (line.split() for line in text.splitlines())
    return {
        fields[0].rstrip(":"): int(fields[1]) * 1024
        for fields in lines
        if len(fields) == 3 and fields[2] == "kB"
    }


def home_size(username: str, home: Path) -> HomeSize:
    """What the disk holds for that home. Links are counted, not followed."""
    deadline = time.monotonic() + _COUNT_SECONDS
    total, files = 0, 0
    folders = [home]
    while folders:
        if time.monotonic() > deadline:
            return HomeSize(username, total, files, complete=False)
        try:
            entries = list(os.scandir(folders.pop()))
        except OSError:  # gone meanwhile, or too deep to be opened
            continue
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_blocks * 512
            except OSError:
                continue
            files += 1
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
    return HomeSize(username, total, files)
