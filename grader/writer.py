"""The single writer: what judges found out, put where nbgrader and people look for it.

One submission is one transaction of the gradebook. The files come first and its end comes last,
so that a run that is killed in between leaves the gradebook as it was, and the next run either
repeats the submission or finds the verdict and books it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from nbformat.notebooknode import NotebookNode
from nbgrader import utils

from grader.booking import LabRows, book
from grader.conclusion import Ledger, Problem, ledger_of, verdict_in
from grader.folders import CourseFolder
from grader.judge import CellVerdict
from grader.lab_steps import LabSteps, Sanitised
from grader.notebooks import read_notebook
from grader.preprocessors import SEALED_KEY, VERDICT_KEY
from grader.shared_gradebook import SharedGradebook
from grader.standing import Job
from grader.verdict import SubmissionVerdict, write_verdict


@dataclass(frozen=True)
class Writer:
    """Writes the verdicts on one lab's submissions, one after the other."""

    folder: CourseFolder
    gradebook: SharedGradebook
    steps: LabSteps
    rows: LabRows

    def conclude(
        self, job: Job, work: Sanitised, cells: tuple[CellVerdict, ...]
    ) -> SubmissionVerdict:
        """The verdict, the executed notebook and its files, scores, comments and late rules."""
        verdict = verdict_in(self._ledger(job), job.submission, job.basis, cells)
        work.notebook.metadata[VERDICT_KEY] = job.basis.key
        work.notebook.metadata[SEALED_KEY] = job.basis.sealed
        with self.gradebook.transaction():
            book(self.gradebook.db, self.rows, verdict, _comments(work.notebook))
            self.steps.copy_files(job.submission)
            self.steps.write(self.steps.record(work))
            write_verdict(self._ledger(job).verdicts, verdict)
        return verdict

    def refuse(self, job: Job, problem: Problem) -> SubmissionVerdict:
        """A verdict without a run: nobody could judge this submission."""
        verdict = verdict_in(self._ledger(job), job.submission, job.basis, (), problem)
        with self.gradebook.transaction():
            book(self.gradebook.db, self.rows, verdict, {})
            write_verdict(self._ledger(job).verdicts, verdict)
        return verdict

    def book(self, job: Job, verdict: SubmissionVerdict) -> SubmissionVerdict:
        """A verdict that stands into a gradebook that doesn't have it."""
        with self.gradebook.transaction():
            if verdict.problem:
                book(self.gradebook.db, self.rows, verdict, {})
            else:
                here = job.submission
                executed = self.folder.autograded(here.attendee, here.lab)
                notebook = read_notebook(executed / here.notebook.name)
                book(self.gradebook.db, self.rows, verdict, _comments(notebook))
                self.steps.record(self.steps.executed(here, notebook))
        return verdict

    def _ledger(self, job: Job) -> Ledger:
        return replace(ledger_of(self.folder, job.submission), points=self.rows.points)


def _comments(notebook: NotebookNode) -> Mapping[str, str | None]:
    """nbgrader's automatic comments, by cell: an answer that nobody touched has none."""
    said: dict[str, str | None] = {}
    for cell in notebook.cells:
        if utils.is_solution(cell) or utils.is_task(cell):
            meta = cell.metadata.nbgrader
            untouched = meta.get("checksum") == utils.compute_checksum(cell)
            answered = utils.is_task(cell) or not untouched
            said[meta.grade_id] = None if answered else "No response."
    return said
