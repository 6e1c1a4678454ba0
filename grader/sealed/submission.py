"""What goes into the engine and what comes out, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

StepKind = Literal["student", "locked", "test"]
AuthorKind = Literal["plain", "locked", "solution", "test"]
Judgement = Literal["passed", "failed", "not judged"]


@dataclass(frozen=True)
class Step:
    """One code cell of the submitted notebook, in its order.

    `student` cells carry the submission's text. For `locked` and `test` cells the author's
    text of the same id is used, whatever `source` says.
    """

    id: str
    kind: StepKind
    source: str = ""


@dataclass(frozen=True)
class AuthorCell:
    """One code cell of the author's own notebook, hidden tests and solutions included.

    `plain` is a cell that nbgrader does not know, `locked` a read-only one, `solution` one that
    attendees write, `test` one whose tests decide about points.
    """

    id: str
    kind: AuthorKind
    source: str


@dataclass(frozen=True)
class Submission:
    """Everything that decides about the verdicts of one submitted notebook."""

    steps: tuple[Step, ...]
    author_cells: tuple[AuthorCell, ...]
    #: The author's data files, shown read-only to both processes. No notebooks in here.
    data_folder: Path | None = None
    #: The attendee's own files, for the student's process alone.
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class CellOutcome:
    """What happened to one step. Only tests have a judgement."""

    id: str
    kind: StepKind
    judgement: Judgement | None
    #: Why it failed or was not judged, safe to show to the attendee.
    reason: str = ""
    #: The exception's class for a failure ("AssertionError"), else "".
    cause: str = ""
    #: Whether it was stopped from outside or its process was gone.
    stopped: bool = False
    #: For the instructor alone: the traceback, which may quote hidden tests.
    detail: str = ""
    #: A plain number at the end of a test: nbgrader's partial credit.
    value: float | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    megabytes: float = 0.0
    #: Notebook outputs, safe to show to the attendee.
    outputs: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What happened to one submission."""

    cells: tuple[CellOutcome, ...]
    seconds: float = 0.0
    #: Of the student's and the checker's processes together.
    cpu_seconds: float = 0.0
    #: The student's processes at their largest.
    megabytes: float = 0.0

    @property
    def judged(self) -> bool:
        """Whether every test was judged."""
        return all(cell.judgement != "not judged" for cell in self.cells)

    def __getitem__(self, cell_id: str) -> CellOutcome:
        return next(cell for cell in self.cells if cell.id == cell_id)
