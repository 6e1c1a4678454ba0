"""The rules of security groups as the machines behind the instances must apply them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.cloud.instance_life import CloudInstance
from tests.cloud.machines_protocol import OpenPort
from tests.cloud.region import Region


def ports_of(region: Region, instance: CloudInstance) -> tuple[OpenPort, ...]:
    """Rules of all its groups; a source group stands for the addresses of its members."""
    found = {
        OpenPort(*_range(rule), source)
        for group in instance.security_groups
        for rule in group.ingress_rules
        if rule.ip_protocol in ("tcp", "-1")
        for source in _sources(region, rule)
    }
    return tuple(sorted(found, key=lambda port: (port.first, port.last, port.source)))


def _range(rule: Any) -> tuple[int, int]:
    if rule.from_port is None or rule.ip_protocol == "-1":
        return 0, 65535
    return int(rule.from_port), int(rule.to_port)


def _sources(region: Region, rule: Any) -> Iterator[str]:
    if cidr := rule.ip_range.get("CidrIp"):
        yield cidr
    if group_id := (rule.source_group or {}).get("GroupId"):
        for member in region.instances():
            addresses = member.life.addresses
            if addresses and group_id in {group.id for group in member.security_groups}:
                yield f"{addresses.private}/32"
                yield f"{addresses.public}/32"
