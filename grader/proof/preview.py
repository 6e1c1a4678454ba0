"""`python -m grader.proof.preview COURSE LAB --kernel NAME=PYTHON --to FOLDER`: a lab to look at.

The release as attendees get it, and the reference with its pictures: notebooks and pages.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbconvert import HTMLExporter
from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import ClearHiddenTests, ClearOutput, LockCells

from grader import durable
from grader.errors import GraderError
from grader.notebooks import data_files, write_notebook
from grader.proof.audience import Audience, Person, Program, private_stdout
from grader.proof.course import chosen_labs, read_course
from grader.proof.lab import Lab, read_lab
from grader.proof.notebook_run import run_notebook


def preview(lab: Lab, python: Path, run: Path, to: Path) -> list[Path]:
    """Write both, and the data beside them; returns the files to look at."""
    folder = to / lab.spec.name
    for file in data_files(lab.folder):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(lab.folder / file, folder / file)
    reference = run_notebook(lab, lab.notebook, python, run).notebook
    return [
        *_written(released(lab), folder, "release"),
        *_written(reference, folder, "reference"),
    ]


def released(lab: Lab) -> NotebookNode:
    """The notebook that attendees get, by nbgrader's own steps."""
    notebook: NotebookNode = lab.release
    for step in (LockCells(), ClearOutput(), ClearHiddenTests()):
        notebook, _ = step.preprocess(notebook, {})
    return notebook


def _written(notebook: NotebookNode, folder: Path, name: str) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    write_notebook(notebook, folder / f"{name}.ipynb")
    page, _ = HTMLExporter().from_notebook_node(notebook)  # type: ignore[no-untyped-call]
    durable.write_text(folder / f"{name}.html", page)
    yield folder / f"{name}.ipynb"
    yield folder / f"{name}.html"


def main(argv: Sequence[str]) -> int:
    """Exit code 2 when the lab can't be read."""
    options = _parser().parse_args(argv)
    audience: Audience = Program(private_stdout()) if options.events else Person()
    pythons = dict(each.split("=", 1) for each in options.kernel)
    try:
        spec = chosen_labs(options.course, read_course(options.course), [options.lab])[0]
        audience.progress("preview", 0, 1, spec.name)
        with tempfile.TemporaryDirectory(prefix="preview-", dir=options.run) as run:
            lab = read_lab(options.course.resolve(), spec)
            files = preview(lab, Path(pythons[spec.environment]), Path(run), options.to)
        audience.progress("preview", 1, 1, spec.name)
    except GraderError as error:
        audience.error(error)
        return 2
    names = [str(file) for file in files]
    audience.result({"files": names, "table": "\n".join(names)})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grader.proof.preview")
    parser.add_argument("course", type=Path, help="the folder of course.yaml")
    parser.add_argument("lab", help="a lab, or the folder of one")
    parser.add_argument("--kernel", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--locks", type=Path, help="not needed here")
    parser.add_argument("--to", type=Path, default=Path("preview"), help="where to write")
    parser.add_argument("--run", type=Path, help="where temporary files go")
    parser.add_argument("--events", action="store_true", help="JSON lines, for programs")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
