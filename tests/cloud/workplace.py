"""What instances need of the cloud that they live in: settings, a clock, machines, workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

from tests.cloud.machines_protocol import Machines
from tests.cloud.settings import Settings

#: Machines that start or end at the same time.
_WORKERS = 8


class Workplace:
    """One account's. `advance` lets time pass without waiting."""

    def __init__(self, settings: Settings, machines: Machines | None) -> None:
        self.settings = settings
        self.machines = machines
        self._ahead = 0.0
        self._jobs: dict[str, Future[Any]] = {}
        self._adding = threading.Lock()
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="machines")

    def now(self) -> float:
        """Seconds on a clock that only goes forward."""
        return time.monotonic() + self._ahead

    @property
    def ahead(self) -> float:
        """How far this clock is ahead of the machine's."""
        return self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds

    def run(self, instance_id: str, work: Callable[[], Any]) -> Future[Any]:
        """Do `work` in the background, after what is under way for the same machine."""
        with self._adding:
            before = self._jobs.get(instance_id)
            job = self._workers.submit(_after, before, work)
            self._jobs[instance_id] = job
            return job

    def __deepcopy__(self, memo: object) -> Self:
        """A snapshot of the account stays in the same place."""
        return self

    def close(self) -> None:
        """Wait for all work, which ends by itself."""
        self._workers.shutdown(wait=True)


def _after(before: Future[Any] | None, work: Callable[[], Any]) -> Any:
    if before is not None:
        before.exception()  # it began earlier, so this wait ends
    return work()
