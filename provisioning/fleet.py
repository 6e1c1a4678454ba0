"""The nouns of a fleet: which hosts a workshop wants, and which it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Role = Literal["hub", "gpu", "arm"]
Architecture = Literal["x86_64", "arm64"]
Market = Literal["spot", "on-demand"]
#: `gone` is terminated or about to be: it costs nothing any more and can't come back.
HostState = Literal["pending", "running", "stopping", "stopped", "gone"]

ROLES: tuple[Role, ...] = ("hub", "gpu", "arm")


@dataclass(frozen=True)
class WantedHost:
    """One host that the spec asks for. `name` is its place in the workshop, such as gpu-03.

    A place outlives the machine in it: a replaced host has the same name, a higher attempt.
    """

    name: str
    role: Role
    #: In order of preference; the first that can be had is taken.
    types: tuple[str, ...]
    market: Market
    disk_gb: int
    #: An image id instead of the newest one for its architecture.
    image: str | None
    #: Names of the environments that belong on it.
    environments: tuple[str, ...]
    spare: bool = False


@dataclass(frozen=True)
class Address:
    """Where a host answers SSH, and as whom we log in."""

    host: str
    port: int = 22
    user: str = "ubuntu"

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"


@dataclass(frozen=True)
class Host:
    """A machine in a place of the workshop, as its provider describes it."""

    name: str
    role: Role
    state: HostState
    #: None while it has none: pending, stopped or gone.
    address: Address | None
    #: Where other hosts of the fleet reach it.
    private_address: str | None = None
    #: What the provider calls it: i-0abc... on EC2, the address for a machine of a list.
    id: str = ""
    type: str = ""
    region: str = ""
    zone: str = ""
    market: Market = "on-demand"
    attempt: int = 1
    launched_at: datetime | None = None
    #: When the host ends itself, whatever becomes of this computer.
    deadline: datetime | None = None
    spare: bool = False


@dataclass(frozen=True)
class Fleet:
    """Every host of one workshop that is not gone, in the order of their names."""

    workshop: str
    hosts: tuple[Host, ...] = field(default=())

    def host(self, name: str) -> Host | None:
        return next((host for host in self.hosts if host.name == name), None)

    def of_role(self, role: Role) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.role == role)
