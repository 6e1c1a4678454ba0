"""One assignment, graded twice: by nbgrader as it comes, and by nbgrader with our engine."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode

PROJECT = Path(__file__).parents[3]
#: All that an instructor of a plain nbgrader course writes to have the engine.
LINE = 'c.Autograde.exporter_class = "grader.dropin.SealedAutograde"'

#: nbgrader chooses free ports for a kernel, and by the time that it listens, other tests may have
#: taken one: then nobody grades that submission. Sockets have no such gap; their paths are short.
KERNELS_WITHOUT_PORTS = (
    "import atexit, shutil, tempfile",
    "folder = tempfile.mkdtemp(prefix='k')",
    "atexit.register(shutil.rmtree, folder, ignore_errors=True)",
    "c.KernelManager.transport = 'ipc'",
    "c.KernelManager.connection_file = f'{folder}/kernel.json'",
)

COURSE = "parity"

_GRADES = """
    select s.student_id, n.name, c.name, g.auto_score, g.needs_manual_grade,
           coalesce((select o.auto_comment from comment o
                     join base_cell b on b.id = o.cell_id
                     where o.notebook_id = k.id and b.name = c.name), '')
    from grade g
    join submitted_notebook k on k.id = g.notebook_id
    join notebook n on n.id = k.notebook_id
    join submitted_assignment s on s.id = k.assignment_id
    join base_cell c on c.id = g.cell_id
"""


@dataclass(frozen=True, order=True)
class Place:
    """One graded cell of one submission."""

    student: str
    notebook: str
    cell: str


@dataclass(frozen=True)
class Mark:
    """All that nbgrader notes about it without a person."""

    score: float | None
    needs_a_person: bool
    comment: str


@dataclass(frozen=True)
class Course:
    """A folder that `nbgrader` is run in."""

    root: Path
    environment: dict[str, str]

    def configure(self, *lines: str) -> None:
        own = (f"c.CourseDirectory.course_id = {COURSE!r}", *KERNELS_WITHOUT_PORTS, *lines)
        (self.root / "nbgrader_config.py").write_text("\n".join(("c = get_config()", *own, "")))

    def copy(self, root: Path, *lines: str) -> Course:
        """The same course elsewhere, configured otherwise."""
        shutil.copytree(self.root, root, symlinks=True)
        course = Course(root, self.environment)
        course.configure(*lines)
        return course

    def nbgrader(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *words],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        with self.said.open("a") as file:
            file.write(done.stderr)
        return done

    @property
    def said(self) -> Path:
        """All that nbgrader has said here."""
        return self.root / "said.log"

    def marks(self) -> dict[Place, Mark]:
        """Straight from the database file."""
        with sqlite3.connect(self.root / "gradebook.db") as database:
            rows = database.execute(_GRADES).fetchall()
        return {
            Place(*names): Mark(score, bool(needs), comment)
            for *names, score, needs, comment in rows
        }

    def autograded(self, place: Place, assignment: str) -> NotebookNode | None:
        """The cell as nbgrader left it, outputs included; None when it left nothing."""
        file = self.root / "autograded" / place.student / assignment / f"{place.notebook}.ipynb"
        if not file.is_file():
            return None
        cells = nbformat.read(file, as_version=4).cells
        return next((c for c in cells if grade_id(c) == place.cell), None)

    def verdicts(self, assignment: str) -> dict[Place, dict[str, Any]]:
        """What our engine says about each cell."""
        found = {}
        for file in self.root.glob(f"verdicts/{assignment}/**/*.json"):
            verdict = json.loads(file.read_text())
            for cell in verdict["cells"]:
                notebook = verdict["part"] or assignment
                found[Place(verdict["attendee"], notebook, cell["cell"])] = cell
        return found


@dataclass(frozen=True)
class BothWays:
    """The two courses after everybody has been graded in both."""

    assignment: str
    plain: Course
    sealed: Course

    @cached_property
    def marks(self) -> dict[Place, tuple[Mark, Mark]]:
        """Every graded cell: nbgrader's mark, and ours."""
        plain, sealed = self.plain.marks(), self.sealed.marks()
        assert plain.keys() == sealed.keys()
        return {place: (plain[place], sealed[place]) for place in sorted(plain)}

    @cached_property
    def verdicts(self) -> dict[Place, dict[str, Any]]:
        return self.sealed.verdicts(self.assignment)

    @cached_property
    def differing(self) -> list[Place]:
        return [place for place, (plain, sealed) in self.marks.items() if plain != sealed]


def grade_id(cell: NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def environment(python: Path, jupyter: Path, *kernels: str) -> dict[str, str]:
    """Variables under which nbgrader finds us, and this Python as the kernel of notebooks."""
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
    for name in ("python3", "python", *kernels):
        (jupyter / "kernels" / name).mkdir(parents=True)
        (jupyter / "kernels" / name / "kernel.json").write_text(json.dumps(spec))
    return {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "JUPYTER_PATH": str(jupyter),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
