"""The same class twice: as a workshop's course folder and as a course of nbgrader alone."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from grader.course import ensure_course
from grader.folders import CourseFolder
from grader.notebooks import read_notebook, source_notebook, write_notebook
from grader.release import ensure_released
from grader.settings import EnvironmentSettings, ExchangeSettings, GraderSettings
from grader.spec import CourseSpec
from grader.workplace import open_workplace

from .submissions import submissions

LABS = Path(__file__).parent / "labs"
_ENVIRONMENT = "bench"
_STAMP = "2026-12-01 10:00:00 UTC"


@dataclass(frozen=True)
class Classroom:
    """One lab, handed in by a class, below a folder that can be copied as it is."""

    folder: Path
    lab: str
    python: Path
    count: int

    @property
    def plain(self) -> Path:
        """nbgrader's course."""
        return self.folder / "plain"

    @property
    def settings(self) -> GraderSettings:
        """The workshop's."""
        lab = {
            "name": self.lab,
            "title": self.lab,
            "folder": self.lab,
            "environment": _ENVIRONMENT,
            "cell_seconds": 60,
        }
        exchange = {"Exchange": {"root": str(self.folder / "exchange")}}
        return GraderSettings(
            course=self.folder / "course",
            coursework=self.folder / "coursework",
            spec=CourseSpec.model_validate({"name": "bench", "title": "Bench", "labs": [lab]}),
            environments={
                _ENVIRONMENT: EnvironmentSettings(python=self.python, identity=_ENVIRONMENT)
            },
            exchange=ExchangeSettings(options=exchange),
            run=self.folder / "run",
            reports=self.folder / "reports",
        )

    def plain_config(self) -> Config:
        """nbgrader's own defaults; only the course and its one lab are named."""
        config = Config()
        config.CourseDirectory.root = str(self.plain)
        config.CourseDirectory.assignment_id = self.lab
        return config

    def make(self) -> None:
        """Both courses, released, with the same submissions."""
        for name in ("coursework", "exchange", "run"):
            (self.folder / name).mkdir(parents=True)
        text = self.folder / "coursework" / self.lab / "lab.py"
        text.parent.mkdir()
        shutil.copy(LABS / f"{self.lab}.txt", text)
        self._make_plain(text)
        self._make_ours()
        self._hand_in()

    def copy_to(self, folder: Path) -> Classroom:
        """A fresh copy for one run."""
        shutil.copytree(self.folder, folder)
        return Classroom(folder, self.lab, self.python, self.count)

    def _make_ours(self) -> None:
        settings = self.settings
        ensure_course(settings)
        with open_workplace(settings) as place:
            ensure_released(place, settings.spec.labs[0])
        # The canary belongs to the first batch that is measured.
        CourseFolder(settings.course).canary_record(self.lab).unlink()

    def _make_plain(self, text: Path) -> None:
        kernel = self.plain / "jupyter" / "kernels" / _ENVIRONMENT / "kernel.json"
        kernel.parent.mkdir(parents=True)
        argv = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": _ENVIRONMENT, "language": "python"}
        kernel.write_text(json.dumps(spec))
        source = self.plain / "source" / self.lab / f"{self.lab}.ipynb"
        source.parent.mkdir(parents=True)
        write_notebook(source_notebook(text, self.settings.spec.labs[0]), source)
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        config = self.plain_config()
        GenerateAssignment(coursedir=CourseDirectory(config=config), config=config).start()

    def _hand_in(self) -> None:
        name = f"{self.lab}.ipynb"
        ours = CourseFolder(self.settings.course)
        source = read_notebook(self.plain / "source" / self.lab / name)
        released = read_notebook(ours.released(self.lab) / name)
        for attendee, notebook in submissions(self.lab, source, released, self.count):
            for submitted in (ours.all_submitted, self.plain / "submitted"):
                folder = submitted / attendee / self.lab
                folder.mkdir(parents=True)
                write_notebook(notebook, folder / name)
                (folder / "timestamp.txt").write_text(_STAMP)
                (folder / "submission_secret.txt").write_text(f"secret of {attendee}")
