"""Files between a test and the submission: what one writes, the other can read.

The two processes see different folders. When a test opens a file that is not there, it is
asked for in the student's process and arrives as bytes; what a test has written is handed
over before the next call of the student's code. Links and special files never cross.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from typing import Any, Protocol

_MOST_FILE = 16 * 2**20
_FOLDERS = ("/desk/", "/tmp/", "/var/tmp/")  # noqa: S108 - inside the jail


class Carries(Protocol):
    """What this needs of the connection to the student's process."""

    def file(self, path: str) -> bytes | None: ...
    def put_file(self, path: str, data: bytes) -> None: ...


class SharedFiles:
    """Watches what the running test opens. There is one per process, for its whole life."""

    def __init__(self, student: Carries) -> None:
        self._student = student
        self._active = False
        self._fetched: set[str] = set()
        self._written: set[str] = set()
        sys.addaudithook(self._on_event)
        self._own_stat = os.stat
        os.stat = self._stat

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """While a test runs."""
        self._active = True
        try:
            yield
        finally:
            self._active = False
            self.forget()

    def forget(self) -> None:
        """The student's code has run: fetch again what is opened again."""
        for path in self._fetched:
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108
        self._fetched.clear()

    def hand_over(self) -> None:
        """Give the student's process what the test has written since the last time."""
        paths, self._written = self._written, set()
        with self._paused():
            for path in paths - self._fetched:
                data = _content(path)
                if data is not None:
                    self._student.put_file(path, data)

    def _on_event(self, event: str, args: tuple[Any, ...]) -> None:
        if event != "open" or not self._active:
            return
        path = _shared_path(args[0])
        if path is None:
            return
        if isinstance(args[1], str) and set(args[1]) & set("wax+"):
            self._written.add(path)
        else:
            self._fetch(path)

    def _stat(self, path: Any, **more: Any) -> os.stat_result:
        shared = _shared_path(path) if self._active else None
        if shared is not None:
            self._fetch(shared)
        return self._own_stat(path, **more)

    def _fetch(self, path: str) -> None:
        with self._paused():
            if os.path.lexists(path):
                return
            data = self._student.file(path)
            if data is not None:
                os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
                with open(path, "wb") as file:  # noqa: PTH123
                    file.write(data)
                self._fetched.add(path)

    @contextlib.contextmanager
    def _paused(self) -> Iterator[None]:
        before, self._active = self._active, False
        try:
            yield
        finally:
            self._active = before


def _shared_path(path: Any) -> str | None:
    """The path when both processes have such a folder, else None."""
    if not isinstance(path, (str, os.PathLike)):
        return None
    text = os.fspath(path)
    if not isinstance(text, str) or text.startswith("<"):
        return None
    full = os.path.normpath(os.path.join("/desk", text))  # noqa: PTH118
    return full if full.startswith(_FOLDERS) else None


def _content(path: str) -> bytes | None:
    try:
        facts = os.lstat(path)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MOST_FILE:
            return None
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return None
