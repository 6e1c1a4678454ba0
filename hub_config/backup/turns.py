"""Whose home is copied when. Pure: times are given, in seconds.

There are two lanes. Everybody starts in the quick one, where a home has little time; a home
that needs more, or fails, goes on in the slow lane. So homes that were made to be slow wait for
each other, and hold up nobody else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal

Lane = Literal["quick", "slow"]
#: How long one home may take, in seconds.
LANE_SECONDS: dict[Lane, float] = {"quick": 30.0, "slow": 600.0}
#: A home that took longer than this, in seconds, is slow next time too.
SLOW_SECONDS = 15.0
#: First copies begin within this: there is little to copy then.
_SPREAD_SECONDS = 60.0
#: After a failure the next try comes soon, then later and later, up to the usual interval.
_AGAIN_SECONDS = 15.0


@dataclass
class _Seat:
    due: float
    lane: Lane = "quick"
    failures: int = 0
    running: bool = False
    begun: float = 0.0


@dataclass
class Turns:
    """`every`: seconds from the beginning of one copy to the next."""

    every: float
    _seats: dict[str, _Seat] = field(default_factory=dict)

    def know(self, usernames: Collection[str], now: float) -> None:
        """These seats are to be copied, and no others. New ones begin spread over a minute."""
        for name in self._seats.keys() - set(usernames):
            del self._seats[name]
        new = [name for name in usernames if name not in self._seats]
        spread = min(_SPREAD_SECONDS, self.every)
        for index, name in enumerate(new):
            self._seats[name] = _Seat(now + spread * index / len(new))

    def ask(self, usernames: Iterable[str], now: float) -> None:
        """Copy these now, whatever the time."""
        for name in usernames:
            if name in self._seats:
                self._seats[name].due = now

    def take(self, lane: Lane, now: float, most: int) -> tuple[str, ...]:
        """At most so many seats of the lane, the longest overdue first; they count as begun."""
        due = [
            (seat.due, name)
            for name, seat in self._seats.items()
            if seat.lane == lane and not seat.running and seat.due <= now
        ]
        chosen = tuple(name for _, name in sorted(due)[:most])
        for name in chosen:
            seat = self._seats[name]
            seat.running, seat.begun, seat.due = True, now, now + self.every
        return chosen

    def done(self, username: str, now: float) -> None:
        """It was copied, or had not changed."""
        if seat := self._ended(username):
            seat.failures = 0
            seat.lane = "slow" if now - seat.begun > SLOW_SECONDS else "quick"

    def failed(self, username: str, now: float, *, slow: bool) -> None:
        """It was not copied. `slow`: its time was over; else another try is cheap."""
        if seat := self._ended(username):
            seat.failures += 1
            again = min(self.every, _AGAIN_SECONDS * 2 ** min(seat.failures, 10))
            seat.due = min(seat.due, now + again)
            if slow:
                seat.due = now if seat.lane == "quick" else now + self.every
                seat.lane = "slow"

    def _ended(self, username: str) -> _Seat | None:
        """None when the seat is not known any more."""
        seat = self._seats.get(username)
        if seat is not None:
            seat.running = False
        return seat
