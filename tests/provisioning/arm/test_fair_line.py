"""Turns at the Arm machine go by seat: nobody gets more by asking more often or sooner."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from provisioning.arm.fair_line import FairLine

SEATS = ("ada", "bob", "cyd")


def test_a_newcomer_is_next_however_many_another_has_in_line():
    line = FairLine(at_once=1)
    assert all(line.join("ada", ticket) for ticket in (1, 2, 3))
    assert line.begin() == 1
    assert line.join("grace", 9)
    line.end(1)
    assert line.begin() == 2  # ada's second came before grace
    line.end(2)
    assert line.begin() == 9
    line.end(9)
    assert line.begin() == 3


def test_there_is_room_for_so_many_and_each_seat_has_its_share():
    line = FairLine(at_once=3, per_seat=2)
    for ticket in (1, 2, 3):
        line.join("ada", ticket)
    assert [line.begin() for _ in range(4)] == [1, 2, None, None]
    line.join("bob", 7)
    line.join("cyd", 8)
    assert [line.begin(), line.begin()] == [7, None]


def test_too_many_of_one_seat_are_turned_away_and_others_are_not():
    line = FairLine(at_once=1, most_waiting=2)
    assert [line.join("ada", ticket) for ticket in (1, 2, 3)] == [True, True, False]
    assert line.join("bob", 4)


def test_who_asks_for_more_than_its_share_gives_up_its_oldest():
    line = FairLine(at_once=4, per_seat=2)
    for ticket in (1, 2):
        line.join("ada", ticket)
        line.begin()
        assert line.superseded("ada") is None
    line.join("ada", 3)
    assert line.superseded("ada") == 1
    assert line.superseded("bob") is None


def test_who_goes_away_is_not_called():
    line = FairLine(at_once=1)
    line.join("ada", 1)
    line.join("bob", 2)
    line.end(1)
    assert (len(line), line.begin()) == (1, 2)


@given(st.lists(st.sampled_from(["join ada", "join bob", "join cyd", "end"]), max_size=60))
def test_between_coming_and_turn_every_other_seat_has_one_turn_at_most(moves):
    line = FairLine(at_once=1, per_seat=1, most_waiting=100)
    running: int | None = None
    waiting: dict[str, list[int]] = {seat: [] for seat in SEATS}
    passed: dict[int, list[str]] = {}  # by the ticket with which a seat came: who went before
    for ticket, move in enumerate(moves):
        if move == "end" and running is not None:
            line.end(running)
            running = None
        elif move != "end":
            seat = move.split()[1]
            if not waiting[seat]:
                passed[ticket] = []
            waiting[seat].append(ticket)
            assert line.join(seat, ticket)
        begun = line.begin()
        if begun is not None:
            running = begun
            owner = next(seat for seat in SEATS if begun in waiting[seat])
            assert waiting[owner].pop(0) == begun
            passed.pop(begun, None)
            for others in passed.values():
                others.append(owner)
        for others in passed.values():
            assert all(others.count(seat) <= 1 for seat in SEATS)
