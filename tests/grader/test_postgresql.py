"""The gradebook on a real PostgreSQL server: the same marks, and rows that move with the choice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from nbgrader.api import Gradebook

from grader.course import ensure_course
from grader.database import backup, database_url, ensure_gradebook
from grader.errors import NotPossibleHere, StepFailed
from tests.postgresql import Server, postgresql

PASSWORD = "s3cr%et"
#: Grading has left copies of its own, with the real time in their names.
NOW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
FULL = {"check-total": 2.0, "check-double": 3.0, "check-largest": 5.0}
NOTHING = dict.fromkeys(FULL, 0.0)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as running:
        yield running


@pytest.fixture(scope="module")
def make_address(server, tmp_path_factory):
    """A new database with an empty schema, as SQLAlchemy and nbgrader are told of it."""

    def make() -> str:
        name, passfile = f"g{uuid4().hex[:8]}", tmp_path_factory.mktemp("pass") / "pgpass"
        address = server.make_database(name, name, PASSWORD)
        server.sql(f"create schema book authorization {name}", name)
        passfile.write_text(f"*:*:{name}:{name}:{PASSWORD}\n")
        passfile.chmod(0o600)
        where = address.replace("postgresql://", "postgresql+psycopg://")
        return f"{where}?options=-csearch_path=book&passfile={passfile}"

    return make


@pytest.fixture(scope="module")
def course(tmp_path_factory, copy_released, make_address, answers):
    """Grace was graded into gradebook.db, then Ada on the server."""
    course = copy_released(tmp_path_factory.mktemp("moved"))
    course.submit_answers("grace", {})
    course.grade()
    moved = course.with_settings(gradebook=make_address())
    moved.submit_answers("ada", answers)
    assert moved.grade().judged == 1
    return moved


@pytest.fixture
def unmoved(mini, make_address):
    """A course with an empty gradebook.db, told to use the server."""
    return mini.with_settings(gradebook=make_address())


def auto_scores(gradebook: Gradebook) -> dict[str, dict[str, float | None]]:
    """As nbgrader's own API reads them."""
    return {
        submission.student.id: {
            grade.name: grade.auto_score for grade in submission.notebooks[0].grades
        }
        for submission in gradebook.assignment_submissions("sums")
    }


def students(url: str) -> set[str]:
    with Gradebook(url, "mini") as gradebook:
        return {student.id for student in gradebook.students}


def test_a_class_is_graded_there_and_older_marks_come_along(course):
    with Gradebook(database_url(course.folder), "mini") as gradebook:
        assert auto_scores(gradebook) == {"ada": FULL, "grace": NOTHING}
    assert not course.folder.gradebook.exists()
    assert course.grade().judged == 0, "what is graded stays graded"
    assert {each.attendee: each.score for each in course.results().submissions} == {
        "ada": 10.0,
        "grace": 0.0,
    }


def test_what_the_formgrader_asks_is_answered(course):
    """Its long queries: sqlite takes them in any form."""
    with Gradebook(database_url(course.folder), "mini") as gradebook:
        totals = {each["id"]: each["score"] for each in gradebook.student_dicts()}
        assert totals == {"ada": 10.0, "grace": 0.0}
        labs = gradebook.submission_dicts("sums")
        assert [each["max_score"] for each in labs] == [10.0, 10.0]
        rows = gradebook.notebook_submission_dicts("sums", "sums")
        assert sorted(each["score"] for each in rows) == [0.0, 10.0]
        assert gradebook.average_assignment_score("sums") == 5.0
        assert gradebook.average_notebook_score("sums", "sums") == 5.0


def test_a_backup_is_a_file_that_plain_nbgrader_opens(course):
    copy = backup(course.folder, NOW)
    assert copy.parent == course.folder.backups
    with Gradebook(f"sqlite:///{copy}", "mini") as gradebook:
        assert auto_scores(gradebook) == {"ada": FULL, "grace": NOTHING}
    with sqlite3.connect(copy) as database:
        assert database.execute("select count(*) from alembic_version").fetchone() == (1,)


def test_a_copy_is_made_once_a_minute_at_most(course):
    begun = NOW + timedelta(hours=1)
    copies = [backup(course.folder, begun + timedelta(seconds=seconds)) for seconds in (0, 50, 70)]
    assert copies[0] == copies[1] != copies[2]


def test_without_the_line_the_gradebook_comes_back_into_its_file(unmoved):
    folder, here = unmoved.folder, unmoved.with_settings(gradebook="")
    ensure_gradebook(folder, "mini", unmoved.settings.gradebook)
    with Gradebook(database_url(folder), "mini") as gradebook:
        gradebook.add_student("marie", first_name="Marie", last_name="Curie")
    ensure_course(here.settings)
    assert database_url(folder) == f"sqlite:///{folder.gradebook}"
    assert students(database_url(folder)) == {"ada", "grace", "marie"}


def test_two_gradebooks_are_refused_in_words(unmoved):
    folder, server = unmoved.folder, unmoved.settings.gradebook
    ensure_gradebook(folder, "mini", server)
    (folder.root / "gradebook-before-postgresql.db").rename(folder.gradebook)
    folder.gradebook_address.unlink()
    with pytest.raises(NotPossibleHere, match="two gradebooks"):
        ensure_gradebook(folder, "mini", server)
    assert folder.gradebook.exists()


def test_a_move_that_was_killed_goes_on_where_it_stopped(unmoved):
    """After the decision was recorded: before the rows arrived, and after."""
    folder, server = unmoved.folder, unmoved.settings.gradebook
    before = students(database_url(folder))
    folder.gradebook_address.write_text(server)
    ensure_gradebook(folder, "mini", server)
    assert students(server) == before == {"ada", "grace"}
    (folder.root / "gradebook-before-postgresql.db").rename(folder.gradebook)
    ensure_gradebook(folder, "mini", server)
    assert students(server) == before
    assert not folder.gradebook.exists()


def test_a_server_that_does_not_answer_is_one_message(unmoved):
    folder, server = unmoved.folder, unmoved.settings.gradebook
    gone = server.replace("127.0.0.1:", "127.0.0.1:1")
    with pytest.raises(StepFailed, match="The gradebook's database: ") as caught:
        ensure_gradebook(folder, "mini", gone)
    assert PASSWORD not in f"{caught.value} {caught.value.next_step}"
    assert folder.gradebook.exists()
    ensure_gradebook(folder, "mini", server)
    assert students(database_url(folder)) == {"ada", "grace"}
