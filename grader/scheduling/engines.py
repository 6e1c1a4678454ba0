"""What a judge needs to run a sealed submission, wherever that happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from grader.sealed.limits import Limits
from grader.sealed.submission import Outcome, Submission


@dataclass(frozen=True)
class SealedRun:
    """One submission to be run in one environment."""

    kernel: str
    submission: Submission
    limits: Limits
    #: Nobody's grade depends on it: a canary, or a warm-up.
    trial: bool = False


class Engines(Protocol):
    """Runs submissions. As many threads as there are slots may ask at once; more wait.

    What could not be run is "not judged" in the outcome, or raises
    grader.sealed.wards.MachineError; never does it count against an attendee.
    """

    @property
    def slots(self) -> int: ...

    def run(self, wanted: SealedRun) -> Outcome: ...

    def close(self) -> None: ...
