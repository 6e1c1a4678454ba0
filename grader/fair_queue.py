"""Who is graded next when many wait: attendees take turns, and of each only the newest work counts.

Pure: no clock, no file, no thread. It holds at most one entry for each attendee and lab, so its
memory is bounded by the class and the course, however much is handed in.
"""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import datetime

#: An entry that isn't tried again by itself.
NEVER = math.inf


@dataclass(frozen=True)
class Arrival:
    """One submission as the exchange knows it; `number` grows from one to the next."""

    attendee: str
    lab: str
    number: int
    snapshot: str
    received: datetime


@dataclass(frozen=True)
class Waiting:
    """An arrival in line. `not_before` and `reason` are set when it couldn't be graded yet."""

    arrival: Arrival
    attempts: int = 0
    not_before: float = -math.inf
    reason: str = ""

    @property
    def parked(self) -> bool:
        return self.not_before == NEVER

    def ready(self, now: float, held: Container[str]) -> bool:
        return self.not_before <= now and self.arrival.lab not in held


class FairQueue:
    """Round robin over attendees; each attendee's labs in the order in which they were begun.

    Between an attendee's arrival and its turn every other attendee has at most one turn, whatever
    they hand in meanwhile.
    """

    def __init__(self) -> None:
        #: Attendees in the order of their turns (dicts keep it), each with the labs in line.
        self._lines: dict[str, dict[str, Waiting]] = {}

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def add(self, arrival: Arrival) -> bool:
        """Put a submission in line. The newest supersedes, in the place of the one before it.

        False when a newer one waits already.
        """
        line = self._lines.setdefault(arrival.attendee, {})
        before = line.get(arrival.lab)
        if before is not None and before.arrival.number >= arrival.number:
            return False
        line[arrival.lab] = Waiting(arrival)
        return True

    def upcoming(self, most: int, now: float, held: Container[str] = ()) -> tuple[Waiting, ...]:
        """The next round: at most one submission each of the attendees whose turn it is."""
        found: list[Waiting] = []
        for line in self._lines.values():
            if len(found) == most:
                break
            first = next((each for each in line.values() if each.ready(now, held)), None)
            if first is not None:
                found.append(first)
        return tuple(found)

    def done(self, waiting: Waiting) -> None:
        """It has been graded. A newer one that came meanwhile stays in line."""
        arrival = waiting.arrival
        if self._still(arrival):
            del self._lines[arrival.attendee][arrival.lab]
        self._end_turn(arrival.attendee)

    def postpone(self, waiting: Waiting, until: float, reason: str) -> None:
        """It could not be graded; a newer one that came meanwhile needn't wait."""
        arrival = waiting.arrival
        if self._still(arrival):
            later = replace(waiting, attempts=waiting.attempts + 1, not_before=until, reason=reason)
            self._lines[arrival.attendee][arrival.lab] = later
        self._end_turn(arrival.attendee)

    def wake(self, lab: str) -> None:
        """Things have changed for a lab: whatever failed is worth a try again."""
        for line in self._lines.values():
            if lab in line:
                line[lab] = Waiting(line[lab].arrival)

    def in_order(self) -> tuple[Waiting, ...]:
        """Everything in the order in which it would be graded if nothing more came."""
        turns = [list(line.values()) for line in self._lines.values()]
        deepest = max((len(turn) for turn in turns), default=0)
        return tuple(turn[depth] for depth in range(deepest) for turn in turns if depth < len(turn))

    def next_due(self, now: float, held: Container[str] = ()) -> float | None:
        """When the next postponed submission may be tried; None when there is none."""
        times = [
            each.not_before
            for line in self._lines.values()
            for each in line.values()
            if now < each.not_before < NEVER and each.arrival.lab not in held
        ]
        return min(times, default=None)

    def _end_turn(self, attendee: str) -> None:
        """To the end of the line, with what is left to do."""
        line = self._lines.pop(attendee, None)
        if line:
            self._lines[attendee] = line

    def _still(self, arrival: Arrival) -> bool:
        found = self._lines.get(arrival.attendee, {}).get(arrival.lab)
        return found is not None and found.arrival == arrival
