"""Who gets the Arm machine next: seats take turns, however fast somebody asks again.

Pure: no clock, no socket. A ticket is the caller's number for one connection.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass
class FairLine:
    """Between a seat's coming and its turn every other seat has at most one turn."""

    #: Sessions side by side: of all seats, and of one.
    at_once: int
    per_seat: int = 2
    #: Connections of one seat that may wait.
    most_waiting: int = 4
    #: Seats in the order of their turns (dicts keep it), each with its tickets.
    _waiting: dict[str, deque[int]] = field(default_factory=dict)
    #: Tickets in the order in which they began, each with its seat.
    _running: dict[int, str] = field(default_factory=dict)

    def join(self, seat: str, ticket: int) -> bool:
        """Put a connection in line. False when its seat has too many there."""
        line = self._waiting.setdefault(seat, deque())
        if len(line) >= self.most_waiting:
            return False
        line.append(ticket)
        return True

    def begin(self) -> int | None:
        """The ticket whose turn it is now; None when there is none, or no room."""
        if len(self._running) >= self.at_once:
            return None
        for seat, line in self._waiting.items():
            if self._sessions(seat) < self.per_seat:
                ticket = line.popleft()
                self._end_turn(seat)
                self._running[ticket] = seat
                return ticket
        return None

    def end(self, ticket: int) -> None:
        """A session has ended, or a waiting connection went away."""
        self._running.pop(ticket, None)
        for seat, line in self._waiting.items():
            if ticket in line:
                line.remove(ticket)
                if not line:
                    del self._waiting[seat]
                return

    def superseded(self, seat: str) -> int | None:
        """The oldest session of a seat that has all its share and asks for more.

        A notebook keeps its old session until the new one is there: waiting for its end would
        be waiting for ever.
        """
        share = min(self.per_seat, self.at_once)
        if seat not in self._waiting or self._sessions(seat) < share:
            return None
        return next(ticket for ticket, owner in self._running.items() if owner == seat)

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    def _sessions(self, seat: str) -> int:
        return sum(owner == seat for owner in self._running.values())

    def _end_turn(self, seat: str) -> None:
        """To the end of the line, with what still waits."""
        line = self._waiting.pop(seat)
        if line:
            self._waiting[seat] = line
