"""The numbers of the report, counted from the grid. No markup here, no drawing."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from grader.grid import Column, Grid, Outcome, Row, Square
from grader.plain_text import first_line
from grader.results import Lab

#: Outcomes of work that somebody or something has looked at.
JUDGED: tuple[Outcome, ...] = ("passed", "partial", "failed")
FELL_SHORT: tuple[Outcome, ...] = ("partial", "failed")
NO_EXCEPTION = "no exception"


@dataclass(frozen=True)
class Tally:
    """A text and how often it occurred."""

    text: str
    count: int


@dataclass(frozen=True)
class ExerciseFigures:
    """How the class did on one exercise."""

    column: Column
    outcomes: Counter[Outcome]
    reasons: tuple[Tally, ...]

    @property
    def judged(self) -> int:
        return sum(self.outcomes[outcome] for outcome in JUDGED)

    @property
    def passed(self) -> int:
        return self.outcomes["passed"]

    @property
    def pass_rate(self) -> float | None:
        """Of the work that was judged, the share that passed; None before any was."""
        return self.passed / self.judged if self.judged else None

    @property
    def ease(self) -> float:
        """The order of difficulty, hardest first. One failure of one submission says less than
        twenty of thirty, so the rate is drawn towards a half while there are few."""
        return (self.passed + 1) / (self.judged + 2)


@dataclass(frozen=True)
class LabFigures:
    """How the class did on one lab; shares are of the lab's points, 0 to 1."""

    lab: Lab
    shares: tuple[float, ...]
    submitted_at: tuple[datetime, ...]

    @property
    def median(self) -> float | None:
        return statistics.median(self.shares) if self.shares else None


@dataclass(frozen=True)
class CauseFigures:
    """One exception's name, and where and whom it hit."""

    name: str
    count: int
    attendees: int
    example: str
    where: Column


@dataclass(frozen=True)
class Waiting:
    """A piece of work that nobody could judge: the assistants' queue."""

    reason: str
    column: Column
    row: Row
    submitted_at: datetime | None


class ClassFigures:
    """Everything that the report counts, each figure worked out once."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    @cached_property
    def took_part(self) -> tuple[Row, ...]:
        """Who handed in at least one lab."""
        return tuple(row for row in self.grid.rows if row.total is not None)

    @cached_property
    def submissions(self) -> int:
        return sum(len(lab.submitted_at) for lab in self.labs)

    @cached_property
    def median_share(self) -> float | None:
        """The median of the totals of those who took part, as a share of the course's points."""
        totals = [row.total or 0.0 for row in self.took_part]
        return statistics.median(totals) / self.grid.points if totals and self.grid.points else None

    @cached_property
    def exercises(self) -> tuple[ExerciseFigures, ...]:
        """In the order of the course."""
        return tuple(
            _exercise_figures(column, [row.squares[index] for row in self.grid.rows])
            for index, column in enumerate(self.grid.columns)
        )

    @cached_property
    def hardest_first(self) -> tuple[ExerciseFigures, ...]:
        return tuple(sorted(self.exercises, key=lambda exercise: exercise.ease))

    @cached_property
    def everybody_got(self) -> tuple[Column, ...]:
        """Exercises that passed for each attendee who handed them in."""
        return tuple(
            exercise.column
            for exercise in self.exercises
            if exercise.passed and exercise.passed == exercise.outcomes.total() - _missing(exercise)
        )

    @cached_property
    def stuck_at(self) -> ExerciseFigures | None:
        """The hardest exercise that somebody did not pass."""
        return next((e for e in self.hardest_first if e.passed < e.judged), None)

    @cached_property
    def labs(self) -> tuple[LabFigures, ...]:
        return tuple(self._lab_figures(index, lab) for index, lab in enumerate(self.grid.labs))

    @cached_property
    def causes(self) -> tuple[CauseFigures, ...]:
        """Most frequent first."""
        by_name: dict[str, list[tuple[Row, Column, Square]]] = {}
        for row, column, square in self._squares():
            if square.outcome in FELL_SHORT:
                by_name.setdefault(square.cause or NO_EXCEPTION, []).append((row, column, square))
        figures = [_cause_figures(name, found) for name, found in by_name.items()]
        return tuple(sorted(figures, key=lambda cause: (-cause.count, cause.name)))

    @cached_property
    def waiting(self) -> tuple[Waiting, ...]:
        """Grouped by reason, the most common first: one remedy often clears many."""
        found = [
            Waiting(first_line(square.reason), column, row, self._submitted_at(row, column))
            for row, column, square in self._squares()
            if square.outcome == "not judged"
        ]
        frequency = Counter(waiting.reason for waiting in found)
        return tuple(
            sorted(found, key=lambda waiting: (-frequency[waiting.reason], waiting.reason))
        )

    def _squares(self) -> Iterable[tuple[Row, Column, Square]]:
        for row in self.grid.rows:
            for column, square in zip(self.grid.columns, row.squares, strict=True):
                yield row, column, square

    def _lab_figures(self, index: int, lab: Lab) -> LabFigures:
        scores = [row.labs[index] for row in self.grid.rows]
        return LabFigures(
            lab,
            tuple(s.score / lab.points for s in scores if s.score is not None and lab.points),
            tuple(sorted(s.submitted_at for s in scores if s.submitted_at is not None)),
        )

    def _submitted_at(self, row: Row, column: Column) -> datetime | None:
        return next(s.submitted_at for s in row.labs if s.lab.name == column.exercise.lab)


def _missing(exercise: ExerciseFigures) -> int:
    return exercise.outcomes["missing"]


def _exercise_figures(column: Column, squares: list[Square]) -> ExerciseFigures:
    reasons = _tallies(square for square in squares if square.outcome in FELL_SHORT)
    return ExerciseFigures(column, Counter(square.outcome for square in squares), reasons)


def _tallies(squares: Iterable[Square]) -> tuple[Tally, ...]:
    counted = Counter(first_line(square.reason or square.cause) for square in squares)
    return tuple(Tally(text, count) for text, count in counted.most_common() if text)


def _cause_figures(name: str, found: list[tuple[Row, Column, Square]]) -> CauseFigures:
    example = _tallies(square for _, _, square in found)
    (where, _), *_ = Counter(column for _, column, _ in found).most_common(1)
    return CauseFigures(
        name=first_line(name, longest=60),
        count=len(found),
        attendees=len({row.attendee.username for row, _, _ in found}),
        example=example[0].text if example else "",
        where=where,
    )
