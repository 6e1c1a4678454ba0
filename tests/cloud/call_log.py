"""Every API call that arrived, in the order of arrival, and what became of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
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


class CallLog:
    """A list that many threads may write to."""

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._calls: list[Logged] = []

    def arrived(self, call: Call) -> int:
        """Note a call and return its number, from 0."""
        with self._writing:
            self._calls.append(Logged(len(self._calls), call))
            return len(self._calls) - 1

    def ended(self, number: int, outcome: str) -> None:
        with self._writing:
            if number < len(self._calls):  # the log was cleared while the call was running
                self._calls[number] = replace(self._calls[number], outcome=outcome)

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
