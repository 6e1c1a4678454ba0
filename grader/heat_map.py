"""The heat map's content: who got what, best first, with each reason stored only once.

With 300 attendees and 60 exercises there are 18,000 squares. Each refers to its reason by number,
or the page would be several times its size.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from grader.grid import Column, Grid, Outcome, Row, Square
from grader.plain_text import first_line

#: A class rarely fails in more ways than this; the rarest go without a reason on the page.
MOST_REASONS = 400


@dataclass(frozen=True)
class Mark:
    """How an outcome looks: a sign beside the colour, for eyes and printers without colour."""

    style: str
    sign: str
    meaning: str


MARKS: dict[Outcome, Mark] = {
    "passed": Mark("p", "✓", "passed"),
    "partial": Mark("h", "½", "partial"),
    "failed": Mark("f", "×", "failed"),
    "not judged": Mark("q", "?", "not judged"),
    "missing": Mark("m", "·", "missing"),
}


@dataclass(frozen=True)
class HeatSquare:
    mark: Mark
    reason: int | None


@dataclass(frozen=True)
class HeatRow:
    row: Row
    squares: tuple[HeatSquare, ...]


@dataclass(frozen=True)
class HeatMap:
    columns: tuple[Column, ...]
    rows: tuple[HeatRow, ...]
    reasons: tuple[str, ...]

    @cached_property
    def turns(self) -> frozenset[int]:
        """Where the next lab begins."""
        labs = [column.exercise.lab for column in self.columns]
        return frozenset(i for i in range(1, len(labs)) if labs[i] != labs[i - 1])

    @property
    def density(self) -> str:
        """How tightly the columns must stand to fit a screen and a sheet of paper."""
        count = len(self.columns)
        return "few" if count <= 20 else "some" if count <= 36 else "many"


def heat_map(grid: Grid) -> HeatMap:
    """Best first, so that what the class found hard shows as a shape; absentees last."""
    reasons = _reasons(grid)
    numbers = {reason: number for number, reason in enumerate(reasons)}
    rows = sorted(grid.rows, key=lambda row: (row.total is None, -(row.total or 0.0)))
    return HeatMap(
        grid.columns,
        tuple(
            HeatRow(row, tuple(_heat_square(square, numbers) for square in row.squares))
            for row in rows
        ),
        reasons,
    )


def _reasons(grid: Grid) -> tuple[str, ...]:
    counted = Counter(_reason(square) for row in grid.rows for square in row.squares)
    del counted[""]
    return tuple(reason for reason, _ in counted.most_common(MOST_REASONS))


def _heat_square(square: Square, numbers: dict[str, int]) -> HeatSquare:
    return HeatSquare(MARKS[square.outcome], numbers.get(_reason(square)))


def _reason(square: Square) -> str:
    return "" if square.outcome == "passed" else first_line(square.reason or square.cause)
