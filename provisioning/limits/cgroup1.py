"""Limits by cgroups version 1: one hierarchy of folders per kind of limit."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from provisioning.limits import groups
from provisioning.limits.cells import SeatLimits, Usage, safe_name

_NEEDED = ("memory", "cpu", "pids")
_PERIOD = 100_000  # microseconds; the kernel's own default


@dataclass(frozen=True)
class Cgroup1Cell:
    """One seat's folder in each hierarchy."""

    folders: Mapping[str, Path]
    inner_command: tuple[str, ...] = ()

    def enter(self, pid: int = 0) -> None:
        for folder in self.folders.values():
            groups.write(folder / groups.PROCESSES, pid)

    def usage(self) -> Usage:
        memory = self.folders["memory"]
        # The kernel gives back cached files before it lets a seat run out of memory.
        used = groups.number(memory / "memory.usage_in_bytes")
        cached = groups.field(memory / "memory.stat", "total_inactive_file")
        accounting = self.folders.get("cpuacct")
        nanoseconds = groups.number(accounting / "cpuacct.usage") if accounting else 0
        return Usage(
            memory_bytes=max(0, used - cached),
            cpu_seconds=nanoseconds / 1e9,
            processes=groups.number(self.folders["pids"] / "pids.current"),
            out_of_memory=groups.field(memory / "memory.oom_control", "oom_kill"),
        )

    def remove(self) -> None:
        with suppress(OSError):  # gone already
            (self.folders["pids"] / "pids.max").write_text("0")
        groups.end_all(tuple(self.folders.values()))

    def limit(self, limits: SeatLimits) -> None:
        memory, cpu = self.folders["memory"], self.folders["cpu"]
        swap = memory / "memory.memsw.limit_in_bytes"
        if swap.exists():
            groups.write(swap, -1)  # it may never be below the limit that we set next
        groups.write(memory / "memory.limit_in_bytes", limits.memory_bytes)
        if swap.exists():
            groups.write(swap, limits.memory_bytes)
        groups.write(cpu / "cpu.cfs_period_us", _PERIOD)
        groups.write(cpu / "cpu.cfs_quota_us", int(limits.cpus * _PERIOD))
        groups.write(self.folders["pids"] / "pids.max", limits.processes)


@dataclass(frozen=True)
class Cgroup1Limits:
    """The hierarchies of this host, and the workshop's folder in each."""

    hierarchies: Mapping[str, Path]
    workshop: str

    sentence = "memory, cores and processes of each seat are limited by the kernel (cgroups 1)"
    per_seat = True

    def prepare(self, seat: str, limits: SeatLimits) -> Cgroup1Cell:
        cell = self._cell(safe_name(seat))
        for folder in cell.folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        cell.limit(limits)
        return cell

    def remove_all(self) -> None:
        parents = tuple(self._parents.values())
        for seat in {name for parent in parents for name in groups.subgroups(parent)}:
            self._cell(seat).remove()
        groups.end_all(parents)

    @property
    def _parents(self) -> Mapping[str, Path]:
        name = f"workshop-{self.workshop}"
        return {kind: folder / name for kind, folder in self.hierarchies.items()}

    def _cell(self, seat: str) -> Cgroup1Cell:
        return Cgroup1Cell({kind: folder / seat for kind, folder in self._parents.items()})


def find_cgroup1(workshop: str) -> Cgroup1Limits | None:
    """Version 1 with every hierarchy that we need, writable; else None."""
    found = {
        kind: folder
        for folder, options in groups.mounts("cgroup")
        for kind in (*_NEEDED, "cpuacct")
        if kind in options
    }
    usable = all(kind in found and groups.can_make_groups(found[kind]) for kind in _NEEDED)
    return Cgroup1Limits(found, safe_name(workshop)) if usable else None
