"""The end of every judging, whoever started it: a verdict file, then the gradebook's scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grader import gradebook
from grader.database import database_url
from grader.folders import CourseFolder
from grader.judge import CellVerdict
from grader.records import released_version
from grader.submissions import Submission
from grader.verdict import Basis, SubmissionVerdict, write_verdict

_MISSING = "this check is missing from the submission"
_ALL_MISSING = "no check of this lab is in the notebook: it may be the notebook of another lab"


@dataclass(frozen=True)
class Problem:
    """Why no cell of a submission could be judged. Not final: the cause was ours."""

    reason: str
    final: bool


def basis_of(
    folder: CourseFolder, submission: Submission, environment: str, *, sealed: bool
) -> Basis:
    """What a verdict on this submission depends on, as things are now."""
    version = released_version(folder, submission.lab)
    return Basis(submission.digest(), version, environment, sealed=sealed)


@dataclass(frozen=True)
class Ledger:
    """Where a verdict is written; `part` is the notebook, where a lab has several."""

    url: str
    verdicts: Path
    part: str = ""
    #: What the released checks are worth, by cell, where the caller has read that already.
    points: Mapping[str, float] | None = None


def conclude(
    folder: CourseFolder,
    submission: Submission,
    basis: Basis,
    cells: Iterable[CellVerdict],
    problem: Problem | None = None,
) -> SubmissionVerdict:
    """Write the verdict on a submission to this workshop's course."""
    return conclude_in(ledger_of(folder, submission), submission, basis, cells, problem)


def ledger_of(folder: CourseFolder, submission: Submission) -> Ledger:
    """Where this workshop's course keeps the verdicts on a submission."""
    verdicts = folder.verdicts(submission.lab, submission.attendee)
    return Ledger(database_url(folder), verdicts)


def conclude_in(
    ledger: Ledger,
    submission: Submission,
    basis: Basis,
    cells: Iterable[CellVerdict],
    problem: Problem | None = None,
) -> SubmissionVerdict:
    """Write the verdict on a submission."""
    verdict = verdict_in(ledger, submission, basis, cells, problem)
    write_verdict(ledger.verdicts, verdict)
    gradebook.write_scores(ledger.url, verdict)
    return verdict


def verdict_in(
    ledger: Ledger,
    submission: Submission,
    basis: Basis,
    cells: Iterable[CellVerdict],
    problem: Problem | None = None,
) -> SubmissionVerdict:
    """The verdict on a submission, not written yet. A released check that nobody judged is
    not judged."""
    notebook = ledger.part or submission.lab
    points = ledger.points
    if points is None:
        points = gradebook.graded_cells(ledger.url, submission.lab, notebook)
    cells = tuple(cells)
    reason = problem.reason if problem else _MISSING if cells else _ALL_MISSING
    return SubmissionVerdict(
        attendee=submission.attendee,
        lab=submission.lab,
        basis=basis,
        snapshot=submission.snapshot(),
        submitted_at=submission.submitted_at(),
        judged_at=datetime.now(UTC),
        cells=tuple(_complete(points, cells, reason)),
        problem=problem.reason if problem else "",
        final=_is_final(cells, problem),
        part=ledger.part,
    )


def _complete(
    points: Mapping[str, float], cells: Iterable[CellVerdict], reason: str
) -> Iterable[CellVerdict]:
    found = {cell.cell: cell for cell in cells}
    for name, most in points.items():
        yield found.get(name) or CellVerdict(name, "not judged", 0.0, most, reason, "Missing")


def _is_final(cells: Iterable[CellVerdict], problem: Problem | None) -> bool:
    """A kernel that was killed under a cell may have been our machine's doing: try again."""
    if problem is not None:
        return problem.final
    return not any(cell.cause in ("KernelKilled", "RunBroken") for cell in cells)
