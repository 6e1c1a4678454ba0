"""Where the assignments come from: nbgrader's own course, our labs, and small ones of ours."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jupytext
import nbformat
import nbgrader

_OWN = Path(__file__).parent / "assignments"
_GUIDE = Path(nbgrader.__file__).parent / "docs/source/user_guide"
#: What `nbgrader quickstart` copies into a new course, without and with its `--autotest`.
SHIPPED = ("ps1", "ps1_autotest")
#: Small ones that use what nbgrader offers.
OWN = ("numbers", "arrays", "texts", "objects")


HEADER = "c.IncludeHeaderFooter.header = 'source/header.ipynb'"


def put_source(root: Path, assignment: str) -> tuple[str, ...]:
    """Write an assignment's source into a course; what its nbgrader_config.py must say."""
    folder = root / "source" / assignment
    if assignment in SHIPPED:
        shutil.copytree(_GUIDE / "source" / assignment, folder)
        shutil.copy(_GUIDE / "source/header.ipynb", root / "source")
        shutil.copy(_GUIDE / "autotests.yml", root)
        return (HEADER,)
    folder.mkdir(parents=True)
    for each in (_OWN / assignment).iterdir():
        if each.is_dir():
            nbformat.write(_notebook(each / "lab.py"), folder / f"{each.name}.ipynb")
        else:
            shutil.copy(each, folder)
    return ()


def _notebook(file: Path) -> nbformat.NotebookNode:
    """The percent format of our labs, with nbgrader's metadata filled up."""
    notebook = jupytext.reads(file.read_text(), fmt="py:percent")
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader")
        if meta is not None:
            usual = {"grade": False, "solution": False, "task": False, "schema_version": 3}
            usual["locked"] = bool(meta.get("grade") and not meta.get("solution"))
            cell.metadata["nbgrader"] = nbformat.from_dict({**usual, **meta})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = nbformat.from_dict({"kernelspec": kernel})
    return json.loads(nbformat.writes(notebook), object_hook=nbformat.from_dict)
