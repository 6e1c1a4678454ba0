"""A batch of submissions in stages: sanitise, judge side by side, write one by one.

Judges are waited for in threads, as many as there are slots; the caller's thread sanitises what
they will need and is the single writer of what they have found. Nobody is judged before the
canaries live.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from grader.booking import read_lab
from grader.conclusion import Problem
from grader.errors import JudgeUnavailable
from grader.judge import CellVerdict, JudgeTask
from grader.lab_steps import LabSteps, Sanitised
from grader.notebooks import data_files, read_notebook
from grader.shared_gradebook import SharedGradebook, shared_gradebook
from grader.slots import Finished, Slots
from grader.spec import LabSpec
from grader.standing import Job
from grader.submissions import UnreadableSubmission, read_submitted
from grader.verdict import SubmissionVerdict
from grader.workplace import Workplace
from grader.writer import Writer

#: Raises when nobody may be graded.
Check = Callable[[], None]
#: Notebooks sanitised ahead: per slot, so that no judge waits for the writer; and in all, while
#: an environment warms up.
_AHEAD, _MOST_AHEAD = 2, 64

_Cells = tuple[CellVerdict, ...]


@dataclass(frozen=True)
class Settled:
    """What became of one job: its verdict, or why there is none."""

    job: Job
    verdict: SubmissionVerdict | None
    trouble: str = ""


@dataclass(frozen=True)
class _ToJudge:
    """A job whose notebook is sanitised."""

    job: Job
    work: Sanitised


@dataclass(frozen=True)
class _ToWrite:
    """A job that needs no judge: its verdict stands, or nobody can judge it."""

    job: Job
    write: Callable[[], SubmissionVerdict]


def settle(
    place: Workplace, jobs: Sequence[Job], canaries: Iterable[Check], *, fresh: bool
) -> Iterator[Settled]:
    """Judge and write these jobs, in the order in which they get finished. What one of them
    does is its own affair; a canary's error is everybody's.

    `fresh`: judge anew, whatever is remembered.
    """
    labs = {job.lab.name: job.lab for job in jobs}
    with shared_gradebook(place.folder, place.settings.spec.name) as shared:
        desks = {name: _LabDesk(place, lab, shared, fresh=fresh) for name, lab in labs.items()}
        with Slots[_ToJudge, _Cells](place.slots) as slots:
            yield from _Batch(desks, slots).settled(jobs, canaries)


class _LabDesk:
    """What judging the submissions of one lab takes, prepared once."""

    def __init__(
        self, place: Workplace, lab: LabSpec, shared: SharedGradebook, *, fresh: bool
    ) -> None:
        self._place = place
        self._lab = lab
        self._fresh = fresh
        self._author = read_notebook(place.folder.source_notebook(lab.name))
        self._data = place.folder.source(lab.name)
        rows = read_lab(shared, lab.name)
        config, root = place.nbgrader.config, place.folder.root
        self._steps = LabSteps(config, root, lab.name, due=rows.due)
        self.writer = Writer(place.folder, shared, self._steps, rows)

    def sanitised(self, job: Job) -> Sanitised | Problem:
        """The first half; whatever is wrong with a notebook becomes its verdict's reason."""
        try:
            return self._steps.sanitised(job.submission, read_submitted(job.submission))
        except UnreadableSubmission as error:
            return Problem(error.message, final=True)
        except Exception as error:  # nbgrader raises whatever the damage leads to
            return _problem(job, error, final=True)

    def judge(self, ready: _ToJudge) -> _Cells:
        """The verdicts on a notebook's cells. Called in a slot's thread."""
        notebook = ready.work.notebook
        with self._folder(ready.job) as folder:
            task = JudgeTask(
                lab=self._lab.name,
                kernel=str(notebook.metadata.kernelspec.name),
                folder=folder,
                data=self._data,
                author=self._author,
                cell_seconds=self._lab.cell_seconds,
                sealed=self._lab.sealed,
                fresh=self._fresh,
            )
            return self._place.judge.judge(notebook, task)

    @contextmanager
    def _folder(self, job: Job) -> Iterator[Path]:
        """What was handed in; for a kernel with the lab's own files over it, as in nbgrader."""
        if self._lab.sealed:
            yield job.submission.folder
            return
        self._place.settings.run.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._place.settings.run) as place:
            work = Path(place) / job.lab.name
            shutil.copytree(job.submission.folder, work, ignore=_links_and_notebooks)
            for file in data_files(self._data):
                (work / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self._data / file, work / file)
            yield work


