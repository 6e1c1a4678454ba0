"""nbgrader's autograde of one lab in two halves, made once for any number of submissions.

Its own command sanitises, executes and records one submission after the other, and makes every
step anew for each. Here the first half ends before a judge is asked and the second begins when
its answer is there, so that judges work side by side while one writer writes. Both halves are
the steps of nbgrader_config.py in their order. Some of them are exchanged for the same with a
memory: what they ask the gradebook comes out alike for every submission of a lab.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters.exporter import Exporter
from nbconvert.writers.files import FilesWriter
from nbformat.notebooknode import NotebookNode
from nbgrader.converters import Autograde
from nbgrader.converters.base import BaseConverter
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    NbGraderPreprocessor,
    OverwriteCells,
    OverwriteKernelspec,
)
from nbgrader.utils import find_all_files
from traitlets.config import Config
from traitlets.utils.importstring import import_item

from grader import gradebook
from grader.notebooks import notebook_text
from grader.preprocessors import JudgeCells, MendMetadata, SaveComments
from grader.submissions import Submission

Resources = dict[str, Any]


@dataclass(frozen=True)
class Sanitised:
    """A submitted notebook with nbgrader's metadata and locked cells as they were released."""

    submission: Submission
    notebook: NotebookNode
    resources: Resources


class LabSteps:
    """The steps of one lab; use them from one thread."""

    def __init__(self, config: Config, root: Path, lab: str, *, due: bool) -> None:
        """`config` is the course's nbgrader_config.py, `due` whether anybody can be late."""
        self._coursedir = CourseDirectory(config=config, root=str(root), assignment_id=lab)
        self._ignored = list(self._coursedir.ignore)
        self._converter = Autograde(coursedir=self._coursedir, config=config)
        self._converter.force = True
        writer = FilesWriter(parent=self._converter, config=config)  # type: ignore[no-untyped-call]
        self._converter.writer = writer
        self._converter.exporter = self._exporter()
        # The writer writes scores and comments itself.
        left_out = {JudgeCells, SaveComments} | (set() if due else {AssignLatePenalties})
        self._before = self._made(self._converter.sanitize_preprocessors, left_out)
        self._after = self._made(self._converter.autograde_preprocessors, left_out)

    def _exporter(self) -> Exporter:
        return Exporter(parent=self._converter, config=self._converter.config)  # type: ignore[no-untyped-call]

    def _made(self, steps: Iterable[Any], left_out: set[Any]) -> list[Any]:
        exporter = self._exporter()
        for step in map(_class, steps):
            if step not in left_out:
                exporter.register_preprocessor(_WITH_A_MEMORY.get(step, step))  # type: ignore[no-untyped-call]
        return list(exporter._preprocessors)

    def sanitised(self, submission: Submission, notebook: NotebookNode) -> Sanitised:
        """The first half, in memory: `notebook` is changed, nothing is written."""
        return _run(self._before, self.executed(submission, notebook))

    def executed(self, submission: Submission, notebook: NotebookNode) -> Sanitised:
        """A notebook that the first half and a judge have seen already."""
        file = submission.notebook
        resources = self._converter.init_single_notebook_resources(str(file))
        resources["metadata"] = {"name": file.stem, "path": str(file.parent)}
        return Sanitised(submission, notebook, dict(resources))

    def copy_files(self, submission: Submission) -> None:
        """An empty autograded folder with what was handed in, and the lab's files over it."""
        converter, here = self._converter, (submission.lab, submission.attendee)
        self._coursedir.ignore = [*self._ignored, *submission.links()]
        converter.notebooks = [str(submission.notebook)]
        converter.init_destination(*here)
        # Autograde's own also writes rows; a submission's are written in one transaction.
        BaseConverter.init_assignment(converter, *here)
        folder = Path(converter._format_dest(*here))
        for file, original in self._given.items():
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copy(original, target)

    @cached_property
    def _given(self) -> dict[Path, Path]:
        """The lab's files, relative to its folder, that take the place of handed in ones."""
        lab = self._coursedir.assignment_id
        source = Path(self._coursedir.format_path(self._coursedir.source_directory, ".", lab))
        found = find_all_files(str(source), [*self._ignored, "*.ipynb"])
        given = {Path(file).relative_to(source): Path(file) for file in found}
        kept = self._converter.exclude_overwriting.get(lab, [])
        return {file: path for file, path in given.items() if str(file) not in kept}

    def record(self, work: Sanitised) -> Sanitised:
        """The second half: limits of output, and late rules into the gradebook."""
        done = _run(self._after, work)
        nbformat.validate(done.notebook, relax_add_props=True)
        return done

    def write(self, work: Sanitised) -> None:
        """The executed notebook, after everything else of its folder."""
        resources = {**work.resources, "output_extension": ".ipynb"}
        self._converter.write_single_notebook(notebook_text(work.notebook) + "\n", resources)
        self._converter.set_permissions(work.submission.lab, work.submission.attendee)


def _class(step: Any) -> Any:
    return import_item(step) if isinstance(step, str) else step


def _run(steps: Iterable[Any], work: Sanitised) -> Sanitised:
    """What nbconvert's exporter does, without its copies: nobody else has this notebook."""
    notebook, resources = work.notebook, work.resources
    for step in steps:
        notebook, resources = step(notebook, resources)
    return Sanitised(work.submission, notebook, resources)


class _MendWithMemory(MendMetadata):
    _read: Mapping[str, dict[str, Any]] | None = None

    def truth(self, where: dict[str, str]) -> dict[str, dict[str, Any]]:
        if self._read is None:
            self._read = super().truth(where)
        return copy.deepcopy(dict(self._read))


class _KernelspecWithMemory(OverwriteKernelspec):
    _read: gradebook.ReleasedNotebook | None = None

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        self._read = self._read or _released(resources)
        if self._read.kernelspec:
            nb.metadata["kernelspec"] = nbformat.from_dict(json.loads(self._read.kernelspec))  # type: ignore[no-untyped-call]
        return nb, resources


class _CellsWithMemory(OverwriteCells):
    _read: gradebook.ReleasedNotebook | None = None

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        if self.add_missing_cells:
            return super().preprocess(nb, resources)  # type: ignore[no-any-return]
        here = resources["nbgrader"]
        self.notebook_id, self.assignment_id = here["notebook"], here["assignment"]
        self.gradebook = self._read = self._read or _released(resources)
        return NbGraderPreprocessor.preprocess(self, nb, resources)  # type: ignore[no-any-return]


class _CheckWithMemory(CheckCellMetadata):
    """Compares metadata with nbgrader's schema once: that takes longer than everything else that
    sanitising does, and every submission has the released metadata by now."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._sound: set[str] = set()

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        metadata = [(cell.cell_type, cell.metadata.get("nbgrader")) for cell in nb.cells]
        text = json.dumps(metadata, sort_keys=True)
        if text not in self._sound:
            super().preprocess(nb, resources)
            self._sound.add(text)
        return nb, resources


def _released(resources: Resources) -> gradebook.ReleasedNotebook:
    here = resources["nbgrader"]
    return gradebook.released_notebook(here["db_url"], here["assignment"], here["notebook"])


_WITH_A_MEMORY = {
    MendMetadata: _MendWithMemory,
    OverwriteKernelspec: _KernelspecWithMemory,
    OverwriteCells: _CellsWithMemory,
    CheckCellMetadata: _CheckWithMemory,
}
