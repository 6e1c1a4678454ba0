"""Threads that wait for judges, one for each core: what they finish comes out in any order."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

Name = TypeVar("Name")
Result = TypeVar("Result")


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Finished(Generic[Name, Result]):
    """What became of one piece of work: call `result` to get it, or what it raised."""

    name: Name
    value: Result | None
    error: Exception | None

    def result(self) -> Result:
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


class Slots(Generic[Name, Result]):
    """Runs work side by side. Nobody waits for the threads: they end when their work does, or
    with the process, so that a grader that is interrupted does not wait for a submission that
    takes its time."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._waiting: queue.SimpleQueue[tuple[Name, Callable[[], Result]] | None]
        self._waiting = queue.SimpleQueue()
        self._finished: queue.SimpleQueue[Finished[Name, Result]] = queue.SimpleQueue()
        self._started = 0
        #: Handed in and not taken out.
        self.pending = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _number in range(self._started):
            self._waiting.put(None)

    def put(self, name: Name, work: Callable[[], Result]) -> None:
        """Hand in work; it begins when a slot is free."""
        self._waiting.put((name, work))
        self.pending += 1
        if self._started < min(self.count, self.pending):
            threading.Thread(target=self._serve, name="slot", daemon=True).start()
            self._started += 1

    def take(self) -> Finished[Name, Result]:
        """What has finished next. Waits for it."""
        done = self._finished.get()
        self.pending -= 1
        return done

    def ready(self) -> bool:
        """Whether `take` would not wait."""
        return not self._finished.empty()

    def _serve(self) -> None:
        while (wanted := self._waiting.get()) is not None:
            name, work = wanted
            try:
                done = Finished(name, work(), None)
            except Exception as error:  # belongs to whoever takes it out
                done = Finished[Name, Result](name, None, error)
            self._finished.put(done)
