"""Who hears of a proof while it runs: a person at a terminal, or the command line's program."""

from __future__ import annotations

import os
import sys
from typing import IO, Any, Protocol

from grader.errors import GraderError
from grader.events import EventStream


class Audience(Protocol):
    """What is said, whoever listens."""

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None: ...
    def table(self, text: str) -> None: ...
    def result(self, facts: dict[str, Any]) -> None: ...
    def error(self, error: GraderError) -> None: ...


class Person:
    """Tables on stdout; a line that changes on stderr, if that is a terminal."""

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """As grader.events.Progress."""
        if sys.stderr.isatty():
            end = "\r\033[K" if done == total else ""
            sys.stderr.write(f"\r\033[K{note}: {stage} {done}/{total}{end}")
            sys.stderr.flush()

    def table(self, text: str) -> None:
        """One lab's, as soon as it is there."""
        sys.stdout.write(text + "\n\n")
        sys.stdout.flush()

    def result(self, facts: dict[str, Any]) -> None:
        """The course's table."""
        if facts["table"]:
            sys.stdout.write(facts["table"] + "\n")

    def error(self, error: GraderError) -> None:
        """Two lines."""
        sys.stderr.write(f"{error.message}\n  → {error.next_step}\n")


class Program:
    """The events of grader.events, and one more for each table."""

    def __init__(self, stream: IO[str]) -> None:
        self._events = EventStream(stream)
        self.progress = self._events.progress

    def table(self, text: str) -> None:
        """As progress whose note is the table."""
        self._events.progress("table", 1, 1, text)

    def result(self, facts: dict[str, Any]) -> None:
        """The last line."""
        self._events.result(**facts)

    def error(self, error: GraderError) -> None:
        """The last line of a run that can't go on."""
        self._events.error(error.family, error.message, error.next_step)


def private_stdout() -> IO[str]:
    """Events alone reach the real stdout; a library's print goes to stderr."""
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return events
