"""Every rule of the seats' states, each at both sides of its border."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub_config.wall.facts import (
    Exercise,
    Facts,
    Host,
    Lab,
    Moved,
    Person,
    Server,
    Usage,
    Work,
)
from hub_config.wall.seat_states import SeatNow, seat_states

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ADA = Person("ada", 1, "Ada Lovelace", True)
LAB = Lab("sums", "Sums", (Exercise("add", "Exercise 1: add", 1), Exercise("mul", "Exercise 2", 1)))


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def server(name: str = "ada", **changes: Any) -> Server:
    told = {"running": True, "pending": False, "started": ago(90), "last_activity": ago(1)}
    told |= {"ran_at": NOW} | changes
    return Server(name, **told)


def facts(**changes: Any) -> Facts:
    told = {"people": (ADA,), "servers": (server(),), "labs": (LAB,)}
    return Facts(NOW, "day", 60, **(told | changes))


def ada_s(known: Facts, **seen: datetime) -> SeatNow:
    return next(seat for seat in seat_states(known, seen, NOW) if seat.person.username == "ada")


@pytest.mark.parametrize(("minutes", "state"), [(4.9, "in"), (5.1, "idle")])
def test_in_is_who_did_something_within_five_minutes(minutes: float, state: str) -> None:
    known = facts(servers=(server(last_activity=ago(80)),))
    assert ada_s(known, ada=ago(minutes)).state == state


@pytest.mark.parametrize(("minutes", "state"), [(9.9, "in"), (10.1, "idle")])
def test_the_hub_s_word_alone_holds_for_five_minutes_longer(minutes: float, state: str) -> None:
    assert ada_s(facts(servers=(server(last_activity=ago(minutes)),))).state == state


def test_a_server_that_was_started_for_somebody_is_not_that_somebody() -> None:
    early = server(started=ago(2), last_activity=ago(2))
    assert ada_s(facts(servers=(early,))).state == "idle"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"running": False, "pending": True}, "starting"),
        ({"running": False, "last_activity": ago(20), "ran_at": ago(15)}, "dead"),
        ({"running": False, "last_activity": ago(70), "ran_at": ago(5)}, "away"),
        ({"running": False, "last_activity": ago(1), "ran_at": None}, "away"),
        ({"running": False, "last_activity": None, "ran_at": None}, "away"),
    ],
)
def test_a_server_that_is_gone_is_dead_only_if_it_ran_and_somebody_was_there(
    changes: dict[str, Any], state: str
) -> None:
    assert ada_s(facts(servers=(server(**changes),))).state == state


@pytest.mark.parametrize("state", ["silent", "dead"])
def test_a_seat_dies_with_its_host(state: Any) -> None:
    seat = ada_s(facts(hosts=(Host("gpu-1", state, seats=("ada",)),)))
    assert (seat.state, seat.host) == ("dead", "gpu-1")
    assert "gpu-1" in seat.why


@pytest.mark.parametrize(
    ("state", "expected"), [("restoring", "moving"), ("failed", "dead"), ("moved", "in")]
)
def test_a_seat_whose_host_was_lost_is_moving_until_its_work_is_there(
    state: Any, expected: str
) -> None:
    move = Moved("ada", "gpu-1", "gpu-2", state, None, None, "no room")
    seat = ada_s(facts(moves=(move,), hosts=(Host("gpu-2", "well", seats=("ada",)),)))
    assert seat.state == expected
    assert ("gpu-1 was lost" in seat.why) == (state != "moved")


def test_a_server_that_the_hub_believes_in_and_its_host_does_not_know_is_dead() -> None:
    assert ada_s(facts(usage=(Usage("ada", "gpu-1", alive=False),))).state == "dead"


@pytest.mark.parametrize(("minutes", "state"), [(9, "out of memory"), (11, "in")])
def test_out_of_memory_shows_for_ten_minutes(minutes: float, state: str) -> None:
    use = Usage("ada", "gpu-1", True, 1, out_of_memory=3, out_of_memory_at=ago(minutes))
    assert ada_s(facts(usage=(use,))).state == state


def work(name: str, passed: dict[str, float], barren: int = 0, at: str = "") -> Work:
    return Work(
        attendee=name,
        lab="sums",
        submissions=4,
        judged_at=ago(1),
        outcomes={},
        passed_at={cell: ago(minutes) for cell, minutes in passed.items()},
        barren=barren,
        at=at,
    )


@pytest.mark.parametrize(("barren", "state"), [(2, "in"), (3, "stuck")])
def test_three_submissions_that_pass_nothing_new_are_stuck(barren: int, state: str) -> None:
    seat = ada_s(facts(work=(work("ada", {}, barren, "add"),)))
    assert seat.state == state
    assert ("Exercise 1: add" in seat.why) == (state == "stuck")


def test_who_has_passed_everything_is_not_stuck_by_handing_in_again() -> None:
    assert ada_s(facts(work=(work("ada", {"add": 9, "mul": 9}, barren=5),))).state == "in"


def a_room(passed_ago: float, own: dict[str, float], passed: int = 2) -> Facts:
    """Ada and three others, `passed` of whom have passed the first exercise."""
    others = tuple(Person(f"p{n}", 10 + n, "", True) for n in range(3))
    servers = (server(started=ago(90)), *(server(each.username) for each in others))
    done = tuple(work(each.username, {"add": passed_ago}) for each in others[:passed])
    return facts(people=(ADA, *others), servers=servers, work=(*done, work("ada", own)))


@pytest.mark.parametrize(
    ("room", "state"),
    [
        (a_room(25, {}), "stuck"),
        (a_room(15, {}), "in"),  # half of the room is ahead, but not for long
        (a_room(25, {"mul": 10}), "in"),  # passed something else meanwhile
        (a_room(25, {"mul": 30}), "stuck"),
        (a_room(25, {"add": 30}), "in"),
        (a_room(25, {}, passed=1), "in"),  # less than half
    ],
)
def test_behind_half_of_the_room_for_twenty_minutes_is_stuck(room: Facts, state: str) -> None:
    assert ada_s(room).state == state


def test_who_is_idle_or_teaches_is_never_called_stuck() -> None:
    known = facts(servers=(server(last_activity=ago(30)),), work=(work("ada", {}, 5, "add"),))
    assert ada_s(known).state == "idle"
    teacher = Person("ada", 901, "Ada", attendee=False)
    assert ada_s(facts(people=(teacher,), work=(work("ada", {}, 5, "add"),))).state == "in"


def test_a_silent_hub_makes_everybody_unknown_not_away() -> None:
    assert ada_s(facts(servers=None)).state == "unknown"


def test_seats_come_in_the_order_of_their_numbers() -> None:
    people = (Person("z", 3, "", True), Person("y", 1, "", True), Person("x", 2, "", True))
    known = facts(people=people, servers=())
    assert [seat.person.number for seat in seat_states(known, {}, NOW)] == [1, 2, 3]
