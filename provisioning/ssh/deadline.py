"""When a call must have ended."""

from __future__ import annotations

import time


class Deadline:
    """A moment on the monotonic clock, `seconds` from when it was made."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def __str__(self) -> str:
        """How long it was, for a message."""
        return f"{round(self.seconds, 1):g} s"

    @property
    def left(self) -> float:
        """Seconds until then, never below 0."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.left == 0
