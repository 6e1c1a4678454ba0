"""The sealed engine behind the grader's door: the attendee's code in one jailed process, the
checks in another.

Checks never run where the attendee's code runs; see grader.sealed.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader import utils

from grader.errors import JudgeUnavailable
from grader.judge import CellVerdict, JudgeTask
from grader.notebooks import data_files, is_graded
from grader.scheduling.engines import Engines, SealedRun
from grader.scheduling.this_machine import ThisMachine
from grader.sealed.cache import Cache, folder_digest, key_of
from grader.sealed.limits import Limits as SealedLimits
from grader.sealed.submission import (
    AuthorCell,
    AuthorKind,
    CellOutcome,
    Outcome,
    Step,
    StepKind,
    Submission,
)
from grader.sealed.wards import MachineError
from grader.settings import Limits
from grader.submissions import BOOKKEEPING
from grader.verdict_rules import Reply, verdict_of_cell

#: What an attendee hands in beside the notebook and may read again while it is graded.
_OWN_FILES_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Memory:
    """Outcomes that need no second run, below a folder; `identities` are those of the
    environments, by kernel name."""

    folder: Path
    identities: Mapping[str, str]


class SealedJudge:
    """Judges with warm engines, on this machine or elsewhere; close it when done."""

    def __init__(
        self,
        pythons: Mapping[str, Path],
        run: Path,
        limits: Limits,
        memory: Memory | None = None,
        engines: Engines | None = None,
    ) -> None:
        """`pythons` is kernel name to interpreter, `run` a folder of the grader's own.

        Without `engines` everything runs on this machine.
        """
        self._pythons = pythons
        self._run = run
        self._limits = limits
        self._memory = memory
        self._engines = engines or ThisMachine(pythons, run)
        #: Whether something has been run.
        self.warm = False
        self._data: dict[tuple[object, ...], _AuthorData] = {}
        self._opened = ExitStack()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engines.close()
        self._opened.close()
        self._data.clear()

    def judge(self, notebook: NotebookNode, task: JudgeTask) -> tuple[CellVerdict, ...]:
        """See grader.judge.Judge. Fills in the outputs that the attendee may see."""
        names = [_name(cell, index) for index, cell in enumerate(notebook.cells)]
        data = self._author_data(task)
        submission = Submission(
            steps=tuple(_steps(notebook, names)),
            author_cells=tuple(_author_cells(task.author)),
            data_folder=data.folder,
            files=_own_files(task),
        )
        outcome = self._outcome(submission, task, data)
        found = {cell.id: cell for cell in outcome.cells}
        for number, (name, cell) in enumerate(zip(names, notebook.cells, strict=True), start=1):
            if name in found:
                cell.outputs = [nbformat.from_dict(each) for each in found[name].outputs]  # type: ignore[no-untyped-call]
                cell.execution_count = number
        return tuple(
            verdict_of_cell(cell, _reply(found.get(name)), None)
            if found.get(name) is None or found[name].judgement != "not judged"
            else _not_judged(cell, found[name])
            for name, cell in zip(names, notebook.cells, strict=True)
            if is_graded(cell)
        )

    def _outcome(self, submission: Submission, task: JudgeTask, data: _AuthorData) -> Outcome:
        """What is remembered, or what a run gives."""
        identity = self._memory and self._memory.identities.get(task.kernel)
        if not self._memory or not identity:
            return self._grade(submission, task)
        cache = Cache(self._memory.folder)
        key = key_of(submission, identity, self._limits_of(task), data.digest)
        known = None if task.fresh else cache.find(key)
        if known is None:
            known = self._grade(submission, task)
            cache.keep(key, known)
        return known

    def _grade(self, submission: Submission, task: JudgeTask) -> Outcome:
        if task.kernel not in self._pythons:
            raise JudgeUnavailable(
                f"no environment is called {task.kernel!r}",
                next_step=f"the lab's kernel must be one of: {', '.join(self._pythons)}",
            )
        self._forget_old_outcomes()
        try:
            limits = self._limits_of(task)
            return self._engines.run(SealedRun(task.kernel, submission, limits, trial=task.trial))
        except MachineError as error:
            raise JudgeUnavailable(
                f"the environment {task.kernel!r} can't judge: {error}",
                next_step="check the environment, then run the command again",
            ) from error

    def _forget_old_outcomes(self) -> None:
        """Once, before the first run."""
        with self._lock:
            if self._memory and not self.warm:
                Cache(self._memory.folder).forget_old(time.time())
            self.warm = True

    def _folder(self) -> Path:
        """A new one, for as long as this judge is open."""
        self._run.mkdir(parents=True, exist_ok=True)
        return Path(self._opened.enter_context(tempfile.TemporaryDirectory(dir=self._run)))

    def _limits_of(self, task: JudgeTask) -> SealedLimits:
        return SealedLimits(
            cell_seconds=float(task.cell_seconds),
            cell_cpu_seconds=2.0 * task.cell_seconds,
            notebook_seconds=float(self._limits.notebook_seconds),
            notebook_cpu_seconds=2.0 * self._limits.notebook_seconds,
            memory_megabytes=self._limits.memory_megabytes,
            processes=self._limits.processes,
            file_megabytes=self._limits.file_megabytes,
            disk_megabytes=self._limits.scratch_megabytes,
            cell_output_bytes=self._limits.output_kilobytes_per_cell * 1024,
        )

    def _author_data(self, task: JudgeTask) -> _AuthorData:
        """The lab's data without its notebook, which holds the solutions: copied once, and
        again when a file has changed."""
        given = sorted(_given(task))
        facts = ((task.data / file).stat() for file in given)
        state = tuple((fact.st_ino, fact.st_size, fact.st_mtime_ns) for fact in facts)
        key = (task.data, tuple(given), state)
        with self._lock:
            if key not in self._data:
                folder = self._folder()
                for file in given:
                    (folder / file).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(task.data / file, folder / file)
                self._data[key] = _AuthorData(folder, folder_digest(folder))
            return self._data[key]


@dataclass(frozen=True)
class _AuthorData:
    """A copy that nobody changes, and what its bytes are."""

    folder: Path
    digest: str


def _name(cell: NotebookNode, index: int) -> str:
    """nbgrader's id, or the cell's place: unknown cells have no other name."""
    meta = cell.metadata.get("nbgrader") or {}
    return str(meta.get("grade_id") or f"cell {index}")


def _steps(notebook: NotebookNode, names: list[str]) -> Iterator[Step]:
    for name, cell in zip(names, notebook.cells, strict=True):
        if cell.cell_type == "code":
            yield Step(name, _step_kind(cell), cell.source)


def _step_kind(cell: NotebookNode) -> StepKind:
    if utils.is_grade(cell) and not utils.is_solution(cell):
        return "test"
    if utils.is_locked(cell) and not utils.is_solution(cell):
        return "locked"
    return "student"


def _author_cells(author: NotebookNode) -> Iterator[AuthorCell]:
    for index, cell in enumerate(author.cells):
        if cell.cell_type == "code":
            yield AuthorCell(_name(cell, index), _author_kind(cell), cell.source)


def _author_kind(cell: NotebookNode) -> AuthorKind:
    if utils.is_solution(cell):
        return "solution"
    if utils.is_grade(cell):
        return "test"
    return "locked" if utils.is_locked(cell) else "plain"


def _given(task: JudgeTask) -> Sequence[Path]:
    return data_files(task.data) if task.given is None else task.given


def _own_files(task: JudgeTask) -> dict[str, bytes]:
    """What was handed in beside the notebook, for the attendee's own process alone."""
    given = set(_given(task))
    files: dict[str, bytes] = {}
    room = _OWN_FILES_BYTES
    for path in sorted(task.folder.rglob("*")):
        relative = path.relative_to(task.folder)
        if path.is_symlink() or not path.is_file() or relative in given:
            continue
        if path.suffix == ".ipynb" or path.name in BOOKKEEPING:
            continue
        room -= path.stat().st_size
        if room >= 0:
            files[str(relative)] = path.read_bytes()
    return files


def _reply(found: CellOutcome | None) -> Reply | None:
    if found is None:
        return None
    if found.judgement == "passed":
        value = None if found.value is None else repr(found.value)
        return Reply(True, value=value, seconds=found.seconds)
    if found.cause:
        return Reply(False, found.cause, found.reason, seconds=found.seconds)
    cause = "Stopped" if found.stopped else "CheckFailed"
    return Reply(False, cause, found.reason, seconds=found.seconds)


def _not_judged(cell: NotebookNode, found: CellOutcome) -> CellVerdict:
    meta = cell.metadata.nbgrader
    return CellVerdict(
        meta.grade_id,
        "not judged",
        0.0,
        float(meta.points),
        found.reason,
        # Never the attendee's doing, so the next run tries again.
        "RunBroken",
        found.seconds,
    )
