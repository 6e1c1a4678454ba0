"""What a grader that works as submissions come in needs of this exchange."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from hub_config.exchange.client import Address, ExchangeClient
from hub_config.exchange.grading_desk import (
    LONGEST_WAIT,
    ArrivalsQuestion,
    Grading,
    Whose,
)
from provisioning.errors import WorkshopError

#: How much of a line attendees are told: more fits into no request, and nobody counts so far.
_TOLD = 300


class ExchangeArrivals:
    """Asks the exchange, in plain types: the grader knows no class of ours."""

    def __init__(self) -> None:
        # Whoever waits for submissions asks again anyway.
        self._client = ExchangeClient(Address.from_environment(os.environ), sleep=_no_pause)

    def ask(
        self, mark: str, seconds: float, standing: Mapping[str, Any] | None
    ) -> tuple[str, list[dict[str, Any]]]:
        """What came after `mark`, waiting up to `seconds`, and the next mark.

        `standing` says what the grader does: lists of (lab, attendee) under "now", "waiting" and
        "assistant", and names of labs under "held"; None leaves what was told before.
        Raises ConnectionError.
        """
        question = ArrivalsQuestion(
            mark=mark,
            seconds=max(0.0, min(seconds, LONGEST_WAIT)),
            grading=standing and _grading(standing),
        )
        try:
            answer = self._client.arrivals(question)
        except WorkshopError as error:
            raise ConnectionError(error.message) from error
        return answer.mark, [each.model_dump(mode="json") for each in answer.arrivals]


def _no_pause(_seconds: float) -> None:
    """In the place of a pause between two tries."""


def _grading(standing: Mapping[str, Any]) -> Grading:
    return Grading(
        now=_whose(standing["now"]),
        waiting=_whose(standing["waiting"]),
        assistant=_whose(standing["assistant"]),
        held=frozenset(standing["held"]),
    )


def _whose(pairs: list[tuple[str, str]]) -> tuple[Whose, ...]:
    return tuple(Whose(assignment=lab, username=attendee) for lab, attendee in pairs[:_TOLD])
