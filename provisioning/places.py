"""The places of a workshop: which hosts a spec asks for. Pure, no look at any cloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from provisioning.fleet import ROLES, Role, WantedHost
from provisioning.hosts_spec import Ec2HostsSpec, Ec2RoleSpec, MachineHostsSpec


def wanted_hosts(
    spec: Ec2HostsSpec | MachineHostsSpec, *, spare: int | None = None
) -> tuple[WantedHost, ...]:
    """Every place in the order hub, gpu-01.., arm-01..; `spare` overrules the spec's number.

    Spares follow the numbers of the role that seats live on: gpu, or arm where there is no GPU.
    """
    match spec:
        case MachineHostsSpec():
            return tuple(_of_a_list(spec))
        case Ec2HostsSpec():
            return tuple(_on_ec2(spec, spec.spare if spare is None else spare))


def with_class(
    wanted: tuple[WantedHost, ...], environments: Mapping[Role, tuple[str, ...]]
) -> tuple[WantedHost, ...]:
    """The same places; those of a role have these environments, too."""
    return tuple(
        replace(place, environments=tuple(dict.fromkeys((*place.environments, *more))))
        if (more := environments.get(place.role, ()))
        else place
        for place in wanted
    )


def place_name(role: Role, number: int) -> str:
    """hub, or gpu-01; a hundredth host is gpu-100."""
    return "hub" if role == "hub" else f"{role}-{number:02d}"


def _on_ec2(spec: Ec2HostsSpec, spare: int) -> Iterator[WantedHost]:
    counts: dict[Role, int] = {
        "hub": 1,
        "gpu": spec.gpu.count if spec.gpu else 0,
        "arm": spec.arm.count if spec.arm else 0,
    }
    spared = "gpu" if counts["gpu"] else "arm"
    parts: dict[Role, Ec2RoleSpec | None] = {"hub": spec.hub, "gpu": spec.gpu, "arm": spec.arm}
    for role in ROLES:
        part = parts[role]
        if part is None or not counts[role]:
            continue
        more = spare if role == spared else 0
        for number in range(1, counts[role] + more + 1):
            yield WantedHost(
                name=place_name(role, number),
                role=role,
                types=part.types,
                market=part.market,
                disk_gb=part.disk_gb,
                image=part.image,
                environments=part.environments,
                spare=number > counts[role],
            )


def _of_a_list(spec: MachineHostsSpec) -> Iterator[WantedHost]:
    order = {role: number for number, role in enumerate(ROLES)}
    for machine in sorted(spec.machines, key=lambda one: (order[one.role], _number(one.name))):
        yield WantedHost(
            name=machine.name,
            role=machine.role,
            types=(),
            market="on-demand",
            disk_gb=0,
            image=None,
            environments=machine.environments,
        )


def _number(name: str) -> int:
    return int(name.partition("-")[2] or 0)
