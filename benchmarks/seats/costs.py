"""CPU seconds and memory of a workshop's processes, by whom they serve.

A process that has ended is counted by the one that waited for it, so nothing is lost and nothing
is counted twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from hub_config.supervisor import MARK

_MEGABYTE = 1e6


@dataclass(frozen=True)
class Costs:
    """CPU seconds since the processes began; `megabytes` are PSS of the seats' processes alone."""

    seats: float
    #: The service that starts seats, with its warm processes.
    service: float
    hub: float
    others: float
    megabytes: float
    #: PSS of the service and its warm processes, shared by all seats.
    service_megabytes: float
    processes: int


def read_costs(state_home: Path, uids: Collection[int]) -> Costs:
    """`uids`: of the accounts that sit in seats."""
    cpu = {"seats": 0.0, "service": 0.0, "hub": 0.0, "others": 0.0}
    memory = {"seats": 0.0, "service": 0.0}
    count = 0
    for process in _processes(state_home, uids):
        try:
            kind = _kind(process, uids)
            times = process.cpu_times()
            cpu[kind] += times.user + times.system + times.children_user + times.children_system
            count += kind == "seats"
            if kind in memory:
                memory[kind] += process.memory_full_info().pss / _MEGABYTE
        except psutil.Error:
            continue
    return Costs(
        **cpu, megabytes=memory["seats"], service_megabytes=memory["service"], processes=count
    )


def _processes(state_home: Path, uids: Collection[int]) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            ours = process.uids().real in uids
            if ours or process.environ().get(MARK) == str(state_home):
                yield process
        except (psutil.Error, OSError):
            continue


def _kind(process: psutil.Process, uids: Collection[int]) -> str:
    if process.uids().real in uids:
        return "seats"
    line = " ".join(process.cmdline())
    # A jail's outer process stays root's, and is there for one seat.
    if "bwrap" in line:
        return "seats"
    if "hub_config.seat_host" in line:
        return "service"
    return "hub" if "jupyterhub_config.py" in line else "others"
