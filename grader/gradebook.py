"""nbgrader's database, behind one door: nobody else in the grader imports it, except for where it
is (grader.database) and what a batch needs (grader.booking, grader.shared_gradebook).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins.export import CsvExportPlugin
from sqlalchemy import text

from grader import durable
from grader.database import database_url, reading
from grader.folders import CourseFolder
from grader.judge import CellVerdict
from grader.settings import Person
from grader.verdict import SubmissionVerdict

_OF_LAB = """
    join base_cell cell on cell.id = mark.cell_id
    join submitted_notebook submitted on submitted.id = mark.notebook_id
    join notebook on notebook.id = submitted.notebook_id
    join assignment on assignment.id = notebook.assignment_id
    join submitted_assignment handed_in on handed_in.id = submitted.assignment_id
    where assignment.name = :lab and notebook.name = :lab
"""
_GRADES = f"""
    select handed_in.student_id, cell.name, cell.type,
    mark.auto_score, mark.manual_score, mark.extra_credit from grade mark {_OF_LAB}
"""  # noqa: S608 - no text from outside
_COMMENTS = f"""
    select handed_in.student_id, cell.name,
    mark.auto_comment, mark.manual_comment from comment mark {_OF_LAB}
"""  # noqa: S608
_UNMARKED = """
    select handed_in.student_id, assignment.name, cell.name from grade
    join base_cell cell on cell.id = grade.cell_id
    join submitted_notebook submitted on submitted.id = grade.notebook_id
    join submitted_assignment handed_in on handed_in.id = submitted.assignment_id
    join assignment on assignment.id = handed_in.assignment_id
    where grade.auto_score is null and grade.manual_score is null
"""


@contextlib.contextmanager
def opened(folder: CourseFolder, course: str) -> Iterator[Any]:
    """nbgrader's Gradebook on this course."""
    with Gradebook(database_url(folder), course) as gradebook:
        yield gradebook


def ensure_people(folder: CourseFolder, course: str, people: Iterable[Person]) -> int:
    """Import the roster: every attendee with name and e-mail. Returns how many were new."""
    new = 0
    with opened(folder, course) as gradebook:
        known = {student.id: student for student in gradebook.students}
        for person in people:
            first, _, last = person.name.rpartition(" ")
            facts = {"first_name": first or last, "last_name": last if first else ""}
            facts["email"] = person.email
            there = known.get(person.username)
            if there is None or any(getattr(there, key) != facts[key] for key in facts):
                gradebook.update_or_create_student(person.username, **facts)
            new += there is None
    return new


def forget_people(folder: CourseFolder, course: str, usernames: Iterable[str]) -> int:
    """Remove students with all that the database has of them. Returns how many it knew."""
    with opened(folder, course) as gradebook:
        known = {student.id for student in gradebook.students} & set(usernames)
        for username in sorted(known):
            gradebook.remove_student(username)
    return len(known)


def cell_truth(url: str, lab: str, notebook: str) -> dict[str, dict[str, Any]]:
    """nbgrader's metadata of every cell it knows, as it was released."""
    with Gradebook(url) as gradebook:
        known = gradebook.find_notebook(notebook, lab)
        graded = {cell.name: cell.max_score for cell in (*known.grade_cells, *known.task_cells)}
        solutions = {cell.name for cell in known.solution_cells}
        tasks = {cell.name for cell in known.task_cells}
        truth: dict[str, dict[str, Any]] = {}
        for cell in known.source_cells:
            truth[cell.name] = {
                "grade_id": cell.name,
                "grade": cell.name in graded and cell.name not in tasks,
                "solution": cell.name in solutions,
                "task": cell.name in tasks,
                "locked": cell.locked,
                "cell_type": cell.cell_type,
                "checksum": cell.checksum,
                "schema_version": 3,
            }
            if cell.name in graded:
                truth[cell.name]["points"] = graded[cell.name]
        return truth


@dataclass(frozen=True)
class SourceCell:
    """A cell as it was released, with the names that nbgrader gives its columns."""

    name: str
    cell_type: str
    locked: bool
    checksum: str
    source: str
    max_score: float | None


@dataclass(frozen=True)
class ReleasedNotebook:
    """What nbgrader's sanitising asks the gradebook for, read once: it asks cell by cell."""

    kernelspec: str | None
    cells: Mapping[str, SourceCell]

    def find_source_cell(self, name: str, *_: str) -> SourceCell:
        """As the gradebook's own."""
        if name not in self.cells:
            raise MissingEntry(f"no released cell is called {name!r}")
        return self.cells[name]

    def find_graded_cell(self, name: str, *_: str) -> SourceCell:
        """As the gradebook's own."""
        return self.find_source_cell(name)


