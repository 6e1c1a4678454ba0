"""What can go wrong in the grader, as facts. Families match the command line's exit codes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Family = Literal["bad-input", "not-possible", "failed"]


class GraderError(Exception):
    """A failure that we foresaw. `next_step` is the command or action that helps."""

    family: Family = "failed"

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


@dataclass(frozen=True)
class Place:
    """Where in a person's file something was found; `part` is a cell or a key."""

    file: Path
    part: str | None = None

    def __str__(self) -> str:
        return f"{self.file}, {self.part}" if self.part else str(self.file)


class BadInput(GraderError):
    """Something a person typed can't be used: where, what was found, what to write."""

    family: Family = "bad-input"

    def __init__(self, place: Place, found: str, write: str) -> None:
        super().__init__(f"{place}: {found}", next_step=write)
        self.place = place
        self.found = found
        self.write = write


class NotPossibleHere(GraderError):
    """This machine or course is not in a state for it; `next_step` says what to change."""

    family: Family = "not-possible"


class StepFailed(GraderError):
    """A step that should have worked did not; running it again is safe."""


class JudgeUnavailable(GraderError):
    """We could not judge, through no fault of the attendee: no points are won or lost by it."""
