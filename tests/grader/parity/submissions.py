"""Submissions from a table: the author's own answers, with what each attendee did otherwise."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from pydantic import BaseModel, ConfigDict

from tests.grader.parity.both_ways import Course, grade_id
from tests.thorough import part_of

TABLES = Path(__file__).parent / "submissions"
_MARKS = re.compile(r"^[ \t]*### (BEGIN|END) SOLUTION[ \t]*\n?", flags=re.MULTILINE)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Added(_Strict):
    """A cell of the attendee's own."""

    source: str
    before: str = ""
    after: str = ""
    type: str = "code"
    tags: tuple[str, ...] = ()
    notebook: str = ""


class Row(_Strict):
    """One submission. Whatever it does not name is as the author would answer."""

    name: str
    #: By grade_id: what stands there instead.
    answers: dict[str, str] = {}
    #: Left as it was released: some cells, or ["all"].
    blank: tuple[str, ...] = ()
    add: tuple[Added, ...] = ()
    #: Ordinary cells that the attendee has moved in front of another.
    move: dict[str, str] = {}
    remove: tuple[str, ...] = ()
    #: By grade_id: the attendee's tags.
    tags: dict[str, tuple[str, ...]] = {}
    files: dict[str, str] = {}
    #: Notebooks that were not handed in.
    missing: tuple[str, ...] = ()
    #: By grade_id: the class (docs/decisions/parity.md) in which our score differs.
    differs: dict[str, str] = {}
    timestamp: str = ""


#: The plainest ones are graded in every run of the tests.
PLAIN = {"right", "untouched", "half-done", "wrong", "raising"}


def rows_of(assignment: str) -> list[Row]:
    """Those that are graded alike are many: a run of the tests takes every second."""
    table = yaml.safe_load((TABLES / f"{assignment}.yaml").read_text())
    rows = [Row.model_validate(row) for row in table]
    return part_of(rows, 2, always=lambda row: row.name in PLAIN or bool(row.differs))


def reference_answers(source: Path) -> dict[str, str]:
    """The author's answers by grade_id, of all notebooks of an assignment."""
    return {
        str(grade_id(cell)): _MARKS.sub("", cell.source)
        for file in source.glob("*.ipynb")
        for cell in nbformat.read(file, as_version=4).cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }


def submit(course: Course, assignment: str, row: Row) -> None:
    """Put it where `nbgrader collect` would have put it."""
    folder = course.root / "submitted" / row.name / assignment
    shutil.copytree(course.root / "release" / assignment, folder)
    answers = reference_answers(course.root / "source" / assignment) | row.answers
    for file in folder.glob("*.ipynb"):
        if file.stem in row.missing:
            file.unlink()
            continue
        notebook = nbformat.read(file, as_version=4)
        _fill(notebook.cells, answers, row)
        _rearrange(notebook.cells, row, file.stem)
        nbformat.write(notebook, file)
    for name, content in row.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    (folder / "timestamp.txt").write_text(row.timestamp or "2026-12-01 10:00:00 UTC")


def _fill(cells: Iterable[NotebookNode], answers: dict[str, str], row: Row) -> None:
    for cell in cells:
        name = str(grade_id(cell))
        if name not in row.blank and ("all" not in row.blank or name in row.answers):
            cell.source = answers.get(name, cell.source)
        if name in row.tags:
            cell.metadata["tags"] = list(row.tags[name])


def _rearrange(cells: list[NotebookNode], row: Row, notebook: str) -> None:
    names = {str(grade_id(cell)) for cell in cells}
    for name, before in row.move.items():
        if {name, before} <= names:
            cell = cells.pop(_index(cells, name))
            cells.insert(_index(cells, before), cell)
    for one in row.add:
        if (one.before or one.after) in names or one.notebook == notebook:
            cells.insert(_where(cells, one), _cell(one))
    for name in row.remove:
        if name in names:
            cells.pop(_index(cells, name))


def _where(cells: list[NotebookNode], one: Added) -> int:
    if one.before:
        return _index(cells, one.before)
    return _index(cells, one.after) + 1 if one.after else len(cells)


def _cell(one: Added) -> Any:
    make = new_code_cell if one.type == "code" else new_markdown_cell
    return make(one.source, metadata={"tags": list(one.tags)} if one.tags else {})


def _index(cells: list[NotebookNode], name: str) -> int:
    return next(i for i, cell in enumerate(cells) if grade_id(cell) == name)
