"""How long to wait before the next try: growing, with jitter, and not for ever."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from provisioning.errors import WorkshopError


class Interrupted(WorkshopError):
    """A thread's wait was cut short because the person doesn't want the rest any more."""


@dataclass(frozen=True)
class Pace:
    """The clock (seconds, monotonic), the sleep and the jitter (0 to 1) of all waiting here."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    #: How long one refused or unanswered call is repeated.
    patience_seconds: float = 60
    #: How long a new instance may take until it runs and has an address.
    boot_seconds: float = 600
    #: Set when everybody who waits shall stop waiting, such as after Ctrl-C.
    stop: threading.Event = field(default_factory=threading.Event)

    def pause(self, seconds: float) -> None:
        """Sleep. Raises: Interrupted within a second after `stop` was set."""
        end = self.now() + seconds
        while (left := end - self.now()) > 0:
            if self.stop.is_set():
                raise Interrupted(
                    "Interrupted; what was ordered is written down",
                    next_step="repeat the command: it goes on from here",
                )
            self.sleep(min(left, 1.0))

    def tries(self, *, first: float, most: float, seconds: float) -> Iterator[int]:
        """Yield 0, 1, 2... with a pause before each but the first, until `seconds` are over.

        Pauses double from `first` to `most` seconds; each is between half of that and all of it,
        so that many hosts that were refused together don't come back together. The last try
        comes when the time is up, so there are always two.
        """
        end = self.now() + seconds
        pause, number = first, 0
        while True:
            yield number
            left = end - self.now()
            if left <= 0:
                return
            self.pause(min(left, pause * (0.5 + self.jitter() / 2)))
            pause, number = min(most, pause * 2), number + 1
