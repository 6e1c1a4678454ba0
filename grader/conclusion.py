"""The end of every judging, whoever started it: a verdict file, then the gradebook's scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grader import gradebook
from grader.folders import CourseFolder
from grader.judge import CellVerdict
from grader.records import released_version
from grader.submissions import Submission
from grader.verdict import Basis, SubmissionVerdict, write_verdict


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


def conclude(
    folder: CourseFolder,
    submission: Submission,
    basis: Basis,
    cells: Iterable[CellVerdict],
    problem: Problem | None = None,
) -> SubmissionVerdict:
    """Write the verdict on a submission to this workshop's course."""
    verdicts = folder.verdicts(submission.lab, submission.attendee)
    ledger = Ledger(gradebook.database_url(folder), verdicts)
    return conclude_in(ledger, submission, basis, cells, problem)


def conclude_in(
    ledger: Ledger,
    submission: Submission,
    basis: Basis,
    cells: Iterable[CellVerdict],
    problem: Problem | None = None,
) -> SubmissionVerdict:
    """Write the verdict on a submission. A released check without a verdict is not judged."""
    notebook = ledger.part or submission.lab
    points = gradebook.graded_cells(ledger.url, submission.lab, notebook)
    reason = problem.reason if problem else "this check is missing from the submission"
    verdict = SubmissionVerdict(
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
    write_verdict(ledger.verdicts, verdict)
    gradebook.write_scores(ledger.url, verdict)
    return verdict


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
