"""The workshop's two security groups, made if missing and repaired if changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisioning.errors import AlreadyTaken
from provisioning.fleet import Role
from provisioning.journal import Journal
from provisioning.providers.ec2 import tags
from provisioning.providers.ec2.calls import Calls
from provisioning.providers.ec2.errors import AlreadyThere, NotThere
from provisioning.providers.ec2.firewall_rules import (
    SSH,
    Doors,
    Rule,
    permissions,
    ranges,
    read_rules,
)
from provisioning.providers.ec2.tags import Mark

#: A new group may not be there for the next call. It takes seconds; a minute is generous.
_VISIBLE_SECONDS = 60


@dataclass(frozen=True)
class Groups:
    """Ids of the groups; every host is in exactly one of them."""

    hub: str
    hosts: str

    def of_role(self, role: Role) -> str:
        return self.hub if role == "hub" else self.hosts


@dataclass(frozen=True)
class Entry:
    """Who may come in from outside: CIDR ranges, and the port of the hub."""

    access: tuple[str, ...]
    hub_port: int


@dataclass(frozen=True)
class GroupKeeper:
    """Makes and repairs the groups of one workshop in one VPC."""

    calls: Calls
    journal: Journal
    mark: Mark
    vpc: str

    def ensure(self, entry: Entry) -> Groups:
        """Both groups with exactly the rules of `Doors`. Raises: AlreadyTaken, AwsError."""
        hub, hosts = self._ensure_group("hub"), self._ensure_group("hosts")
        doors = Doors(entry.access, entry.hub_port, hub["GroupId"], hosts["GroupId"])
        self._ensure_rules(hub, doors.of_hub())
        self._ensure_rules(hosts, doors.of_hosts())
        return Groups(hub["GroupId"], hosts["GroupId"])

    def access(self) -> tuple[str, ...]:
        """The CIDR ranges that may log in now; none when there are no groups."""
        found = self._find("hub") or {}
        return ranges(read_rules(found.get("IpPermissions", ())), SSH)

    def _ensure_group(self, kind: str) -> Mapping[str, Any]:
        return self._find(kind) or self._make(kind)

    def _find(self, kind: str) -> Mapping[str, Any] | None:
        name = group_name(self.mark.workshop, kind)
        filters = [
            {"Name": "vpc-id", "Values": [self.vpc]},
            {"Name": "group-name", "Values": [name]},
        ]
        found = self.calls.listing("describe_security_groups", "SecurityGroups", Filters=filters)
        if not found:
            return None
        owner = tags.read(found[0].get("Tags", ()))
        if owner is None or owner.workshop != self.mark.workshop:
            raise AlreadyTaken(
                f"The security group {name} in {self.calls.region} has no tag of this workshop, "
                "so it was left alone",
                next_step="rename the workshop, or delete that group if nobody needs it",
            )
        return found[0]

    def _make(self, kind: str) -> Mapping[str, Any]:
        name, region = group_name(self.mark.workshop, kind), self.calls.region
        self.journal.write("intent", "ec2.security-group", name=name, region=region)
        try:  # a name can't be taken twice, so a lost answer is no danger
            answer = self.calls.change(
                "create_security_group",
                GroupName=name,
                Description=f"workshop {self.mark.workshop}: {kind}",
                VpcId=self.vpc,
                TagSpecifications=tags.specifications(
                    ["security-group"], tags.tags(self.mark, title=f"security group {kind}")
                ),
            )
        except AlreadyThere as unclear:
            found = self._wait_for(kind, unclear)
        else:
            found = {"GroupId": answer["GroupId"], "GroupName": name, "IpPermissions": []}
        facts = {"name": name, "id": found["GroupId"], "region": region}
        self.journal.write("done", "ec2.security-group", **facts)
        return found

    def _wait_for(self, kind: str, unclear: Exception) -> Mapping[str, Any]:
        """The group that AWS knows of, though a listing may not show it yet."""
        for _ in self.calls.pace.tries(first=0.5, most=5, seconds=_VISIBLE_SECONDS):
            if found := self._find(kind):
                return found
        raise unclear

    def _ensure_rules(self, group: Mapping[str, Any], wanted: frozenset[Rule]) -> None:
        """Open what is missing before closing what is too much, so that nobody is cut off."""
        have = read_rules(group.get("IpPermissions", ()))
        if have == wanted:
            return
        opened, closed = wanted - have, have - wanted
        facts = {
            "group": group["GroupId"],
            "region": self.calls.region,
            "open": [_text(rule) for rule in sorted(opened)],
            "close": [_text(rule) for rule in sorted(closed)],
        }
        self.journal.write("intent", "ec2.access", **facts)
        self._change("authorize_security_group_ingress", group["GroupId"], opened)
        self._change("revoke_security_group_ingress", group["GroupId"], closed)
        self.journal.write("done", "ec2.access", **facts)

    def _change(self, operation: str, group: str, rules: frozenset[Rule]) -> None:
        """All rules in one call; one by one if the listing was old and some are done already."""
        if not rules:
            return
        try:
            self._send(operation, group, rules)
        except (AlreadyThere, NotThere):
            for rule in sorted(rules):
                self._send_one(operation, group, rule)

    def _send_one(self, operation: str, group: str, rule: Rule) -> None:
        try:
            self._send(operation, group, frozenset({rule}))
        except AlreadyThere:
            pass
        except NotThere as missing:
            if "InvalidPermission" not in missing.code:
                raise

    def _send(self, operation: str, group: str, rules: frozenset[Rule]) -> None:
        """Waits for a group that is too new to be seen."""
        for _ in self.calls.pace.tries(first=0.5, most=5, seconds=_VISIBLE_SECONDS):
            try:
                self.calls.change(operation, GroupId=group, IpPermissions=permissions(rules))
                return
            except NotThere as missing:
                if "InvalidPermission" in missing.code:
                    raise
                why = missing
        raise why


def group_name(workshop: str, kind: str) -> str:
    return f"workshop-{workshop}-{kind}"


def _text(rule: Rule) -> str:
    ports = str(rule.first_port)
    if rule.last_port != rule.first_port:
        ports += f"-{rule.last_port}"
    return f"{rule.protocol} {ports} from {rule.source}"
