"""The seat register: who sits where, and the hash of the code that proves it.

Codes exist in clear only in the result of the call that made them. The register is
one file (0600), replaced atomically under a lock; the hub reads it whenever it changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from hub_config.people import Person, Role
from hub_config.seat_code import NOBODY, CodeHash, SeatCode, hash_code, make_code
from provisioning.errors import AlreadyTaken, WorkshopError
from provisioning.folders import locked, write_atomically

#: Attendees are counted from 1, so that seat07 sits on seat 7; staff from here on.
FIRST_STAFF_NUMBER = 901

Origin = Literal["roster", "added"]


@dataclass(frozen=True)
class Seat:
    """One person's place. `issue` counts the codes it has had; only the last one is valid."""

    number: int
    username: str
    name: str
    email: str
    role: Role
    origin: Origin
    issue: int
    removed: bool
    code: CodeHash


@dataclass(frozen=True)
class SeatRegister:
    """All seats, also removed ones: a number is never given to somebody else."""

    seats: tuple[Seat, ...] = ()

    def of(self, username: str) -> Seat | None:
        return next((seat for seat in self.seats if seat.username == username), None)

    def numbered(self, number: int) -> Seat | None:
        return next((seat for seat in self.seats if seat.number == number), None)

    def taken(self) -> tuple[Seat, ...]:
        """The seats whose people may log in."""
        return tuple(seat for seat in self.seats if not seat.removed)

    def verify(self, code: SeatCode) -> Seat | None:
        """The seat the code opens, also a removed one. Unknown seats take as long as known ones."""
        seat = self.numbered(code.number)
        matches = (seat.code if seat else NOBODY).matches(code.secret)
        return seat if matches else None

    def with_seat(self, seat: Seat) -> SeatRegister:
        """The register with this seat, instead of the one with its number if there is one."""
        others = [other for other in self.seats if other.number != seat.number]
        return SeatRegister(tuple(sorted([*others, seat], key=lambda each: each.number)))

    def free_number(self, person: Person) -> int:
        """seatNN gets NN if nobody has it; everybody else the next number of their kind."""
        used = {seat.number for seat in self.seats}
        wish = person.username.removeprefix("seat")
        if person.role == "attendee" and wish.isdecimal() and len(wish) <= 3:
            number = int(wish)
            if 0 < number < FIRST_STAFF_NUMBER and number not in used:
                return number
        first = 1 if person.role == "attendee" else FIRST_STAFF_NUMBER
        return next(number for number in range(first, 10_000) if number not in used)


@dataclass(frozen=True)
class IssuedCode:
    """A new code and its seat: the only moment at which the code is known."""

    seat: Seat
    code: SeatCode


@dataclass(frozen=True)
class IssueResult:
    register: SeatRegister
    new_codes: tuple[IssuedCode, ...]


def ensure_seats(path: Path, people: Iterable[Person]) -> IssueResult:
    """A seat for everybody; whoever has one keeps its number and code.

    Whoever is no longer among the people is marked as removed and can't log in, except
    those who were added by hand. A person who comes back gets the old seat, with its code.
    """
    with _changing(path) as change:
        register = change.register
        wanted = {person.username: person for person in people}
        newcomers = []
        for person in wanted.values():
            if (seat := register.of(person.username)) is None:
                seat = _new_seat(register, person, "roster")
                newcomers.append(seat)
            register = register.with_seat(_described(seat, person))
        for seat in register.seats:
            if seat.origin == "roster" and seat.username not in wanted:
                register = register.with_seat(replace(seat, removed=True))
        codes = [(seat.username, make_code(seat.number)) for seat in newcomers]
        return change.save(register, dict(codes))


def add_seat(path: Path, person: Person) -> IssueResult:
    """A seat for one more person, whom no roster needs to name."""
    return add_seats(path, (person,))


def add_seats(path: Path, people: Iterable[Person]) -> IssueResult:
    """Seats for some more people, all or none of them."""
    with _changing(path) as change:
        register, codes = change.register, {}
        for person in people:
            known = register.of(person.username)
            if known and not known.removed:
                raise AlreadyTaken(
                    f"{person.username} already has seat {known.number:02d}",
                    next_step=f"for a new code: workshop seat reissue {person.username}",
                )
            seat = known or _new_seat(register, person, "added")
            seat = replace(_described(seat, person), origin="added", issue=seat.issue + bool(known))
            codes[seat.username] = make_code(seat.number)
            register = register.with_seat(seat)
        return change.save(register, codes)


def reissue(path: Path, username: str) -> IssueResult:
    """A new code for a seat. The old one, and every session it opened, ends."""
    with _changing(path) as change:
        seat = change.register.of(username)
        if seat is None or seat.removed:
            raise WorkshopError(
                f"{username} has no seat", next_step="workshop seat list shows who has one"
            )
        seat = replace(seat, issue=seat.issue + 1)
        codes = {username: make_code(seat.number)}
        return change.save(change.register.with_seat(seat), codes)


def forget_seats(path: Path, usernames: Collection[str]) -> None:
    """Drop seats as if they had never been: for robots, which leave no work behind."""
    with _changing(path) as change:
        kept = tuple(seat for seat in change.register.seats if seat.username not in usernames)
        change.save(SeatRegister(kept), {})


def read_register(path: Path) -> SeatRegister:
    """The register as it stands; empty when no seat was ever given."""
    try:
        return _FILE.validate_json(path.read_bytes()).register
    except FileNotFoundError:
        return SeatRegister()
    except ValidationError as error:
        raise WorkshopError(
            f"{path} is not a seat register: {error.errors()[0]['msg']}",
            next_step="restore the file, or remove it and give new codes with `workshop up`",
        ) from None


@dataclass(frozen=True)
class _RegisterFile:
    version: Literal[1]
    register: SeatRegister


_FILE: TypeAdapter[_RegisterFile] = TypeAdapter(_RegisterFile)


@dataclass(frozen=True)
class _Change:
    """The register before a change, and the way to write the one after it."""

    register: SeatRegister
    write: Callable[[SeatRegister], None]

    def save(self, register: SeatRegister, codes: dict[str, SeatCode]) -> IssueResult:
        """Write the register with hashes of these codes, by user name."""
        # scrypt is slow on purpose and leaves Python's lock: 300 seats in half the time.
        with ThreadPoolExecutor() as pool:
            hashes = dict(zip(codes, pool.map(hash_code, codes.values()), strict=True))
        seats = tuple(
            replace(seat, code=hashes.get(seat.username, seat.code)) for seat in register.seats
        )
        after = SeatRegister(seats)
        if after != self.register:
            self.write(after)
        issued = [IssuedCode(s, codes[s.username]) for s in seats if s.username in codes]
        return IssueResult(after, tuple(issued))


@contextmanager
def _changing(path: Path) -> Iterator[_Change]:
    """Read, change and write as one step: two commands at once can't lose a seat."""

    def write(register: SeatRegister) -> None:
        text = json.dumps(asdict(_RegisterFile(1, register)), indent=1, ensure_ascii=False)
        write_atomically(path, text.encode(), mode=0o600)

    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_suffix(".lock")):
        yield _Change(read_register(path), write)


def _new_seat(register: SeatRegister, person: Person, origin: Origin) -> Seat:
    """A seat without a code: nothing opens it until one is made."""
    number = register.free_number(person)
    return Seat(
        number, person.username, person.name, person.email, person.role, origin, 1, False, NOBODY
    )


def _described(seat: Seat, person: Person) -> Seat:
    """The seat with what the roster says of its person today."""
    return replace(seat, name=person.name, email=person.email, role=person.role, removed=False)
