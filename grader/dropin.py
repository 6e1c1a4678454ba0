"""The sealed engine for any nbgrader course, by one line in its nbgrader_config.py:

    c.Autograde.exporter_class = "grader.dropin.SealedAutograde"

`nbgrader autograde`, its Python API and the formgrader's button then judge with the engine.
Everything else of the course stays as it is: its folders, its own preprocessors, late rules,
marks by hand. Verdicts are written to the course's folder `verdicts`.

nbgrader makes its exporter itself and hands it the preprocessors one by one: that is where the
ones that execute and judge are exchanged for ours.
"""

from __future__ import annotations

import tempfile
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from nbconvert.exporters import HTMLExporter, NotebookExporter
from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import DeduplicateIds, Execute, GetGrades, SaveAutoGrades
from traitlets import Dict, Unicode
from traitlets.utils.importstring import import_item

from grader import plain_course
from grader.judge import Judge
from grader.plain_course import JudgeNotebook
from grader.preprocessors import HideChecks, MendMetadata, SaveComments
from grader.sealed_judge import SealedJudge
from grader.settings import Limits
from grader.submissions import UnreadableSubmission, read_handed_in

_IN_PLACE_OF = {
    DeduplicateIds: MendMetadata,
    Execute: JudgeNotebook,
    SaveAutoGrades: SaveComments,
}


class SealedAutograde(NotebookExporter):
    """Autograde's exporter, with the engine in the place of execution and of guessed scores."""

    limits = Dict(help="grader.settings.Limits, as a dict: what a submission may use.").tag(
        config=True
    )
    verdicts = Unicode("verdicts", help="Where verdicts go, in the course's folder.").tag(
        config=True
    )

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._opened = ExitStack()
        self._judges: dict[str, Judge] = {}
        #: Why a notebook of this batch can't be read, by `notebook_key`.
        self.unreadable: dict[tuple[str, str, str], str] = {}
        weakref.finalize(self, self._opened.close)

    def judge_of(self, kernel: str) -> Judge:
        """The warm judge of a kernel; nbgrader keeps this exporter for a whole batch."""
        if kernel not in self._judges:
            run = self._opened.enter_context(tempfile.TemporaryDirectory(prefix="sealed-"))
            pythons = {kernel: plain_course.interpreter(kernel)}
            judge = SealedJudge(pythons, Path(run), Limits(**self.limits))
            self._judges[kernel] = self._opened.enter_context(judge)
        return self._judges[kernel]

    def from_filename(
        self, filename: str, resources: Any = None, **more: Any
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Stand in for a notebook that can't be read, so that the rest of its batch goes on.

        A link could lead to another's work or to the solution: it is not read either.
        """
        file = Path(filename)
        try:
            notebook = read_handed_in(file)
        except UnreadableSubmission as error:
            self.log.error("%s: %s", filename, error.message)
            self.unreadable[plain_course.notebook_key(resources)] = error.message
            notebook = plain_course.in_place_of(error.message)
        resources["metadata"] = {"name": file.stem, "path": str(file.parent)}
        return super().from_notebook_node(notebook, resources, **more)  # type: ignore[no-untyped-call,no-any-return]

    def register_preprocessor(self, preprocessor: Any, enabled: bool = False) -> Any:
        """Exchange the three that decide about scores."""
        if isinstance(preprocessor, str):
            preprocessor = import_item(preprocessor)
        ours = _IN_PLACE_OF.get(preprocessor, preprocessor)
        return super().register_preprocessor(ours, enabled)  # type: ignore[no-untyped-call]


class SealedFeedback(HTMLExporter):
    """GenerateFeedback's exporter: the reason of a failed check, never its hidden source."""

    def register_preprocessor(self, preprocessor: Any, enabled: bool = False) -> Any:
        """Hide checks before anything else shows them."""
        if preprocessor is GetGrades:
            super().register_preprocessor(HideChecks, enabled)  # type: ignore[no-untyped-call]
        return super().register_preprocessor(preprocessor, enabled)  # type: ignore[no-untyped-call]
