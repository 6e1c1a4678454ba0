"""A real miniature course, graded with real jailed kernels of this Python."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import nbformat
import pytest

from grader.class_results import read_results
from grader.course import ensure_course
from grader.folders import CourseFolder
from grader.grading import Choice, Graded, grade
from grader.release import ensure_released
from grader.results import ClassResults
from grader.settings import EnvironmentSettings, ExchangeSettings, GraderSettings, Person
from grader.spec import CourseSpec
from grader.workplace import Workplace, open_workplace

FIXTURES = Path(__file__).parent / "fixtures"
LAB = "sums"

SPEC = CourseSpec.model_validate(
    {
        "name": "mini",
        "title": "A miniature course",
        "labs": [
            {
                "name": LAB,
                "title": "Sums",
                "folder": LAB,
                "environment": "light",
                "minutes": 5,
                "cell_seconds": 10,
            }
        ],
    }
)
_SCORES = """
    select s.student_id, c.name, g.auto_score from grade g
    join submitted_notebook n on n.id = g.notebook_id
    join submitted_assignment s on s.id = n.assignment_id
    join base_cell c on c.id = g.cell_id
"""
PEOPLE = (
    Person(username="ada", name="Ada Lovelace", email="ada@example.org"),
    Person(username="grace", name="Grace Hopper", email="grace@example.org"),
)
ANSWERS = {
    "total": "def total(values):\n    return sum(values)",
    "double": "def double(values):\n    return [2 * value for value in values]",
    "largest": "def largest(values):\n    return max(values)",
}


@dataclass(frozen=True)
class MiniCourse:
    """The course folder of a test, with what attendees and instructors do to it."""

    settings: GraderSettings

    @property
    def folder(self) -> CourseFolder:
        return CourseFolder(self.settings.course)

    @property
    def spec(self):
        return self.settings.spec.labs[0]

    def workplace(self) -> Workplace:
        ensure_course(self.settings)
        return open_workplace(self.settings)

    def release(self, **options):
        return ensure_released(self.workplace(), self.spec, **options)

    def grade(self, **choice) -> Graded:
        return self.grade_in(self.workplace(), **choice)

    def grade_in(self, place: Workplace, **choice) -> Graded:
        """Grade without making the course folder anew first."""
        return grade(place, [self.spec], Choice(**choice))

    def released_notebook(self):
        return nbformat.read(self.folder.released(LAB) / f"{LAB}.ipynb", as_version=4)

    def submit(self, attendee: str, content: str, stamp: str = "2026-12-01 10:00:00 UTC") -> Path:
        """Put a notebook's text where `nbgrader collect` would have put it."""
        place = self.folder.submitted(attendee, LAB)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder.released(LAB), place)
        (place / f"{LAB}.ipynb").write_text(content)
        (place / "timestamp.txt").write_text(stamp)
        (place / "submission_secret.txt").write_text(f"secret of {attendee}")
        return place

    def submit_answers(self, attendee: str, answers: Mapping[str, str], **options) -> Path:
        """Submit the release with some solution cells replaced."""
        notebook = self.released_notebook()
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = answers.get(name, cell.source)
        return self.submit(attendee, nbformat.writes(notebook), **options)

    def results(self) -> ClassResults:
        return read_results(self.folder, self.settings.spec, datetime.now(UTC))

    def settings_file(self) -> Path:
        file = self.settings.course.parent / "settings.json"
        file.write_text(self.settings.model_dump_json())
        return file

    def scores(self) -> dict[str, dict[str, float | None]]:
        """Auto scores straight from the database file, by attendee and cell."""
        found: dict[str, dict[str, float | None]] = {}
        with sqlite3.connect(self.folder.gradebook) as database:
            for attendee, cell, score in database.execute(_SCORES):
                found.setdefault(attendee, {})[cell] = score
        return found

    def verdict(self, attendee: str) -> dict[str, Any]:
        """An attendee's newest verdict file, as JSON."""
        files = self.folder.verdicts(LAB, attendee).glob("*.json")
        return max((json.loads(file.read_text()) for file in files), key=itemgetter("judged_at"))

    def cell(self, attendee: str, name: str) -> dict[str, Any]:
        return next(cell for cell in self.verdict(attendee)["cells"] if cell["cell"] == name)


def make_course(place: Path, run: Path) -> MiniCourse:
    """A course of the fixtures below a folder, not made yet."""
    if not (place / "coursework").exists():
        shutil.copytree(FIXTURES / "course", place / "coursework")
    (place / "exchange").mkdir(exist_ok=True)
    return MiniCourse(
        GraderSettings(
            course=place / "course",
            coursework=place / "coursework",
            spec=SPEC,
            people=PEOPLE,
            environments={
                "light": EnvironmentSettings(python=Path(sys.executable), identity="light-1")
            },
            exchange=ExchangeSettings(options={"Exchange": {"root": str(place / "exchange")}}),
            run=run,
            reports=place / "reports",
        )
    )


@pytest.fixture(scope="session")
def run_folder() -> Iterator[Path]:
    """Short: sockets of kernels lie below it, and pytest's own folders are too deep."""
    with tempfile.TemporaryDirectory(prefix="g") as place:
        yield Path(place)


@pytest.fixture
def mini(tmp_path: Path, run_folder: Path) -> MiniCourse:
    """A course that nothing has been done with."""
    return make_course(tmp_path, run_folder)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, run_folder: Path) -> Path:
    """The folder of a released course, to be copied."""
    place = tmp_path_factory.mktemp("template")
    make_course(place, run_folder).release()
    return place


@pytest.fixture(scope="session")
def copy_released(template: Path, run_folder: Path) -> Callable[[Path], MiniCourse]:
    """A released course in a folder of one's own."""

    def copy(place: Path) -> MiniCourse:
        shutil.copytree(template, place, dirs_exist_ok=True)
        return make_course(place, run_folder)

    return copy


@pytest.fixture
def released(tmp_path: Path, copy_released: Callable[[Path], MiniCourse]) -> MiniCourse:
    return copy_released(tmp_path)


@pytest.fixture(scope="session")
def answers() -> dict[str, str]:
    """The right answers, by solution cell."""
    return dict(ANSWERS)


@pytest.fixture
def change_gradebook() -> Callable[[MiniCourse, str], None]:
    """Do to the database what a person or a stranger does beside us."""

    def change(course: MiniCourse, statement: str) -> None:
        with sqlite3.connect(course.folder.gradebook) as database:
            database.execute(statement)

    return change
