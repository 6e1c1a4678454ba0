"""Seats start a few at a time; whoever waits has a place that can be shown.

JupyterHub's own limit answers 429 and forgets who asked first. Starting a server costs
seconds of CPU, so a class that arrives at once would starve itself: here everybody
waits in order, and the page says how long.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

#: Until the first start has been measured, what one start is assumed to take.
FIRST_GUESS_SECONDS = 8.0


class SpawnQueue:
    """First come, first served, `slots` at a time."""

    def __init__(self, slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots = slots
        self._clock = clock
        self._running: set[str] = set()
        self._waiting: deque[tuple[str, asyncio.Future[None]]] = deque()
        self._seconds = FIRST_GUESS_SECONDS

    @asynccontextmanager
    async def slot(self, seat: str) -> AsyncIterator[None]:
        """Wait for a free slot, hold it while the seat starts, pass it on."""
        await self._enter(seat)
        started = self._clock()
        try:
            yield
        except BaseException:
            self._leave(seat)
            raise
        # A moving mean, so that the estimate follows the machine's load.
        self._seconds = 0.7 * self._seconds + 0.3 * (self._clock() - started)
        self._leave(seat)

    def place(self, seat: str) -> int:
        """1 for the next to start; 0 for one that is starting or has never asked."""
        for place, (waiting, _) in enumerate(self._waiting, start=1):
            if waiting == seat:
                return place
        return 0

    def seconds_to_start(self, place: int) -> float:
        """How long until that place is started, from how long starts take now."""
        rounds = (place + self._slots - 1) // self._slots
        return rounds * self._seconds

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def _enter(self, seat: str) -> None:
        if len(self._running) < self._slots and not self._waiting:
            self._running.add(seat)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((seat, turn))
        try:
            await turn
        except asyncio.CancelledError:
            self._give_up(seat, turn)
            raise

    def _give_up(self, seat: str, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            # The turn came and the person left in the same moment.
            self._leave(seat)
        else:
            self._waiting = deque(entry for entry in self._waiting if entry[1] is not turn)

    def _leave(self, seat: str) -> None:
        self._running.discard(seat)
        while self._waiting and len(self._running) < self._slots:
            seat, turn = self._waiting.popleft()
            if not turn.done():
                self._running.add(seat)
                turn.set_result(None)
