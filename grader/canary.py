"""The canary goes first: the solution must pass and the untouched release must earn nothing."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import ClearSolutions, ComputeChecksums

from grader import durable
from grader.errors import NotPossibleHere
from grader.judge import Judge, JudgeTask
from grader.notebooks import data_files
from grader.records import read_record, write_record
from grader.verdict import ENGINE


@dataclass(frozen=True)
class Canary:
    """A lab's source notebook with its data, to be tried on one environment."""

    lab: str
    notebook: NotebookNode
    data: Path
    version: str
    environment: str
    cell_seconds: int
    sealed: bool = True

    @property
    def key(self) -> str:
        return durable.text_digest(self.version, self.environment, ENGINE, str(self.sealed))


def require_canary(canary: Canary, judge: Judge, record: Path) -> None:
    """Raise NotPossibleHere, with all findings, unless the canary lives.

    A success is remembered for this version of lab, environment and engine.
    """
    if read_record(record).get("passed") == canary.key:
        return
    if findings := prove(canary, judge):
        raise NotPossibleHere(
            f"lab {canary.lab!r} can't be graded here: " + "; ".join(findings),
            next_step=f"correct the lab or its environment, then try `workshop grade` on "
            f"{canary.lab} again; nobody has been graded",
        )
    write_record(record, passed=canary.key)


def prove(canary: Canary, judge: Judge) -> list[str]:
    """What is wrong with a lab: checks that its solution fails, or that nothing passes."""
    with tempfile.TemporaryDirectory(prefix="canary-") as place:
        for file in data_files(canary.data):
            target = Path(place) / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(canary.data / file, target)
        task = JudgeTask(
            lab=canary.lab,
            kernel=canary.notebook.metadata.kernelspec.name,
            folder=Path(place),
            data=canary.data,
            author=canary.notebook,
            cell_seconds=canary.cell_seconds,
            sealed=canary.sealed,
            fresh=True,
            trial=True,
        )
        solution = copy.deepcopy(canary.notebook)
        return [
            *_solution_findings(solution, judge, task),
            *_untouched_findings(_untouched(canary.notebook), judge, task),
        ]


def _solution_findings(notebook: NotebookNode, judge: Judge, task: JudgeTask) -> Iterator[str]:
    for verdict in judge.judge(notebook, task):
        if verdict.outcome not in ("passed", "by hand"):
            yield f"the solution does not pass {verdict.cell!r} ({verdict.reason})"


def _untouched_findings(notebook: NotebookNode, judge: Judge, task: JudgeTask) -> Iterator[str]:
    for verdict in judge.judge(notebook, task):
        if verdict.points > 0:
            yield (
                f"the untouched release earns {verdict.points:g} points at {verdict.cell!r}: "
                "that check tests nothing"
            )
        elif verdict.outcome == "not judged":
            yield f"the untouched release can't be judged at {verdict.cell!r} ({verdict.reason})"


def _untouched(source: NotebookNode) -> NotebookNode:
    """The notebook that is graded when an attendee hands in the release as it is."""
    notebook = copy.deepcopy(source)
    for step in (ClearSolutions(), ComputeChecksums()):
        notebook, _ = step.preprocess(notebook, {})
    return notebook
