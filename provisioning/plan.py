"""What `workshop up` is going to do: computed from the spec and from what is there. Pure.

A plan is data; the command line renders it, and `--json` prints `as_json()`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal

from provisioning import costs, plan_steps, ready_time
from provisioning.catalogue.instance_types import read_catalogue
from provisioning.catalogue.money import Range, dollars, exactly, total
from provisioning.findings import Finding, stops
from provisioning.fleet import Fleet, Host, Market, Role, WantedHost
from provisioning.hosts_spec import Ec2HostsSpec, MachineHostsSpec
from provisioning.plan_steps import Action, Step
from provisioning.providers.ec2.quota_check import QuotaRequest
from provisioning.ready_time import Part


@dataclass(frozen=True)
class Known:
    """What was found out about the account and the archives before planning."""

    findings: tuple[Finding, ...] = ()
    requests: tuple[QuotaRequest, ...] = ()
    #: Zones that can be used, by instance type.
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    account: str = ""
    #: Packed environments that this computer uploads once; None if they aren't packed yet.
    archive_bytes: int | None = None


@dataclass(frozen=True)
class PlannedHost:
    """A place, and what happens to it. Types and zones are those it has, or may get."""

    name: str
    role: Role
    action: Action
    types: tuple[str, ...]
    market: Market
    zones: tuple[str, ...]
    disk_gb: int
    environments: tuple[str, ...]
    spare: bool
    #: US dollars, with disk and address.
    hourly: Range


@dataclass(frozen=True)
class Cost:
    """US dollars. `event` is all hours of all hosts, spares and disks too."""

    #: What is there already, an hour.
    now: Range
    hourly: Range
    event: Range
    hours: float
    #: The part of `hourly` that is for spares.
    spares: Range
    prices_date: date
    prices_source: str


@dataclass(frozen=True)
class Plan:
    """All that an instructor should know before saying yes."""

    workshop: str
    provider: Literal["ec2", "hosts"]
    region: str
    account: str
    hosts: tuple[PlannedHost, ...]
    #: Hosts that are there and that the spec doesn't ask for (any more). They stay until `down`.
    unasked: tuple[str, ...]
    steps: tuple[Step, ...]
    cost: Cost
    ready: Range
    ready_parts: tuple[Part, ...]
    #: What happens, and what it costs at most, if everybody forgets the hosts.
    forgotten: str
    findings: tuple[Finding, ...]
    requests: tuple[QuotaRequest, ...]

    @property
    def verdict(self) -> Literal["green", "red"]:
        return "red" if self.reasons else "green"

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """Everything that stands in the way, not only the first thing."""
        return stops(self.findings)

    @property
    def nothing_to_do(self) -> bool:
        return all(host.action == "keep" for host in self.hosts)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; dates as text."""
        told = asdict(self) | {
            "verdict": self.verdict,
            "reasons": [asdict(reason) for reason in self.reasons],
            "nothing_to_do": self.nothing_to_do,
            "requests": [
                asdict(one) | {"page": one.page, "command": one.command} for one in self.requests
            ],
        }
        return dict(json.loads(json.dumps(told, default=str)))


def make_plan(
    workshop: str,
    spec: Ec2HostsSpec | MachineHostsSpec,
    wanted: tuple[WantedHost, ...],
    fleet: Fleet,
    known: Known,
) -> Plan:
    """The plan for a spec; `wanted` comes from `places`, with the spares that were asked for."""
    region = spec.region if isinstance(spec, Ec2HostsSpec) else ""
    hosts = tuple(_planned(host, fleet, region, known) for host in wanted)
    created = {host.name for host in hosts if host.action == "create"}
    parts = ready_time.time_to_ready(
        tuple(host for host in wanted if host.name in created), known.archive_bytes
    )
    names = {host.name for host in wanted}
    left = tuple(h.name for h in fleet.hosts if h.name not in names and h.state != "gone")
    cost = _cost(hosts, left, fleet, spec)
    return Plan(
        workshop=workshop,
        provider=spec.provider,
        region=region,
        account=known.account,
        hosts=hosts,
        unasked=left,
        steps=plan_steps.steps(workshop, spec, wanted, {h.name: h.action for h in hosts}),
        cost=cost,
        ready=ready_time.seconds(parts),
        ready_parts=parts,
        forgotten=_forgotten(spec, cost, fleet),
        findings=(*known.findings, *_differences(hosts, wanted, fleet, left)),
        requests=known.requests,
    )


