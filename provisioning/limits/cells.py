"""The words of this package: a seat's limits, the cell that holds it to them, its usage."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

_SAFE = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class SeatLimits:
    """What one seat may use. `processes` counts threads too."""

    memory_bytes: int
    cpus: float
    processes: int = 512


@dataclass(frozen=True)
class Usage:
    """What a seat uses now, and how often it was stopped for wanting more memory."""

    memory_bytes: int
    cpu_seconds: float
    processes: int
    out_of_memory: int


class Cell(Protocol):
    """The place where one seat's processes run."""

    @property
    def inner_command(self) -> tuple[str, ...]:
        """What to put before the seat's command inside its jail; may be empty."""

    def enter(self, pid: int = 0) -> None:
        """Put a process, by default the calling one, and what it starts into the cell.

        A child that will give up being root must enter before it does.
        """

    def usage(self) -> Usage | None:
        """What the seat uses; None where this backend can't know."""

    def remove(self) -> None:
        """End every process in the cell and forget it. Nothing happens if it is gone."""


class LimitBackend(Protocol):
    """One way in which a host enforces limits."""

    @property
    def sentence(self) -> str:
        """What is limited here and how, for people."""

    @property
    def per_seat(self) -> bool:
        """Whether a limit counts for all processes of a seat together."""

    def prepare(self, seat: str, limits: SeatLimits) -> Cell:
        """The cell of `seat` with these limits; one that is there keeps its processes."""

    def remove_all(self) -> None:
        """Remove every cell of the workshop."""


def safe_name(name: str) -> str:
    """`name`, or ValueError if it could lead out of the folder that it is put into."""
    if not _SAFE.fullmatch(name):
        raise ValueError(f"not a name for a cell: {name!r}")
    return name
