"""How far the work on an environment is, as callers are told."""

from __future__ import annotations

from collections.abc import Callable

#: What is being done, how many steps are done, of how many, a detail. From any thread.
Progress = Callable[[str, int, int, str], None]


def quiet(what: str, done: int, total: int, note: str) -> None:
    """Nobody is told."""
