"""One submission's rows in nbgrader's tables, written from its verdict: the batch's way.

nbgrader's API asks for every cell of every submission again, 60 times in all; here a lab's cells
are read once. The rows are the same as its `add_submission` and `SaveAutoGrades` write, which a
test holds. Like grader.gradebook, this is behind the one door to nbgrader's database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    new_uuid,
)
from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from grader.gradebook import auto_score_of
from grader.verdict import SubmissionVerdict

_STUDENTS: Table = Student.__table__
_ASSIGNMENTS: Table = SubmittedAssignment.__table__
_NOTEBOOKS: Table = SubmittedNotebook.__table__
_GRADES: Table = Grade.__table__
_COMMENTS: Table = Comment.__table__
#: SQL has no common word for "insert unless there".
_INSERT: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True)
class NotebookRows:
    """The cells of one notebook that people or tests say something about: row id to name."""

    #: A test or, in a graded answer, a person decides.
    graded: Mapping[str, str]
    #: A person's alone.
    tasks: Mapping[str, str]
    commented: Mapping[str, str]


@dataclass(frozen=True)
class LabRows:
    """What the gradebook has about a lab, read once."""

    #: Row ids: of the assignment, and of its notebook that verdicts are about.
    assignment: str
    judged: str
    notebooks: Mapping[str, NotebookRows]
    points: Mapping[str, float]
    #: Whether anybody can be late.
    due: bool


def read_lab(gradebook: Gradebook, lab: str) -> LabRows:
    """The rows that `nbgrader generate_assignment` has made."""
    assignment = gradebook.find_assignment(lab)
    notebook = gradebook.find_notebook(lab, lab)
    return LabRows(
        assignment=assignment.id,
        judged=notebook.id,
        notebooks={each.id: _rows(each) for each in assignment.notebooks},
        points={cell.name: float(cell.max_score) for cell in notebook.grade_cells},
        due=assignment.duedate is not None,
    )


def _rows(notebook: Any) -> NotebookRows:
    commented = [*notebook.solution_cells, *notebook.task_cells]
    return NotebookRows(
        graded={cell.id: cell.name for cell in notebook.grade_cells},
        tasks={cell.id: cell.name for cell in notebook.task_cells},
        commented={cell.id: cell.name for cell in commented},
    )


def book(
    session: Any, lab: LabRows, verdict: SubmissionVerdict, comments: Mapping[str, str | None]
) -> None:
    """Write scores and automatic comments. Nothing is committed here.

    A grade without a positive verdict is written too: nothing of an older submission stays.
    """
    submitted = _ensure_submission(session, lab, verdict)
    columns = _NOTEBOOKS.c
    here = (columns.assignment_id == submitted) & (columns.notebook_id == lab.judged)
    notebook = session.execute(select(columns.id).where(here)).scalar_one()
    _write_scores(session, lab, notebook, verdict)
    rows = lab.notebooks[lab.judged].commented
    said = [
        {"in_notebook": notebook, "of_cell": cell, "said": comments[name]}
        for cell, name in rows.items()
        if name in comments
    ]
    if said:
        session.execute(_WRITE_COMMENT, said)
    session.execute(update(_NOTEBOOKS).where(columns.id == notebook), _ON_TIME)


def _write_scores(session: Any, lab: LabRows, notebook: str, verdict: SubmissionVerdict) -> None:
    columns = _GRADES.c
    query = select(columns.cell_id, columns.manual_score).where(columns.notebook_id == notebook)
    by_hand = {cell for cell, score in session.execute(query) if score is not None}
    scores = {
        cell: auto_score_of(verdict, name)
        for cell, name in lab.notebooks[lab.judged].graded.items()
    }
    session.execute(
        _WRITE_SCORE,
        [
            {
                "in_notebook": notebook,
                "of_cell": cell,
                "score": score,
                "open": score is None or cell in by_hand,
            }
            for cell, score in scores.items()
        ],
    )


def _ensure_submission(session: Any, lab: LabRows, verdict: SubmissionVerdict) -> str:
    """The row id of an attendee's submission; all rows below it are there afterwards."""
    columns, attendee = _ASSIGNMENTS.c, verdict.attendee
    here = (columns.assignment_id == lab.assignment) & (columns.student_id == attendee)
    found = session.execute(select(columns.id).where(here)).scalar()
    handed_in = verdict.submitted_at and verdict.submitted_at.astimezone(UTC).replace(tzinfo=None)
    if found is not None:
        if handed_in is not None:
            session.execute(update(_ASSIGNMENTS).where(here), {"timestamp": handed_in})
        return str(found)
    # Neither waits for the other: the roster may be read at the same moment.
    unless_there = _INSERT[session.get_bind().dialect.name](_STUDENTS).on_conflict_do_nothing()
    session.execute(unless_there, {"id": attendee})
    row = {"id": new_uuid(), "assignment_id": lab.assignment, "student_id": attendee}
    session.execute(insert(_ASSIGNMENTS), {**row, "timestamp": handed_in})
    for notebook, cells in lab.notebooks.items():
        _add_notebook(session, row["id"], notebook, cells)
    return str(row["id"])


def _add_notebook(session: Any, submitted: str, notebook: str, cells: NotebookRows) -> None:
    row = {"id": new_uuid(), "assignment_id": submitted, "notebook_id": notebook}
    session.execute(insert(_NOTEBOOKS), row)
    for table, wanted in (
        (_GRADES, [*cells.graded, *cells.tasks]),
        (_COMMENTS, list(cells.commented)),
    ):
        if wanted:
            rows = [{"notebook_id": row["id"], "cell_id": cell} for cell in wanted]
            session.execute(insert(table), rows)


def _of_cell(table: Table) -> Any:
    return (table.c.notebook_id == bindparam("in_notebook")) & (
        table.c.cell_id == bindparam("of_cell")
    )


_WRITE_SCORE = (
    update(_GRADES)
    .where(_of_cell(_GRADES))
    .values(auto_score=bindparam("score"), needs_manual_grade=bindparam("open"))
)
_WRITE_COMMENT = update(_COMMENTS).where(_of_cell(_COMMENTS)).values(auto_comment=bindparam("said"))
#: As nbgrader does before it asks its late rules.
_ON_TIME = {"late_submission_penalty": None}
