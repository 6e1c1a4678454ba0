"""The template lab, copied to a course of its own, to be broken in one way at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.events import silent
from grader.proof.bench import Engines
from grader.proof.course import read_course
from grader.proof.findings import LabProof
from grader.proof.lab import Lab, read_lab
from grader.proof.prove import prove_lab
from grader.proof.settings import Kernel, ProofSettings

PROJECT = Path(__file__).parents[3]
COURSE = """
name: mine
title: Mine
labs:
  - {name: words, title: "Words", folder: words, environment: nlp-cpu, cell_seconds: 20}
"""


@dataclass
class OwnCourse:
    """A course with one lab, `words`."""

    folder: Path
    python: Path
    engines: Engines

    @property
    def lab_folder(self) -> Path:
        return self.folder / "words"

    @property
    def lab(self) -> Lab:
        return read_lab(self.folder, read_course(self.folder).labs[0])

    def replace(self, old: str, new: str, file: str = "lab.py") -> None:
        """Change one place of a file of the lab."""
        path = self.lab_folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, (text.count(old), old)
        path.write_text(text.replace(old, new), encoding="utf-8")

    def add(self, file: str, text: str) -> None:
        path = self.lab_folder / file
        path.parent.mkdir(exist_ok=True)
        known = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(known + text, encoding="utf-8")

    def settings(self, *stages: str, measure: bool = False) -> ProofSettings:
        spec = read_course(self.folder)
        lock = PROJECT / "environments/nlp-cpu.lock"
        return ProofSettings(
            coursework=self.folder,
            spec=spec,
            labs=spec.labs,
            kernels={"nlp-cpu": Kernel(self.python, lock)},
            run=self.folder / "run",
            measure=measure,
            stages=stages,
        )

    def prove(self, *stages: str, measure: bool = False) -> LabProof:
        settings = self.settings(*stages, measure=measure)
        return prove_lab(settings, settings.labs[0], self.engines, silent)


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("run")) as warm:
        yield warm


@pytest.fixture
def own_course(tmp_path: Path) -> OwnCourse:
    """No kernel is started with it: for what is only read."""
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / "course.yaml").write_text(COURSE)
    shutil.copytree(PROJECT / "coursework/template", folder / "words")
    return OwnCourse(folder, Path("/nowhere"), Engines(tmp_path))


@pytest.fixture
def provable(own_course: OwnCourse, nlp_python: Path, engines: Engines) -> OwnCourse:
    own_course.python, own_course.engines = nlp_python, engines
    (own_course.folder / "run").mkdir()
    return own_course
