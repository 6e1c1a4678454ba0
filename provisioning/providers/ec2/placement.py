"""Where to try for a host: which type, in which zone, spot or on demand, in which order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from provisioning.fleet import Market, WantedHost


@dataclass(frozen=True)
class Candidate:
    """One thing to ask AWS for."""

    type: str
    zone: str
    market: Market

    def __str__(self) -> str:
        return f"{self.type} {self.market} in {self.zone}"


def candidates(
    wanted: WantedHost, offers: Mapping[str, tuple[str, ...]], *, shift: int = 0
) -> tuple[Candidate, ...]:
    """All of them, best first. `offers` says which zones we may use for each type.

    Spot comes before on demand when spot was asked for; then the types as the spec orders them;
    then the zones, beginning with another one for each place, so that hosts spread and one zone
    without capacity doesn't make everybody wait. `shift` begins further on, for a place whose
    last machine died.
    """
    markets: tuple[Market, ...] = (
        ("spot", "on-demand") if wanted.market == "spot" else ("on-demand",)
    )
    turn = place_number(wanted.name) + shift
    return tuple(
        Candidate(type_, zone, market)
        for market in markets
        for type_ in wanted.types
        for zone in rotated(tuple(sorted(offers.get(type_, ()))), turn)
    )


def place_number(name: str) -> int:
    """3 for gpu-03; 0 for a place that is the only one of its role."""
    match = re.search(r"(\d+)$", name)
    return int(match[1]) if match else 0


def rotated(zones: tuple[str, ...], turn: int) -> tuple[str, ...]:
    begin = turn % len(zones) if zones else 0
    return zones[begin:] + zones[:begin]
