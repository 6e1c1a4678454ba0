"""What stands at the top of a feedback page: each exercise, its points, and why they were lost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import nbgrader.server_extensions.formgrader as formgrader
from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor

from grader.preprocessors import SEALED_KEY

#: Ours lie over nbgrader's, which lie over nbconvert's; see the folders for what is replaced.
TEMPLATES = (
    Path(__file__).parent / "templates" / "nbgrader",
    Path(formgrader.__file__).parent / "templates",
)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", flags=re.MULTILINE)
_REMARK_LENGTH = 300
#: nbgrader's own comment on an answer that nobody has touched.
_UNANSWERED = "No response."


@dataclass(frozen=True)
class ExerciseMark:
    """The checks below one heading. `remarks` are reasons of failed checks, then comments."""

    title: str
    anchor: str
    score: float
    points: float
    remarks: tuple[str, ...]

    @property
    def state(self) -> Literal["full", "part", "none"]:
        if self.score >= self.points:
            return "full"
        return "part" if self.score > 0 else "none"


class ListExercises(NbGraderPreprocessor):
    """Runs after GetGrades, which puts scores and comments into the cells."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        resources["exercises"] = exercise_marks(nb.cells)
        resources["sealed"] = nb.metadata.get(SEALED_KEY) is not False
        return nb, resources


def exercise_marks(cells: Iterable[NotebookNode]) -> tuple[ExerciseMark, ...]:
    """One mark per heading that has something graded below it, in the notebook's order."""
    below = groupby(_marked_cells(cells), key=lambda pair: pair[0])
    parts = ((heading, [cell for _, cell in pairs]) for heading, pairs in below)
    return tuple(
        _mark(heading, found) for heading, found in parts if any(map(utils.is_grade, found))
    )


def _marked_cells(cells: Iterable[NotebookNode]) -> Iterator[tuple[str, NotebookNode]]:
    """Graded cells and answers, each with the nearest heading above it."""
    heading = "Before the first heading"
    for cell in cells:
        if utils.is_grade(cell) or utils.is_solution(cell):
            yield heading, cell
        elif cell.cell_type == "markdown":
            heading = (_HEADING.findall(cell.source) or [heading])[-1]


def _mark(title: str, cells: list[NotebookNode]) -> ExerciseMark:
    graded = [cell.metadata.nbgrader for cell in cells if utils.is_grade(cell)]
    reasons = [_reason(cell) for cell in cells if utils.is_grade(cell)]
    comments = [cell.metadata.nbgrader.get("comment") or "" for cell in cells]
    # What the check of an empty answer says is no news.
    said = comments if _UNANSWERED in comments else [*reasons, *comments]
    # Two checks of one exercise often fail for one reason.
    remarks = dict.fromkeys(each for each in said if each)
    return ExerciseMark(
        title=title,
        anchor=graded[0].grade_id,
        score=sum(meta.score for meta in graded),
        points=sum(meta.points for meta in graded),
        remarks=tuple(remarks),
    )


def _reason(cell: NotebookNode) -> str:
    """What the check said when it failed; nothing when it has all its points."""
    meta = cell.metadata.nbgrader
    errors = [each for each in cell.get("outputs", []) if each.output_type == "error"]
    if not errors or meta.score >= meta.points:
        return ""
    reason = str(errors[-1].evalue) or str(errors[-1].ename)
    return reason if len(reason) <= _REMARK_LENGTH else f"{reason[:_REMARK_LENGTH]} …"
