"""The globals of tests: a dictionary with a back door to the student's process."""

from __future__ import annotations

import builtins
import contextlib
from collections.abc import Sequence
from typing import Any

from grader.sealed import values
from grader.sealed.authored import Authored
from grader.sealed.connection import Connection
from grader.sealed.handles import Handle


class Names(dict[str, Any]):
    """The globals of tests."""

    def __init__(self, authored: Authored, student: Connection) -> None:
        super().__init__(__name__="__main__", __builtins__=builtins)
        self._authored = authored
        self._student = student
        self._seen: dict[str, Any] = {}
        #: Whether what is bound now is bound in the student's process, too.
        self.sharing = False

    def forget(self, passed: Sequence[Any] = ()) -> None:
        """The student's code has run: what it had bound may be different. What a test passed
        to it stays the test's own copy, which has the changes already."""
        kept = {id(value) for value in passed}
        self._seen = {name: value for name, value in self._seen.items() if id(value) in kept}

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name) and name not in self._authored.of_student:
            raise KeyError(name)
        if name not in self._seen:
            value = self._student.name(name)
            if isinstance(value, Handle) and object.__getattribute__(value, "_kind") == "module":
                self._student.deny(
                    f"`{name}` is a module of the submission's process: import it in the test"
                )
            self._seen[name] = value
        return self._seen[name]

    def keys(self) -> Any:
        """What `dir()` in a test lists: its own names, and which of the exercises' are there."""
        return dict.keys(self) | self._student.present(self._authored.of_student)

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        if self.sharing and name in self._authored.shared:
            with contextlib.suppress(values.BadValueError):
                self._student.set_name(name, value)

    def __delitem__(self, name: str) -> None:
        known = dict.__contains__(self, name)
        if known:
            super().__delitem__(name)
        if name in self._authored.shared:
            self._student.delete_name(name)
        elif not known:
            raise KeyError(name)
