"""A real miniature course, graded with real jailed kernels of this Python."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from grader.course import ensure_course
from grader.folders import CourseFolder
from grader.grading import Choice, Graded, grade
from grader.release import ensure_released
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
        return grade(self.workplace(), [self.spec], Choice(**choice))

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

    def settings_file(self) -> Path:
        file = self.settings.course.parent / "settings.json"
        file.write_text(self.settings.model_dump_json())
        return file

    def exported_scores(self, rows: Callable[[], list[dict[str, str]]]) -> dict[str, float]:
        return {row["student_id"]: float(row["score"]) for row in rows()}


@pytest.fixture
def run_folder() -> Iterator[Path]:
    """Short: sockets of kernels lie below it, and pytest's own folders are too deep."""
    with tempfile.TemporaryDirectory(prefix="g") as place:
        yield Path(place)


@pytest.fixture
def mini(tmp_path: Path, run_folder: Path) -> MiniCourse:
    coursework = tmp_path / "coursework"
    shutil.copytree(FIXTURES / "course", coursework)
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    return MiniCourse(
        GraderSettings(
            course=tmp_path / "course",
            coursework=coursework,
            spec=SPEC,
            people=(
                Person(username="ada", name="Ada Lovelace", email="ada@example.org"),
                Person(username="grace", name="Grace Hopper", email="grace@example.org"),
            ),
            environments={
                "light": EnvironmentSettings(python=Path(sys.executable), identity="light-1")
            },
            exchange=ExchangeSettings(options={"Exchange": {"root": str(exchange)}}),
            run=run_folder,
            reports=tmp_path / "reports",
        )
    )


@pytest.fixture
def released(mini: MiniCourse) -> MiniCourse:
    mini.release()
    return mini


@pytest.fixture
def answers() -> dict[str, str]:
    """The right answers, by solution cell."""
    return dict(ANSWERS)


@pytest.fixture
def scores() -> Callable[[MiniCourse], dict[str, dict[str, float | None]]]:
    """Auto scores straight from the database file, by attendee and cell."""

    def read(course: MiniCourse) -> dict[str, dict[str, float | None]]:
        import sqlite3

        query = """
            select s.student_id, c.name, g.auto_score from grade g
            join submitted_notebook n on n.id = g.notebook_id
            join submitted_assignment s on s.id = n.assignment_id
            join base_cell c on c.id = g.cell_id
        """
        found: dict[str, dict[str, float | None]] = {}
        with sqlite3.connect(course.folder.gradebook) as database:
            for attendee, cell, score in database.execute(query):
                found.setdefault(attendee, {})[cell] = score
        return found

    return read


@pytest.fixture
def verdicts() -> Callable[[MiniCourse, str], dict]:
    """The one verdict file of an attendee, as JSON."""

    def read(course: MiniCourse, attendee: str) -> dict:
        files = list(course.folder.verdicts(LAB, attendee).glob("*.json"))
        newest = max(files, key=lambda file: json.loads(file.read_text())["judged_at"])
        return json.loads(newest.read_text())

    return read
