"""Which engine judges a lab: the sealed one, unless its checks need the attendee's kernel."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nbformat.notebooknode import NotebookNode

from grader.judge import CellVerdict, Judge, JudgeTask
from grader.kernel_judge import KernelJudge
from grader.scheduling.engines import Engines
from grader.sealed_judge import Memory, SealedJudge
from grader.settings import Limits
from grader.slots import cores


@dataclass(frozen=True)
class JudgeOfEachLab:
    """Asks the engine that the task names."""

    sealed: Judge
    in_kernel: Judge
    #: Kernels run here, however many submissions are judged elsewhere at the same time.
    _kernels: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(cores()))

    def judge(self, notebook: NotebookNode, task: JudgeTask) -> tuple[CellVerdict, ...]:
        if task.sealed:
            return self.sealed.judge(notebook, task)
        with self._kernels:
            return self.in_kernel.judge(notebook, task)


@contextmanager
def judges(
    kernels: Path,
    pythons: Mapping[str, Path],
    run: Path,
    limits: Limits,
    memory: Memory | None = None,
    engines: Engines | None = None,
) -> Iterator[JudgeOfEachLab]:
    """Both engines; the sealed one keeps an environment warm until the end of the block.

    With `engines` sealed runs are done by them; an attendee's own kernel is always here.
    """
    with SealedJudge(pythons, run, limits, memory, engines) as sealed:
        yield JudgeOfEachLab(sealed, KernelJudge(kernels, run, limits))
