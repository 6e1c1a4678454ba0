"""What concerns one attendee only, as her JupyterLab says it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub_config.wall.facts import Copies, Facts, Moved
from hub_config.wall.money import age

#: A move is told this long after it.
_TOLD = timedelta(minutes=30)
#: JupyterLab has lost its kernels, and its server does not know this browser yet.
_RELOAD = "Was this page open all the time? Reload it. Then run your cells again from the top."


@dataclass(frozen=True)
class OwnNotice:
    """`id` changes when it is worth to be read again."""

    id: str
    text: str


def own_notices(facts: Facts | None, username: str, now: datetime) -> tuple[OwnNotice, ...]:
    return tuple(_notices(facts, username, now)) if facts else ()


def _notices(facts: Facts, username: str, now: datetime) -> Iterator[OwnNotice]:
    for move in facts.moves:
        if move.username == username and move.done_at and now - move.done_at < _TOLD:
            yield OwnNotice(f"moved-{move.done_at:%H%M%S}", _moved(move))
    for copies in facts.copies or ():
        if copies.username == username and copies.over_quota:
            yield OwnNotice("over-quota", _too_large(copies))


def _moved(move: Moved) -> str:
    said = "Your seat's host failed, so you sit on another one now."
    if move.copy_at is None or move.done_at is None:
        return f"{said} There was no copy of your files; what you had submitted is safe. {_RELOAD}"
    before = age(move.done_at - move.copy_at)
    return (
        f"{said} Your files are as they were {before} before; what you had submitted is safe. "
        f"{_RELOAD}"
    )


def _too_large(copies: Copies) -> str:
    said = "Your folder is larger than what is kept in a second place."
    if not copies.left_out:
        return f"{said} Delete what you don't need."
    return f"{said} Not kept twice: {', '.join(copies.left_out[:3])}. Delete what you don't need."
