"""Everybody's home is copied in time, and homes that were made to be slow hold up nobody else."""

from __future__ import annotations

import pytest

from hub_config.backup.turns import LANE_SECONDS, Turns

EVERY = 300.0


@pytest.fixture
def turns() -> Turns:
    turns = Turns(EVERY)
    turns.know(["ada", "bob", "eve"], 0)
    return turns


def test_first_copies_begin_within_a_minute_and_the_next_one_interval_later(turns: Turns) -> None:
    assert turns.take("quick", 60, 9) == ("ada", "bob", "eve")
    for name in ("ada", "bob", "eve"):
        turns.done(name, 61)
    assert turns.take("quick", 60 + EVERY - 1, 9) == ()
    assert turns.take("quick", 60 + EVERY, 9) == ("ada", "bob", "eve")


def test_the_longest_overdue_comes_first_and_nobody_twice(turns: Turns) -> None:
    assert turns.take("quick", 60, 2) == ("ada", "bob")
    assert turns.take("quick", 61, 2) == ("eve",)
    assert turns.take("quick", 62, 2) == ()


def test_a_seat_that_stops_is_copied_at_once(turns: Turns) -> None:
    turns.take("quick", 60, 9)
    turns.done("eve", 61)
    turns.ask(["eve", "nobody"], 70)
    assert turns.take("quick", 70, 9) == ("eve",)


def test_who_takes_too_long_goes_on_in_the_slow_lane_at_once_and_comes_back(turns: Turns) -> None:
    turns.take("quick", 60, 9)
    turns.failed("eve", 60 + LANE_SECONDS["quick"], slow=True)
    assert turns.take("quick", 1000, 9) == ()
    assert turns.take("slow", 100, 1) == ("eve",)
    turns.done("eve", 105)
    assert "eve" in turns.take("quick", 100 + EVERY, 9)


def test_who_fails_is_tried_again_soon_then_later_but_never_later_than_others(
    turns: Turns,
) -> None:
    now, pauses = 60.0, []
    turns.take("quick", now, 9)
    for _ in range(6):
        turns.failed("ada", now, slow=False)
        began = now
        while "ada" not in turns.take("quick", now, 9):
            now += 1
        pauses.append(now - began)
    assert pauses == sorted(pauses)
    assert pauses[0] < 60
    assert pauses[-1] <= EVERY


def test_seats_that_are_gone_are_forgotten_also_in_the_middle_of_a_copy(turns: Turns) -> None:
    turns.take("quick", 60, 9)
    turns.know(["bob"], 61)
    turns.done("ada", 62)
    turns.failed("eve", 62, slow=True)
    turns.done("bob", 62)
    assert turns.take("quick", 10**6, 9) == ("bob",)