class _Batch:
    """One run over some jobs."""

    def __init__(self, desks: dict[str, _LabDesk], slots: Slots[_ToJudge, _Cells]) -> None:
        self._desks = desks
        self._slots = slots
        self._prepared: deque[_ToJudge | _ToWrite] = deque()

    def settled(self, jobs: Sequence[Job], canaries: Iterable[Check]) -> Iterator[Settled]:
        waiting = iter(jobs)
        self._await(canaries, waiting)
        while True:
            while not self._slots.ready() and self._slots.pending < _AHEAD * self._slots.count:
                ready = self._next(waiting)
                if ready is None:
                    break
                if isinstance(ready, _ToWrite):
                    yield _settled(ready.job, ready.write)
                else:
                    self._slots.put(ready, partial(self._desks[ready.job.lab.name].judge, ready))
            if not self._slots.pending:
                return
            done = self._slots.take()
            yield _settled(done.name.job, partial(self._write, done))

    def _await(self, canaries: Iterable[Check], waiting: Iterator[Job]) -> None:
        """Sanitise the first notebooks while the canaries are proved."""
        with Slots[int, None](self._slots.count) as checks:
            for number, check in enumerate(canaries):
                checks.put(number, check)
            while checks.pending:
                ahead = not checks.ready() and len(self._prepared) < _MOST_AHEAD
                job = next(waiting, None) if ahead else None
                if job is not None:
                    self._prepared.append(self._prepare(job))
                else:
                    checks.take().result()

    def _next(self, waiting: Iterator[Job]) -> _ToJudge | _ToWrite | None:
        if self._prepared:
            return self._prepared.popleft()
        job = next(waiting, None)
        return None if job is None else self._prepare(job)

    def _prepare(self, job: Job) -> _ToJudge | _ToWrite:
        desk = self._desks[job.lab.name]
        if job.standing is not None:
            return _ToWrite(job, partial(desk.writer.book, job, job.standing))
        work = desk.sanitised(job)
        if isinstance(work, Problem):
            return _ToWrite(job, partial(desk.writer.refuse, job, work))
        return _ToJudge(job, work)

    def _write(self, done: Finished[_ToJudge, _Cells]) -> SubmissionVerdict:
        job, writer = done.name.job, self._desks[done.name.job.lab.name].writer
        try:
            cells = done.result()
        except Exception as error:  # not the notebook's doing: that would be a verdict
            return writer.refuse(job, _problem(job, error, final=False))
        return writer.conclude(job, done.name.work, cells)


def _settled(job: Job, write: Callable[[], SubmissionVerdict]) -> Settled:
    """Write it. What can't be written is told, and the next run tries again."""
    try:
        return Settled(job, write())
    except Exception as error:
        return Settled(job, None, f"{job.name}: {type(error).__name__}: {error}")


def _problem(job: Job, error: Exception, *, final: bool) -> Problem:
    if isinstance(error, JudgeUnavailable):
        return Problem(str(error), final=False)
    reason = f"autograding of {job.lab.name}: {type(error).__name__}: {error}"
    return Problem(reason, final=final)


def _links_and_notebooks(folder: str, names: list[str]) -> set[str]:
    """Links could lead anywhere; notebooks hold what others must not read."""
    return {name for name in names if name.endswith(".ipynb") or Path(folder, name).is_symlink()}
