"""Limits by systemd: a unit of its own for every seat, so that nobody else writes in systemd's
tree of control groups.

    workshop.slice / workshop-NAME.slice / workshop-NAME-seat-ada.service

The unit runs nothing but a process that holds it open; seats are put into its group.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from provisioning.errors import StepFailed
from provisioning.limits import groups
from provisioning.limits.cells import SeatLimits, Usage, safe_name
from provisioning.limits.cgroup2 import Cgroup2Cell

_BOOTED = Path("/run/systemd/system")
_SECONDS = 30
_END_SECONDS = 10.0
_STOP_SECONDS = 10
_HOLDER = ("sleep", "infinity")


@dataclass(frozen=True)
class SystemdCell:
    """One seat's unit; `folder` is its group while it runs."""

    unit: str
    folder: Path
    inner_command: tuple[str, ...] = ()

    def enter(self, pid: int = 0) -> None:
        groups.write(self.folder / groups.PROCESSES, pid)

    def usage(self) -> Usage:
        return Cgroup2Cell(self.folder).usage()

    def remove(self) -> None:
        if not self.folder.is_dir():
            return
        # Killed, not asked: `stop` alone would give every process seconds to go on.
        _systemctl("kill", "--signal=KILL", self.unit)
        _systemctl("stop", self.unit)
        # The group stays until the last process has given its memory back. Whoever starts the
        # seat anew in the meantime would take it for a unit that runs.
        deadline = time.monotonic() + _END_SECONDS
        while self.folder.is_dir():
            if time.monotonic() > deadline:
                raise StepFailed(
                    f"processes of {self.unit} can't be ended",
                    next_step=f"look at them with `systemctl status {self.unit}` on that host, "
                    "then run the same command again",
                )
            time.sleep(0.02)

    def start(self, limits: SeatLimits, slice_name: str) -> None:
        """Unless it runs already; then it keeps its limits and its processes."""
        if self.folder.is_dir():
            return
        properties = (
            f"MemoryMax={limits.memory_bytes}",
            "MemorySwapMax=0",
            f"CPUQuota={round(limits.cpus * 100)}%",
            f"TasksMax={limits.processes}",
            # Linux ends the process that wanted too much; systemd would end the whole seat.
            "OOMPolicy=continue",
            # A host that shuts down doesn't wait long for what won't end.
            f"TimeoutStopSec={_STOP_SECONDS}",
            "Delegate=yes",
        )
        _run(
            "systemd-run", "--quiet", "--collect", f"--unit={self.unit}", f"--slice={slice_name}",
            "--description=A seat of the workshop, with its limits",
            *(f"--property={each}" for each in properties), "--", *_HOLDER,
        )  # fmt: skip


@dataclass(frozen=True)
class SystemdLimits:
    """The root of the tree that systemd rules."""

    root: Path
    workshop: str

    sentence = "memory, cores and processes of each seat are limited by a systemd unit of its own"
    per_seat = True

    def prepare(self, seat: str, limits: SeatLimits) -> SystemdCell:
        cell = self._cell(safe_name(seat))
        cell.start(limits, self._slice)
        return cell

    def remove_all(self) -> None:
        for unit in groups.subgroups(self._parent):
            SystemdCell(unit, self._parent / unit).remove()
        if self._parent.is_dir():
            _systemctl("stop", self._slice)

    def _cell(self, seat: str) -> SystemdCell:
        unit = f"{self._name}-seat-{seat}.service"
        return SystemdCell(unit, self._parent / unit)

    @property
    def _name(self) -> str:
        # Each dash in the name of a slice is a level of the tree.
        return f"workshop-{self.workshop.replace('-', '_')}"

    @property
    def _slice(self) -> str:
        return f"{self._name}.slice"

    @property
    def _parent(self) -> Path:
        return self.root / "workshop.slice" / self._slice


def find_systemd(workshop: str) -> SystemdLimits | None:
    """Where systemd is the init, rules version 2 of control groups, and we are root."""
    if os.geteuid() != 0 or not _BOOTED.is_dir() or shutil.which("systemd-run") is None:
        return None
    for root, _ in groups.mounts("cgroup2"):
        if (root / "system.slice").is_dir():
            return SystemdLimits(root, safe_name(workshop))
    return None


def _systemctl(*arguments: str) -> None:
    """What has gone meanwhile needs no stopping."""
    subprocess.run(
        ["systemctl", "--quiet", *arguments], capture_output=True, timeout=_SECONDS, check=False
    )


def _run(*command: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        said = done.stderr.strip() if done.returncode else ""
    except subprocess.TimeoutExpired:
        said = f"no answer within {_SECONDS} s"
    if said:
        raise StepFailed(
            f"systemd made no unit for the seat: {said}; nothing of the seat has run",
            next_step="look at `systemctl status` on that host, then start the seat again",
        )
