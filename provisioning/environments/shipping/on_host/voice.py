"""What a host says to the controller: one JSON object a line on standard output."""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any, BinaryIO


class Refused(Exception):
    """The host can't do it: `kind` and `facts` for programs, a sentence and the next step for
    people."""

    def __init__(self, kind: str, message: str, next_step: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.next_step = next_step
        self.facts = facts


class Voice:
    """Says things to the controller, from any thread."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = stream or sys.stdout.buffer
        self._speaking = threading.Lock()
        self._spoke = time.monotonic()

    @property
    def silent_for(self) -> float:
        """Seconds since something was said."""
        return time.monotonic() - self._spoke

    def say(self, what: str, **facts: Any) -> None:
        """Raises OSError when nobody listens any more."""
        text = json.dumps({"say": what, **facts}, separators=(",", ":")).encode() + b"\n"
        with self._speaking:
            self._stream.write(text)
            self._stream.flush()
            self._spoke = time.monotonic()

    def refuse(self, refusal: Refused) -> None:
        self.say(
            "refused",
            kind=refusal.kind,
            message=refusal.message,
            next_step=refusal.next_step,
            facts=refusal.facts,
        )
