"""From a lab's reviewable text (jupytext percent format) to nbgrader's source notebook."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat.notebooknode import NotebookNode

from grader.errors import BadInput, Place
from grader.results import Exercise, Lab
from grader.spec import LabSpec

_TYPES: dict[str, tuple[type, ...]] = {
    "grade": (bool,),
    "solution": (bool,),
    "locked": (bool,),
    "task": (bool,),
    "grade_id": (str,),
    "points": (int, float),
    "schema_version": (int,),
    # nbgrader writes these two itself; they are welcome and change nothing.
    "cell_type": (str,),
    "checksum": (str,),
}
_GRADE_ID = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")


@dataclass(frozen=True)
class _Cell:
    """A cell, and how to call it in a message."""

    node: NotebookNode
    place: Place

    def wrong(self, found: str, write: str) -> BadInput:
        return BadInput(self.place, found, write)


def read_notebook(file: Path) -> NotebookNode:
    """A notebook file of ours, in format 4."""
    return nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call,no-any-return]


def write_notebook(notebook: NotebookNode, file: Path) -> None:
    nbformat.write(notebook, file)  # type: ignore[no-untyped-call]


def notebook_text(notebook: NotebookNode) -> str:
    """Its JSON: the same notebook always has the same text."""
    return str(nbformat.writes(notebook))  # type: ignore[no-untyped-call]


def source_notebook(file: Path, lab: LabSpec) -> NotebookNode:
    """Read `lab.py`; the same text always gives the same notebook.

    Raises BadInput naming the file and the cell.
    """
    try:
        notebook: NotebookNode = jupytext.reads(file.read_text(encoding="utf-8"), fmt="py:percent")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(Place(file), str(error), "a lab in percent format, UTF-8") from error
    _settle_kernel(notebook, file, lab)
    cells = [_Cell(node, _place(file, number, node)) for number, node in enumerate(notebook.cells)]
    for number, cell in enumerate(cells):
        cell.node["id"] = f"cell-{number:03d}"
        _check_cell(cell)
    _check_ids(cells)
    if not any(is_graded(cell.node) for cell in cells):
        raise BadInput(
            Place(file), "no cell is graded", 'a cell with nbgrader={"grade": true, ...}'
        )
    nbformat.validate(notebook)
    return notebook


def _place(file: Path, number: int, node: NotebookNode) -> Place:
    first = next((line.strip() for line in node.source.splitlines() if line.strip()), "empty")
    meta = node.metadata.get("nbgrader")
    name = meta.get("grade_id") if isinstance(meta, dict) else None
    return Place(file, f"cell {number + 1} ({name or first[:40]!r})")


def _settle_kernel(notebook: NotebookNode, file: Path, lab: LabSpec) -> None:
    kernel = notebook.metadata.get("kernelspec", {}).get("name", lab.environment)
    if kernel != lab.environment:
        raise BadInput(
            Place(file, "kernelspec"),
            f"the lab asks for the kernel {kernel!r}, course.yaml for {lab.environment!r}",
            f"name: {lab.environment}",
        )
    notebook.metadata = nbformat.from_dict(  # type: ignore[no-untyped-call]
        {
            "kernelspec": {"name": kernel, "display_name": kernel, "language": "python"},
            "language_info": {"name": "python"},
        }
    )


def _check_cell(cell: _Cell) -> None:
    """Check nbgrader's metadata and fill in what follows from the rest."""
    meta = cell.node.metadata.get("nbgrader")
    if meta is None:
        for marker in ("BEGIN SOLUTION", "BEGIN HIDDEN TESTS"):
            if marker in cell.node.source:
                raise cell.wrong(f"{marker} in a cell without nbgrader metadata", "the metadata")
        return
    if not isinstance(meta, dict):
        raise cell.wrong(f"nbgrader metadata is {meta!r}", "a JSON object")
    _check_types(cell, meta)
    if not _GRADE_ID.match(meta.get("grade_id", "")):
        raise cell.wrong(
            f"grade_id is {meta.get('grade_id')!r}", "a name of letters, digits, dashes"
        )
    meta.setdefault("grade", False)
    meta.setdefault("solution", False)
    meta.setdefault("task", False)
    meta.setdefault("locked", not meta["solution"])
    meta["schema_version"] = 3
    _check_roles(cell, meta)


def _check_types(cell: _Cell, meta: dict[str, Any]) -> None:
    for key, value in meta.items():
        if key not in _TYPES:
            raise cell.wrong(f"unknown nbgrader key {key!r}", f"one of {', '.join(_TYPES)}")
        # bool is an int, but "points": true is a slip.
        if not isinstance(value, _TYPES[key]) or (key == "points" and isinstance(value, bool)):
            wanted = " or ".join(kind.__name__ for kind in _TYPES[key])
            raise cell.wrong(f"nbgrader {key} is {value!r}", f"a value of type {wanted}")


def _check_roles(cell: _Cell, meta: dict[str, Any]) -> None:
    source = cell.node.source
    if meta["grade"] and not meta.get("points", -1) >= 0:
        raise cell.wrong(f"a graded cell with points {meta.get('points')!r}", '"points": 1')
    if not meta["grade"] and "points" in meta:
        raise cell.wrong("points in a cell that is not graded", '"grade": true, or no points')
    if cell.node.cell_type == "markdown" and meta["grade"] != meta["solution"]:
        raise cell.wrong("a markdown answer must be graded by hand", '"grade" and "solution" true')
    if "BEGIN SOLUTION" in source and not meta["solution"]:
        raise cell.wrong("BEGIN SOLUTION in a cell that is no solution", '"solution": true')
    if "BEGIN HIDDEN TESTS" in source and not (meta["grade"] and not meta["solution"]):
        raise cell.wrong("BEGIN HIDDEN TESTS in a cell that is no test", '"grade": true')
    for what in ("SOLUTION", "HIDDEN TESTS"):
        if source.count(f"BEGIN {what}") != source.count(f"END {what}"):
            raise cell.wrong(f"BEGIN {what} without END {what}", f"### END {what}")


def _check_ids(cells: list[_Cell]) -> None:
    seen: dict[str, _Cell] = {}
    for cell in cells:
        name = cell.node.metadata.get("nbgrader", {}).get("grade_id")
        if name is None:
            continue
        if name in seen:
            raise cell.wrong(f"grade_id {name!r} is there already: {seen[name].place}", "a new one")
        seen[name] = cell


def is_graded(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("grade"))


def is_marked_by_hand(cell: NotebookNode) -> bool:
    """A graded answer: no test decides about it, a person does."""
    return is_graded(cell) and bool(cell.metadata.nbgrader.get("solution"))


def lab_of_notebook(notebook: NotebookNode, name: str, title: str) -> Lab:
    """The exercises of a source notebook, each titled by the nearest heading above it."""
    heading, exercises = title, []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", cell.source, flags=re.MULTILINE)
            heading = found[-1] if found else heading
        if is_graded(cell):
            meta = cell.metadata.nbgrader
            exercises.append(Exercise(name, meta.grade_id, heading, float(meta.points)))
    return Lab(name, title, tuple(exercises))


def data_files(folder: Path) -> list[Path]:
    """What attendees get beside the notebook, relative to the lab's folder: its `data` folder.

    Everything else in a lab's folder is the authors' own: scripts, notes, wrong answers.
    """
    found = []
    for path in sorted((folder / "data").rglob("*")):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
        if path.is_file() and not hidden:
            found.append(relative)
    return found
