"""Limits by cgroups version 2: one folder per seat."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from provisioning.errors import StepFailed
from provisioning.limits import groups
from provisioning.limits.cells import SeatLimits, Usage, safe_name

_NEEDED = ("memory", "cpu", "pids")
_PERIOD = 100_000  # microseconds; the kernel's own default


@dataclass(frozen=True)
class Cgroup2Cell:
    """One seat's folder."""

    folder: Path
    inner_command: tuple[str, ...] = ()

    def enter(self, pid: int = 0) -> None:
        groups.write(self.folder / groups.PROCESSES, pid)

    def usage(self) -> Usage:
        # The kernel gives back cached files before it lets a seat run out of memory.
        used = groups.number(self.folder / "memory.current")
        cached = groups.field(self.folder / "memory.stat", "inactive_file")
        return Usage(
            memory_bytes=max(0, used - cached),
            cpu_seconds=groups.field(self.folder / "cpu.stat", "usage_usec") / 1e6,
            processes=groups.number(self.folder / "pids.current"),
            out_of_memory=groups.field(self.folder / "memory.events", "oom_kill"),
        )

    def remove(self) -> None:
        with suppress(OSError):  # gone already
            (self.folder / "pids.max").write_text("0")
        groups.end_all((self.folder,))

    def limit(self, limits: SeatLimits) -> None:
        groups.write(self.folder / "memory.max", limits.memory_bytes)
        swap = self.folder / "memory.swap.max"
        if swap.exists():  # not on a kernel without swap accounting
            groups.write(swap, 0)
        groups.write(self.folder / "cpu.max", f"{int(limits.cpus * _PERIOD)} {_PERIOD}")
        groups.write(self.folder / "pids.max", limits.processes)


@dataclass(frozen=True)
class Cgroup2Limits:
    """The root of the tree that we may write, and the workshop's folder in it."""

    root: Path
    workshop: str

    sentence = "memory, cores and processes of each seat are limited by the kernel (cgroups 2)"
    per_seat = True

    def prepare(self, seat: str, limits: SeatLimits) -> Cgroup2Cell:
        cell = Cgroup2Cell(self._parent / safe_name(seat))
        self._parent.mkdir(exist_ok=True)
        for folder in (self.root, self._parent):
            if not hand_down(folder):
                raise StepFailed(
                    f"{folder} doesn't hand the controllers {', '.join(_NEEDED)} down any more",
                    next_step="take the workshop down and up again",
                )
        cell.folder.mkdir(exist_ok=True)
        cell.limit(limits)
        return cell

    def remove_all(self) -> None:
        for seat in groups.subgroups(self._parent):
            Cgroup2Cell(self._parent / seat).remove()
        groups.end_all((self._parent,))

    @property
    def _parent(self) -> Path:
        return self.root / f"workshop-{self.workshop}"


def hand_down(folder: Path) -> bool:
    """Let the groups below `folder` be limited; False if it can't be."""
    file = folder / "cgroup.subtree_control"
    try:
        if not set(_NEEDED) <= set(file.read_text().split()):
            file.write_text(" ".join(f"+{kind}" for kind in _NEEDED))
    except OSError:
        return False
    return True


def find_cgroup2(workshop: str) -> Cgroup2Limits | None:
    """Version 2 with every controller that we need, writable; else None."""
    for root, _ in groups.mounts("cgroup2"):
        offered = (root / "cgroup.controllers").read_text().split()
        if set(_NEEDED) <= set(offered) and groups.can_make_groups(root) and hand_down(root):
            return Cgroup2Limits(root, safe_name(workshop))
    return None
