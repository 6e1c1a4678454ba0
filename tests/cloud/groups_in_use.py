"""Security groups can't be deleted while something uses them.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.cloud.api_call import Answer, Call, Refused
from tests.cloud.region import Region


def delete_security_group(region: Region, call: Call, onward: Callable[[Call], Answer]) -> Answer:
    """DependencyViolation for instances that are not terminated, interfaces, other groups."""
    group_id = call.get("GroupId")
    group = region.backend.get_security_group_from_id(group_id) if group_id else None
    if group is not None and _in_use(region, group):
        raise Refused("DependencyViolation", f"resource {group.id} has a dependent object")
    return onward(call)


def _in_use(region: Region, group: Any) -> bool:
    by_instances = any(
        instance.state != "terminated" and group in instance.security_groups
        for instance in region.instances()
    )
    by_interfaces = any(
        group.id in {used.id for used in nic.group_set} for nic in region.backend.enis.values()
    )
    return by_instances or by_interfaces or _referred_to(region, group.id)


def _referred_to(region: Region, group_id: str) -> bool:
    """By a rule of another group; a group may refer to itself."""
    return any(
        rule.source_group and rule.source_group.get("GroupId") == group_id
        for groups in region.backend.groups.values()
        for other in groups.values()
        if other.id != group_id
        for rule in (*other.ingress_rules, *other.egress_rules)
    )
