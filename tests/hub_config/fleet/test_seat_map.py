"""Who sits where: sticky, as many as fit, numbers that are never given twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hub_config.fleet.placement import read_seat_map, write_seat_map
from hub_config.fleet.seat_map import (
    HUB,
    Room,
    SeatMap,
    Terms,
    Wish,
    changed_hosts,
    forget_seats,
    move_seats,
    place_robots,
    place_seats,
)
from provisioning.errors import NotPossibleHere, StepFailed

WHOLE, SHARED = Terms("whole"), Terms("shared")
TWO_HOSTS = (Room("gpu-01", gpus=2), Room("gpu-02", gpus=2))


def wish(*attendees: str, staff: tuple[str, ...] = (), terms: Terms = WHOLE) -> Wish:
    return Wish(attendees, staff, terms)


def hosts_of(seats: SeatMap) -> dict[str, str]:
    return {each.username: each.host for each in seats.placements}


def test_each_seat_gets_a_gpu_of_its_own_and_hosts_fill_evenly() -> None:
    seats = place_seats(wish("ann", "bob", "cat", "dan"), TWO_HOSTS, SeatMap())
    assert len({(each.host, each.gpu) for each in seats.placements}) == 4
    two = place_seats(wish("ann", "bob"), TWO_HOSTS, SeatMap())
    assert sorted(hosts_of(two).values()) == ["gpu-01", "gpu-02"]


def test_too_few_gpus_are_said_with_what_helps() -> None:
    with pytest.raises(NotPossibleHere) as error:
        place_seats(wish(*"abcde"), TWO_HOSTS, SeatMap())
    assert "5 seats want a GPU of their own each; the hosts have room for 4" in str(error.value)
    assert "gpu: shared" in error.value.next_step


def test_shared_gpus_are_used_evenly() -> None:
    seats = place_seats(wish(*"abcdefgh", terms=SHARED), TWO_HOSTS, SeatMap())
    used = Counter((each.host, each.gpu) for each in seats.placements)
    assert set(used.values()) == {2}
    assert len(used) == 4


def test_memory_limits_how_many_share_a_host() -> None:
    small = (Room("gpu-01", memory_bytes=10**9),)
    assert len(place_seats(wish("ann", "bob"), small, SeatMap()).placements) == 2
    with pytest.raises(NotPossibleHere, match="room for 2"):
        place_seats(wish("ann", "bob", "cat"), small, SeatMap())


def test_staff_sit_on_the_hubs_host_and_so_does_everybody_without_other_hosts() -> None:
    seats = place_seats(wish("ann", staff=("grace",)), TWO_HOSTS, SeatMap())
    assert hosts_of(seats) == {"ann": "gpu-01", "grace": HUB}
    assert set(hosts_of(place_seats(wish("ann", "bob"), (), SeatMap())).values()) == {HUB}


def test_latecomers_move_nobody() -> None:
    before = place_seats(wish("bob", "cat"), TWO_HOSTS, SeatMap())
    after = place_seats(wish("ann", "bob", "cat", "dan"), TWO_HOSTS, before)
    assert {each for each in after.placements if each.username in ("bob", "cat")} == set(
        before.placements
    )


def test_who_comes_back_gets_the_same_numbers_and_nobody_else_ever_had_them() -> None:
    first = place_seats(wish("ann", "bob"), TWO_HOSTS, SeatMap())
    without = place_seats(wish("bob", "cat"), TWO_HOSTS, first)
    again = place_seats(wish("ann", "bob", "cat"), TWO_HOSTS, without)
    ann, cat = first.of("ann"), without.of("cat")
    assert ann is not None
    assert cat is not None
    assert cat.uid not in {each.uid for each in first.placements}
    assert (again.of("ann").uid, again.of("ann").port) == (ann.uid, ann.port)


def test_a_host_that_is_gone_gives_its_seats_to_others_and_a_spare_waits() -> None:
    spare = Room("gpu-03", gpus=2, spare=True)
    before = place_seats(wish("ann", "bob"), (*TWO_HOSTS, spare), SeatMap())
    assert "gpu-03" not in hosts_of(before).values()
    after = place_seats(wish("ann", "bob"), (TWO_HOSTS[1], spare), before)
    assert set(hosts_of(after).values()) == {"gpu-02"}


def test_a_dead_hosts_seats_move_to_the_spare_with_their_numbers() -> None:
    before = place_seats(wish(*"abcd", staff=("grace",)), TWO_HOSTS, SeatMap())
    spare = Room("gpu-03", gpus=2, spare=True)
    after = move_seats(before, "gpu-01", spare, WHOLE)
    assert not after.on("gpu-01")
    assert [each.gpu for each in after.on("gpu-03")] == [0, 1]
    assert after.on("gpu-02") == before.on("gpu-02")
    assert [(each.username, each.port, each.uid) for each in after.placements] == [
        (each.username, each.port, each.uid) for each in before.placements
    ]
    assert changed_hosts(before, after) == {"gpu-01", "gpu-03"}
    # From then on it's a host like the others.
    again = place_seats(wish(*"abcd", staff=("grace",)), (TWO_HOSTS[1], spare), after)
    assert again == after


def test_a_spare_that_is_too_small_moves_nobody() -> None:
    before = place_seats(wish(*"abcd"), TWO_HOSTS, SeatMap())
    with pytest.raises(NotPossibleHere, match="room for 1"):
        move_seats(before, "gpu-01", Room("gpu-03", gpus=1, spare=True), WHOLE)


@settings(max_examples=30, deadline=None)
@given(some.lists(some.sets(some.sampled_from("abcdefghij"), max_size=6), max_size=6))
def test_whatever_comes_and_goes_nobody_is_moved_and_no_number_is_given_twice(
    days: list[set[str]],
) -> None:
    seats, owner = SeatMap(), dict[int, str]()
    rooms = (*TWO_HOSTS, Room("gpu-04", gpus=4))
    for people in days:
        before = {each.username: each for each in seats.placements}
        seats = place_seats(wish(*sorted(people)), rooms, seats)
        for each in seats.placements:
            assert before.get(each.username, each) == each
            assert owner.setdefault(each.uid, each.username) == each.username
        taken = [(each.host, each.gpu) for each in seats.placements]
        assert len(taken) == len(set(taken))


def test_the_map_is_kept_in_a_file_that_is_written_only_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "seat-map.json"
    seats = place_seats(wish("ann"), TWO_HOSTS, SeatMap())
    assert read_seat_map(file) == SeatMap()
    assert write_seat_map(file, seats)
    assert not write_seat_map(file, seats)
    assert read_seat_map(file) == seats
    assert file.stat().st_mode & 0o777 == 0o600
    assert write_seat_map(file, replace(seats, former=seats.placements))


def test_a_map_that_cannot_be_read_is_never_taken_for_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / "seat-map.json"
    file.write_text("{")
    with pytest.raises(StepFailed, match="Nobody's seat was moved"):
        read_seat_map(file)


def test_robots_rehearse_in_the_places_of_people_and_take_none() -> None:
    people = place_seats(wish("ann", "bob", "cat", "dan"), TWO_HOSTS, SeatMap())
    seats = place_robots(("robot-001", "robot-002"), ("ann", "bob"), people)
    assert [(seats.of(f"robot-00{n}").host, seats.of(f"robot-00{n}").gpu) for n in (1, 2)] == [
        (people.of(name).host, people.of(name).gpu) for name in ("ann", "bob")
    ]
    assert len({each.port for each in seats.everybody}) == 6
    # The room is as full as before, and the robots stay where they are.
    again = place_seats(wish("ann", "bob", "cat", "dan"), TWO_HOSTS, seats)
    assert again == seats
    assert forget_seats(("robot-001", "robot-002"), seats) == people
