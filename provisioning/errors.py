"""What can go wrong here and in the hub, as facts. The command line turns them into words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class WorkshopError(Exception):
    """A failure that we foresaw. `next_step` is the command or action that helps."""

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


@dataclass(frozen=True)
class Place:
    """Where in a person's file something was found."""

    file: Path
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        parts = [str(self.file)]
        if self.line is not None:
            parts.append(f"line {self.line}")
        if self.key:
            parts.append(self.key)
        return ", ".join(parts)


class BadInput(WorkshopError):
    """Something a person typed can't be used: where, what was found, what to write."""

    def __init__(self, place: Place, found: str, write: str) -> None:
        super().__init__(f"{place}: {found}", next_step=write)
        self.place = place
        self.found = found
        self.write = write


class NotPossibleHere(WorkshopError):
    """This machine lacks something; `next_step` says what to install or change."""


class AlreadyTaken(WorkshopError):
    """A port, an account or a folder belongs to somebody else, so we leave it alone."""


class StepFailed(WorkshopError):
    """A step that should have worked did not; the state is as it was before it."""
