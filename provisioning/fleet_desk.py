"""Everything that a command about hosts needs, made from the spec: provider, places, logins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.catalogue.instance_types import read_catalogue
from provisioning.environments.delivery import Depot
from provisioning.errors import BadInput, NotPossibleHere, Place
from provisioning.fleet import Fleet, Host, Role, WantedHost
from provisioning.fleet_state import FleetState
from provisioning.fleet_up import FleetOrder
from provisioning.hosts_spec import Ec2HostsSpec, HostsSpec, MachineHostsSpec
from provisioning.paths import StatePaths
from provisioning.places import wanted_hosts, with_class
from provisioning.providers.protocol import Provider
from provisioning.readiness import Hardware, Threshold
from provisioning.ssh.login import Login

if TYPE_CHECKING:
    from provisioning.providers.ec2.provider import Ec2Provider


@dataclass(frozen=True)
class FleetRequest:
    """A spec with a `hosts:` section, read without a mistake."""

    workshop: str
    hosts: HostsSpec
    hub_port: int
    #: Changes with everything that a host was made from.
    spec_hash: str
    spec_file: Path
    paths: StatePaths
    depot: Depot
    #: Environments that a class needs on hosts of each role, besides what the spec names.
    of_class: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class FleetDesk:
    """One workshop's hosts. Nothing is asked of a cloud before a command needs it."""

    request: FleetRequest

    @cached_property
    def state(self) -> FleetState:
        return FleetState(self.request.paths.fleet)

    @cached_property
    def wanted(self) -> tuple[WantedHost, ...]:
        return with_class(wanted_hosts(self.request.hosts), self.request.of_class)

    @cached_property
    def provider(self) -> Provider:
        match self.request.hosts:
            case MachineHostsSpec() as listed:
                from provisioning.providers.hosts import HostsProvider

                return HostsProvider(listed, self.request.workshop)
            case Ec2HostsSpec():
                return self.ec2

    @cached_property
    def ec2(self) -> Ec2Provider:
        """For what only EC2 can do. NotPossibleHere for a list of machines."""
        hosts = self.request.hosts
        if not isinstance(hosts, Ec2HostsSpec):
            raise NotPossibleHere(
                "These hosts were there before the workshop: it can't change who reaches them",
                next_step="change their firewalls yourself",
            )
        # boto3 takes a third of a second to import: only who needs it pays.
        from provisioning.providers.ec2.order import Ec2Order
        from provisioning.providers.ec2.provider import ec2_provider

        request = self.request
        order = Ec2Order(request.workshop, hosts, request.hub_port, request.spec_hash)
        return ec2_provider(order, self.state)

    @cached_property
    def threshold(self) -> Threshold:
        match self.request.hosts:
            case MachineHostsSpec() as listed:
                from provisioning.providers.hosts import ListedKeys

                return Threshold(ListedKeys(listed), listed.key, first_boot=False)
            case Ec2HostsSpec():
                return Threshold(self.state, self.state.key_file)

    @property
    def order(self) -> FleetOrder:
        return FleetOrder(self.wanted, self.provider, self.threshold, hardware)

    def place(self, name: str) -> WantedHost:
        """The place of that name. BadInput when the spec has none."""
        found = next((each for each in self.wanted if each.name == name), None)
        if found is None:
            names = _names(each.name for each in self.wanted)
            place = Place(self.request.spec_file, key="hosts")
            raise BadInput(place, f"found no host {name}", f"write one of: {names}")
        return found

    def chosen(self, fleet: Fleet, names: tuple[str, ...]) -> tuple[Host, ...]:
        """The named hosts of the fleet, or all that run. NotPossibleHere for one that is not."""
        if not names:
            return tuple(host for host in fleet.hosts if host.state == "running")
        for name in names:
            if fleet.host(name) is None:
                there = _names(host.name for host in fleet.hosts) or "none"
                raise NotPossibleHere(
                    f"There is no host {name}; there are: {there}", next_step="workshop status"
                )
        return tuple(host for host in fleet.hosts if host.name in names)

    def logins(self, hosts: Iterable[Host]) -> dict[str, Login]:
        return {host.name: self.threshold.login(host) for host in hosts}


def hardware(host: Host, place: WantedHost) -> Hardware:
    """What the type of the host promises; of a listed machine nothing is known."""
    found = read_catalogue().types.get(host.type)
    return Hardware(disk_gb=place.disk_gb, gpus=found.gpus if found else 0)


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)
