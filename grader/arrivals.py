"""How a grader that works as submissions come in learns of them: through an exchange that can tell.

We ask the exchange what came after the last answer, and the exchange lets the question wait until
there is something. Looking into nbgrader's inbound folder every half second would read every
submission's record each time, and nbgrader's own listing costs more the more was handed in.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from grader.errors import NotPossibleHere
from grader.fair_queue import Arrival

#: A lab and an attendee.
Whose = tuple[str, str]


@dataclass(frozen=True)
class Standing:
    """Where submissions stand; in words of plain types it goes to the exchange and into a record.

    `assistant`: what nobody could judge. `held`: labs that can't be graded, and why.
    """

    now: tuple[Whose, ...] = ()
    waiting: tuple[Whose, ...] = ()
    assistant: tuple[Whose, ...] = ()
    held: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class News:
    """An arrival, and whether feedback on it has been sent already."""

    arrival: Arrival
    answered: bool


class ArrivalSource(Protocol):
    """The exchange's part; `ExchangeSettings.arrivals` names the class."""

    def ask(
        self, mark: str, seconds: float, standing: Mapping[str, Any] | None
    ) -> tuple[str, list[dict[str, Any]]]:
        """What came after `mark`, waiting up to `seconds`, and the next mark.

        `standing` is a `Standing` in plain types; None leaves what was told before.
        Each has `assignment`, `username`, `snapshot`, `number`, `received` and `answered`; to an
        unknown mark the answer is all that there is. Raises ConnectionError.
        """
        ...


def open_source(name: str) -> ArrivalSource:
    """The class with this dotted name, made; NotPossibleHere when this exchange can't tell."""
    if not name:
        raise NotPossibleHere(
            "this course's exchange doesn't tell when something is handed in",
            next_step="run `workshop grade` from time to time instead",
        )
    module, _, found = name.rpartition(".")
    source: ArrivalSource = getattr(importlib.import_module(module), found)()
    return source


def ask(
    source: ArrivalSource, mark: str, seconds: float, standing: Standing | None
) -> tuple[str, tuple[News, ...]]:
    """The same question and answer in our own types."""
    mark, found = source.ask(mark, seconds, None if standing is None else _told(standing))
    return mark, tuple(_news(each) for each in found)


def _told(standing: Standing) -> dict[str, Any]:
    return {
        "now": list(standing.now),
        "waiting": list(standing.waiting),
        "assistant": list(standing.assistant),
        "held": [lab for lab, _ in standing.held],
    }


def _news(each: Mapping[str, Any]) -> News:
    received = datetime.fromisoformat(each["received"])
    arrival = Arrival(
        attendee=each["username"],
        lab=each["assignment"],
        number=each["number"],
        snapshot=each["snapshot"],
        received=received,
    )
    return News(arrival, each["answered"])
