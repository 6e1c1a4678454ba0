"""What is there, by the workshop's tag alone: which machine is in which place, and counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from provisioning.fleet import Address, Fleet, Host, HostState, Market, Role
from provisioning.providers.ec2 import tags
from provisioning.providers.ec2.calls import Calls
from provisioning.providers.ec2.tags import Mark

#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
_STATES: Final[Mapping[str, HostState]] = {
    "pending": "pending",
    "running": "running",
    "stopping": "stopping",
    "stopped": "stopped",
    "shutting-down": "gone",
    "terminated": "gone",
}
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Instance:
    """One EC2 instance of the workshop. `ended` is stricter than gone: it can't hold anything."""

    id: str
    mark: Mark
    state: HostState
    ended: bool
    type: str
    zone: str
    market: Market
    public: str | None
    private: str | None
    token: str
    launched_at: datetime | None
    #: Why AWS changed its state, such as "Server.InternalError: ..."; empty if nothing special.
    reason: str
    #: Ids of the volumes and network interfaces that it holds.
    holds: tuple[str, ...]

    @property
    def live(self) -> bool:
        return self.state != "gone"

    @property
    def place(self) -> str:
        return self.mark.host


@dataclass(frozen=True)
class View:
    """All instances of a workshop in one region, also those that are gone but still listed."""

    workshop: str
    region: str
    instances: tuple[Instance, ...]

    def by_id(self, instance_id: str) -> Instance | None:
        return next((one for one in self.instances if one.id == instance_id), None)

    def of_place(self, place: str) -> tuple[Instance, ...]:
        """The live ones in a place, the newest attempt first: the first one counts."""
        live = [one for one in self.instances if one.live and one.place == place]
        return tuple(sorted(live, key=_newness, reverse=True))

    def winner(self, place: str) -> Instance | None:
        return next(iter(self.of_place(place)), None)

    def surplus(self) -> tuple[Instance, ...]:
        """Live instances whose place has a newer one: duplicates, to be ended."""
        return tuple(one for place in self.places() for one in self.of_place(place)[1:])

    def places(self) -> tuple[str, ...]:
        return tuple(sorted({one.place for one in self.instances if one.live and one.place}))

    def attempts(self, place: str) -> int:
        """The highest attempt that can be seen in a place; 0 if none."""
        found = [one.mark.attempt for one in self.instances if one.place == place]
        return max(found, default=0)

    def fleet(self, *, user: str) -> Fleet:
        """One host for each place. `user` is whom the images let log in."""
        winners = (self.winner(place) for place in self.places())
        hosts = (as_host(one, self.region, user=user) for one in winners if one)
        return Fleet(self.workshop, tuple(sorted(hosts, key=lambda host: host.name)))


def look(calls: Calls, workshop: str) -> View:
    """One paged Describe for all hosts together."""
    filters = [tags.of_workshop(workshop)]
    return View(workshop, calls.region, instances_matching(calls, filters))


def instances_matching(calls: Calls, filters: list[dict[str, Any]]) -> tuple[Instance, ...]:
    reservations = calls.listing("describe_instances", "Reservations", Filters=filters)
    items = [item for reservation in reservations for item in reservation["Instances"]]
    found = (read_instance(item) for item in items)
    return tuple(one for one in found if one is not None)


def with_token(calls: Calls, token: str) -> Instance | None:
    """The instance that a client token made, gone or not; None if none can be seen (yet)."""
    filters = [{"Name": "client-token", "Values": [token]}]
    return next(iter(instances_matching(calls, filters)), None)


def read_instance(item: Mapping[str, Any]) -> Instance | None:
    """An instance of DescribeInstances; None if it has no workshop's tag."""
    mark = tags.read(item.get("Tags", ()))
    if mark is None:
        return None
    state = item["State"]["Name"]
    return Instance(
        id=item["InstanceId"],
        mark=mark,
        state=_STATES.get(state, "pending"),
        ended=state == "terminated",
        type=item.get("InstanceType", ""),
        zone=item.get("Placement", {}).get("AvailabilityZone", ""),
        market="spot" if item.get("InstanceLifecycle") == "spot" else "on-demand",
        public=item.get("PublicIpAddress") or None,
        private=item.get("PrivateIpAddress") or None,
        token=item.get("ClientToken", ""),
        launched_at=item.get("LaunchTime"),
        reason=_reason(item.get("StateReason", {})),
        holds=_holds(item),
    )


def as_host(one: Instance, region: str, *, user: str) -> Host:
    reachable = one.state == "running" and one.public
    return Host(
        name=one.place,
        role=one.mark.role or role_of_place(one.place),
        state=one.state,
        address=Address(one.public, user=user) if reachable and one.public else None,
        private_address=one.private,
        id=one.id,
        type=one.type,
        region=region,
        zone=one.zone,
        market=one.market,
        attempt=one.mark.attempt,
        launched_at=one.launched_at,
        deadline=one.mark.deadline,
        spare=one.mark.spare,
    )


def role_of_place(place: str) -> Role:
    """For an instance whose role tag somebody took away."""
    match place.split("-")[0]:
        case "hub":
            return "hub"
        case "arm":
            return "arm"
        case _:
            return "gpu"


def _newness(one: Instance) -> tuple[int, datetime, str]:
    return (one.mark.attempt, one.launched_at or _NEVER, one.id)


def _reason(told: Mapping[str, str]) -> str:
    code, message = told.get("Code", ""), told.get("Message", "")
    return message if message.startswith(code) else f"{code}: {message}"


def _holds(item: Mapping[str, Any]) -> tuple[str, ...]:
    volumes = (
        device.get("Ebs", {}).get("VolumeId") for device in item.get("BlockDeviceMappings", ())
    )
    interfaces = (card.get("NetworkInterfaceId") for card in item.get("NetworkInterfaces", ()))
    return tuple(id_ for id_ in (*volumes, *interfaces) if id_)
