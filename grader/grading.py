"""Collect, judge each submission on its own, send feedback. Repeat it as often as you like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from grader import gradebook
from grader.batch import Check, settle
from grader.canary import Canary, require_canary
from grader.collecting import collect
from grader.database import backup
from grader.errors import GraderError, NotPossibleHere, StepFailed
from grader.events import Progress, silent
from grader.feedback import ensure_feedback
from grader.notebooks import read_notebook
from grader.records import released_version
from grader.spec import LabSpec
from grader.standing import Job, jobs_of
from grader.submissions import submissions_of
from grader.verdict import SubmissionVerdict
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
    #: What could not be collected, written or sent back; the next run tries again.
    troubles: tuple[str, ...]
    #: Labs among these whose checks ran in the attendees' own processes.
    unsealed: tuple[str, ...] = ()


@dataclass(frozen=True)
class _How:
    force: bool
    progress: Progress


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
    jobs: list[Job] = []
    troubles: list[str] = []
    for number, lab in enumerate(released):
        progress("collect", number, len(released), lab.name)
        troubles += _collect(place, lab)
        jobs += jobs_of(place, lab, choice.only, force=choice.force)
    done = _settle_all(place, jobs, troubles, _How(choice.force, progress))
    sent = _send_feedback(place, done, troubles, progress)
    return Graded(
        judged=sum(job.standing is None for job, _ in done),
        unchanged=sum(job.standing is not None for job, _ in done),
        feedback_sent=sent,
        queue=tuple(each for _, verdict in done for each in _queue(verdict)),
        troubles=tuple(troubles),
        unsealed=tuple(dict.fromkeys(job.lab.name for job in jobs if not job.lab.sealed)),
    )


def _collect(place: Workplace, lab: LabSpec) -> list[str]:
    """One submission that can't be collected must not keep the others from being graded."""
    try:
        collect(place.nbgrader, lab.name)
    except StepFailed as error:
        if not any(submissions_of(place.folder, lab.name)):
            raise
        return [error.message]
    return []


def _settle_all(
    place: Workplace, jobs: Sequence[Job], troubles: list[str], how: _How
) -> list[tuple[Job, SubmissionVerdict]]:
    """A verdict for every job, in the jobs' order; those without one are among the troubles."""
    work = [job for job in jobs if job.standing is None or not job.booked]
    verdicts = {job: job.standing for job in jobs if job.standing is not None and job.booked}
    if work:
        backup(place.folder, datetime.now(UTC))
        canaries = _canaries(place, work, how.progress)
        how.progress("grade", 0, len(work), "")
        for number, settled in enumerate(settle(place, work, canaries, fresh=how.force), start=1):
            how.progress("grade", number, len(work), settled.job.name)
            if settled.verdict is None:
                troubles.append(settled.trouble)
            else:
                verdicts[settled.job] = settled.verdict
    return [(job, verdicts[job]) for job in jobs if job in verdicts]


def _canaries(place: Workplace, work: Sequence[Job], progress: Progress) -> list[Check]:
    """What has to hold before anybody is judged, lab by lab."""
    labs = list(dict.fromkeys(job.lab for job in work if job.standing is None))
    checks: list[Check] = []
    for number, lab in enumerate(labs):
        progress("canary", number, len(labs), lab.name)
        record = place.folder.canary_record(lab.name)
        checks.append(partial(require_canary, _canary(place, lab), place.judge, record))
    return checks


def _canary(place: Workplace, lab: LabSpec) -> Canary:
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


def _send_feedback(
    place: Workplace,
    done: Sequence[tuple[Job, SubmissionVerdict]],
    troubles: list[str],
    progress: Progress,
) -> int:
    """Feedback to everybody for whom there is news. Returns to how many."""
    marks = {
        lab: gradebook.marks_of_lab(place.folder, lab) for lab in {j.lab.name for j, _ in done}
    }
    sent = 0
    for number, (job, verdict) in enumerate(done):
        progress("feedback", number, len(done), job.name)
        found = marks[job.lab.name][verdict.attendee]
        try:
            sent += ensure_feedback(place, job.submission, verdict, found)
        except GraderError as error:
            troubles.append(f"{job.name}: {error.message}")
    progress("feedback", len(done), len(done), "")
    return sent


def _queue(verdict: SubmissionVerdict) -> list[Waiting]:
    return [
        Waiting(verdict.attendee, verdict.lab, cell.cell, cell.reason) for cell in verdict.unjudged
    ]
