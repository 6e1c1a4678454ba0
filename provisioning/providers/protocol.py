"""What every provider of hosts can do. The rest of the room knows no other door to a cloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from provisioning.errors import StepFailed, WorkshopError
from provisioning.fleet import Fleet, Host, WantedHost

#: Which host (or what), how far, of how many, a detail. Called from any thread.
Progress = Callable[[str, int, int, str], None]

OnHost = Callable[[Host], None]


def nobody(host: Host) -> None:
    """Who doesn't want to hear of hosts one by one."""


@dataclass(frozen=True)
class Missing:
    """A place without a host, and why: one failure doesn't spoil the others."""

    name: str
    why: WorkshopError


@dataclass(frozen=True)
class Launched:
    """What `ensure` came to: every host that is there now, new or not, and what is missing."""

    fleet: Fleet
    missing: tuple[Missing, ...] = ()
    #: Names of the hosts that this call created.
    created: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resource:
    """One thing in a cloud account that belongs to a workshop."""

    kind: str
    id: str
    region: str
    workshop: str
    #: What it is, for people: "gpu-03, g4dn.xlarge, running".
    what: str = ""


@dataclass(frozen=True)
class Inventory:
    """An independent listing: what is left, and what was looked at (kinds and regions)."""

    left: tuple[Resource, ...]
    kinds: tuple[str, ...]
    regions: tuple[str, ...]

    @property
    def empty(self) -> bool:
        return not self.left


class LeftBehind(StepFailed):
    """`down` could not end everything; `inventory` lists what there is."""

    def __init__(self, message: str, inventory: Inventory, *, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.inventory = inventory


class Provider(Protocol):
    """Machines for the places of a workshop. Every verb can be killed and repeated."""

    def observe(self) -> Fleet:
        """What is there now, from the cloud and not from our files. Changes nothing."""

    def ensure(
        self, wanted: tuple[WantedHost, ...], progress: Progress, on_host: OnHost = nobody
    ) -> Launched:
        """A host in every place, with an address; the ones that are there stay.

        `on_host` hears of each host as soon as it runs, and must return at once.
        """

    def replace(self, wanted: WantedHost, progress: Progress) -> Host:
        """Another machine in the place; the old one is gone for good before this returns."""

    def stop(self, names: tuple[str, ...], progress: Progress) -> Fleet:
        """Hosts that cost no computing time; their disks stay."""

    def start(self, names: tuple[str, ...], progress: Progress) -> Fleet:
        """Stopped hosts run again, perhaps at another address."""

    def console(self, name: str) -> str:
        """What the host has said on its console: for one that SSH doesn't reach."""

    def note_deadline(self, names: tuple[str, ...], deadline: datetime) -> None:
        """Write a moved deadline to where `observe` reads it (the host's timer is set by SSH)."""

    def down(self, progress: Progress) -> Inventory:
        """End everything, then list what is left, independently of what was ended."""
