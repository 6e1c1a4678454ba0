"""What we write to one host while it is shipped to: messages, and chunks if it asks for them."""

from __future__ import annotations

import json
import math
import os
import queue
import threading
import time
from collections.abc import Iterable
from typing import Any

from provisioning.environments.shipping.archive import Archive
from provisioning.environments.shipping.hosts import Talk
from provisioning.errors import WorkshopError

#: A host gives up when it hears nothing for Order.idle_seconds.
_PING_SECONDS = 5.0
#: What was written is on its way for a while (SSH keeps 2 MB of it), and a host that is fed says
#: every second what it lacks. Afterwards a chunk came damaged, if it still lacks it.
_UNDER_WAY_SECONDS = 10.0


class Feeding:
    """The only writer to one host, in a thread of its own: a host that doesn't read waits alone."""

    def __init__(self, archive: Archive, descriptor: int) -> None:
        self._archive = archive
        self._descriptor = descriptor
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._missing: list[int] = []
        #: When a chunk that was written is surely there.
        self._there_at: dict[int, float] = {}
        self._changing = threading.Lock()
        #: Bytes of chunks that went to this host from here.
        self.fed_bytes = 0

    def send(self, **message: Any) -> None:
        """Write a message soon."""
        self._messages.put(message)

    def end(self) -> None:
        """Tell the host that nobody needs it any more; it ends its relay."""
        self.stop_feeding()
        self.send(do="end")

    def close(self) -> None:
        """No more after what is already waiting."""
        self._messages.put(None)

    def feed(self, missing: Iterable[int]) -> None:
        """Give it these chunks, unless that is being done, or was done a moment ago."""
        now = time.monotonic()
        with self._changing:
            if not self._missing:
                lacking = (index for index in missing if self._there_at.get(index, now) <= now)
                self._missing = sorted(lacking, reverse=True)
        self._messages.put({})  # wakes the writer

    def stop_feeding(self) -> None:
        """Another host gives it the rest."""
        with self._changing:
            self._missing = []

    def write_to(self, talk: Talk) -> None:
        """The writer's thread; ends at `close`, or when the host takes no more."""
        try:
            while (message := self._next()) is not None:
                if message:
                    talk.write(json.dumps(message).encode() + b"\n")
                if (index := self._next_chunk()) is not None:
                    self._write_chunk(talk, index)
        except (WorkshopError, OSError):
            return  # the reader hears of a lost host, too; the archive is closed after Ctrl-C

    def _next(self) -> dict[str, Any] | None:
        try:
            if self._missing:
                return self._messages.get_nowait()
            return self._messages.get(timeout=_PING_SECONDS)
        except queue.Empty:
            return {} if self._missing else {"do": "ping"}

    def _next_chunk(self) -> int | None:
        with self._changing:
            if not self._missing:
                return None
            index = self._missing.pop()
            self._there_at[index] = math.inf
            return index

    def _write_chunk(self, talk: Talk, index: int) -> None:
        chunk = self._archive.read(self._descriptor, index)
        message = {"do": "chunk", "index": index, "bytes": len(chunk)}
        talk.write(json.dumps(message).encode() + b"\n" + chunk)
        self.fed_bytes += len(chunk)
        self._there_at[index] = time.monotonic() + _UNDER_WAY_SECONDS


def opened(archive: Archive) -> int:
    """A descriptor for `Archive.read`, for all hosts together."""
    return os.open(archive.path, os.O_RDONLY | os.O_CLOEXEC)
