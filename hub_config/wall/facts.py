"""Everything the wall knows at one moment, as plain data: the file between its two programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from hub_config.extending.records import Extensions
from provisioning.folders import write_atomically

#: As the grader's verdicts say it.
Outcome = Literal["passed", "partial", "failed", "not judged", "by hand"]
#: As the watch over the hosts says it; `unknown` where nobody watches.
HostState = Literal["well", "silent", "no service", "dead", "replaced", "unknown"]
#: Attendee, lab and check that waits for a mark; "" for a whole submission.
OpenCheck = tuple[str, str, str]


@dataclass(frozen=True)
class Person:
    """Who has a seat. `number` is on the card."""

    username: str
    number: int
    name: str
    attendee: bool


@dataclass(frozen=True)
class Server:
    """What the hub says of a seat's JupyterLab. `ran_at`: when it was last found running."""

    username: str
    running: bool
    pending: bool
    started: datetime | None
    last_activity: datetime | None
    ran_at: datetime | None = None


@dataclass(frozen=True)
class Usage:
    """What the host's agent says of a seat. `out_of_memory_at`: when the last time was noticed."""

    username: str
    host: str
    alive: bool
    memory_bytes: int | None = None
    out_of_memory: int = 0
    out_of_memory_at: datetime | None = None


@dataclass(frozen=True)
class Host:
    """A machine of the workshop; None is not known. `load` is of one minute, by core."""

    name: str
    state: HostState
    since: datetime | None = None
    seats: tuple[str, ...] = ()
    cores: int | None = None
    load: float | None = None
    memory_bytes: int | None = None
    memory_free_bytes: int | None = None
    disk_free_bytes: int | None = None
    gpus: tuple[int, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Exercise:
    """One graded cell. `title` is the nearest heading above it."""

    cell: str
    title: str
    points: float


@dataclass(frozen=True)
class Lab:
    name: str
    title: str
    exercises: tuple[Exercise, ...]


@dataclass(frozen=True)
class Work:
    """What one attendee has achieved in one lab.

    `barren` counts the newest submissions in a row that passed nothing new; `at` is the exercise
    that the newest one fails. `not_judged` are cells that nobody could judge, with the reason.
    """

    attendee: str
    lab: str
    submissions: int
    judged_at: datetime
    outcomes: dict[str, Outcome]
    passed_at: dict[str, datetime]
    barren: int = 0
    at: str = ""
    not_judged: dict[str, str] | None = None
    #: Why the whole submission could not be judged.
    problem: str = ""


@dataclass(frozen=True)
class Grading:
    """The grader's own record: lab and attendee of what it is at, what waits, what it left."""

    now: tuple[tuple[str, str], ...] = ()
    waiting: tuple[tuple[str, str], ...] = ()
    assistant: tuple[tuple[str, str], ...] = ()
    held: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Fleet:
    """What the instructor's computer told: US dollars (from, to) an hour, and spent until `at`.

    `unpriced` are hosts that no price is known of. `times_left`: how often staff may still give
    thirty minutes more; `extensions`: what came of it so far.
    """

    hourly: tuple[float, float] | None = None
    spent: tuple[float, float] | None = None
    at: datetime | None = None
    deadline: datetime | None = None
    unpriced: tuple[str, ...] = ()
    times_left: int = 0
    extensions: Extensions = field(default=Extensions())


@dataclass(frozen=True)
class Copies:
    """Up to when a seat's work is safe on the hub's host; `left_out` are files that are not."""

    username: str
    at: datetime | None
    over_quota: bool = False
    left_out: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Moved:
    """A seat whose host was lost. `copy_at`: work up to then is back."""

    username: str
    lost: str
    to: str
    state: Literal["restoring", "moved", "failed"]
    copy_at: datetime | None
    done_at: datetime | None
    problem: str = ""


@dataclass(frozen=True)
class Facts:
    """`servers` is None when the hub did not answer, `grading` when nothing is graded by itself,
    `fleet` when the workshop runs on a machine that nobody pays for by the hour, `copies` when
    nothing is copied."""

    taken_at: datetime
    workshop: str
    idle_minutes: int
    people: tuple[Person, ...] = ()
    servers: tuple[Server, ...] | None = None
    usage: tuple[Usage, ...] = ()
    hosts: tuple[Host, ...] = ()
    labs: tuple[Lab, ...] = ()
    work: tuple[Work, ...] = ()
    grading: Grading | None = None
    not_judged: tuple[OpenCheck, ...] = ()
    fleet: Fleet | None = None
    copies: tuple[Copies, ...] | None = None
    moves: tuple[Moved, ...] = ()
    #: What could not be read, in words.
    troubles: tuple[str, ...] = ()


_ADAPTER = TypeAdapter(Facts)


def write_facts(path: Path, facts: Facts) -> None:
    """Readable by the service's group only: names and results concern nobody else."""
    write_atomically(path, _ADAPTER.dump_json(facts), mode=0o640)


def read_facts(path: Path) -> Facts | None:
    """The facts, or None when there are none yet or the file is another version's."""
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
