"""The journal of a workshop: what was about to happen, written and synced before it happens.

One JSON object a line, appended and never changed. It is a cache: the truth is in the cloud's
tags, and a lost journal costs a second look, not a leak. A line that a crash cut off is passed
over. Callers hold the workshop's lock; the journal itself only keeps threads of one process
from mixing their lines.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from provisioning.folders import sync_folder

#: `intent`: about to call. `done`: the call answered. `failed`: it was refused.
#: `seen`: an observation that explains a later decision.
Kind = Literal["intent", "done", "failed", "seen"]


@dataclass(frozen=True)
class Entry:
    """One line: its number, when, what kind, which step, and the facts (JSON values)."""

    number: int
    at: str
    kind: Kind
    step: str
    facts: dict[str, Any]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Journal:
    """The journal in `path` (mode 0600). Facts must hold no secret: a test looks."""

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._path = path
        self._clock = clock
        self._writing = threading.Lock()
        self._number = len(self.entries())

    def write(self, kind: Kind, step: str, **facts: Any) -> Entry:
        """Append one line and wait until it is on the disk."""
        with self._writing:
            self._number += 1
            at = self._clock().isoformat(timespec="milliseconds")
            entry = Entry(self._number, at, kind, step, facts)
            self._append(json.dumps(entry.__dict__, sort_keys=True))
            return entry

    def entries(self) -> tuple[Entry, ...]:
        """All whole lines, oldest first; none when there is no journal."""
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return ()
        return tuple(entry for line in lines if (entry := _entry(line)) is not None)

    def of_step(self, step: str) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries() if entry.step == step)

    def _append(self, line: str) -> None:
        new = not self._path.exists()
        if new:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            start = "" if _ends_a_line(descriptor) else "\n"
            os.write(descriptor, f"{start}{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            sync_folder(self._path.parent)


def _ends_a_line(descriptor: int) -> bool:
    """False after a crash in the middle of a line: the next one must not continue it."""
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _entry(line: str) -> Entry | None:
    try:
        return Entry(**json.loads(line))
    except (ValueError, TypeError):
        return None
