"""Collect, judge each submission on its own, send feedback. Repeat it as often as you like."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from grader import gradebook
from grader.canary import Canary, require_canary
from grader.collecting import collect
from grader.conclusion import Problem, basis_of, conclude
from grader.errors import GraderError, JudgeUnavailable, NotPossibleHere, StepFailed
from grader.events import Progress, silent
from grader.feedback import ensure_feedback
from grader.notebooks import read_notebook
from grader.preprocessors import VERDICT_KEY
from grader.records import released_version
from grader.spec import LabSpec
from grader.submissions import (
    Submission,
    UnreadableSubmission,
    check_readable,
    submissions_of,
)
from grader.verdict import Basis, SubmissionVerdict, read_verdict
from grader.workplace import Workplace


@dataclass(frozen=True)
class Choice:
    """What to grade: some attendees only, and whether also what has its verdict already."""

    only: frozenset[str] = frozenset()
    force: bool = False


@dataclass(frozen=True)
class Waiting:
    """A check for an assistant to look at: nobody could judge it."""

    attendee: str
    lab: str
    cell: str
    reason: str


@dataclass(frozen=True)
class Graded:
    """What a run did."""

    judged: int
    unchanged: int
    feedback_sent: int
    queue: tuple[Waiting, ...]
    #: What could not be collected or sent back; the next run tries again.
    troubles: tuple[str, ...]
    #: Labs among these whose checks ran in the attendees' own processes.
    unsealed: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Job:
    submission: Submission
    basis: Basis
    #: The verdict that already stands, if it does.
    standing: SubmissionVerdict | None


def grade(
    place: Workplace,
    labs: Sequence[LabSpec],
    choice: Choice | None = None,
    *,
    progress: Progress = silent,
) -> Graded:
    """Grade what attendees have handed in for these labs.

    Nothing that happens to one submission stops the others. Raises NotPossibleHere when no lab is
    released or when a canary dies: then nobody is graded.
    """
    choice = choice or Choice()
    released = [lab for lab in labs if released_version(place.folder, lab.name)]
    if not released:
        names = ", ".join(lab.name for lab in labs)
        raise NotPossibleHere(f"not released yet: {names}", next_step="run `workshop release`")
    jobs: list[_Job] = []
    troubles: list[str] = []
    for number, lab in enumerate(released):
        progress("collect", number, len(released), lab.name)
        troubles += _collect(place, lab)
        jobs += _jobs(place, lab, choice)
    if any(job.standing is None for job in jobs):
        _prepare(place, released, jobs, progress)
    return _grade_jobs(place, jobs, troubles, progress)


def _collect(place: Workplace, lab: LabSpec) -> list[str]:
    """One submission that can't be collected must not keep the others from being graded."""
    try:
        collect(place.nbgrader, lab.name)
    except StepFailed as error:
        if not any(submissions_of(place.folder, lab.name)):
            raise
        return [error.message]
    return []


def _jobs(place: Workplace, lab: LabSpec, choice: Choice) -> list[_Job]:
    environment = place.settings.environments[lab.environment].identity
    jobs = []
    for submission in submissions_of(place.folder, lab.name):
        if choice.only and submission.attendee not in choice.only:
            continue
        basis = basis_of(place.folder, submission, environment, sealed=lab.sealed)
        standing = None if choice.force else _standing(place, submission, basis)
        jobs.append(_Job(submission, basis, standing))
    return jobs


def _standing(place: Workplace, submission: Submission, basis: Basis) -> SubmissionVerdict | None:
    """The verdict on this very basis, if it is final, in the gradebook, and its notebook whole."""
    folder = place.folder
    verdict = read_verdict(folder.verdicts(submission.lab, submission.attendee), basis)
    if verdict is None or not verdict.final:
        return None
    if not verdict.problem and not _executed(place, submission, basis):
        return None
    if not gradebook.scores_agree(gradebook.database_url(folder), verdict):
        return None
    return verdict


def _executed(place: Workplace, submission: Submission, basis: Basis) -> bool:
    """Whether the autograded notebook is the one of this verdict, and complete."""
    notebook = place.folder.autograded(submission.attendee, submission.lab)
    try:
        content = json.loads((notebook / submission.notebook.name).read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return bool(content.get("metadata", {}).get(VERDICT_KEY) == basis.key)


def _prepare(
    place: Workplace, labs: Sequence[LabSpec], jobs: Sequence[_Job], progress: Progress
) -> None:
    """A backup, and a canary per lab, before the first submission of a batch."""
    gradebook.backup(place.folder, datetime.now(UTC))
    waiting = {job.submission.lab for job in jobs if job.standing is None}
    for lab in labs:
        if lab.name in waiting:
            progress("canary", 0, 1, lab.name)
            canary = _released_canary(place, lab)
            require_canary(canary, place.judge, place.folder.canary_record(lab.name))


def _released_canary(place: Workplace, lab: LabSpec) -> Canary:
    """The lab as attendees have it, whatever its text in the course is by now."""
    return Canary(
        lab=lab.name,
        notebook=read_notebook(place.folder.source_notebook(lab.name)),
        data=place.folder.source(lab.name),
        version=released_version(place.folder, lab.name),
        environment=place.settings.environments[lab.environment].identity,
        cell_seconds=lab.cell_seconds,
        sealed=lab.sealed,
    )


def _grade_jobs(
    place: Workplace, jobs: Sequence[_Job], troubles: list[str], progress: Progress
) -> Graded:
    queue: list[Waiting] = []
    judged = sent = 0
    for number, job in enumerate(jobs):
        name = f"{job.submission.attendee}: {job.submission.lab}"
        progress("grade", number, len(jobs), name)
        verdict = job.standing or grade_one(place, job.submission, job.basis)
        judged += job.standing is None
        for cell in verdict.unjudged:
            queue.append(Waiting(verdict.attendee, verdict.lab, cell.cell, cell.reason))
        try:
            sent += ensure_feedback(place, job.submission, verdict)
        except GraderError as error:
            troubles.append(f"{name}: {error.message}")
    progress("grade", len(jobs), len(jobs), "")
    unsealed = tuple(dict.fromkeys(j.submission.lab for j in jobs if not j.basis.sealed))
    return Graded(judged, len(jobs) - judged, sent, tuple(queue), tuple(troubles), unsealed)


def grade_one(place: Workplace, submission: Submission, basis: Basis) -> SubmissionVerdict:
    """Judge one submission; whatever is wrong with it becomes its verdict's reason."""
    try:
        check_readable(submission)
        place.nbgrader.autograde(submission)
    except UnreadableSubmission as error:
        return conclude(place.folder, submission, basis, (), Problem(error.message, final=True))
    except StepFailed as error:
        ours = isinstance(error.__cause__, JudgeUnavailable)
        reason = str(error.__cause__) if ours else error.message
        return conclude(place.folder, submission, basis, (), Problem(reason, final=not ours))
    verdict = read_verdict(place.folder.verdicts(submission.lab, submission.attendee), basis)
    if verdict is None:
        problem = Problem("the judge left no verdict", final=False)
        return conclude(place.folder, submission, basis, (), problem)
    return verdict
