"""Which engine judges a lab: the sealed one, unless its checks need the attendee's kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nbformat.notebooknode import NotebookNode

from grader.judge import CellVerdict, Judge, JudgeTask
from grader.kernel_judge import KernelJudge
from grader.sealed_judge import Memory, SealedJudge
from grader.settings import Limits


@dataclass(frozen=True)
class JudgeOfEachLab:
    """Asks the engine that the task names."""

    sealed: Judge
    in_kernel: Judge

    def judge(self, notebook: NotebookNode, task: JudgeTask) -> tuple[CellVerdict, ...]:
        engine = self.sealed if task.sealed else self.in_kernel
        return engine.judge(notebook, task)


@contextmanager
def judges(
    kernels: Path,
    pythons: Mapping[str, Path],
    run: Path,
    limits: Limits,
    memory: Memory | None = None,
) -> Iterator[JudgeOfEachLab]:
    """Both engines; the sealed one keeps an environment warm until the end of the block."""
    with SealedJudge(pythons, run, limits, memory) as sealed:
        yield JudgeOfEachLab(sealed, KernelJudge(kernels, run, limits))
