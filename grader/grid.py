"""The class as a grid, attendee by exercise: what the page and the CSV both read.

A submission without a result for an exercise is "not judged", never a zero: nobody has looked
at that work. "missing" means that nothing was handed in for the lab.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Literal

from grader.results import (
    Attendee,
    CellResult,
    ClassResults,
    Exercise,
    Lab,
    SubmissionResult,
    Verdict,
)

Outcome = Verdict | Literal["missing"]

NO_RESULT = "The grader recorded no result for this exercise."


@dataclass(frozen=True)
class Column:
    """One exercise, with the number by which people find it ("2.3": lab 2, exercise 3)."""

    number: str
    exercise: Exercise


@dataclass(frozen=True)
class Square:
    """Where one attendee meets one exercise."""

    outcome: Outcome
    score: float = 0.0
    reason: str = ""
    cause: str = ""


@dataclass(frozen=True)
class LabScore:
    """One attendee's score for one lab; None where nothing was handed in."""

    lab: Lab
    score: float | None
    submitted_at: datetime | None


@dataclass(frozen=True)
class Row:
    """One attendee. `alias` stands in for the name where others can see the screen."""

    attendee: Attendee
    alias: str
    labs: tuple[LabScore, ...]
    squares: tuple[Square, ...]

    @property
    def total(self) -> float | None:
        """The points of everything handed in; None when there is nothing."""
        scores = [lab.score for lab in self.labs if lab.score is not None]
        return sum(scores) if scores else None

    @property
    def last_submitted_at(self) -> datetime | None:
        """When the latest of the attendee's submissions arrived."""
        return max((lab.submitted_at for lab in self.labs if lab.submitted_at), default=None)

    def count(self, outcome: Outcome) -> int:
        """How many exercises ended that way."""
        return sum(square.outcome == outcome for square in self.squares)


@dataclass(frozen=True)
class Grid:
    """Rows in the order of the roster, columns in the order of the course."""

    labs: tuple[Lab, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def points(self) -> float:
        """The points of the whole course."""
        return sum(lab.points for lab in self.labs)


def build_grid(results: ClassResults) -> Grid:
    """Lay the results out; who handed in without being on the roster gets a row too."""
    submissions = _latest(results.submissions)
    attendees = _everybody(results)
    aliases = _aliases(attendees)
    rows = []
    for attendee in attendees:
        handed_in = [(lab, submissions.get((attendee.username, lab.name))) for lab in results.labs]
        rows.append(
            Row(
                attendee=attendee,
                alias=aliases[attendee.username],
                labs=tuple(_lab_score(lab, submission) for lab, submission in handed_in),
                squares=tuple(chain.from_iterable(_squares(*each) for each in handed_in)),
            )
        )
    return Grid(results.labs, _columns(results.labs), tuple(rows))


def in_utc(moment: datetime) -> datetime:
    """Databases drop the zone; what has none is UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def points_text(points: float) -> str:
    """Points as people write them: 3, 2.5, 0.33."""
    return f"{points:.2f}".rstrip("0").rstrip(".")


def _columns(labs: Sequence[Lab]) -> tuple[Column, ...]:
    several = len(labs) > 1
    return tuple(
        Column(f"{lab_number}.{number}" if several else str(number), exercise)
        for lab_number, lab in enumerate(labs, 1)
        for number, exercise in enumerate(lab.exercises, 1)
    )


def _latest(
    submissions: Sequence[SubmissionResult],
) -> Mapping[tuple[str, str], SubmissionResult]:
    """The submission that counts for each attendee and lab."""
    in_order = sorted(submissions, key=lambda submission: in_utc(submission.submitted_at))
    return {(submission.attendee, submission.lab): submission for submission in in_order}


def _everybody(results: ClassResults) -> tuple[Attendee, ...]:
    on_roster = {attendee.username for attendee in results.attendees}
    others = {submission.attendee for submission in results.submissions} - on_roster
    return results.attendees + tuple(Attendee(username, username) for username in sorted(others))


def _aliases(attendees: Sequence[Attendee]) -> Mapping[str, str]:
    """Numbers in an order unlike the roster's, so that they don't give the names away."""
    shuffled = sorted(
        (attendee.username for attendee in attendees),
        key=lambda username: hashlib.sha256(username.encode("utf-8", "replace")).digest(),
    )
    digits = len(str(len(shuffled)))
    return {
        username: f"Attendee {number:0{digits}d}" for number, username in enumerate(shuffled, 1)
    }


def _lab_score(lab: Lab, submission: SubmissionResult | None) -> LabScore:
    if submission is None:
        return LabScore(lab, None, None)
    return LabScore(lab, submission.score, in_utc(submission.submitted_at))


def _squares(lab: Lab, submission: SubmissionResult | None) -> list[Square]:
    if submission is None:
        return [Square("missing")] * len(lab.exercises)
    by_cell = {result.exercise.cell: result for result in submission.cells}
    return [_square(by_cell.get(exercise.cell)) for exercise in lab.exercises]


def _square(result: CellResult | None) -> Square:
    if result is None:
        return Square("not judged", reason=NO_RESULT)
    return Square(result.verdict, result.score, result.reason, result.cause)
