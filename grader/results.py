"""What the class achieved, as plain data: the one shape that gradebook, report and CSV share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Verdict = Literal["passed", "partial", "failed", "not judged"]


@dataclass(frozen=True)
class Exercise:
    """One graded cell of a lab. `title` is the nearest heading above it."""

    lab: str
    cell: str
    title: str
    points: float


@dataclass(frozen=True)
class Lab:
    name: str
    title: str
    exercises: tuple[Exercise, ...]
    #: False: checks ran in the attendees' own processes, so these grades could be cheated.
    sealed: bool = True

    @property
    def points(self) -> float:
        return sum(exercise.points for exercise in self.exercises)


@dataclass(frozen=True)
class CellResult:
    """What one attendee got for one exercise. `reason` is for people: why it failed."""

    exercise: Exercise
    verdict: Verdict
    score: float
    reason: str = ""
    #: The exception's name for a failure ("AssertionError", "NameError"), else "".
    cause: str = ""


@dataclass(frozen=True)
class SubmissionResult:
    attendee: str
    lab: str
    submitted_at: datetime
    cells: tuple[CellResult, ...]

    @property
    def score(self) -> float:
        return sum(cell.score for cell in self.cells)


@dataclass(frozen=True)
class Attendee:
    username: str
    name: str


@dataclass(frozen=True)
class ClassResults:
    """Everything the report shows. An attendee without a submission has no entry for that lab."""

    course: str
    title: str
    generated_at: datetime
    labs: tuple[Lab, ...]
    attendees: tuple[Attendee, ...]
    submissions: tuple[SubmissionResult, ...]
