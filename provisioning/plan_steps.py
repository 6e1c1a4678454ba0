"""The steps of `workshop up` in words, in their order. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from provisioning.access import ANYONE, AUTO
from provisioning.fleet import WantedHost
from provisioning.hosts_spec import Ec2HostsSpec, MachineHostsSpec

#: `keep`: it is there. `start`: it is there and stopped. `create`: the place is empty.
Action = Literal["keep", "start", "create"]


@dataclass(frozen=True)
class Step:
    """One step, and the hosts that it is about."""

    what: str
    hosts: tuple[str, ...] = ()


def steps(
    workshop: str,
    spec: Ec2HostsSpec | MachineHostsSpec,
    wanted: tuple[WantedHost, ...],
    actions: Mapping[str, Action],
) -> tuple[Step, ...]:
    """What will be done; checking what is there already is a step as well."""
    found = list(_on_ec2(workshop, spec, wanted, actions)) if isinstance(spec, Ec2HostsSpec) else []
    names = tuple(host.name for host in wanted)
    found.append(Step("wait until each host answers SSH with the host key that we know", names))
    found += _environments(wanted)
    found.append(Step("check disk, GPU and environments on each host", names))
    return tuple(found)


def names_text(names: tuple[str, ...]) -> str:
    """gpu-01 to gpu-09, or hub, gpu-01, arm-02."""
    if len(names) > 2 and len({name.rpartition("-")[0] for name in names}) == 1:
        numbers = [int(name.rpartition("-")[2]) for name in names]
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return f"{names[0]} to {names[-1]}"
    return ", ".join(names)


def _on_ec2(
    workshop: str,
    spec: Ec2HostsSpec,
    wanted: tuple[WantedHost, ...],
    actions: Mapping[str, Action],
) -> Iterator[Step]:
    created = [host for host in wanted if actions[host.name] == "create"]
    if created:
        yield Step(
            f"ensure the key pair workshop-{workshop} and security groups that let in "
            f"{_access(spec)} only, and hosts to each other"
        )
    for _, group in groupby(created, key=lambda host: (host.role, host.types, host.market)):
        hosts = tuple(group)
        yield Step(f"create {_creation(hosts)}", tuple(host.name for host in hosts))
    started = tuple(host.name for host in wanted if actions[host.name] == "start")
    if started:
        yield Step(f"start {names_text(started)}", started)


def _creation(hosts: tuple[WantedHost, ...]) -> str:
    first = hosts[0]
    types = ", else ".join(first.types)
    market = "spot, else on demand" if first.market == "spot" else "on demand"
    names = names_text(tuple(host.name for host in hosts))
    return f"{names}: {types}; {market}; an encrypted disk of {first.disk_gb} GB"


def _access(spec: Ec2HostsSpec) -> str:
    told = {AUTO: "this computer's address", ANYONE: "everybody"}
    return " and ".join(told.get(one, one) for one in spec.access)


def _environments(wanted: tuple[WantedHost, ...]) -> Iterator[Step]:
    """One step for each environment, with the hosts that need it."""
    names = dict.fromkeys(name for host in wanted for name in host.environments)
    for name in names:
        hosts = tuple(host.name for host in wanted if name in host.environments)
        yield Step(f"ship the environment {name} to {names_text(hosts)}", hosts)
