"""What needs no work: submissions whose verdict stands, proved without running anything.

The proof is that the verdict's basis (the submission's bytes among it) is today's, that the
gradebook says what the verdict says, and that the executed notebook is this verdict's and whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from grader import gradebook
from grader.conclusion import basis_of
from grader.gradebook import Marks
from grader.preprocessors import VERDICT_KEY
from grader.spec import LabSpec
from grader.submissions import Submission, submissions_of
from grader.verdict import Basis, SubmissionVerdict, read_verdict
from grader.workplace import Workplace


@dataclass(frozen=True)
class Job:
    """A submission, and the verdict on it that already stands, if one does."""

    lab: LabSpec
    submission: Submission
    basis: Basis
    standing: SubmissionVerdict | None = None
    #: False: the verdict stands, but the gradebook has other scores or none.
    booked: bool = True

    @property
    def name(self) -> str:
        return f"{self.submission.attendee}: {self.submission.lab}"


def jobs_of(place: Workplace, lab: LabSpec, only: frozenset[str], *, force: bool) -> Iterator[Job]:
    """The submissions of a lab; with `force`, no verdict stands."""
    environment = place.settings.environments[lab.environment].identity
    marks = gradebook.marks_of_lab(place.folder, lab.name)
    for submission in submissions_of(place.folder, lab.name):
        if not only or submission.attendee in only:
            basis = basis_of(place.folder, submission, environment, sealed=lab.sealed)
            job = Job(lab, submission, basis)
            yield job if force else _looked_up(place, job, marks)


def _looked_up(place: Workplace, job: Job, marks: Mapping[str, Marks]) -> Job:
    verdicts = place.folder.verdicts(job.lab.name, job.submission.attendee)
    verdict = read_verdict(verdicts, job.basis)
    if verdict is None or not verdict.final:
        return job
    if not verdict.problem and not _executed(place, job):
        return job
    found = marks.get(job.submission.attendee)
    booked = found is not None and found.agree_with(verdict)
    return Job(job.lab, job.submission, job.basis, verdict, booked)


def _executed(place: Workplace, job: Job) -> bool:
    """Whether the autograded notebook is the one of this verdict, and complete."""
    folder = place.folder.autograded(job.submission.attendee, job.lab.name)
    try:
        content = json.loads((folder / job.submission.notebook.name).read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return bool(content.get("metadata", {}).get(VERDICT_KEY) == job.basis.key)
