"""The classes of differences from nbgrader, each with the evidence that it asks for.

docs/decisions/parity.md says why each is wanted. A difference without evidence is a fault.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode

from grader.sealed.authored import AuthorCell, Authored, bound, parse
from tests.grader.parity.both_ways import BothWays, Mark, Place


@dataclass(frozen=True)
class Difference:
    """One cell that we score otherwise than nbgrader, and all that is known about it."""

    graded: BothWays
    place: Place

    @property
    def plain(self) -> Mark:
        return self.graded.marks[self.place][0]

    @property
    def sealed(self) -> Mark:
        return self.graded.marks[self.place][1]

    @property
    def verdict(self) -> dict[str, Any]:
        return self.graded.verdicts[self.place]

    @property
    def most(self) -> float:
        return float(self.verdict["max_points"])

    @cached_property
    def plain_cell(self) -> NotebookNode | None:
        """The cell as nbgrader ran it."""
        return self.graded.plain.autograded(self.place, self.graded.assignment)

    def notebook(self, folder: str, *, of: str = "") -> list[NotebookNode]:
        """The cells of this notebook in the course's `source`, or as handed in."""
        where = self.graded.plain.root / folder / of / self.graded.assignment
        return list(nbformat.read(where / f"{self.place.notebook}.ipynb", as_version=4).cells)


def _stderr(one: Difference) -> bool:
    """A word on stderr made it 0; no exception did."""
    outputs = one.plain_cell.outputs if one.plain_cell else []
    noisy = any(o.output_type == "stream" and o.name == "stderr" for o in outputs)
    raised = any(o.output_type == "error" for o in outputs)
    return one.plain.score == 0 and noisy and not raised and bool(one.sealed.score)


def _own_import(one: Difference) -> bool:
    """The check uses a module that only the author's solution imports; it was not found."""
    errors = [o for o in (one.plain_cell or {}).get("outputs", []) if o.output_type == "error"]
    modules = _author(one)[1]
    missing = any(e.ename == "NameError" and f"{m!r}" in e.evalue for e in errors for m in modules)
    return one.plain.score == 0 and missing and one.sealed.score == one.most


def _own_names(one: Difference) -> bool:
    """The attendee rebinds something of the author's, so nbgrader judged by other data."""
    submitted = one.notebook("submitted", of=one.place.student)
    answers = [c for c in submitted if c.metadata.get("nbgrader", {}).get("solution")]
    rebound = {name for cell in answers for name in bound(parse(cell.source))}
    check = next(
        c for c in submitted if c.metadata.get("nbgrader", {}).get("grade_id") == one.place.cell
    )
    used = {n.id for n in ast.walk(parse(check.source)) if isinstance(n, ast.Name)}
    return bool(rebound & used & _author(one)[0])


def _object_decides(one: Difference) -> bool:
    """The check let an object of the attendee's answer for itself."""
    return one.sealed.score == 0 and one.verdict["reason"].startswith("CheckFailed: a check can't ")


def _never_ran(one: Difference) -> bool:
    """Full marks without a run."""
    cell = one.plain_cell
    ran = cell is not None and (cell.execution_count or cell.outputs)
    return one.plain.score == one.most and not ran and not one.sealed.score


def _no_marks(one: Difference) -> bool:
    """nbgrader gave up on the whole notebook and left it without any marks."""
    here = (one.place.student, one.place.notebook)
    all_plain = [m for p, (m, _) in one.graded.marks.items() if (p.student, p.notebook) == here]
    return one.plain_cell is None and all(mark.score is None for mark in all_plain)


def _impossible_points(one: Difference) -> bool:
    """The check's value is no number of points; nbgrader gives all of them."""
    return one.plain.score == one.most and one.verdict["cause"] == "BadPoints"


CLASSES: dict[str, Callable[[Difference], bool]] = {
    "stderr": _stderr,
    "own-import": _own_import,
    "own-names": _own_names,
    "object-decides": _object_decides,
    "never-ran": _never_ran,
    "no-marks": _no_marks,
    "impossible-points": _impossible_points,
}


def _author(one: Difference) -> tuple[set[str], set[str]]:
    """Names that the author's given cells bind, and modules that the solutions import."""
    given: set[str] = set()
    cells = []
    for number, cell in enumerate(one.notebook("source/.")):
        if cell.cell_type != "code":
            continue
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("solution"):
            cells.append(AuthorCell(str(number), "solution", cell.source))
        elif not meta.get("grade"):
            given |= bound(parse(cell.source))
    imports = Authored(cells).imports()
    return given, {name for statement in imports for name in bound(statement)}
