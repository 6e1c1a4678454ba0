"""The class's results, read back from nbgrader's database, with reasons from the verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grader import gradebook
from grader.folders import CourseFolder
from grader.judge import CellVerdict
from grader.notebooks import lab_of_notebook, read_notebook
from grader.results import (
    Attendee,
    CellResult,
    ClassResults,
    Exercise,
    Lab,
    SubmissionResult,
    Verdict,
)
from grader.spec import CourseSpec
from grader.verdict import SubmissionVerdict, newest_verdict


def read_results(folder: CourseFolder, spec: CourseSpec, now: datetime) -> ClassResults:
    """What the gradebook says now. A mark given by hand counts before the verdict."""
    labs = tuple(_labs(folder, spec))
    with gradebook.opened(folder, spec.name) as book:
        people = tuple(_attendee(student) for student in book.students)
        read = [
            _submission(folder, lab, submitted)
            for lab in labs
            for submitted in _submitted(book, lab.name)
        ]
    # A lab that was opted out when it was graded is unsealed until it is graded again.
    unsealed = {result.lab for result, verdict in read if verdict and not verdict.basis.sealed}
    labs = tuple(replace(lab, sealed=lab.sealed and lab.name not in unsealed) for lab in labs)
    submissions = tuple(result for result, _ in read)
    return ClassResults(spec.name, spec.title, now, labs, people, submissions)


def _labs(folder: CourseFolder, spec: CourseSpec) -> Iterator[Lab]:
    """The labs that were released, in the course's order."""
    for lab in spec.labs:
        if folder.release_record(lab.name).exists():
            notebook = read_notebook(folder.source_notebook(lab.name))
            found = lab_of_notebook(notebook, lab.name, lab.title)
            yield replace(found, sealed=lab.sealed)


def _attendee(student: Any) -> Attendee:
    name = " ".join(part for part in (student.first_name, student.last_name) if part)
    return Attendee(student.id, name or student.id)


def _submitted(book: Any, lab: str) -> list[Any]:
    found = book.assignment_submissions(lab)
    return sorted(found, key=lambda submitted: str(submitted.student_id))


def _submission(
    folder: CourseFolder, lab: Lab, submitted: Any
) -> tuple[SubmissionResult, SubmissionVerdict | None]:
    attendee = submitted.student_id
    verdict = newest_verdict(folder.verdicts(lab.name, attendee))
    grades = {grade.name: grade for notebook in submitted.notebooks for grade in notebook.grades}
    cells = tuple(
        _cell(exercise, grades.get(exercise.cell), _verdict_of(verdict, exercise.cell))
        for exercise in lab.exercises
    )
    time = _time(folder, lab, submitted, verdict)
    return SubmissionResult(attendee, lab.name, time, cells), verdict


def _time(
    folder: CourseFolder, lab: Lab, submitted: Any, verdict: SubmissionVerdict | None
) -> datetime:
    if submitted.timestamp is not None:
        when: datetime = submitted.timestamp.replace(tzinfo=UTC)
        return when
    if verdict is not None:
        return verdict.judged_at
    place: Path = folder.submitted(submitted.student_id, lab.name)
    return datetime.fromtimestamp(place.stat().st_mtime if place.exists() else 0, UTC)


def _verdict_of(verdict: SubmissionVerdict | None, cell: str) -> CellVerdict | None:
    cells = verdict.cells if verdict else ()
    return next((one for one in cells if one.cell == cell), None)


def _cell(exercise: Exercise, grade: Any, verdict: CellVerdict | None) -> CellResult:
    if grade is None:
        return CellResult(exercise, "not judged", 0.0, "the gradebook has no grade for it")
    score = float(grade.score)
    if grade.manual_score is not None:
        return CellResult(exercise, _by_score(score, exercise.points), score, "marked by hand")
    if grade.auto_score is None:
        reason = verdict.reason if verdict else "not graded yet"
        return CellResult(exercise, "not judged", score, reason, verdict.cause if verdict else "")
    if verdict is None or verdict.points != grade.auto_score:
        return CellResult(exercise, _by_score(score, exercise.points), score)
    outcome: Verdict = "not judged" if verdict.outcome == "by hand" else verdict.outcome
    return CellResult(exercise, outcome, score, verdict.reason, verdict.cause)


def _by_score(score: float, most: float) -> Verdict:
    if score >= most:
        return "passed"
    return "partial" if score > 0 else "failed"
