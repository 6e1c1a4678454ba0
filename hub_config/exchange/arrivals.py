"""What has been handed in last, and how a grader that has nothing to do learns of more.

The grader asks what came after a mark; when nothing has, the answer waits until something does.
So a submission is known to the grader as soon as it is filed, an idle class costs one request
every few seconds, and nobody lists the store again and again.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Iterable

from hub_config.exchange.records import Snapshot

_Waiter = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class Arrivals:
    """The newest snapshot of each attendee and assignment, in the order of arrival.

    Marks belong to this process: to a mark of an earlier one the answer is everything. Safe to
    use from several threads; only `wait` belongs to the service's loop.
    """

    def __init__(self, snapshots: Iterable[Snapshot] = ()) -> None:
        self._process = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._count = 0
        self._newest: dict[tuple[str, str], tuple[int, Snapshot]] = {}
        self._waiters: set[_Waiter] = set()
        for snapshot in sorted(snapshots, key=lambda each: each.received):
            self.note(snapshot)

    def note(self, snapshot: Snapshot) -> None:
        """One more has been filed."""
        key = (snapshot.assignment, snapshot.username)
        with self._lock:
            known = self._newest.get(key)
            # Two uploads of one attendee are filed by two threads, in either order. Numbers alone
            # don't tell it: a rehearsal's robots come again, and begin with 1 again.
            if known and _order(known[1]) >= _order(snapshot):
                return
            self._count += 1
            # Last in the dict, because it came last.
            self._newest.pop(key, None)
            self._newest[key] = (self._count, snapshot)
            waiters = tuple(self._waiters)
        for loop, event in waiters:
            loop.call_soon_threadsafe(event.set)

    def since(self, mark: str) -> tuple[str, tuple[Snapshot, ...]]:
        """What came after the mark, oldest first, and the mark for the next question."""
        with self._lock:
            process, _, number = mark.rpartition("-")
            seen = int(number) if process == self._process and number.isdecimal() else 0
            news: list[Snapshot] = []
            for count, snapshot in reversed(self._newest.values()):
                if count <= seen:
                    break
                news.append(snapshot)
            return f"{self._process}-{self._count}", tuple(reversed(news))

    async def wait(self, mark: str, seconds: float) -> None:
        """Until something came after the mark, but no longer than that."""
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiters.add(waiter)
        try:
            if not self.since(mark)[1]:
                await asyncio.wait_for(waiter[1].wait(), seconds)
        except TimeoutError:
            return
        finally:
            with self._lock:
                self._waiters.discard(waiter)


def _order(snapshot: Snapshot) -> tuple[float, int]:
    return snapshot.received.timestamp(), snapshot.sequence()
