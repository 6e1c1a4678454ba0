"""Which doors the hosts have: a pure description, compared with what AWS has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final

SSH: Final = 22
#: Where hosts of the fleet hand archives of environments to each other.
RELAY: Final = 7475


@dataclass(frozen=True, order=True)
class Rule:
    """One open port range, for one source: a CIDR range, or the id of a security group."""

    first_port: int
    last_port: int
    source: str
    protocol: str = "tcp"

    @classmethod
    def port(cls, port: int, source: str) -> Rule:
        return cls(port, port, source)


@dataclass(frozen=True)
class Doors:
    """Who may come in: `access` are CIDR ranges, the others ids of the two groups."""

    access: tuple[str, ...]
    hub_port: int
    hub_group: str
    hosts_group: str

    def of_hub(self) -> frozenset[Rule]:
        """SSH and the hub from where people are; archives from the other hosts."""
        people = {Rule.port(port, cidr) for port in (SSH, self.hub_port) for cidr in self.access}
        return frozenset(people | {Rule.port(RELAY, self.hosts_group)})

    def of_hosts(self) -> frozenset[Rule]:
        """SSH from where the instructor is; SSH and archives from the hub, archives from hosts."""
        people = {Rule.port(SSH, cidr) for cidr in self.access}
        fleet = {
            Rule.port(SSH, self.hub_group),
            Rule.port(RELAY, self.hub_group),
            Rule.port(RELAY, self.hosts_group),
        }
        return frozenset(people | fleet)


def read_rules(permissions: Iterable[Mapping[str, Any]]) -> frozenset[Rule]:
    """AWS's IpPermissions, one rule for each source in them."""
    return frozenset(rule for one in permissions for rule in _rules(one))


def permissions(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Rules as IpPermissions, in a settled order."""
    return [_permission(rule) for rule in sorted(rules)]


def ranges(rules: Iterable[Rule], port: int) -> tuple[str, ...]:
    """The CIDR ranges that may reach a port."""
    return tuple(sorted({r.source for r in rules if r.first_port == port and "/" in r.source}))


def _rules(permission: Mapping[str, Any]) -> list[Rule]:
    first, last = permission.get("FromPort", -1), permission.get("ToPort", -1)
    sources = [
        *(one["CidrIp"] for one in permission.get("IpRanges", ())),
        *(one["CidrIpv6"] for one in permission.get("Ipv6Ranges", ())),
        *(one["GroupId"] for one in permission.get("UserIdGroupPairs", ())),
        *(one["PrefixListId"] for one in permission.get("PrefixListIds", ())),
    ]
    return [Rule(first, last, source, permission["IpProtocol"]) for source in sources]


def _permission(rule: Rule) -> dict[str, Any]:
    found: dict[str, Any] = {"IpProtocol": rule.protocol}
    if rule.protocol != "-1":  # -1 is all protocols, which have no ports
        found |= {"FromPort": rule.first_port, "ToPort": rule.last_port}
    return found | _source(rule.source)


def _source(source: str) -> dict[str, Any]:
    if source.startswith("sg-"):
        return {"UserIdGroupPairs": [{"GroupId": source}]}
    if source.startswith("pl-"):
        return {"PrefixListIds": [{"PrefixListId": source}]}
    if ip_network(source, strict=False).version == 6:
        return {"Ipv6Ranges": [{"CidrIpv6": source}]}
    return {"IpRanges": [{"CidrIp": source}]}
