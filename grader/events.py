"""What a run says while it works: one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

#: stage, done, total, note.
Progress = Callable[[str, int, int, str], None]


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    """A Progress for callers who don't watch."""


@dataclass(frozen=True)
class EventStream:
    """Writes events to a stream that somebody reads line by line."""

    stream: IO[str]

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        self._write({"event": "progress", "stage": stage, "done": done, "total": total}, note=note)

    def result(self, **facts: Any) -> None:
        self._write({"event": "result"}, **facts)

    def error(self, family: str, message: str, next_step: str) -> None:
        self._write({"event": "error"}, family=family, message=message, next_step=next_step)

    def _write(self, head: Mapping[str, Any], **facts: Any) -> None:
        self.stream.write(json.dumps({**head, **facts}) + "\n")
        self.stream.flush()
