"""A lab as the proof sees it: cells in order, exercises with their checks, and its variants."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import ClearSolutions

from grader.notebooks import is_marked_by_hand, source_notebook
from grader.sealed.submission import AuthorCell, AuthorKind, Step, StepKind
from grader.spec import LabSpec

_STEPS: Mapping[AuthorKind, StepKind] = {
    "plain": "student",
    "solution": "student",
    "locked": "locked",
    "test": "test",
}


@dataclass(frozen=True)
class Cell:
    """One code cell of the lab."""

    id: str
    kind: AuthorKind
    source: str
    #: What stands there in the release.
    blank: str
    points: float = 0.0
    picture: bool = False
    #: It trains for more than a second: only its own exercise waits for it.
    slow: bool = False

    def step(self, source: str | None = None) -> Step:
        """This cell, as somebody handed it in."""
        return Step(self.id, _STEPS[self.kind], self.source if source is None else source)


@dataclass(frozen=True)
class Exercise:
    """What is written, and what decides about it."""

    #: Usually one; several gaps that the same checks judge are one exercise.
    solutions: tuple[Cell, ...]
    checks: tuple[Cell, ...]

    @property
    def name(self) -> str:
        return self.solutions[0].id

    @property
    def check_ids(self) -> frozenset[str]:
        return frozenset(cell.id for cell in self.checks)


@dataclass(frozen=True)
class Lab:
    """A lab's source, understood."""

    spec: LabSpec
    folder: Path
    notebook: NotebookNode

    @cached_property
    def release(self) -> NotebookNode:
        """The notebook without its solutions; hidden checks are still there."""
        notebook: NotebookNode
        notebook, _ = ClearSolutions().preprocess(copy.deepcopy(self.notebook), {})
        return notebook

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The code cells, as the engine tells them apart."""
        pairs = enumerate(zip(self.notebook.cells, self.release.cells, strict=True))
        return tuple(
            _cell(number, node, blank)
            for number, (node, blank) in pairs
            if node.cell_type == "code" and not is_marked_by_hand(node)
        )

    @cached_property
    def exercises(self) -> tuple[Exercise, ...]:
        """Solution cells with the checks that follow, up to the next solution cell."""
        found: list[Exercise] = []
        solutions: list[Cell] = []
        checks: list[Cell] = []
        for cell in self.cells:
            if cell.kind == "solution" and checks:
                found.append(Exercise(tuple(solutions), tuple(checks)))
                solutions, checks = [], []
            if cell.kind == "solution":
                solutions.append(cell)
            elif cell.kind == "test" and solutions:
                checks.append(cell)
        if checks:
            found.append(Exercise(tuple(solutions), tuple(checks)))
        return tuple(found)

    @cached_property
    def checks(self) -> frozenset[str]:
        return frozenset(cell.id for cell in self.cells if cell.kind == "test")

    @property
    def points(self) -> float:
        return sum(cell.points for cell in self.cells)

    @property
    def author_cells(self) -> tuple[AuthorCell, ...]:
        return tuple(AuthorCell(cell.id, cell.kind, cell.source) for cell in self.cells)

    def exercise_of(self, solution: str) -> Exercise | None:
        """The exercise that this solution cell belongs to."""
        for exercise in self.exercises:
            if any(cell.id == solution for cell in exercise.solutions):
                return exercise
        return None

    def quick(self, own: Exercise | None = None) -> tuple[Cell, ...]:
        """Without pictures, and without what is slow and belongs to other exercises."""
        wanted = self._slow_cells_of(own) if own else frozenset()
        return tuple(
            cell for cell in self.cells if not cell.picture and (not cell.slow or cell.id in wanted)
        )

    def only(self, own: Exercise) -> tuple[Cell, ...]:
        """What this exercise's checks need: everything before them, other checks left out."""
        cells = [
            cell for cell in self.quick(own) if cell.kind != "test" or cell.id in own.check_ids
        ]
        last = max(place for place, cell in enumerate(cells) if cell.id in own.check_ids)
        return tuple(cells[: last + 1])

    def _slow_cells_of(self, own: Exercise) -> Set[str]:
        """Slow cells between the check before this exercise and its own last check."""
        ids = [cell.id for cell in self.cells]
        first, last = ids.index(own.name), max(ids.index(check) for check in own.check_ids)
        before = [place for place in range(first) if self.cells[place].kind == "test"]
        start = before[-1] + 1 if before else 0
        return {cell.id for cell in self.cells[start : last + 1] if cell.slow}


def read_lab(course: Path, spec: LabSpec) -> Lab:
    """Raises BadInput that names the cell which is no cell of a lab."""
    folder = course / spec.folder
    return Lab(spec, folder, source_notebook(folder / "lab.py", spec))


def _cell(number: int, node: NotebookNode, blank: NotebookNode) -> Cell:
    meta = node.metadata.get("nbgrader") or {}
    tags = node.metadata.get("tags", [])
    return Cell(
        id=str(meta.get("grade_id") or f"cell {number}"),
        kind=_kind(meta),
        source=node.source,
        blank=blank.source,
        points=float(meta.get("points", 0)) if meta.get("grade") else 0.0,
        picture="picture" in tags,
        slow="slow" in tags,
    )


def _kind(meta: Mapping[str, object]) -> AuthorKind:
    if meta.get("solution"):
        return "solution"
    if meta.get("grade"):
        return "test"
    return "locked" if meta.get("locked") else "plain"
