"""What is nbgrader's business stays as it is, when our one line is in its configuration.

Each test does the same to two courses, with the line and without, and compares.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.grader.parity.both_ways import LINE, Course, Mark, environment
from tests.grader.parity.sources import put_source
from tests.grader.parity.submissions import Row, submit

_LATE = """
from nbgrader.plugins import BasePlugin


class HalfAPointPerHour(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return min(score, 0.5 * total_seconds_late // 3600)
"""
RIGHT = Row(name="ada", files={"notes.txt": "mine", "secret.tmp": "?", "poem.txt": "changed"})
WRONG = Row(name="ada", answers={"vowels": "vowels = []", "longest": "longest = 1"})


@dataclass(frozen=True)
class Pair:
    """The same course twice."""

    plain: Course
    sealed: Course

    def __iter__(self) -> Iterator[Course]:
        return iter((self.plain, self.sealed))

    def configure(self, *lines: str) -> None:
        self.plain.configure(*lines)
        self.sealed.configure(*lines, LINE)

    def submit(self, row: Row) -> None:
        for course in self:
            shutil.rmtree(course.root / "submitted" / row.name, ignore_errors=True)
            submit(course, "texts", row)

    def autograde(self, *words: str) -> None:
        """Both must say that all is well."""
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda one: one.nbgrader("autograde", "texts", *words), self))
        assert [one.returncode for one in done] == [0, 0], [one.stderr for one in done]

    def alike(self) -> dict[str, Mark]:
        """The marks by cell, which are the same in both."""
        plain, sealed = (course.marks() for course in self)
        assert sealed == plain
        return {place.cell: mark for place, mark in sealed.items()}

    def change(self, statement: str) -> None:
        """What a person does in the formgrader."""
        for course in self:
            with sqlite3.connect(course.root / "gradebook.db") as database:
                database.execute(statement)

    def ask(self, question: str) -> list[tuple]:
        """Rows of the database, which are the same in both."""
        found = []
        for course in self:
            with sqlite3.connect(course.root / "gradebook.db") as database:
                found.append(database.execute(question).fetchall())
        assert found[0] == found[1]
        return found[1]


@pytest.fixture(scope="module")
def template(nlp_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """Generated, and handed in once."""
    root = tmp_path_factory.mktemp("rules")
    course = Course(root / "course", environment(nlp_python, root / "jupyter"))
    (course.root / "source").mkdir(parents=True)
    put_source(course.root, "texts")
    course.configure()
    assert course.nbgrader("generate_assignment", "texts").returncode == 0
    submit(course, "texts", RIGHT)
    return course


@pytest.fixture
def pair(template: Course, tmp_path: Path) -> Pair:
    return Pair(template.copy(tmp_path / "plain"), template.copy(tmp_path / "sealed", LINE))


_SET_MANUAL = """
    update grade set manual_score = 1.5, needs_manual_grade = 0 where cell_id in
    (select id from base_cell where name in ('explain', 'check_vowels'))
"""
_MANUAL = """
    select c.name, g.manual_score, g.score, g.needs_manual_grade from
    (select *, coalesce(manual_score, auto_score, 0) as score from grade) g
    join base_cell c on c.id = g.cell_id order by c.name
"""


def test_marks_by_hand_stay_and_what_is_graded_is_left_alone_without_force(pair: Pair) -> None:
    pair.autograde()
    assert pair.alike()["check_vowels"] == Mark(1, needs_a_person=False, comment="")
    pair.change(_SET_MANUAL)
    before = pair.alike()
    pair.submit(WRONG)
    pair.autograde()
    assert pair.alike() == before
    pair.autograde("--force")
    marks = pair.alike()
    assert marks["check_vowels"] == Mark(0, needs_a_person=True, comment="")
    assert marks["check_longest"].score == 0 != before["check_longest"].score
    by_hand = {row[0]: row[1:] for row in pair.ask(_MANUAL)}
    assert by_hand["explain"] == (1.5, 1.5, 1)
    assert by_hand["check_vowels"] == (1.5, 1.5, 1)


@pytest.mark.parametrize("method", ["zero", "late.HalfAPointPerHour"])
def test_late_work_has_the_penalty_of_nbgraders_rules(pair: Pair, method: str) -> None:
    own = "c.AssignLatePenalties.plugin_class = 'late.HalfAPointPerHour'"
    line = own if "." in method else f"c.LateSubmissionPlugin.penalty_method = {method!r}"
    pair.configure("import sys; sys.path.insert(0, '.')", line)
    for course in pair:
        (course.root / "late.py").write_text(_LATE)
    pair.change("update assignment set duedate = '2026-12-01 07:00:00.000000'")
    pair.autograde()
    pair.alike()
    penalties = pair.ask(
        "select n.name, k.late_submission_penalty from submitted_notebook k"
        " join notebook n on n.id = k.notebook_id order by n.name"
    )
    files, words = (1.0, 1.0) if "." in method else (4.0, 5.0)
    assert penalties == [("files", files), ("words", words)]


def test_files_hooks_and_preprocessors_of_the_instructor(pair: Pair) -> None:
    """Extra files are copied, the author's win, ignored ones stay out, one may be kept; a hook
    and a step of the instructor's own run."""
    pair.configure(
        "c.CourseDirectory.ignore = ['*.tmp', '.ipynb_checkpoints']",
        "c.Autograde.exclude_overwriting = {'texts': ['poem.txt']}",
        "import sys; sys.path.insert(0, '.')",
        "c.Autograde.post_convert_hook = 'own.hook'",
        "from nbgrader.converters import Autograde",
        "steps = ['own.Shout' if s.__name__ == 'LimitOutput' else s"
        " for s in Autograde.autograde_preprocessors.default_args[0]]",
        "c.Autograde.autograde_preprocessors = steps",
    )
    for course in pair:
        (course.root / "own.py").write_text(_OWN)
    pair.autograde()
    pair.alike()
    found = [_files(course.root / "autograded/ada/texts") for course in pair]
    # What the notebook itself writes stays in nbgrader's folder; with us it is gone with its jail.
    assert found[0].pop("rows.csv") == "1,2\n3,4\n"
    assert found[0] == found[1]
    assert found[1]["notes.txt"] == "mine"
    assert found[1]["poem.txt"] == "changed"
    assert "secret.tmp" not in found[1]
    for course in pair:
        assert (course.root / "hooked").read_text() == "texts"
        assert '"shouted": true' in (course.root / "autograded/ada/texts/words.ipynb").read_text()


def _files(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix != ".ipynb"
    }


def test_one_notebook_of_one_student(pair: Pair) -> None:
    pair.submit(RIGHT.model_copy(update={"name": "grace"}))
    pair.autograde("--student=grace", "--notebook=words")
    marks = pair.alike()
    assert pair.ask("select student_id from submitted_assignment") == [("grace",)]
    assert (marks["check_vowels"].score, marks["check_lines"].score) == (1, None)


def test_a_student_who_is_in_no_list(pair: Pair) -> None:
    """With `create_student` off, nbgrader refuses them; the others are graded."""
    pair.configure("c.Autograde.create_student = False")
    done = [course.nbgrader("autograde", "texts") for course in pair]
    assert all("No student with ID 'ada'" in one.stderr for one in done)
    assert pair.alike() == {}


def test_without_execution_only_the_evidence_is_missing(pair: Pair) -> None:
    """nbgrader gives full marks then: the one rule of its that we don't keep."""
    pair.autograde("--no-execute")
    plain, sealed = (course.marks() for course in pair)
    checks = [place for place in plain if place.cell.startswith("check_")]
    assert {plain[place].needs_a_person for place in checks} == {False}
    assert all(plain[place].score for place in checks)
    assert {sealed[place] for place in checks} == {Mark(None, needs_a_person=True, comment="")}
    assert {place: plain[place] for place in plain if place not in checks} == {
        place: sealed[place] for place in sealed if place not in checks
    }
    pair.submit(WRONG.model_copy(update={"timestamp": "2026-12-02 10:00:00 UTC"}))
    pair.autograde()  # no --force: this one is newer
    marks = pair.alike()
    assert (marks["check_lines"].score, marks["check_longest"].score) == (2, 0)


_OWN = """
from pathlib import Path
from nbgrader.preprocessors import NbGraderPreprocessor


def hook(assignment, student, notebooks):
    Path("hooked").write_text(assignment)


class Shout(NbGraderPreprocessor):
    def preprocess(self, nb, resources):
        nb.metadata["shouted"] = True
        return nb, resources
"""
