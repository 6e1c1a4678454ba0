"""Every API call that arrived, in the order of arrival, and what became of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tests.cloud.api_call import Call


@dataclass(frozen=True)
class Logged:
    """`outcome` is `ok`, an error code, or what a fault did to the connection."""

    number: int
    call: Call
    outcome: str = "not answered yet"

    @property
    def action(self) -> str:
        return self.call.action


@dataclass(frozen=True)
class Arrival:
    """A call's number, from 0, and the list that has it, which may be cleared from the log."""

    number: int
    log: list[Logged]


class CallLog:
    """A list that many threads may write to."""

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._calls: list[Logged] = []

    def arrived(self, call: Call) -> Arrival:
        """Note a call, for `ended`."""
        with self._writing:
            self._calls.append(Logged(len(self._calls), call))
            return Arrival(len(self._calls) - 1, self._calls)

    def ended(self, arrival: Arrival, outcome: str) -> None:
        """What became of a call; nobody hears it when the log was cleared meanwhile."""
        with self._writing:
            noted = arrival.log[arrival.number]
            arrival.log[arrival.number] = replace(noted, outcome=outcome)

    def of(self, action: str) -> list[Logged]:
        return [logged for logged in self if logged.action == action]

    def actions(self) -> list[str]:
        return [logged.action for logged in self]

    def clear(self) -> None:
        with self._writing:
            self._calls = []

    def __iter__(self) -> Iterator[Logged]:
        with self._writing:
            return iter(list(self._calls))

    def __len__(self) -> int:
        return len(self._calls)


class UnderWay:
    """The requests that may still change the account; many threads may ask and tell."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests: set[object] = set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Around the work on a request."""
        request = object()
        with self._changed:
            self._requests.add(request)
        try:
            yield
        finally:
            with self._changed:
                self._requests.remove(request)
                self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Until those of this moment are done, at most so long; later ones are not waited for."""
        with self._changed:
            present = set(self._requests)
            self._changed.wait_for(lambda: not present & self._requests, seconds)
