"""Which environments belong on which hosts, in which variant: asked of the hosts themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from provisioning.environments.delivery import Recipient
from provisioning.environments.shipping.hosts import ShipHost
from provisioning.errors import WorkshopError
from provisioning.fleet import Host
from provisioning.fleet_desk import FleetDesk
from provisioning.operate import known_logins
from provisioning.readiness import architecture_named
from provisioning.ssh.connection import Connection
from provisioning.ssh.pool import on_each

_KIND = "uname -m; nvidia-smi --list-gpus 2>/dev/null | grep -c '^GPU '"
_SECONDS = 60


@dataclass(frozen=True)
class Recipients:
    """Who can be shipped to, and who could not be asked."""

    reached: Mapping[str, Recipient]
    problems: Mapping[str, WorkshopError]

    def of(self, environments: Iterable[str]) -> dict[str, Recipient]:
        """Narrowed to some environments; none named means all of them."""
        names = set(environments)
        if not names:
            return dict(self.reached)
        return {
            host: replace(each, environments=tuple(e for e in each.environments if e in names))
            for host, each in self.reached.items()
        }


def ask_recipients(desk: FleetDesk, hosts: Iterable[Host]) -> Recipients:
    """What kind of machine each host is, all of them asked at once."""
    known = {host.name: host for host in hosts}
    logins, unknown = known_logins(desk, known.values())

    def ask(name: str, connection: Connection) -> Recipient:
        said = connection.run(_KIND, seconds=_SECONDS, check=False).stdout.decode().split()
        return Recipient(
            ShipHost(logins[name], known[name].private_address),
            architecture_named(said[0] if said else ""),
            gpu=len(said) > 1 and said[1] != "0",
            environments=desk.place(name).environments,
        )

    found = on_each(logins, ask, workers=64, seconds=_SECONDS)
    return Recipients(
        {name: each for name, each in found.items() if isinstance(each, Recipient)},
        {n: each for n, each in (found | unknown).items() if isinstance(each, WorkshopError)},
    )
