"""Thirty minutes more, as the wall offers it and says what came of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub_config.extending.records import NOT_YET, STEP, Wish
from hub_config.wall.facts import Fleet
from hub_config.wall.money import dollars
from hub_config.wall.wishes import is_open

#: What came of a wish is told this long.
_TOLD = timedelta(minutes=10)

#: What is said one after the other; pages show times in the reader's own time zone.
Words = tuple[str | datetime, ...]


@dataclass(frozen=True)
class Line:
    """One sentence below the deadline."""

    words: Words
    trouble: bool = False


@dataclass(frozen=True)
class ExtendingNow:
    """`to`: what the button gives; None: there is no button, and `instead` says what helps."""

    shown: str
    to: datetime | None
    costs: str
    times_left: int
    instead: str
    lines: tuple[Line, ...]


def extending_now(fleet: Fleet, wish: Wish | None, now: datetime) -> ExtendingNow | None:
    """None where no host ends itself."""
    if fleet.deadline is None:
        return None
    waits = is_open(wish, fleet, now)
    may = fleet.times_left > 0 and not waits
    more = ""
    if fleet.hourly:
        share = STEP / timedelta(hours=1)
        more = dollars(*(each * share for each in fleet.hourly))
    return ExtendingNow(
        shown=fleet.deadline.isoformat(),
        to=fleet.deadline + STEP if may else None,
        costs=more,
        times_left=fleet.times_left,
        instead="" if may or waits else "More: workshop extend 30, on the instructor's computer.",
        lines=tuple(_lines(fleet, wish, waits=waits, now=now)),
    )


def _lines(fleet: Fleet, wish: Wish | None, *, waits: bool, now: datetime) -> Iterator[Line]:
    if waits and wish is not None:
        yield Line((f"30 minutes more, asked for by {wish.by}: the hosts are being told.",))
    elif wish is not None and fleet.extensions.answer_to(wish) is None and now - wish.at < _TOLD:
        yield Line(("30 minutes more: nobody answered. Look at the new time, or ask again.",), True)
    newest, granted = fleet.extensions.newest, fleet.extensions.granted
    if newest is not None and newest.problem and now - newest.done_at < _TOLD:
        yield Line((f"30 minutes more: {newest.problem}",), True)
    if granted is None or granted.deadline is None:
        return
    if granted.deadline == fleet.deadline and now - granted.done_at < _TOLD:
        yield Line((f"Extended by {granted.wish.by} at ", granted.done_at, "."))
    for host, why in sorted(granted.behind.items()):
        if why == NOT_YET and now - granted.done_at < timedelta(minutes=1):
            continue
        yield Line((f"{host} still ends at its old time: {why}. It is tried again.",), True)