def _differences(
    hosts: tuple[PlannedHost, ...],
    wanted: tuple[WantedHost, ...],
    fleet: Fleet,
    left: tuple[str, ...],
) -> Iterator[Finding]:
    """What is there and isn't as the spec wants it. `up` leaves it alone: it may be in use."""
    types = {host.name: host.types for host in wanted}
    for host in hosts:
        if host.action != "create" and types[host.name] and host.types[0] not in types[host.name]:
            what = f"{host.name} is {host.types[0]}, and workshop.yaml wants {types[host.name][0]}"
            yield Finding("warn", f"{what}; it stays", f"workshop host replace {host.name}")
    if left:
        unasked = Fleet(fleet.workshop, tuple(one for one in fleet.hosts if one.name in left))
        cost = costs.hourly(unasked).dollars()
        verb, they = ("isn't", "it stays") if len(left) == 1 else ("aren't", "they stay")
        what = f"{plan_steps.names_text(left)} {verb} asked for in workshop.yaml: {cost} an hour"
        yield Finding("warn", f"{what}; {they}", "workshop down ends everything")


def _planned(wanted: WantedHost, fleet: Fleet, region: str, known: Known) -> PlannedHost:
    host = fleet.host(wanted.name)
    if host is not None and host.state == "gone":
        host = None
    return PlannedHost(
        name=wanted.name,
        role=wanted.role,
        action=_action(wanted, host),
        types=(host.type,) if host and host.type else wanted.types,
        market=host.market if host else wanted.market,
        zones=_zones(wanted, host, known),
        disk_gb=wanted.disk_gb,
        environments=wanted.environments,
        spare=wanted.spare,
        hourly=_hourly(wanted, host, region),
    )


def _action(wanted: WantedHost, host: Host | None) -> Action:
    if not wanted.types:  # a machine of a list: nobody creates it
        return "keep"
    if host is None:
        return "create"
    return "start" if host.state in ("stopping", "stopped") else "keep"


def _zones(wanted: WantedHost, host: Host | None, known: Known) -> tuple[str, ...]:
    if host is not None:
        return (host.zone,) if host.zone else ()
    return tuple(sorted({zone for name in wanted.types for zone in known.offers.get(name, ())}))


def _hourly(wanted: WantedHost, host: Host | None, region: str) -> Range:
    """Of the host when it runs."""
    if not wanted.types:
        return exactly(0)
    if host is None:
        return costs.hourly_wanted(wanted, region)
    found = costs.hourly_of(host.type, host.market, host.region or region, wanted.disk_gb)
    return found or exactly(0)


def _cost(
    hosts: tuple[PlannedHost, ...],
    left: tuple[str, ...],
    fleet: Fleet,
    spec: Ec2HostsSpec | MachineHostsSpec,
) -> Cost:
    prices = read_catalogue().prices
    now = costs.hourly(fleet, {host.name: host.disk_gb for host in hosts})
    unasked = Fleet(fleet.workshop, tuple(host for host in fleet.hosts if host.name in left))
    hourly = total(host.hourly for host in hosts) + costs.hourly(unasked)
    hours = spec.hours if isinstance(spec, Ec2HostsSpec) else 0.0
    return Cost(
        now=now if isinstance(spec, Ec2HostsSpec) else exactly(0),
        hourly=hourly,
        event=hourly.times(hours),
        hours=hours,
        spares=total(host.hourly for host in hosts if host.spare),
        prices_date=prices.date,
        prices_source=prices.source,
    )


def _forgotten(spec: Ec2HostsSpec | MachineHostsSpec, cost: Cost, fleet: Fleet) -> str:
    if isinstance(spec, MachineHostsSpec):
        return "These machines are yours: nothing here starts or ends them, or costs anything."
    most = dollars(math.ceil(cost.event.high))
    told = (
        f"If everybody forgets them, the hosts end themselves {spec.hours:g} hours after they "
        f"were created, with their disks: at most {most}."
    )
    if spec.extend_hours:
        more = math.ceil(cost.hourly.times(spec.extend_hours).high)
        told += f" From the wall staff may add {spec.extend_hours:g} hours: at most ${more} more."
    if any(host.state in ("stopping", "stopped") for host in fleet.hosts):
        told += " A stopped host can't end itself: its disk costs on until `workshop down`."
    return told
