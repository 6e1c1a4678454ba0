"""A stranger's notebook, made to keep the rules of the format."""

from __future__ import annotations

from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode


def sound(notebook: Any) -> NotebookNode:
    """The notebook itself, if it keeps the rules.

    Otherwise what counts for its marks: each cell's kind, text and place in nbgrader's course.
    Whatever else is damaged (metadata of a wrong type, attachments, outputs) isn't worth a mark.
    """
    notebook = nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]
    try:
        nbformat.validate(notebook, relax_add_props=True)
    except nbformat.ValidationError:
        notebook.metadata = nbformat.from_dict({})  # type: ignore[no-untyped-call]
        notebook.cells = [_sound_cell(cell) for cell in notebook.cells]
    return notebook  # type: ignore[no-any-return]


def _sound_cell(cell: NotebookNode) -> NotebookNode:
    kept: dict[str, Any] = {key: cell[key] for key in ("cell_type", "source")}
    kept["metadata"] = {key: cell.metadata[key] for key in ("nbgrader",) if key in cell.metadata}
    if cell.cell_type == "code":
        kept |= {"outputs": [], "execution_count": None}
    return nbformat.from_dict(kept)  # type: ignore[no-untyped-call,no-any-return]
