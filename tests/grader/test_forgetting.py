"""Robots of a rehearsal leave the course as they found it; nobody of the class is ever touched."""

from __future__ import annotations

import pytest

from grader.errors import BadInput
from grader.forgetting import forget


def files_of(course, attendee: str) -> list[str]:
    root = course.folder.root
    return sorted(str(path.relative_to(root)) for path in root.rglob(f"*{attendee}*"))


@pytest.fixture
def graded(released, answers):
    """A person and a robot with the same work, both graded and answered."""
    for attendee in ("ada", "robot-01"):
        released.submit_answers(attendee, answers)
    assert released.grade().troubles == ()
    return released


def test_a_robot_is_forgotten_with_all_that_was_made_of_its_work(graded, answers) -> None:
    persons = files_of(graded, "ada")
    assert files_of(graded, "robot-01")
    assert set(graded.scores()) == {"ada", "robot-01"}
    assert forget(graded.settings, ["robot-01"]) == 1
    assert files_of(graded, "robot-01") == []
    assert set(graded.scores()) == {"ada"}
    assert files_of(graded, "ada") == persons
    # It may come again, with the same work, and gets feedback again.
    graded.submit_answers("robot-01", answers)
    assert graded.grade().judged == 1
    assert forget(graded.settings, ["robot-01", "robot-02"]) == 1
    assert forget(graded.settings, ["robot-01"]) == 0


def test_nobody_of_the_class_can_be_forgotten_and_then_nothing_is_touched(graded) -> None:
    with pytest.raises(BadInput, match="ada belongs to the class"):
        forget(graded.settings, ["robot-01", "ada"])
    assert set(graded.scores()) == {"ada", "robot-01"}