def released_notebook(url: str, lab: str, notebook: str) -> ReleasedNotebook:
    """A notebook's cells as they were released."""
    with Gradebook(url) as gradebook:
        known = gradebook.find_notebook(notebook, lab)
        points = {cell.name: cell.max_score for cell in (*known.grade_cells, *known.task_cells)}
        cells = [
            SourceCell(
                cell.name,
                cell.cell_type,
                cell.locked,
                cell.checksum,
                cell.source,
                points.get(cell.name),
            )
            for cell in known.source_cells
        ]
        return ReleasedNotebook(known.kernelspec, {cell.name: cell for cell in cells})


def locked_sources(url: str, lab: str, notebook: str) -> dict[str, str]:
    """The texts that attendees can't change, hidden tests included, as they were released."""
    with Gradebook(url) as gradebook:
        cells = gradebook.find_notebook(notebook, lab).source_cells
        return {cell.name: cell.source for cell in cells if cell.locked}


def graded_cells(url: str, lab: str, notebook: str) -> dict[str, float]:
    """Names and points of the graded cells, as they were released."""
    with Gradebook(url) as gradebook:
        known = gradebook.find_notebook(notebook, lab)
        return {cell.name: float(cell.max_score) for cell in known.grade_cells}


@dataclass(frozen=True)
class Marks:
    """What the gradebook has about one attendee's notebook."""

    #: By cell; task cells are a person's and not among them.
    auto_scores: Mapping[str, float | None]
    #: Changes when a score or a comment that feedback shows has changed.
    fingerprint: str

    def agree_with(self, verdict: SubmissionVerdict) -> bool:
        """Whether the gradebook says what the verdict says."""
        scores = self.auto_scores.items()
        return all(score == auto_score_of(verdict, cell) for cell, score in scores)


def marks_of_lab(folder: CourseFolder, lab: str) -> dict[str, Marks]:
    """The marks of everybody who has handed in a lab, in one reading."""
    grades: dict[str, list[Any]] = {}
    comments: dict[str, list[Any]] = {}
    with reading(folder) as database:
        for found, query in ((grades, _GRADES), (comments, _COMMENTS)):
            for attendee, *facts in database.execute(text(query), {"lab": lab}):
                found.setdefault(attendee, []).append(facts)
    return {attendee: _marks(rows, comments.get(attendee, [])) for attendee, rows in grades.items()}


def _marks(grades: list[Any], comments: list[Any]) -> Marks:
    scores = {cell: auto for cell, kind, auto, _, _ in grades if kind != "TaskCell"}
    said = (
        [str(row) for row in sorted(grades, key=str)],
        [str(row) for row in comments if any(row[1:])],
    )
    return Marks(scores, durable.text_digest(*said[0], *sorted(said[1])))


def write_scores(url: str, verdict: SubmissionVerdict) -> None:
    """Write every auto score of a submission from its verdict, in one transaction.

    A grade without a positive verdict is written too: nothing of an older submission stays.
    """
    with Gradebook(url) as gradebook:
        facts = {}
        if verdict.submitted_at is not None:
            facts["timestamp"] = verdict.submitted_at.astimezone(UTC).replace(tzinfo=None)
        gradebook.update_or_create_student(verdict.attendee)
        gradebook.update_or_create_submission(verdict.lab, verdict.attendee, **facts)
        for grade in _grades(gradebook, verdict):
            grade.auto_score = auto_score_of(verdict, grade.name)
            grade.needs_manual_grade = grade.auto_score is None or grade.manual_score is not None
        gradebook.db.commit()


def _grades(gradebook: Any, verdict: SubmissionVerdict) -> list[Any]:
    """The grades of cells that a test decides about (task cells are a person's)."""
    where = verdict.notebook, verdict.lab, verdict.attendee
    submitted = gradebook.find_submission_notebook(*where)
    return [grade for grade in submitted.grades if grade.cell.type != "TaskCell"]


def auto_score_of(verdict: SubmissionVerdict, cell: str) -> float | None:
    """None leaves the grade open: no points, and nbgrader lists it for marking by hand."""
    found: CellVerdict | None = next((one for one in verdict.cells if one.cell == cell), None)
    if found is None or found.outcome in ("not judged", "by hand"):
        return None
    return found.points


def unmarked(folder: CourseFolder) -> frozenset[tuple[str, str, str]]:
    """Attendee, lab and cell of every grade that neither a check nor a person has given."""
    with reading(folder) as database:
        return frozenset((each[0], each[1], each[2]) for each in database.execute(text(_UNMARKED)))


def export_csv(folder: CourseFolder, course: str, to: Path) -> None:
    """What `nbgrader export` writes, without its command's start-up time."""
    plugin = CsvExportPlugin()
    plugin.to = str(to)
    with opened(folder, course) as gradebook:
        plugin.export(gradebook)
