"""Execution and judging behind one door: what an engine is given and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from nbformat.notebooknode import NotebookNode

#: "by hand": no test decides, a person will.
Outcome = Literal["passed", "partial", "failed", "not judged", "by hand"]


@dataclass(frozen=True)
class CellVerdict:
    """What is known about one graded cell. Only positive evidence gives points."""

    cell: str
    outcome: Outcome
    points: float
    max_points: float
    #: For people: why it failed, or why nobody could judge.
    reason: str = ""
    #: The exception's name for a failure ("AssertionError"), else "".
    cause: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class JudgeTask:
    """One notebook to be judged.

    `folder` holds what was handed in and maybe secrets too; `data` is the lab's own folder;
    `author` is the lab's source notebook, solutions and hidden checks included.
    """

    lab: str
    kernel: str
    folder: Path
    data: Path
    author: NotebookNode
    cell_seconds: int
    #: False for a lab whose checks must run in the attendee's own process.
    sealed: bool = True
    #: The files below `data` that attendees were given; None: those of its folder `data`.
    given: tuple[Path, ...] | None = None
    #: Judge anew, whatever is remembered.
    fresh: bool = False
    #: Nobody's grade depends on it: the lab's canary, or a warm-up.
    trial: bool = False


class Judge(Protocol):
    """An engine that runs a notebook and judges its graded cells.

    Several threads may ask it at once. It fills in the notebook's outputs (feedback shows them)
    and returns a verdict for every graded cell that is in the notebook. Whatever the notebook
    does, it returns; it raises JudgeUnavailable when the cause is ours.
    """

    def judge(self, notebook: NotebookNode, task: JudgeTask) -> tuple[CellVerdict, ...]: ...
