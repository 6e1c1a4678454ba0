"""nbgrader's own steps on a course, run in this process: a command of its costs 2.5 CPU s."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbgrader.auth import Authenticator
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeFactory
from traitlets import default
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from grader.errors import StepFailed
from grader.folders import CourseFolder
from grader.judge import Judge
from grader.preprocessors import JudgeCells
from grader.submissions import Submission
from grader.warm_pages import WarmPages


class NbgraderCourse:
    """A course folder with its nbgrader_config.py, ready for nbgrader's steps."""

    def __init__(self, folder: CourseFolder, judge: Judge) -> None:
        self.folder = folder
        self._judge = judge
        self.config: Config = PyFileConfigLoader(
            folder.config.name, path=str(folder.root)
        ).load_config()

    def generate_assignment(self, lab: str) -> None:
        """source -> release, and the cells into the gradebook."""
        self._convert(_Generate, lab)

    def release_assignment(self, lab: str) -> None:
        """release -> exchange, in the place of an older one."""
        self._exchange("ReleaseAssignment", lab, force=True)

    def collect(self, lab: str) -> None:
        """exchange -> submitted, the newest of each attendee."""
        self._exchange("Collect", lab, update=True)

    def autograde(self, submission: Submission) -> None:
        """submitted -> autograded, verdict and scores, anew. Links in it are left behind."""
        ignored = submission.links()
        self._convert(_Autograde, submission.lab, submission.attendee, ignored)

    def generate_feedback(self, lab: str, attendee: str) -> None:
        """autograded -> feedback."""
        self._convert(_Feedback, lab, attendee)

    def release_feedback(self, lab: str, attendee: str) -> None:
        """feedback -> exchange."""
        self._exchange("ReleaseFeedback", lab, attendee)

    def _coursedir(self, lab: str, attendee: str = "*") -> CourseDirectory:
        return CourseDirectory(
            config=self.config,
            root=str(self.folder.root),
            assignment_id=lab,
            student_id=attendee,
        )

    def _convert(
        self, kind: type[Any], lab: str, attendee: str = "*", ignored: list[str] | None = None
    ) -> None:
        coursedir = self._coursedir(lab, attendee)
        coursedir.ignore = [*coursedir.ignore, *(ignored or [])]
        step = kind(coursedir=coursedir, config=self.config)
        step.force, step.judge = True, self._judge
        try:
            with _failing_on_exit():
                step.start()
        except Exception as error:
            cause = step.failure or error
            raise StepFailed(f"{kind.what} of {lab}: {type(cause).__name__}: {cause}") from cause

    def _exchange(self, action: str, lab: str, attendee: str = "*", **traits: bool) -> None:
        factory = ExchangeFactory(config=self.config)
        step = getattr(factory, action)(
            coursedir=self._coursedir(lab, attendee),
            authenticator=Authenticator(config=self.config),
            config=self.config,
        )
        for name, value in traits.items():
            setattr(step, name, value)
        try:
            with _failing_on_exit():
                step.start()
        except Exception as error:
            raise StepFailed(
                f"{action} of {lab} through the exchange: {type(error).__name__}: {error}",
                next_step="check that the workshop is up, then run the command again",
            ) from error


@contextmanager
def _failing_on_exit() -> Iterator[None]:
    """Some of nbgrader's failures are sys.exit."""
    try:
        yield
    except SystemExit as error:
        raise RuntimeError(f"nbgrader gave up (exit {error.code})") from error


class _Remembering:
    """nbgrader logs what went wrong with a notebook and raises something else: keep it."""

    failure: Exception | None = None
    judge: Judge | None = None

    def convert_single_notebook(self, notebook_filename: str) -> None:
        try:
            super().convert_single_notebook(notebook_filename)  # type: ignore[misc]
        except Exception as error:
            self.failure = error
            raise


class _Generate(_Remembering, GenerateAssignment):
    what = "generating the release"


class _Autograde(_Remembering, Autograde):
    what = "autograding"

    def _init_preprocessors(self) -> None:
        """nbgrader makes its steps anew for each notebook; the judge stays warm."""
        super()._init_preprocessors()
        for step in self.exporter._preprocessors:
            if isinstance(step, JudgeCells):
                step.judge = self.judge


class _Feedback(_Remembering, GenerateFeedback):
    what = "feedback"

    @default("exporter_class")
    def _warm_pages(self) -> type[WarmPages]:
        return WarmPages


def log_to(stream: Any, file: Path | None = None) -> None:
    """Send nbgrader's words to a file, its warnings to a stream; never to stdout."""
    logger = logging.getLogger("traitlets")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    warnings = logging.StreamHandler(stream)
    warnings.setLevel(logging.ERROR)
    logger.handlers = [warnings]
    # What libraries warn programmers about belongs into the file, not before an instructor.
    logging.captureWarnings(True)
    programmers = logging.getLogger("py.warnings")
    programmers.handlers, programmers.propagate = [logging.NullHandler()], False
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        everything = logging.FileHandler(file)
        everything.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(everything)
        programmers.addHandler(everything)
