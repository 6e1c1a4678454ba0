"""Interrupts that arrive only where they can do no harm.

The controller interrupts a cell that takes too long. The signal may come late, between two
cells or in the middle of a frame; it must not break the talk between the processes.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


class Interrupts:
    """The handler of SIGINT in a jailed process; one per process."""

    def __init__(self) -> None:
        self._allowed = False
        self._pending = False
        signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, *_: object) -> None:
        if self._allowed:
            raise KeyboardInterrupt
        self._pending = True

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        """While a cell runs. An interrupt from before it is not meant for it."""
        before, self._allowed, self._pending = self._allowed, True, False
        try:
            yield
        finally:
            self._allowed = before

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """While a frame is read or written; an interrupt then comes afterwards."""
        before, self._allowed = self._allowed, False
        try:
            yield
        finally:
            self._allowed = before
        if before and self._pending:
            self._pending = False
            raise KeyboardInterrupt
