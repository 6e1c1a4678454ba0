"""What is known of each host that runs seats: written by the watch, read by whoever asks.

{"at": "2026-12-01T09:00:05+00:00",
 "hosts": [{"name": "gpu-01", "state": "well", "since": "...", "seats": ["ada"], ...}]}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from provisioning.folders import write_atomically

#: `silent`: no answer lately. `no service`: the host answers, what runs its seats does not; they go
#: on. `dead`: no answer for so long that its seats have to wait or move. `replaced`: its seats are
#: on another host now.
State = Literal["well", "silent", "no service", "dead", "replaced"]


@dataclass(frozen=True)
class HostFacts:
    """One host. `health` is its service's own answer; `problem` says why seats still wait."""

    name: str
    state: State
    since: datetime
    seats: tuple[str, ...] = ()
    spare: bool = False
    answered: datetime | None = None
    health: dict[str, Any] | None = None
    replaced_by: str = ""
    problem: str = ""


@dataclass(frozen=True)
class FleetFacts:
    """All hosts, as they were at `at`."""

    at: datetime
    hosts: tuple[HostFacts, ...] = field(default=())

    def of(self, host: str) -> HostFacts | None:
        return next((each for each in self.hosts if each.name == host), None)


_FILE = TypeAdapter(FleetFacts)


def read_facts(path: Path) -> FleetFacts | None:
    """None when nothing is known: the watch has not written yet, or an older one did."""
    try:
        return _FILE.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_facts(path: Path, facts: FleetFacts) -> None:
    """Replace the file whole."""
    write_atomically(path, _FILE.dump_json(facts, indent=1) + b"\n", mode=0o600)


def is_lost(path: Path, host: str) -> bool:
    """Whether the watch has given the host up: its seats don't run any more."""
    facts = read_facts(path)
    known = facts.of(host) if facts else None
    return known is not None and known.state in ("dead", "replaced")
