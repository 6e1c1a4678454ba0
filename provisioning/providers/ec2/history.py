"""What the journal remembers of a place: which orders were left without an answer.

Tags tell what exists. The journal tells what *may* exist though nobody sees it yet: an order
whose answer was lost with the process that waited for it, and a machine so young that AWS's
listings don't show it. https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from provisioning.journal import Entry
from provisioning.providers.ec2.launch_request import LaunchRequest, read_request

LAUNCH: Final = "ec2.launch"
REPLACE: Final = "ec2.replace"
TERMINATE: Final = "ec2.terminate"

#: After this long AWS's listings show everything: what isn't there then, was never made.
VISIBLE_AFTER: Final = timedelta(minutes=2)


@dataclass(frozen=True)
class Open:
    """An order that nobody knows the end of, and when it was written down."""

    request: LaunchRequest
    at: datetime


@dataclass(frozen=True)
class Made:
    """A machine that AWS confirmed."""

    id: str
    attempt: int
    at: datetime


@dataclass
class PlaceHistory:
    """Of one place, since this state folder exists."""

    #: The highest attempt that was ever ordered; 0 if none.
    attempts: int = 0
    open: dict[str, Open] = field(default_factory=dict)
    made: dict[str, Made] = field(default_factory=dict)
    #: The attempt that an unfinished replacement ends.
    replacing: int | None = None


def read_history(entries: Iterable[Entry], uid: str) -> dict[str, PlaceHistory]:
    """By place. Orders of another state folder (before a `down`) don't count."""
    places: dict[str, PlaceHistory] = {}
    for entry in entries:
        match entry.step:
            case "ec2.launch":
                _launch(places, entry, uid)
            case "ec2.replace" if entry.facts.get("uid") == uid:
                place = places.setdefault(str(entry.facts.get("host")), PlaceHistory())
                place.replacing = entry.facts.get("attempt") if entry.kind == "intent" else None
            case "ec2.terminate" | "ec2.delete" if entry.kind == "done":
                for place in places.values():
                    for id_ in entry.facts.get("ids", ()):
                        place.made.pop(id_, None)
    return places


def too_young_to_see(history: PlaceHistory, now: datetime) -> tuple[Made, ...]:
    """Confirmed machines that a listing may still leave out."""
    return tuple(made for made in history.made.values() if now - made.at < VISIBLE_AFTER)


def _launch(places: dict[str, PlaceHistory], entry: Entry, uid: str) -> None:
    token, at = str(entry.facts.get("token")), datetime.fromisoformat(entry.at)
    place = places.setdefault(str(entry.facts.get("host")), PlaceHistory())
    if entry.kind == "intent":
        request = read_request(entry.facts)
        if request is None or request.uid != uid:
            return
        place.attempts = max(place.attempts, request.attempt)
        place.open[token] = Open(request, at)
    elif (opened := place.open.pop(token, None)) and entry.kind == "done":
        id_ = str(entry.facts["id"])
        place.made[id_] = Made(id_, opened.request.attempt, at)
