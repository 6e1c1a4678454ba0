"""nbgrader's database, behind one door: nobody else in the grader imports it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins.export import CsvExportPlugin

from grader import durable
from grader.folders import CourseFolder
from grader.judge import CellVerdict
from grader.settings import Person
from grader.verdict import SubmissionVerdict

_BACKUPS_KEPT = 20


def database_url(folder: CourseFolder) -> str:
    return f"sqlite:///{folder.gradebook}"


@contextlib.contextmanager
def opened(folder: CourseFolder, course: str) -> Iterator[Any]:
    """nbgrader's Gradebook on this course."""
    with Gradebook(database_url(folder), course) as gradebook:
        yield gradebook


@contextlib.contextmanager
def _alembic_on_path() -> Iterator[None]:
    """A fresh gradebook asks the `alembic` command for its version; ours is beside our Python."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


def ensure_gradebook(folder: CourseFolder, course: str) -> bool:
    """Make the database, whole or not at all. Returns whether it was new."""
    if folder.gradebook.exists():
        return False
    partial = folder.root / f"{durable.PARTIAL}gradebook.db"
    partial.unlink(missing_ok=True)
    with _alembic_on_path(), Gradebook(f"sqlite:///{partial}", course):
        pass
    partial.rename(folder.gradebook)
    return True


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


def backup(folder: CourseFolder, now: datetime) -> Path | None:
    """Copy the database through sqlite's own backup; None when there is none yet."""
    if not folder.gradebook.exists():
        return None
    folder.backups.mkdir(parents=True, exist_ok=True)
    copy = folder.backups / f"gradebook-{now:%Y%m%dT%H%M%S%f}.db"
    partial = copy.with_name(durable.PARTIAL + copy.name)
    with (
        contextlib.closing(sqlite3.connect(folder.gradebook)) as source,
        contextlib.closing(sqlite3.connect(partial)) as target,
    ):
        source.backup(target)
    partial.rename(copy)
    for old in sorted(folder.backups.glob("gradebook-*.db"))[:-_BACKUPS_KEPT]:
        old.unlink()
    return copy


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
            grade.auto_score = _auto_score(verdict, grade.name)
            grade.needs_manual_grade = grade.auto_score is None or grade.manual_score is not None
        gradebook.db.commit()


def scores_agree(url: str, verdict: SubmissionVerdict) -> bool:
    """Whether the gradebook says what the verdict says."""
    with Gradebook(url) as gradebook:
        try:
            grades = _grades(gradebook, verdict)
        except MissingEntry:
            return False
        return all(grade.auto_score == _auto_score(verdict, grade.name) for grade in grades)


def _grades(gradebook: Any, verdict: SubmissionVerdict) -> list[Any]:
    """The grades of cells that a test decides about (task cells are a person's)."""
    where = verdict.notebook, verdict.lab, verdict.attendee
    submitted = gradebook.find_submission_notebook(*where)
    return [grade for grade in submitted.grades if grade.cell.type != "TaskCell"]


def _auto_score(verdict: SubmissionVerdict, cell: str) -> float | None:
    """None leaves the grade open: no points, and nbgrader lists it for marking by hand."""
    found: CellVerdict | None = next((one for one in verdict.cells if one.cell == cell), None)
    if found is None or found.outcome in ("not judged", "by hand"):
        return None
    return found.points


def marks_fingerprint(folder: CourseFolder, course: str, lab: str, attendee: str) -> str:
    """Changes when a score or a comment that feedback shows has changed."""
    with opened(folder, course) as gradebook:
        submitted = gradebook.find_submission_notebook(lab, lab, attendee)
        marks = sorted(f"{grade.name} {grade.score}" for grade in submitted.grades)
        comments = sorted(f"{one.name} {one.comment}" for one in submitted.comments)
        return durable.text_digest(*marks, *comments)


def export_csv(folder: CourseFolder, course: str, to: Path) -> None:
    """What `nbgrader export` writes, without its command's start-up time."""
    plugin = CsvExportPlugin()
    plugin.to = str(to)
    with opened(folder, course) as gradebook:
        plugin.export(gradebook)
