"""Submissions run on worker hosts: the grader's end of the line to the dispatcher."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.scheduling.answer import read_answer
from grader.scheduling.channel import DispatcherGone, ask
from grader.scheduling.engines import SealedRun
from grader.scheduling.order import lab_part, order
from grader.sealed.submission import Outcome
from grader.sealed.wards import MachineError

#: Longer than a notebook may run, on hosts that are busy, once more after each lost host.
_PATIENCE = 6.0
#: For what is no submission: a canary of a whole lab on every host.
_QUESTION_SECONDS = 900.0


@dataclass(frozen=True)
class WorkerHosts:
    """Asks the dispatcher behind `socket`. `identities` are those of the environments here."""

    socket: Path
    identities: Mapping[str, str]
    slots: int

    def run(self, wanted: SealedRun) -> Outcome:
        """See grader.scheduling.engines.Engines. KeyError for an unknown environment."""
        part = lab_part(wanted, self.identities[wanted.kernel])
        asked = order(wanted, part.key)
        limits = json.dumps(dataclasses.asdict(wanted.limits))
        if wanted.trial:
            said = self._ask({"do": "try out", "text": part.text, "order": asked.text}, wanted)
        else:
            request = {"do": "judge", "lab": part.key, "order": asked.text}
            said = self._ask(request, wanted)
            if said.get("unknown") is True:  # a new lab, or a dispatcher that began anew
                learn = {"do": "learn", "lab": part.key, "text": part.text, "limits": limits}
                self._ask(learn, wanted)
                said = self._ask(request, wanted)
        answer = said.get("answer")
        if not isinstance(answer, str):
            raise MachineError("the dispatcher has no answer")
        return read_answer(answer, wanted.submission, wanted.limits)

    def state(self) -> dict[str, int]:
        """The worker hosts that are connected, and how many submissions each runs at once."""
        return self._counts("hosts")

    def judged(self) -> dict[str, int]:
        """How many submissions each host has run since the dispatcher began; a submission whose
        outcome was known already is none of them."""
        return self._counts("judged")

    def _counts(self, of: str) -> dict[str, int]:
        found = ask(self.socket, {"do": "state"}, 10.0).get(of)
        return {str(name): int(count) for name, count in dict(found or {}).items()}

    def close(self) -> None:
        """Nothing is kept open between runs."""

    def _ask(self, request: dict[str, Any], wanted: SealedRun) -> dict[str, Any]:
        seconds = _QUESTION_SECONDS + _PATIENCE * wanted.limits.notebook_seconds
        try:
            said = ask(self.socket, request, seconds)
        except DispatcherGone as error:
            raise MachineError(str(error)) from error
        if "unavailable" in said:
            raise MachineError(f"no worker host could judge: {said['unavailable']}")
        return said
