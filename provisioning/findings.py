"""What a look before acting found: fine, doubtful, or in the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

#: `stop` keeps the workshop from running; `warn` is worth a thought.
Severity = Literal["ok", "warn", "stop"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: a sentence, and what to do about it."""

    severity: Severity
    what: str
    remedy: str = ""


def stops(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What must change before anything can run."""
    return tuple(finding for finding in findings if finding.severity == "stop")
