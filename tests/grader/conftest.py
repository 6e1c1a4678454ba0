"""A real miniature course, graded by the real judges in the course's own environment."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import nbformat
import pytest

from grader.class_results import read_results
from grader.course import ensure_course
from grader.folders import CourseFolder
from grader.grading import Choice, Graded, grade
from grader.judging import JudgeOfEachLab
from grader.kernel_judge import KernelJudge
from grader.nbgrader_course import NbgraderCourse
from grader.release import ensure_released
from grader.results import ClassResults
from grader.sealed_judge import SealedJudge
from grader.settings import EnvironmentSettings, ExchangeSettings, GraderSettings, Limits, Person
from grader.spec import CourseSpec
from grader.workplace import Workplace, open_workplace

FIXTURES = Path(__file__).parent / "fixtures"
PROJECT = Path(__file__).parents[2]
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
                "cell_seconds": 5,
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
    #: Warm for the whole session: each run of the real `open_workplace` would warm up its own.
    sealed: SealedJudge

    def with_settings(self, **changes: Any) -> MiniCourse:
        """The same course, told something else."""
        return replace(self, settings=self.settings.model_copy(update=changes))

    def judged(self, judging: str) -> MiniCourse:
        """The same course, its lab judged "sealed" or "in-kernel"."""
        lab = self.spec.model_copy(update={"judging": judging})
        return self.with_settings(spec=self.settings.spec.model_copy(update={"labs": (lab,)}))

    @property
    def folder(self) -> CourseFolder:
        return CourseFolder(self.settings.course)

    @property
    def spec(self):
        return self.settings.spec.labs[0]

    @contextmanager
    def cold_workplace(self) -> Iterator[Workplace]:
        """As a command opens it, with judges that nobody has warmed up."""
        ensure_course(self.settings)
        with open_workplace(self.settings) as place:
            yield place

    def workplace(self) -> Workplace:
        """The same with the session's warm judge."""
        ensure_course(self.settings)
        in_kernel = KernelJudge(self.folder.kernels, self.settings.run, self.settings.limits)
        judge = JudgeOfEachLab(self.sealed, in_kernel)
        return Workplace(self.settings, self.folder, NbgraderCourse(self.folder, judge), judge)

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
        whole = file.with_suffix(".new")
        whole.write_text(self.settings.model_dump_json())
        return whole.replace(file)  # a grader may be reading it

    def start(self, verb: str, *options: str) -> subprocess.Popen[str]:
        """Start `python -m grader VERB`."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "grader", verb, str(self.settings_file()), *options],
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, verb: str, *options: str) -> tuple[int, list[dict[str, Any]]]:
        """Run it to its end: its exit status and the events that it printed."""
        process = self.start(verb, *options)
        out, err = process.communicate(timeout=200)
        events = [json.loads(line) for line in out.splitlines()]
        assert events, err
        return process.returncode, events

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


@dataclass(frozen=True)
class Bench:
    """What all courses of a session share."""

    python: Path
    #: Short: sockets of kernels lie below it, and pytest's own folders are too deep.
    run: Path
    sealed: SealedJudge


def make_course(place: Path, bench: Bench) -> MiniCourse:
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
            environments={"light": EnvironmentSettings(python=bench.python, identity="light-1")},
            exchange=ExchangeSettings(options={"Exchange": {"root": str(place / "exchange")}}),
            run=bench.run,
            reports=place / "reports",
        ),
        bench.sealed,
    )


@pytest.fixture(scope="session")
def bench(nlp_python: Path) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="g") as place:
        run = Path(place)
        with SealedJudge({"light": nlp_python}, run, Limits()) as sealed:
            yield Bench(nlp_python, run, sealed)


@pytest.fixture
def nothing(tmp_path: Path, bench: Bench) -> MiniCourse:
    """A course whose folder is not made yet."""
    return make_course(tmp_path, bench)


@pytest.fixture(scope="session")
def empty_gradebook(tmp_path_factory: pytest.TempPathFactory, bench: Bench) -> Path:
    """nbgrader takes seconds to make one."""
    course = make_course(tmp_path_factory.mktemp("empty"), bench)
    ensure_course(course.settings)
    return course.folder.gradebook


@pytest.fixture(scope="session")
def make_mini(bench: Bench, empty_gradebook: Path) -> Callable[[Path], MiniCourse]:
    """A course with an empty gradebook in a folder of one's own."""

    def make(place: Path) -> MiniCourse:
        course = make_course(place, bench)
        course.folder.root.mkdir(mode=0o700)
        shutil.copy(empty_gradebook, course.folder.gradebook)
        return course

    return make


@pytest.fixture
def mini(tmp_path: Path, make_mini: Callable[[Path], MiniCourse]) -> MiniCourse:
    """A course of which nothing is released."""
    return make_mini(tmp_path)


@pytest.fixture(scope="session")
def template(
    tmp_path_factory: pytest.TempPathFactory, make_mini: Callable[[Path], MiniCourse]
) -> Callable[[str], Path]:
    """The folder of a released course, to be copied, by how its lab is judged."""

    @cache
    def released(judging: str) -> Path:
        place = tmp_path_factory.mktemp(f"released-{judging}")
        make_mini(place).judged(judging).release()
        return place

    return released


@pytest.fixture(scope="session")
def copy_released(template: Callable[[str], Path], bench: Bench) -> Callable[..., MiniCourse]:
    """A released course in a folder of one's own."""

    def copy(place: Path, judging: str = "sealed") -> MiniCourse:
        shutil.copytree(template(judging), place, dirs_exist_ok=True)
        return make_course(place, bench).judged(judging)

    return copy


@pytest.fixture
def released(tmp_path: Path, copy_released: Callable[..., MiniCourse]) -> MiniCourse:
    return copy_released(tmp_path)


@pytest.fixture
def released_in_kernel(tmp_path: Path, copy_released: Callable[..., MiniCourse]) -> MiniCourse:
    """Opted out: the lab's checks run in the attendee's kernel."""
    return copy_released(tmp_path, "in-kernel")


@pytest.fixture(params=["sealed", "in-kernel"])
def released_either_way(
    request: pytest.FixtureRequest, tmp_path: Path, copy_released: Callable[..., MiniCourse]
) -> MiniCourse:
    """What holds for both engines."""
    return copy_released(tmp_path, request.param)


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
