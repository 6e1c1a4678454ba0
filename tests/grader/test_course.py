"""The course folder is nbgrader's own: its commands open it, and agree with us."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.course import ensure_course

BIN = Path(sys.executable).parent


def nbgrader(course, *words: str) -> str:
    """Run plain nbgrader in the course folder, as an instructor would."""
    done = subprocess.run(
        [str(BIN / "nbgrader"), *words],
        cwd=course.settings.course,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def graded(released, answers):
    released.submit_answers("ada", answers)
    released.submit_answers("grace", {**answers, "largest": "pass"})
    released.grade()
    return released


def test_making_it_twice_changes_nothing(nothing):
    assert ensure_course(nothing.settings) is True
    assert ensure_course(nothing.settings) is False


def test_the_roster_is_in_the_gradebook(graded):
    listed = nbgrader(graded, "db", "student", "list")
    assert "ada (Lovelace, Ada) -- ada@example.org" in listed
    assert "grace (Hopper, Grace) -- grace@example.org" in listed


def test_nbgrader_export_agrees_with_our_table(graded):
    nbgrader(graded, "export", "--to", "exported.csv")
    with (graded.settings.course / "exported.csv").open() as stream:
        exported = {row["student_id"]: row for row in csv.DictReader(stream)}
    ours = {one.attendee: one.score for one in graded.results().submissions}
    assert {name: float(row["score"]) for name, row in exported.items()} == ours
    assert ours == {"ada": 10.0, "grace": 5.0}
    assert {float(row["max_score"]) for row in exported.values()} == {10.0}
    assert exported["ada"]["timestamp"] == "2026-12-01 10:00:00"


def test_plain_autograde_uses_the_jail_and_the_verdicts(graded, answers):
    spy = "import os\nos.listdir('/home')"
    graded.submit_answers("ada", {**answers, "total": spy})
    nbgrader(graded, "autograde", "sums", "--student", "ada", "--force")
    notebook = graded.folder.autograded("ada", "sums") / "sums.ipynb"
    # In the jail there are no homes at all.
    assert "FileNotFoundError" in notebook.read_text()
    assert graded.verdict("ada")["basis"]["sealed"] is True
    assert graded.scores()["ada"] == {"check-total": 0.0, "check-double": 3.0, "check-largest": 5.0}
    assert graded.cell("ada", "check-total")["cause"] == "NameError"
    # Our own command sees that this is done already.
    assert graded.grade().judged == 0


def test_plain_feedback_and_lists_work(graded):
    nbgrader(graded, "generate_feedback", "sums", "--force")
    page = (graded.folder.feedback("grace", "sums") / "sums.html").read_text()
    assert "canary-text-of-hidden-test" not in page
    assert "sums" in nbgrader(graded, "db", "assignment", "list")


def test_the_formgrader_can_list_the_course(graded):
    """The same calls that the formgrader's pages make."""
    from nbgrader.apps.api import NbGraderAPI

    place = graded.workplace()
    api = NbGraderAPI(config=place.nbgrader.config)
    assignment = api.get_assignment("sums")
    assert assignment["status"] == "released"
    assert (assignment["num_submissions"], assignment["max_score"]) == (2, 10.0)
    submissions = {one["student"]: one for one in api.get_submissions("sums")}
    assert submissions["grace"]["score"] == 5.0
    assert submissions["grace"]["autograded"] is True
    assert submissions["grace"]["last_name"] == "Hopper"


def test_exercises_carry_the_heading_above_them(graded):
    (lab,) = graded.results().labs
    assert [exercise.title for exercise in lab.exercises] == [
        "Adding up",
        "Doubling",
        "The largest",
    ]
    assert lab.points == 10
