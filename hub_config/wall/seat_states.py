"""The state of every seat, by rules that can be said in a sentence. The first that holds, counts.

    moving         its host was lost, and its work is being brought to another
    out of memory  its host ended a program of this seat for want of memory within ten minutes
    dead           its host does not answer, or its work could not be brought to another;
                   or the server runs for the hub but not on its host; or it ran and is gone
                   although its person was there lately (the idle culler ends only what
                   nobody touched for `idle_minutes`)
    starting       the hub is starting its server, or has it in the queue
    away           no server, and nobody was there lately
    stuck          there, and three submissions in a row passed nothing new, though a check fails;
                   or nothing new passed for 20 minutes, while at least half of those who are
                   there passed, at least 20 minutes ago, an exercise that this person has not
    in             there: something was done at the seat within five minutes
    idle           the server runs, and nothing was done for longer

"There" is what the person's browser says, and the hub's word where no browser says anything. The
hub hears from servers every five minutes only, so its word holds for five minutes longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from hub_config.wall.facts import Facts, Host, Moved, Person, Server, Usage, Work

State = Literal[
    "in", "idle", "stuck", "dead", "out of memory", "moving", "starting", "away", "unknown"
]
STATES: tuple[State, ...] = get_args(State)

PRESENT = timedelta(minutes=5)
#: How long the hub may not have heard of what a server did.
HUB_LAG = timedelta(minutes=5)
OUT_OF_MEMORY = timedelta(minutes=10)
BARREN_SUBMISSIONS = 3
BEHIND = timedelta(minutes=20)
#: Fewer people say nothing about how hard an exercise is.
FEWEST_TO_COMPARE = 4


@dataclass(frozen=True)
class SeatNow:
    """One seat: its state, and why in words ("" where the state says all)."""

    person: Person
    state: State
    why: str = ""
    last_seen: datetime | None = None
    host: str = ""
    usage: Usage | None = None


@dataclass(frozen=True)
class _Class:
    """What the rules look up, by user name."""

    facts: Facts
    servers: Mapping[str, Server]
    usage: Mapping[str, Usage]
    hosts: Mapping[str, Host]
    work: Mapping[str, tuple[Work, ...]]
    moves: Mapping[str, Moved]
    #: When the browser last said that its person did something.
    seen: Mapping[str, datetime]


def seat_states(facts: Facts, seen: Mapping[str, datetime], now: datetime) -> tuple[SeatNow, ...]:
    """Everybody's seat, in the order of the seats' numbers."""
    known = _Class(
        facts,
        {each.username: each for each in facts.servers or ()},
        {each.username: each for each in facts.usage},
        {name: host for host in facts.hosts for name in host.seats},
        _by_attendee(facts.work),
        {each.username: each for each in facts.moves},
        seen,
    )
    seats = [_first_look(known, person, now) for person in facts.people]
    present = [seat for seat in seats if seat.state == "in" and seat.person.attendee]
    ahead = _passed_by_half(known, present, now)
    judged = (_stuck(known, seat, ahead, now) for seat in seats)
    return tuple(sorted(judged, key=lambda seat: seat.person.number))


def _by_attendee(work: Iterable[Work]) -> dict[str, tuple[Work, ...]]:
    found: dict[str, tuple[Work, ...]] = {}
    for each in work:
        found[each.attendee] = (*found.get(each.attendee, ()), each)
    return found


def _first_look(known: _Class, person: Person, now: datetime) -> SeatNow:
    """The state, before anybody is compared with the others."""
    name = person.username
    usage, host = known.usage.get(name), known.hosts.get(name)
    server = known.servers.get(name)
    last = _last_seen(known, name, server)
    state, why = _moving(known.moves.get(name)) or _state(known, server, (usage, host), (last, now))
    where = usage.host if usage else host.name if host else ""
    return SeatNow(person, state, why, last, where, usage)


def _moving(move: Moved | None) -> tuple[State, str] | None:
    """What holds for a seat that is on its way from a lost host; None for all others."""
    if move is None or move.state == "moved":
        return None
    lost, to = f"its host {move.lost} was lost", move.to
    if move.to == move.lost:  # another machine in its place keeps its name
        lost, to = f"its host {move.lost} is being replaced", "the new machine"
    if move.state == "failed":
        return "dead", f"{lost}; its work could not be brought to {to} yet: {move.problem}"
    return "moving", f"{lost}; its work is being brought to {to}"


def _state(
    known: _Class,
    server: Server | None,
    place: tuple[Usage | None, Host | None],
    times: tuple[datetime | None, datetime],
) -> tuple[State, str]:
    (usage, host), (last, now) = place, times
    if usage and usage.out_of_memory_at and now - usage.out_of_memory_at < OUT_OF_MEMORY:
        return "out of memory", "a program of this seat wanted more memory than a seat has"
    if host and host.state in ("silent", "dead"):
        return "dead", f"its host {host.name} does not answer"
    if known.facts.servers is None:
        return "unknown", "the hub does not answer"
    if server and server.pending:
        return "starting", "the server is starting, or waits for its turn"
    if server is None or not server.running:
        kept = timedelta(minutes=known.facts.idle_minutes)
        ran = server is not None and server.ran_at is not None and now - server.ran_at < kept
        if ran and last is not None and now - last < kept:
            return "dead", "the server ended, though somebody was there lately"
        return "away", ""
    if usage is not None and not usage.alive:
        return "dead", f"the server ended on its host {usage.host}"
    return ("in", "") if last and now - last < PRESENT else ("idle", "")


def _last_seen(known: _Class, name: str, server: Server | None) -> datetime | None:
    """The browser's word; and the hub's, moved on by what it may not have heard yet."""
    heard = server.last_activity if server and server.running else None
    if heard and server and server.started and heard - server.started < timedelta(seconds=30):
        heard = None  # the start itself: seats are started before people come
    moments = [known.seen.get(name), heard + HUB_LAG if heard else None]
    if server and not server.running:
        moments.append(server.last_activity)
    return max((each for each in moments if each), default=None)


def _passed_by_half(
    known: _Class, present: list[SeatNow], now: datetime
) -> frozenset[tuple[str, str]]:
    """Exercises (lab, cell) that half of those present had passed BEHIND ago."""
    if len(present) < FEWEST_TO_COMPARE:
        return frozenset()
    counts: dict[tuple[str, str], int] = {}
    for seat in present:
        for work in known.work.get(seat.person.username, ()):
            for cell, at in work.passed_at.items():
                if now - at >= BEHIND:
                    counts[work.lab, cell] = counts.get((work.lab, cell), 0) + 1
    return frozenset(each for each, count in counts.items() if 2 * count >= len(present))


def _stuck(
    known: _Class, seat: SeatNow, ahead: frozenset[tuple[str, str]], now: datetime
) -> SeatNow:
    if seat.state != "in" or not seat.person.attendee:
        return seat
    works = known.work.get(seat.person.username, ())
    newest = max(works, key=lambda each: each.judged_at, default=None)
    if newest and newest.at and newest.barren >= BARREN_SUBMISSIONS:
        why = f"{newest.barren} submissions in a row passed nothing new"
        return _with(seat, f"{why}; at {exercise_name(known.facts, newest.lab, newest.at)}")
    own = {(each.lab, cell) for each in works for cell in each.passed_at}
    server = known.servers.get(seat.person.username)
    moments = [at for each in works for at in each.passed_at.values()]
    began = max((*moments, *([server.started] if server and server.started else [])), default=None)
    behind = sorted(ahead - own)
    if behind and began and now - began >= BEHIND:
        minutes = int((now - began).total_seconds() // 60)
        name = exercise_name(known.facts, *behind[0])
        return _with(seat, f"nothing new passed for {minutes} min; half of the room has {name}")
    return seat


def _with(seat: SeatNow, why: str) -> SeatNow:
    return SeatNow(seat.person, "stuck", why, seat.last_seen, seat.host, seat.usage)


def exercise_name(facts: Facts, lab: str, cell: str) -> str:
    """How people call an exercise: its heading, or the cell's own name."""
    for each in facts.labs:
        if each.name == lab:
            return next((one.title for one in each.exercises if one.cell == cell), cell)
    return cell
