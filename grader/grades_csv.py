"""The grades as a table for spreadsheets: a row for each attendee and lab, and one for the total.

The columns are attendee, name, lab, score, max, submitted_at (UTC), judging (sealed or unsealed),
then one per exercise, named lab/cell. Keep them: people build on them. A row fills the exercises
of its own lab and the total's row fills them all, so `lab = total` alone is the class in one row
per attendee.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime

from grader.grid import Column, Grid, LabScore, Row, Square, points_text
from grader.plain_text import readable

FIXED_COLUMNS = ("attendee", "name", "lab", "score", "max", "submitted_at", "judging")
TOTAL = "total"
NOT_JUDGED = "not judged"

#: A spreadsheet takes a cell that starts so for a formula and runs it; the wide forms count too.
#: Tabs and line ends do the same, and become blanks.
FORMULA_STARTS = tuple("=+-@＝＋－＠")


def grades_csv(grid: Grid) -> str:
    """The whole table. It starts with a byte order mark: without one, Excel garbles accents."""
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow([*FIXED_COLUMNS, *(_safe(_heading(column)) for column in grid.columns)])
    for row in grid.rows:
        for lab in row.labs:
            writer.writerow(_lab_line(grid, row, lab))
        writer.writerow(_total_line(grid, row))
    return text.getvalue()


def _heading(column: Column) -> str:
    return f"{column.exercise.lab}/{column.exercise.cell}"


def _lab_line(grid: Grid, row: Row, score: LabScore) -> Iterator[str]:
    yield from (_safe(row.attendee.username), _safe(row.attendee.name), _safe(score.lab.name))
    yield from _scores(score.score, score.lab.points, score.submitted_at)
    yield _judging(score.lab.sealed)
    for column, square in zip(grid.columns, row.squares, strict=True):
        yield _exercise(square) if column.exercise.lab == score.lab.name else ""


def _total_line(grid: Grid, row: Row) -> Iterator[str]:
    yield from (_safe(row.attendee.username), _safe(row.attendee.name), TOTAL)
    yield from _scores(row.total, grid.points, row.last_submitted_at)
    yield _judging(all(lab.sealed for lab in grid.labs))
    yield from map(_exercise, row.squares)


def _scores(score: float | None, most: float, moment: datetime | None) -> tuple[str, str, str]:
    return (
        "" if score is None else points_text(score),
        points_text(most),
        moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else "",
    )


def _judging(sealed: bool) -> str:
    return "sealed" if sealed else "unsealed"


def _exercise(square: Square) -> str:
    """Points; nothing at all where nothing was handed in, and no zero where nobody has judged."""
    if square.outcome == "missing":
        return ""
    return NOT_JUDGED if square.outcome == "not judged" else points_text(square.score)


def _safe(text: str) -> str:
    """Text as one line that a spreadsheet shows and doesn't run."""
    line = readable(text)
    return f"'{line}" if line.lstrip().startswith(FORMULA_STARTS) else line
