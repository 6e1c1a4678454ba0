"""The seat register keeps its promises: a seat stays a person's, a code is shown once."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from hub_config.people import Person, walk_ins
from hub_config.seat_code import SeatCode, parse_code
from hub_config.seats import add_seat, add_seats, ensure_seats, forget_seats, read_register, reissue
from provisioning.errors import AlreadyTaken, WorkshopError

ANN = Person("Ann", "ann@example.org", "attendee", "ann")
BOB = Person("Bob", "bob@example.org", "attendee", "bob")
ADA = Person("Ada", "ada@example.org", "instructor", "ada")


@pytest.fixture
def register(tmp_path: Path) -> Path:
    return tmp_path / "demo" / "seats.json"


def codes(result: object) -> dict[str, SeatCode]:
    return {issued.seat.username: issued.code for issued in result.new_codes}


def test_everybody_gets_a_number_and_a_code_once(register: Path) -> None:
    first = ensure_seats(register, [ANN, ADA, BOB])
    assert [(s.number, s.username) for s in first.register.seats] == [
        (1, "ann"),
        (2, "bob"),
        (901, "ada"),
    ]
    assert first.register.verify(codes(first)["bob"]).username == "bob"
    before = register.read_bytes()
    again = ensure_seats(register, [ADA, BOB, ANN])
    assert again.new_codes == ()
    assert again.register == first.register
    assert register.read_bytes() == before


def test_walk_ins_sit_on_the_seat_of_their_name(register: Path) -> None:
    ensure_seats(register, walk_ins(2))
    add_seat(register, ANN)
    grown = ensure_seats(register, walk_ins(4)).register
    numbers = {seat.username: seat.number for seat in grown.taken()}
    assert numbers == {
        "seat01": 1,
        "seat02": 2,
        "ann": 3,
        "seat03": 4,
        "seat04": 5,
        "instructor": 901,
    }


def test_codes_are_stored_only_as_hashes_that_others_cant_read(register: Path) -> None:
    result = ensure_seats(register, [ANN])
    text = register.read_text()
    assert codes(result)["ann"].secret not in text
    assert stat.S_IMODE(register.stat().st_mode) == 0o600
    assert read_register(register) == result.register


def test_newcomers_get_codes_and_others_keep_theirs(register: Path) -> None:
    first = ensure_seats(register, [ANN])
    second = ensure_seats(register, [BOB, ANN])
    assert list(codes(second)) == ["bob"]
    assert second.register.verify(codes(first)["ann"]).username == "ann"


def test_who_leaves_the_roster_keeps_the_number_and_comes_back_to_it(register: Path) -> None:
    code = codes(ensure_seats(register, [ANN, BOB]))["ann"]
    left = ensure_seats(register, [BOB]).register
    assert left.verify(code).removed
    assert [seat.username for seat in left.taken()] == ["bob"]
    late = Person("Cat", "cat@example.org", "attendee", "cat")
    assert ensure_seats(register, [BOB, late]).register.of("cat").number == 3
    back = ensure_seats(register, [ANN, BOB, late])
    assert back.new_codes == ()
    assert not back.register.verify(code).removed


def test_a_person_added_by_hand_stays_when_the_roster_is_read_again(register: Path) -> None:
    ensure_seats(register, [ANN])
    add_seat(register, BOB)
    assert {s.username for s in ensure_seats(register, [ANN]).register.taken()} == {"ann", "bob"}
    with pytest.raises(AlreadyTaken, match="bob already has seat 02"):
        add_seat(register, BOB)


def test_a_removed_person_who_is_added_again_gets_a_new_code(register: Path) -> None:
    old = codes(ensure_seats(register, [ANN, BOB]))["bob"]
    ensure_seats(register, [ANN])
    result = add_seat(register, BOB)
    assert result.register.verify(old) is None
    assert result.register.verify(codes(result)["bob"]).issue == 2


def test_a_reissued_code_replaces_the_old_one_and_is_counted(register: Path) -> None:
    old = codes(ensure_seats(register, [ANN]))["ann"]
    result = reissue(register, "ann")
    assert result.register.verify(old) is None
    assert result.register.verify(codes(result)["ann"]).issue == 2
    with pytest.raises(WorkshopError, match="nobody has no seat"):
        reissue(register, "nobody")


def test_the_roster_s_changes_reach_the_seat(register: Path) -> None:
    ensure_seats(register, [ANN])
    promoted = Person("Ann Lee", "lee@example.org", "assistant", "ann")
    seat = ensure_seats(register, [promoted]).register.of("ann")
    assert (seat.number, seat.name, seat.email, seat.role) == (
        1,
        "Ann Lee",
        "lee@example.org",
        "assistant",
    )


def test_another_seats_number_with_my_secret_opens_nothing(register: Path) -> None:
    result = ensure_seats(register, [ANN, BOB])
    mine = codes(result)["ann"]
    assert result.register.verify(SeatCode(2, mine.secret)) is None
    assert result.register.verify(SeatCode(77, mine.secret)) is None
    assert result.register.verify(parse_code(str(mine).lower())).username == "ann"


def test_an_unknown_seat_costs_as_much_as_a_known_one(
    register: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = ensure_seats(register, [ANN]).register
    asked = []
    real = type(known.seats[0].code).matches
    monkeypatch.setattr(
        type(known.seats[0].code), "matches", lambda self, s: asked.append(self.n) or real(self, s)
    )
    known.verify(SeatCode(1, "00000000"))
    known.verify(SeatCode(99, "00000000"))
    assert asked == [2**14, 2**14]


def test_seats_given_at_the_same_time_are_all_kept(register: Path) -> None:
    ensure_seats(register, [ADA])
    names = [f"p{number}" for number in range(8)]
    threads = [
        threading.Thread(target=add_seat, args=(register, Person(n, "", "attendee", n)))
        for n in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seats = read_register(register).seats
    assert {seat.username for seat in seats} == {"ada", *names}
    assert sorted(seat.number for seat in seats) == [*range(1, 9), 901]


def test_a_spoilt_register_is_refused_by_name(register: Path) -> None:
    register.parent.mkdir()
    register.write_text('{"version": 1, "register": {"seats": [')
    with pytest.raises(WorkshopError, match=r"seats\.json is not a seat register"):
        ensure_seats(register, [ANN])
    assert register.read_text().endswith("[")


def test_many_seats_are_added_and_forgotten_in_one_go_or_not_at_all(register: Path) -> None:
    ensure_seats(register, [ANN, ADA])
    before = register.read_bytes()
    robots = [Person(f"Robot {n}", "", "attendee", f"robot-0{n}") for n in (1, 2, 3)]
    added = add_seats(register, robots)
    assert [each.seat.number for each in added.new_codes] == [2, 3, 4]
    assert added.register.verify(codes(added)["robot-03"]).username == "robot-03"
    with_robots = register.read_bytes()
    with pytest.raises(AlreadyTaken, match="robot-02"):
        add_seats(register, [BOB, robots[1]])
    assert register.read_bytes() == with_robots
    forget_seats(register, ["robot-01", "robot-02", "robot-03"])
    assert register.read_bytes() == before
