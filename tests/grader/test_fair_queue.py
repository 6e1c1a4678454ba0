"""Whose turn it is: nobody waits for another's many submissions, and no submission is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from grader.fair_queue import NEVER, Arrival, FairQueue

START = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ATTENDEES = ("ada", "bob", "cyd", "dan", "eve")
LABS = ("sums", "words")


def arrival(attendee: str, lab: str = "sums", number: int = 1) -> Arrival:
    moment = START + timedelta(seconds=number)
    return Arrival(attendee, lab, number, f"{number:06d}-{attendee}", moment)


def filled(*arrivals: Arrival) -> FairQueue:
    queue = FairQueue()
    for each in arrivals:
        queue.add(each)
    return queue


def next_names(queue: FairQueue, most: int, now: float = 0.0, held: tuple[str, ...] = ()) -> list:
    return [each.arrival.attendee for each in queue.upcoming(most, now, held)]


def test_attendees_take_turns_however_many_labs_one_of_them_hands_in():
    queue = filled(
        arrival("ada", "sums"), arrival("ada", "words"), arrival("bob"), arrival("cyd", "words")
    )
    served = []
    while chosen := queue.upcoming(1, 0.0):
        served.append((chosen[0].arrival.attendee, chosen[0].arrival.lab))
        queue.done(chosen[0])
    assert served == [("ada", "sums"), ("bob", "sums"), ("cyd", "words"), ("ada", "words")]
    assert len(queue) == 0


def test_the_newest_supersedes_in_the_place_of_the_one_before_it():
    queue = filled(arrival("ada", number=1), arrival("bob"), arrival("ada", number=2))
    assert [each.arrival.number for each in queue.upcoming(2, 0.0)] == [2, 1]
    assert not queue.add(arrival("ada", number=1))
    assert next_names(queue, 5) == ["ada", "bob"]


def test_what_came_while_the_one_before_it_was_graded_stays_in_line():
    queue = filled(arrival("ada", number=1))
    (chosen,) = queue.upcoming(1, 0.0)
    queue.add(arrival("ada", number=2))
    queue.done(chosen)
    assert [each.arrival.number for each in queue.upcoming(1, 0.0)] == [2]


def test_a_round_serves_an_attendee_once():
    queue = filled(arrival("ada", "sums"), arrival("ada", "words"), arrival("bob"))
    assert next_names(queue, 4) == ["ada", "bob"]


def test_what_failed_waits_for_its_time_and_holds_up_nobody():
    queue = filled(arrival("ada", "sums"), arrival("ada", "words"), arrival("bob"))
    (first, _) = queue.upcoming(2, 0.0)
    queue.postpone(first, 5.0, "the machine was out of memory")
    assert next_names(queue, 4, now=1.0) == ["bob", "ada"]
    assert queue.next_due(1.0) == 5.0
    later = {each.arrival.lab: each for each in queue.in_order()}["sums"]
    assert (later.attempts, later.reason) == (1, "the machine was out of memory")
    for each in queue.upcoming(4, 1.0):
        queue.done(each)
    assert next_names(queue, 4, now=1.0) == []
    assert next_names(queue, 4, now=5.0) == ["ada"]


def test_a_newer_submission_need_not_wait_for_the_time_of_one_that_failed():
    queue = filled(arrival("ada", number=1))
    (chosen,) = queue.upcoming(1, 0.0)
    queue.postpone(chosen, NEVER, "no luck")
    assert next_names(queue, 1, now=1e12) == []
    queue.add(arrival("ada", number=2))
    assert next_names(queue, 1) == ["ada"]


def test_a_newer_submission_that_came_meanwhile_is_not_postponed():
    queue = filled(arrival("ada", number=1))
    (chosen,) = queue.upcoming(1, 0.0)
    queue.add(arrival("ada", number=2))
    queue.postpone(chosen, NEVER, "no luck")
    assert [each.arrival.number for each in queue.upcoming(1, 0.0)] == [2]


def test_a_lab_that_is_held_stays_in_line_and_others_pass():
    queue = filled(arrival("ada", "sums"), arrival("ada", "words"), arrival("bob", "sums"))
    assert [each.arrival.lab for each in queue.upcoming(4, 0.0, ("sums",))] == ["words"]
    assert next_names(queue, 4) == ["ada", "bob"]


def test_a_lab_that_was_corrected_wakes_what_had_been_given_up():
    queue = filled(arrival("ada", "sums"))
    (chosen,) = queue.upcoming(1, 0.0)
    queue.postpone(chosen, NEVER, "no luck")
    assert queue.in_order()[0].parked
    queue.wake("sums")
    assert next_names(queue, 1) == ["ada"]
    assert queue.in_order()[0] == replace(chosen, attempts=0)


@given(
    st.lists(st.lists(st.sampled_from(ATTENDEES), max_size=3), min_size=1, max_size=25),
    st.integers(1, 4),
)
def test_whoever_waits_sees_everybody_else_served_once_at_most(
    rounds: list[list[str]], most: int
) -> None:
    """Although one attendee hands in both labs again before every round."""
    queue = FairQueue()
    #: Who waits, and whom they have seen served since they came.
    seen: dict[str, Counter[str]] = {}
    for number, comers in enumerate(rounds, start=1):
        for lab in LABS:
            queue.add(arrival("flood", lab, number))
        for name in comers:
            queue.add(arrival(name, "sums", number))
            seen.setdefault(name, Counter())
        for chosen in queue.upcoming(most, 0.0):
            served = chosen.arrival.attendee
            queue.done(chosen)
            seen.pop(served, None)
            for counted in seen.values():
                counted[served] += 1
        assert all(max(counted.values(), default=0) <= 1 for counted in seen.values())


class AnyCourseOfEvents(RuleBasedStateMachine):
    """Submissions, rounds, failures and newer submissions in any order."""

    chosen = Bundle("chosen")

    @initialize()
    def begin(self) -> None:
        self.queue = FairQueue()
        self.now = 0.0
        self.number = 0
        #: What must still be graded: the newest of each attendee and lab.
        self.owed: dict[tuple[str, str], int] = {}

    @rule(attendee=st.sampled_from(ATTENDEES), lab=st.sampled_from(LABS))
    def hand_in(self, attendee: str, lab: str) -> None:
        self.number += 1
        assert self.queue.add(arrival(attendee, lab, self.number))
        self.owed[attendee, lab] = self.number

    @rule(target=chosen, most=st.integers(1, 4))
    def choose(self, most: int):
        chosen = self.queue.upcoming(most, self.now)
        names = [each.arrival.attendee for each in chosen]
        assert len(names) == len(set(names)) <= most
        return chosen

    @rule(chosen=chosen, data=st.data())
    def grade(self, chosen, data) -> None:
        for each in chosen:
            whose = (each.arrival.attendee, each.arrival.lab)
            if self.owed.get(whose) != each.arrival.number:
                continue  # superseded or graded since
            if data.draw(st.booleans()):
                self.queue.done(each)
                del self.owed[whose]
            else:
                self.queue.postpone(each, self.now + 1.0, "no luck")

    @rule(lab=st.sampled_from(LABS))
    def correct(self, lab: str) -> None:
        self.queue.wake(lab)

    @rule()
    def time_passes(self) -> None:
        self.now += 1.0

    @invariant()
    def exactly_what_is_owed_is_in_line(self) -> None:
        found = {
            (each.arrival.attendee, each.arrival.lab): each.arrival.number
            for each in self.queue.in_order()
        }
        assert found == self.owed
        assert len(self.queue) == len(self.owed) <= len(ATTENDEES) * len(LABS)

    @precondition(lambda self: self.owed)
    @rule()
    def everything_is_graded_in_the_end(self) -> None:
        later = self.now + 1.0
        order = [each.arrival for each in self.queue.in_order()]
        drained = []
        while chosen := self.queue.upcoming(1, later):
            drained.append(chosen[0].arrival)
            self.queue.done(chosen[0])
        assert drained == order
        self.owed = {}


AnyCourseOfEvents.TestCase.settings = settings(max_examples=60, deadline=None)
TestAnyCourseOfEvents = AnyCourseOfEvents.TestCase
