"""Exceptions of the student's process, as exceptions that a test can catch."""

from __future__ import annotations

import builtins
import sys
from typing import Any

#: They steer Python itself: raised inside a test they could end a loop as if it had succeeded.
_STEERING = (StopIteration, StopAsyncIteration)
_LIBRARIES = ("numpy", "mxnet", "decimal", "json", "fractions")


class StudentError(Exception):
    """An exception class of the submission's own, as the checker sees it."""


def exception_class(names: list[Any]) -> type[Exception]:
    """The nearest class of the list that the checker has, too; a class of its own otherwise."""
    for name in names:
        kind = _known_exception(name) if isinstance(name, str) else None
        if kind is None:
            continue
        if issubclass(kind, _STEERING):
            return RuntimeError
        return kind
    return StudentError


def make_exception(kind: type[Exception], message: str) -> Exception:
    """One with this message, also where the class wants more than a message."""
    try:
        return kind(message)
    except Exception:  # UnicodeDecodeError wants five arguments, JSONDecodeError three
        error = kind.__new__(kind)
        error.args = (message,)
        return error


def _known_exception(name: str) -> type[Exception] | None:
    module, _, word = name.rpartition(":")
    if not module:
        kind = getattr(builtins, word, None)
    elif module.partition(".")[0] in _LIBRARIES:
        kind = getattr(sys.modules.get(module), word, None)
    else:
        kind = None
    return kind if isinstance(kind, type) and issubclass(kind, Exception) else None
