"""One-time permissions to upload: for one user and one assignment, for a few minutes."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub_config.exchange.errors import TicketGone, TooMany
from hub_config.exchange.records import TicketRequest

_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True)
class Ticket:
    """Who may upload what. The owner is fixed here, from the hub's token."""

    id: str
    username: str
    assignment: str
    size: int | None
    sha256: str | None
    expires: datetime


class Tickets:
    """The tickets of this process. They needn't outlive it: a client just asks for another."""

    def __init__(self, clock: Callable[[], datetime], lifetime: timedelta, per_minute: int) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._per_minute = per_minute
        self._tickets: dict[str, Ticket] = {}
        self._issued: dict[str, deque[datetime]] = {}

    def issue(self, username: str, request: TicketRequest) -> Ticket:
        """A new ticket, or TooMany."""
        now = self._clock()
        self._forget_expired(now)
        self._count(username, now)
        ticket = Ticket(
            id=secrets.token_urlsafe(24),
            username=username,
            assignment=request.assignment,
            size=request.size,
            sha256=request.sha256,
            expires=now + self._lifetime,
        )
        self._tickets[ticket.id] = ticket
        return ticket

    def find(self, ticket_id: str, username: str) -> Ticket:
        """The user's own ticket; another's is as good as none."""
        ticket = self._tickets.get(ticket_id)
        if ticket is None or ticket.username != username or ticket.expires <= self._clock():
            raise TicketGone(
                "This upload ticket is unknown or has expired.",
                next_step="Ask for a new ticket and upload again.",
            )
        return ticket

    def _count(self, username: str, now: datetime) -> None:
        recent = self._issued.setdefault(username, deque())
        while recent and recent[0] <= now - _WINDOW:
            recent.popleft()
        if len(recent) >= self._per_minute:
            raise TooMany(
                f"More than {self._per_minute} submissions were begun within a minute.",
                next_step="Wait a minute, then submit once.",
            )
        recent.append(now)

    def _forget_expired(self, now: datetime) -> None:
        # Issued in order with one lifetime, so the oldest come first.
        for ticket_id, ticket in list(self._tickets.items()):
            if ticket.expires > now:
                break
            del self._tickets[ticket_id]
