"""Judges variants of a lab with the sealed engine: the one that grades attendees."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from grader.errors import StepFailed
from grader.notebooks import data_files
from grader.proof.lab import Cell, Lab
from grader.sealed.engine import Engine
from grader.sealed.limits import Limits
from grader.sealed.submission import CellOutcome, Outcome, Step, Submission

#: Two, as many as there are cores on the smallest machine that a class should use.
SLOTS = 2
#: What a busy machine could not run in time gets more of it.
_PATIENCE = (1, 3)
#: Of this run alone: the jailed processes of another run may have other accounts' limits.
_FIRST_ACCOUNT = 300_000 + os.getpid() % 10_000 * 100


@dataclass(frozen=True)
class Variant:
    """A way to hand the lab in: cells in order, some of them answered differently."""

    name: str
    steps: tuple[Step, ...]


Judged = Callable[[Variant, Outcome], None]


def variant(name: str, cells: Iterable[Cell], **answers: str) -> Variant:
    """The reference with these solution cells (by grade_id) replaced."""
    return Variant(name, tuple(cell.step(answers.get(cell.id)) for cell in cells))


class Engines:
    """A warm engine for each environment, until the end of the block."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._engines: dict[Path, Engine] = {}
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        self._run.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()
        self._engines.clear()

    def engine(self, python: Path) -> Engine:
        """The one of this interpreter, started when it is first asked for."""
        if python not in self._engines:
            place = self._opened.enter_context(TemporaryDirectory(prefix="e", dir=self._run))
            engine = Engine(
                python,
                Path(place),
                limits=_limits(60.0),
                slots=SLOTS,
                first_account=_FIRST_ACCOUNT + 10 * len(self._engines),
            )
            self._engines[python] = self._opened.enter_context(engine)
        return self._engines[python]

    @contextmanager
    def bench(self, lab: Lab, python: Path) -> Iterator[Bench]:
        """The engine of the lab's environment, with the lab's data."""
        engine = self.engine(python)
        with TemporaryDirectory(prefix="given-", dir=self._run) as place:
            for file in data_files(lab.folder):
                (Path(place) / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(lab.folder / file, Path(place) / file)
            yield Bench(lab, engine, Path(place))


class Bench:
    """An engine with one lab on it."""

    def __init__(self, lab: Lab, engine: Engine, data: Path) -> None:
        self._lab = lab
        self._engine = engine
        self._data = data
        #: How long a cell may take.
        self.cell_seconds = float(lab.spec.cell_seconds)

    def judge(self, variants: Sequence[Variant], judged: Judged) -> dict[str, Outcome]:
        """All of them, two at a time; `judged` hears of each as it comes."""
        found: dict[str, Outcome] = {}
        with ThreadPoolExecutor(SLOTS) as pool:
            outcomes = pool.map(self._judge, variants)
            for each, outcome in zip(variants, outcomes, strict=True):
                found[each.name] = outcome
                judged(each, outcome)
        return found

    def _judge(self, variant: Variant) -> Outcome:
        submission = Submission(variant.steps, self._lab.author_cells, self._data)
        for patience in _PATIENCE:
            outcome = self._engine.grade(submission, _limits(patience * self.cell_seconds))
            if outcome.judged:
                return outcome
        reasons = {cell.reason for cell in outcome.cells if cell.judgement == "not judged"}
        raise StepFailed(
            f"lab {self._lab.spec.name!r}: {variant.name} could not be judged: "
            + "; ".join(sorted(reasons)),
            next_step="a check must run beside the reference; see docs/authors.md",
        )


def _limits(cell_seconds: float) -> Limits:
    """As an attendee's submission has them, but for the time: what counts is the CPU's, so that
    an endless loop ends however busy the machine is."""
    return Limits(
        cell_seconds=4 * cell_seconds,
        cell_cpu_seconds=2 * cell_seconds,
        notebook_seconds=1200,
        notebook_cpu_seconds=2400,
        memory_megabytes=3072,
        processes=200,
        disk_megabytes=256,
        cell_output_bytes=2**20,
    )


def lost(outcome: Outcome) -> dict[str, CellOutcome]:
    """The checks that failed."""
    return {
        cell.id: cell
        for cell in outcome.cells
        if cell.kind == "test" and cell.judgement != "passed"
    }
