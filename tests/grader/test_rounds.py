"""What becomes of a submission that came in: graded, tried again, or left to an assistant."""

from __future__ import annotations

from dataclasses import dataclass, field

import nbformat
import pytest

from grader.assistant_queue import read_queue
from grader.records import read_record
from grader.rounds import RETRY_SECONDS, Rounds
from grader.settings import EnvironmentSettings
from tests.grader.arriving import LAB, FolderArrivals, hand_in, hand_in_text

FULL = {"check-total": 2.0, "check-double": 3.0, "check-largest": 5.0}


@dataclass
class Service:
    """Rounds over a course, with a clock that the test turns."""

    course: object
    now: float = 0.0
    said: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.inbox = FolderArrivals(self.course.settings.course)
        labs = {LAB: self.course.spec}
        say = lambda _done, _left, note: self.said.append(note)  # noqa: E731
        self.rounds = Rounds(self.inbox, say, labs, clock=lambda: self.now)

    def turn(self, place=None):
        """One round; whom it served."""
        place = place or self.course.workplace()
        chosen = self.rounds.learn(place)
        if chosen:
            self.rounds.grade(place, chosen)
        return [each.arrival.attendee for each in chosen]

    def told(self):
        """What the exchange was told last, after everything has been said."""
        self.turn()
        return self.inbox.told[-1]


@pytest.fixture
def service(released):
    return Service(released)


def test_what_comes_in_is_graded_and_answered(service, answers):
    hand_in(service.course, "ada", answers)
    hand_in(service.course, "grace", {**answers, "total": "def total(values):\n    return 0"})
    assert service.turn() == ["ada", "grace"]
    assert service.course.scores() == {"ada": FULL, "grace": {**FULL, "check-total": 0.0}}
    assert service.said == ["ada, sums: 10 of 10 points", "grace, sums: 8 of 10 points"]
    assert read_record(service.course.folder.feedback_record(LAB, "ada"))["verdict"]
    assert service.turn() == []
    assert service.told() == {"now": [], "waiting": [], "assistant": [], "held": []}


def test_what_is_known_to_be_answered_is_left_alone(service, answers):
    """A service that starts again hears of everything, and does nothing twice."""
    hand_in(service.course, "ada", answers)
    service.turn()
    judged = service.course.verdict("ada")["judged_at"]
    again = Service(service.course)
    again.turn()
    assert again.said == ["ada, sums: 10 of 10 points"]
    assert service.course.verdict("ada")["judged_at"] == judged


def test_what_nobody_can_judge_goes_to_an_assistant(service):
    hand_in_text(service.course, "ada", "no notebook")
    assert service.turn() == ["ada"]
    assert service.told()["assistant"] == [(LAB, "ada")]
    (waiting,) = read_queue(service.course.settings, [service.course.spec]).assistant
    assert (waiting.attendee, waiting.lab, waiting.check) == ("ada", LAB, "")
    assert "not JSON" in waiting.reason
    assert "hands in a notebook that opens" in waiting.next_step


def test_a_newer_submission_takes_it_out_of_the_assistants_queue(service, answers):
    hand_in_text(service.course, "ada", "no notebook")
    service.turn()
    hand_in(service.course, "ada", answers, number=2)
    assert service.turn() == ["ada"]
    assert service.told()["assistant"] == []
    assert read_queue(service.course.settings, [service.course.spec]).assistant == ()


def test_a_check_that_is_missing_waits_until_somebody_has_marked_it(
    service, answers, change_gradebook
):
    notebook = service.course.released_notebook()
    kept = [
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") != "check-total"
    ]
    notebook.cells = kept
    hand_in_text(service.course, "ada", nbformat.writes(notebook))
    service.turn()
    (waiting,) = read_queue(service.course.settings, [service.course.spec]).assistant
    assert waiting.check == "check-total"
    assert "formgrader" in waiting.next_step
    change_gradebook(service.course, "update grade set manual_score = 1 where auto_score is null")
    assert read_queue(service.course.settings, [service.course.spec]).assistant == ()


@pytest.fixture
def without_a_canary(service):
    """The lab's solution is wrong, and nobody has tried it yet."""
    file = service.course.folder.source_notebook(LAB)
    right = file.read_text()
    file.write_text(right.replace("sum(values)", "0"))
    assert file.read_text() != right
    service.course.folder.canary_record(LAB).unlink()
    return right


def test_a_lab_whose_canary_dies_is_held_until_it_is_corrected(service, answers, without_a_canary):
    hand_in(service.course, "ada", answers)
    service.turn()
    assert service.course.scores() == {}
    assert "the solution does not pass" in service.said[-1]
    assert service.told()["held"] == [LAB]
    (held,) = read_queue(service.course.settings, [service.course.spec]).held
    assert (held.lab, "the solution does not pass" in held.reason) == (LAB, True)
    assert service.turn() == []
    service.course.folder.source_notebook(LAB).write_text(without_a_canary)
    service.course.release(force=True)
    assert service.turn() == ["ada"]
    assert service.course.scores() == {"ada": FULL}
    assert service.told()["held"] == []


def test_what_failed_through_our_fault_is_tried_again_and_then_an_assistants(service, answers):
    hand_in(service.course, "ada", answers)
    nowhere = EnvironmentSettings(python="/nowhere/python", identity="light-1")
    broken = service.course.with_settings(environments={"light": nowhere})
    with broken.cold_workplace() as place:
        for number, seconds in enumerate((*RETRY_SECONDS, None), start=1):
            assert service.turn(place) == ["ada"], f"try {number}"
            assert service.turn(place) == [], "not before its time"
            if seconds is not None:
                assert service.said[-1].startswith(f"ada, sums: tried again in {seconds:g} s")
                assert service.told()["assistant"] == []
                service.now += seconds
    assert service.said[-1].startswith("ada, sums: left to an assistant, because ")
    assert service.told()["assistant"] == [(LAB, "ada")]
    service.now += 1e6
    assert service.turn() == []
    (waiting, *_) = read_queue(service.course.settings, [service.course.spec]).assistant
    assert waiting.next_step == "workshop grade --only sums --attendee ada"
    service.course.grade()
    assert service.turn() == []
    assert len(service.rounds.queue) == 0, "somebody has graded it by hand"


def test_an_exchange_that_is_away_loses_nothing(service, answers):
    hand_in(service.course, "ada", answers)
    service.inbox.answers = False
    with pytest.raises(ConnectionError):
        service.turn()
    service.inbox.answers = True
    assert service.turn() == ["ada"]


def test_a_new_version_of_a_lab_wakes_what_had_been_given_up(service, answers):
    hand_in(service.course, "ada", answers)
    nowhere = EnvironmentSettings(python="/nowhere/python", identity="light-1")
    broken = service.course.with_settings(environments={"light": nowhere})
    with broken.cold_workplace() as place:
        for seconds in (*RETRY_SECONDS, 0.0):
            service.turn(place)
            service.now += seconds
    assert service.turn() == [], "given up"
    service.course.folder.canary_record(LAB).unlink()
    assert service.turn() == ["ada"]
    assert service.course.scores() == {"ada": FULL}


def test_a_lab_that_is_no_longer_taught_is_forgotten(service, answers):
    hand_in(service.course, "ada", answers)
    service.rounds.learn(service.course.workplace())
    service.rounds.begin_anew({})
    assert service.turn() == []
    service.rounds.begin_anew({LAB: service.course.spec})
    assert service.turn() == ["ada"], "and heard of again when it comes back"
