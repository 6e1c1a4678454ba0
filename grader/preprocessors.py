"""Our steps inside nbgrader's pipelines; nbgrader_config.py names them.

Plain `nbgrader autograde` and the formgrader's button run them too, so that whoever grades this
course grades it in the jail, and from verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from traitlets import Dict, List, Unicode

from grader import gradebook
from grader.conclusion import basis_of, conclude
from grader.folders import CourseFolder
from grader.judge import Judge, JudgeTask
from grader.judging import judges
from grader.notebooks import read_notebook
from grader.settings import Limits
from grader.submissions import Submission

Resources = dict[str, Any]
#: Where an executed notebook names its verdict: written last, so it says "this one is complete".
VERDICT_KEY = "workshop_verdict"
#: And whether that verdict is sealed: the feedback page says it when not.
SEALED_KEY = "workshop_sealed"


class MendMetadata(NbGraderPreprocessor):
    """Put nbgrader's metadata back as it was released, whatever the attendee did to it.

    Of two cells with one id the later counts (as in nbgrader); unknown ids are plain cells.
    """

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        truth = self.truth(resources["nbgrader"])
        for key in (VERDICT_KEY, SEALED_KEY):
            nb.metadata.pop(key, None)
        for cell in reversed(nb.cells):
            meta = cell.metadata.pop("nbgrader", None)
            name = meta.get("grade_id") if isinstance(meta, dict) else None
            known = truth.pop(name, None) if isinstance(name, str) else None
            if known is not None:
                cell.metadata["nbgrader"] = nbformat.from_dict(known)  # type: ignore[no-untyped-call]
        return nb, resources

    def truth(self, where: dict[str, str]) -> dict[str, dict[str, Any]]:
        """The metadata of the released cells."""
        return gradebook.cell_truth(where["db_url"], where["assignment"], where["notebook"])


class JudgeCells(NbGraderPreprocessor):
    """In the place of nbgrader's Execute and of its guess from outputs: judge, then conclude."""

    course = Unicode(help="The course folder.").tag(config=True)
    run_folder = Unicode(help="A short path for the sockets of kernels.").tag(config=True)
    limits = Dict(help="grader.settings.Limits, as a dict.").tag(config=True)
    cell_seconds = Dict(help="Lab to the seconds that one cell may run.").tag(config=True)
    pythons = Dict(help="Kernel name to the environment's interpreter.").tag(config=True)
    unsealed = List(Unicode(), help="Labs whose checks run in the attendee's kernel.").tag(
        config=True
    )
    identities = Dict(help="Kernel name to the environment's identity.").tag(config=True)

    judge: Judge | None = None

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        lab, attendee = resources["nbgrader"]["assignment"], resources["nbgrader"]["student"]
        folder = CourseFolder(Path(self.course))
        submission = Submission(attendee, lab, folder.submitted(attendee, lab))
        kernel = nb.metadata.kernelspec.name
        sealed = lab not in self.unsealed
        basis = basis_of(folder, submission, self.identities.get(kernel, ""), sealed=sealed)
        work = Path(resources["metadata"]["path"])
        task = JudgeTask(
            lab=lab,
            kernel=kernel,
            folder=work,
            data=folder.source(lab),
            author=read_notebook(folder.source_notebook(lab)),
            cell_seconds=self.cell_seconds.get(lab, 60),
            sealed=sealed,
        )
        with self._judge(folder) as judge:
            conclude(folder, submission, basis, judge.judge(nb, task))
        nb.metadata[VERDICT_KEY], nb.metadata[SEALED_KEY] = basis.key, sealed
        return nb, resources

    @contextmanager
    def _judge(self, folder: CourseFolder) -> Iterator[Judge]:
        """The one that our own run keeps warm; plain nbgrader starts one per submission."""
        if self.judge is not None:
            yield self.judge
            return
        pythons = {kernel: Path(python) for kernel, python in self.pythons.items()}
        limits = Limits(**self.limits)
        with judges(folder.kernels, pythons, Path(self.run_folder), limits) as judge:
            yield judge


class SaveComments(SaveAutoGrades):
    """nbgrader's "No response." comments, without its scores: those come from the verdict."""

    def _add_score(self, cell: NotebookNode, resources: Resources) -> None:
        """JudgeCells has written it."""


class HideChecks(NbGraderPreprocessor):
    """Feedback shows the authored reason of a failed check, never hidden source."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: Resources, cell_index: int
    ) -> tuple[NotebookNode, Resources]:
        if utils.is_grade(cell) and not utils.is_solution(cell):
            cell.source = _without_hidden_lines(cell.source)
            for output in cell.get("outputs", []):
                if output.output_type == "error":
                    output.traceback = [f"{output.ename}: {output.evalue}"]
        return cell, resources


def _without_hidden_lines(source: str) -> str:
    kept, hidden = [], False
    for line in source.splitlines():
        if "BEGIN HIDDEN TESTS" in line:
            kept.append(f"{line[: len(line) - len(line.lstrip())]}# (hidden checks)")
            hidden = True
        elif "END HIDDEN TESTS" in line:
            hidden = False
        elif not hidden:
            kept.append(line)
    return "\n".join(kept)
