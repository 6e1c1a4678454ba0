"""One notebook of a course that nbgrader alone has made: what to judge it by, and its verdict."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from nbgrader.utils import find_all_files

from grader import durable, gradebook
from grader.conclusion import Ledger, Problem, conclude_in
from grader.errors import JudgeUnavailable
from grader.judge import CellVerdict, JudgeTask
from grader.notebooks import read_notebook
from grader.plain_text import first_line, readable
from grader.settings import Limits
from grader.submissions import Submission
from grader.verdict import Basis

Resources = dict[str, Any]
_NOT_EXECUTED = "it was not run: autograde was told not to execute"


class JudgeNotebook(NbGraderPreprocessor):
    """In the place of nbgrader's Execute, whose settings `enabled` and `timeout` it obeys."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        execute = Execute(parent=self.parent)
        work = _work_of(self.parent, resources)
        if unreadable := self.parent.unreadable.get(notebook_key(resources)):
            work.conclude((), Problem(unreadable, final=True))
            return nb, resources
        if not execute.enabled:
            # Without evidence there are no points; nbgrader alone would give all of them.
            work.conclude((), Problem(_NOT_EXECUTED, final=False))
            return nb, resources
        try:
            kernel = work.author.metadata.kernelspec.name
            task = work.task(kernel, _seconds(execute.timeout, self.parent))
            work.conclude(self.parent.judge_of(kernel).judge(nb, task))
        except JudgeUnavailable as error:
            work.conclude((), Problem(error.message, final=False))
            raise
        return nb, resources


@dataclass(frozen=True)
class NotebookWork:
    """One attendee's notebook, and the author's beside it."""

    submission: Submission
    source: Path
    author: NotebookNode
    ignored: list[str]
    #: Files that the instructor lets attendees change: theirs stay, as in nbgrader.
    kept: frozenset[str]
    ledger: Ledger

    def task(self, kernel: str, seconds: int) -> JudgeTask:
        """What the engine is told."""
        return JudgeTask(
            lab=self.submission.lab,
            kernel=kernel,
            # Where links are still links: nbgrader's copies have followed them.
            folder=self.submission.folder,
            data=self.source,
            author=self.author,
            cell_seconds=seconds,
            given=self.given,
        )

    @property
    def given(self) -> tuple[Path, ...]:
        """Like nbgrader: everything beside the notebooks that isn't ignored or kept."""
        found = find_all_files(str(self.source), [*self.ignored, "*.ipynb"])
        files = sorted(Path(file).relative_to(self.source) for file in found)
        return tuple(file for file in files if str(file) not in self.kept)

    def conclude(self, cells: tuple[CellVerdict, ...], problem: Problem | None = None) -> None:
        """Write verdict and scores."""
        version = durable.folder_digest(self.source)
        basis = Basis(self.submission.digest(), version, str(self.author.metadata.kernelspec.name))
        conclude_in(self.ledger, self.submission, basis, cells, problem)


def notebook_key(resources: Resources) -> tuple[str, str, str]:
    """Which notebook nbgrader is at: its assignment, its student, its name."""
    here = resources["nbgrader"]
    return here["assignment"], here["student"], here["notebook"]


def in_place_of(reason: str) -> NotebookNode:
    """What an assistant sees of a notebook that can't be read."""
    # Indented, it is code to Markdown: the reason may quote what the attendee wrote.
    why = "    " + first_line(readable(reason), 300)
    text = f"**This notebook could not be read, so nobody judged it:**\n\n{why}"
    return new_notebook(cells=[new_markdown_cell(text)])  # type: ignore[no-untyped-call,no-any-return]


def _work_of(exporter: Any, resources: Resources) -> NotebookWork:
    """What nbgrader's converter, which owns the exporter, says about this notebook."""
    course = exporter.parent.coursedir
    lab, attendee, notebook = notebook_key(resources)
    url = resources["nbgrader"]["db_url"]
    source = Path(course.format_path(course.source_directory, ".", lab)).resolve()
    folder = Path(course.format_path(course.submitted_directory, attendee, lab)).resolve()
    verdicts = Path(course.root) / exporter.verdicts / lab / attendee / notebook
    return NotebookWork(
        submission=Submission(attendee, lab, folder),
        source=source,
        author=_author(source / f"{notebook}.ipynb", url, lab),
        ignored=list(course.ignore),
        kept=frozenset(exporter.parent.exclude_overwriting.get(lab, ())),
        ledger=Ledger(url, verdicts, part=notebook),
    )


def _author(file: Path, url: str, lab: str) -> NotebookNode:
    """The author's notebook, its locked cells as they were released.

    Like nbgrader: what the gradebook has counts, as long as nobody generates the assignment
    anew. It also has the tests that nbgrader wrote itself, for `### AUTOTEST`.
    """
    if not file.is_file():
        raise JudgeUnavailable(
            f"there is no {file}: the engine reads what the author's cells do there",
            next_step="put the assignment's source notebook back",
        )
    author = read_notebook(file)
    released = gradebook.locked_sources(url, lab, file.stem)
    for cell in author.cells:
        name = (cell.metadata.get("nbgrader") or {}).get("grade_id")
        cell.source = released.get(str(name), cell.source)
    return author


def interpreter(kernel: str) -> Path:
    """The Python that a kernel runs in."""
    try:
        spec = KernelSpecManager().get_kernel_spec(kernel)
    except NoSuchKernel as error:
        raise JudgeUnavailable(
            f"no kernel is called {kernel!r}", next_step="see `jupyter kernelspec list`"
        ) from error
    program = spec.argv[0] if spec.argv else ""
    if Path(program).name.startswith("python"):
        # jupyter_client's own rule: a bare "python" is the one that runs us.
        found = shutil.which(program) if "/" in program else sys.executable
        if found:
            return Path(found)
    raise JudgeUnavailable(
        f"the kernel {kernel!r} is not started by a Python but by {program!r}",
        next_step="choose a kernel whose kernel.json begins with the path of a Python",
    )


def _seconds(timeout: int | None, exporter: Any) -> int:
    """nbgrader's timeout per cell; where it has none, the notebook's limit holds."""
    if timeout is None or timeout <= 0:
        return Limits(**exporter.limits).notebook_seconds
    return int(timeout)
