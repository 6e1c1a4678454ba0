"""What travels to a worker host: the lab's part once, then one order for each submission.

JSON text both ways, bytes in base64. Nothing here is ever unpickled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from grader.scheduling.engines import SealedRun
from grader.sealed.limits import Limits
from grader.sealed.submission import AuthorCell, AuthorKind, Step, StepKind, Submission

_CONFIG = ConfigDict(extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


@dataclass(frozen=True)
class LabPart:
    """What all submissions of a lab have in common: solutions and hidden checks included."""

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG

    kernel: str
    #: Of the environment: a worker host that has another one must not judge.
    identity: str
    author_cells: tuple[AuthorCell, ...]
    #: The author's data files, by relative path.
    data: Mapping[str, bytes]

    @cached_property
    def text(self) -> str:
        return _LAB.dump_json(self).decode()

    @cached_property
    def key(self) -> str:
        """The same bytes always have the same key, and no others have it."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Order:
    """One submission of the lab with this key."""

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG

    lab: str
    steps: tuple[Step, ...]
    files: Mapping[str, bytes]
    limits: Limits

    @cached_property
    def text(self) -> str:
        return _ORDER.dump_json(self).decode()


_LAB = TypeAdapter(LabPart)
_ORDER = TypeAdapter(Order)
_Read = TypeVar("_Read", LabPart, Order)


def read_lab_part(text: str) -> LabPart:
    """ValueError for anything but what `LabPart.text` gives."""
    return _read(_LAB, text)


def read_order(text: str) -> Order:
    """ValueError for anything but what `Order.text` gives."""
    return _read(_ORDER, text)


def _read(adapter: TypeAdapter[_Read], text: str) -> _Read:
    try:
        found = adapter.validate_json(text)
    except ValidationError as error:
        raise ValueError(f"no order of ours: {error.errors()[0]['msg']}") from None
    names = found.data if isinstance(found, LabPart) else found.files
    for name in names:
        if not name or name.startswith("/") or ".." in name.split("/"):
            raise ValueError(f"no order of ours: a file is called {name!r}")
    return found


def lab_part(wanted: SealedRun, identity: str) -> LabPart:
    """The part of a run that the lab decides."""
    submission = wanted.submission
    return LabPart(
        wanted.kernel, identity, submission.author_cells, read_data(submission.data_folder)
    )


def order(wanted: SealedRun, lab: str) -> Order:
    """The part of a run that the attendee decides."""
    submission = wanted.submission
    return Order(lab, submission.steps, submission.files, wanted.limits)


def read_data(folder: Path | None) -> dict[str, bytes]:
    """The files below a folder, links left out."""
    files = sorted(folder.rglob("*")) if folder else []
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if folder and path.is_file() and not path.is_symlink()
    }


_AS_HANDED_IN: Mapping[AuthorKind, StepKind] = {
    "plain": "student",
    "solution": "student",
    "locked": "locked",
    "test": "test",
}
#: What nbgrader leaves of a solution.
UNTOUCHED = "raise NotImplementedError()"


def solution_of(lab: LabPart, data_folder: Path | None) -> Submission:
    """The author's own answers as a submission: every check must pass."""
    steps = (Step(cell.id, _AS_HANDED_IN[cell.kind], cell.source) for cell in lab.author_cells)
    return Submission(tuple(steps), lab.author_cells, data_folder)


def untouched_of(lab: LabPart, data_folder: Path | None) -> Submission:
    """A submission without any answer: no check may pass."""
    steps = (
        Step(
            cell.id,
            _AS_HANDED_IN[cell.kind],
            UNTOUCHED if cell.kind == "solution" else cell.source,
        )
        for cell in lab.author_cells
    )
    return Submission(tuple(steps), lab.author_cells, data_folder)
