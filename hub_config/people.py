"""Who takes part, in which role."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from hub_config.usernames import INSTRUCTOR

Role = Literal["attendee", "assistant", "instructor"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Person:
    """One line of the roster; `line` is 0 for a person whom no file names."""

    name: str
    email: str
    role: Role
    username: str
    line: int = 0


def group_of(role: Role) -> str:
    """The hub's group of a role."""
    return f"{role}s"


def walk_in(number: int) -> Person:
    return Person(f"Seat {number:02d}", "", "attendee", f"seat{number:02d}")


def walk_ins(count: int) -> tuple[Person, ...]:
    """seat01 to seatNN, and an instructor."""
    return with_instructor(walk_in(number) for number in range(1, count + 1))


def with_instructor(people: Iterable[Person]) -> tuple[Person, ...]:
    """The same people, and the seat `instructor` if none of them is one: somebody must teach."""
    known = tuple(people)
    if any(person.role == "instructor" for person in known):
        return known
    return (*known, Person("Instructor", "", "instructor", INSTRUCTOR))
