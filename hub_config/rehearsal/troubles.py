"""What broke, in groups: fifty robots that stumble over the same stone are one line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hub_config.rehearsal.journey import Journey

_EXAMPLES = 3
#: What differs from robot to robot in the same trouble.
_OWN = re.compile(r"robot-\d+|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{12,}\b|\d+")


@dataclass(frozen=True)
class Trouble:
    """`stage` is where they got stuck, `said` what the first of them was told."""

    stage: str
    words: str
    said: str
    count: int
    who: tuple[str, ...]
    next_step: str


@dataclass(frozen=True)
class _Kind:
    pattern: re.Pattern[str]
    words: str
    next_step: str


def _kind(pattern: str, words: str, next_step: str) -> _Kind:
    return _Kind(re.compile(pattern, re.IGNORECASE), words, next_step)


#: The first that fits.
_KINDS = (
    _kind(
        r"CERTIFICATE|certificate|SSL",
        "The certificate was not believed",
        "put the hub's address into the certificate; `hub.tls` names its files",
    ),
    _kind(
        r"ConnectError|ConnectionRefused|refused|Name or service|getaddrinfo",
        "The address did not answer",
        "compare `hub.address` with what attendees type; is the port open in the firewall?",
    ),
    _kind(
        r"too many tries|\b429\b",
        "Logins were refused, because there were too many at once",
        "let them arrive over a longer time: workshop rehearse --over 60",
    ),
    _kind(
        r"\b403\b.*code|seat code",
        "A seat code was not accepted",
        "is `hub.address` the address of this workshop, and of no other?",
    ),
    _kind(
        r"GPU",
        "MXNet saw no GPU in a seat that should have one",
        "look at the driver on that host: workshop host list, then nvidia-smi there",
    ),
    _kind(
        r"did not start|spawn|server",
        "A server did not start",
        "read hub.log; often memory or a host that is gone: fewer seats per host",
    ),
    _kind(
        r"kernel|cell",
        "A cell did not come back as it should",
        "run it by hand in a seat; was its memory enough (`seat.memory`)?",
    ),
    _kind(
        r"feedback",
        "No feedback came",
        "see `workshop grade queue`, which says what waits and why",
    ),
    _kind(
        r"Timeout|timed out",
        "Nobody answered in time",
        "the machine was too busy: more cores, or fewer seats per host",
    ),
    _kind(
        r"\b50\d\b",
        "The hub or the proxy answered with an error",
        "read hub.log and proxy.log of that minute",
    ),
)
_UNKNOWN = _Kind(re.compile(""), "Robots could not go on", "read hub.log of that minute")


def troubles(journeys: Iterable[Journey]) -> tuple[Trouble, ...]:
    """The most frequent first."""
    groups: dict[tuple[str, str], list[Journey]] = {}
    for journey in journeys:
        if journey.problem:
            key = (journey.doing, _OWN.sub("#", journey.problem))
            groups.setdefault(key, []).append(journey)
    found = [_trouble(stage, stuck) for (stage, _), stuck in groups.items()]
    return tuple(sorted(found, key=lambda each: -each.count))


def _trouble(stage: str, stuck: list[Journey]) -> Trouble:
    said = stuck[0].problem
    kind = next((each for each in _KINDS if each.pattern.search(said)), _UNKNOWN)
    return Trouble(
        stage=stage,
        words=kind.words,
        said=said,
        count=len(stuck),
        who=tuple(each.username for each in stuck[:_EXAMPLES]),
        next_step=kind.next_step,
    )
