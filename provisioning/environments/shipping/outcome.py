"""What a ship came to, host by host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from provisioning.errors import WorkshopError

#: `installed`: by this ship. `already`: it was there, whole. `received`: the archive is there,
#: and unpacking it was not asked for. `failed`: see `problem`.
State = Literal["installed", "already", "received", "failed"]


@dataclass(frozen=True)
class HostOutcome:
    """One host. Times are seconds since the ship began; None when it didn't come to that."""

    host: str
    state: State
    problem: WorkshopError | None = None
    #: When the whole archive was there, checked chunk by chunk.
    received_after: float | None = None
    done_after: float | None = None
    #: What this machine itself sent to it, in bytes; the rest came from other hosts.
    fed_bytes: int = 0
    #: The hosts that it took chunks from, in order.
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shipped:
    """A ship that has ended. It is usable where `outcomes` don't say failed."""

    environment: str
    outcomes: Mapping[str, HostOutcome]
    seconds: float

    @property
    def lacking(self) -> tuple[str, ...]:
        """The hosts that don't have this version in use."""
        return tuple(name for name, each in self.outcomes.items() if each.state == "failed")

    @property
    def fed_bytes(self) -> int:
        return sum(each.fed_bytes for each in self.outcomes.values())

    def as_json(self) -> dict[str, Any]:
        """Facts for `--json`."""
        return {
            "environment": self.environment,
            "seconds": round(self.seconds, 3),
            "sent_bytes": self.fed_bytes,
            "lacking": list(self.lacking),
            "hosts": {name: _host_json(each) for name, each in self.outcomes.items()},
        }


def _host_json(outcome: HostOutcome) -> dict[str, Any]:
    problem = outcome.problem
    return {
        "state": outcome.state,
        "received_after": outcome.received_after,
        "done_after": outcome.done_after,
        "sent_bytes": outcome.fed_bytes,
        "sources": list(outcome.sources),
        "problem": problem and {"message": problem.message, "next_step": problem.next_step},
    }
