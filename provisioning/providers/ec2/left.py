"""What a teardown could not end: what it is, why, what it costs, and what to do about it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from provisioning.catalogue.instance_types import read_catalogue
from provisioning.catalogue.money import Range, exactly, total
from provisioning.costs import disk_of, hourly_of
from provisioning.errors import StepFailed, WorkshopError
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.ending import is_passing
from provisioning.providers.ec2.errors import AnswerLost, AwsError
from provisioning.providers.ec2.inventory import OTHERS, Look, how_to_see, not_seen
from provisioning.providers.ec2.kinds import KINDS, Found
from provisioning.providers.protocol import Inventory, LeftBehind

_SHOWN = 5


class SomethingLeft(LeftBehind):
    """Something of the workshop could not be ended. `inventory` lists it, `why` has the reasons.

    `hourly` is what it costs, as far as its price is known.
    """

    def __init__(self, seen: Look, refused: Mapping[str, WorkshopError]) -> None:
        self.hourly = hourly_of_all(seen.found)
        self.why = {thing.id: refused[thing.id] for thing in seen.found if thing.id in refused}
        kinds = (*(kind.name for kind in KINDS), OTHERS)
        first = _most_telling(seen.found, self.why)
        told = _told(seen, self.hourly) + (f": {first.message}" if first else "")
        again = "`workshop down` again: it goes on where this one stopped"
        super().__init__(
            f"{not_seen(seen)}. Besides, {told}" if seen.blind else told,
            Inventory(left=seen.found, kinds=kinds, regions=seen.regions),
            next_step=how_to_see(seen) if seen.blind else (first and first.next_step) or again,
        )


def hourly_of_all(things: Iterable[Found]) -> Range:
    """What these things cost an hour in US dollars; what has no known price counts nothing."""
    return total(_hourly(thing) for thing in things)


def who_else_uses(aws: Aws, group: Found, ours: Container[str]) -> StepFailed | None:
    """Why a security group can't be deleted, if things that aren't the workshop's are in it."""
    filters = [{"Name": "group-id", "Values": [group.id]}]
    try:
        interfaces = aws.every(
            "ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=filters
        )
    except (AwsError, AnswerLost):
        return None
    users = [user for one in interfaces if (user := _user(one)) not in ours]
    if not users:
        return None
    return StepFailed(
        f"security group {group.id} ({group.region}) is used by {', '.join(users[:_SHOWN])}",
        next_step=f"take {users[0]} out of the group or end it, in the AWS console; then "
        "`workshop down` again",
    )


def _user(interface: Mapping[str, Any]) -> str:
    instance = (interface.get("Attachment") or {}).get("InstanceId")
    return str(instance or interface["NetworkInterfaceId"])


def _hourly(thing: Found) -> Range:
    match thing.kind:
        case "instance" if thing.state in ("pending", "running"):
            return hourly_of(thing.type, thing.market, thing.region) or exactly(0)
        case "volume":
            return disk_of(thing.gigabytes, thing.region)
        case "snapshot":  # only what was written costs, and less than on a disk
            return Range(0, disk_of(thing.gigabytes, thing.region).high)
        case "elastic-ip":
            return exactly(read_catalogue().prices.address_hour)
        case _:
            return exactly(0)


def _told(seen: Look, hourly: Range) -> str:
    """What is left, and its price; hosts that can't be listed would make it more."""
    shown = "; ".join(f"{one.kind} {one.id} ({one.region})" for one in seen.found[:_SHOWN])
    more = len(seen.found) - _SHOWN
    least = "at least" if seen.blind else "about"
    price = f" and cost {least} {hourly.dollars()} an hour" if hourly.high else ""
    return f"{shown}{f' and {more} more' if more > 0 else ''} could not be ended{price}"


def _most_telling(
    things: Iterable[Found], why: Mapping[str, WorkshopError]
) -> WorkshopError | None:
    """The reason to tell: one that a person can do something about, an instance's first."""
    reasons = [why[thing.id] for thing in things if thing.id in why]
    return min(reasons, key=is_passing, default=None)
