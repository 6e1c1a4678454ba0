"""The kinds of things on EC2 that can carry a workshop's tag: how each is listed and described.

A kind has the name that AWS gives it in DescribeTags. What is listed here shares nothing with
the code that launches: it knows a workshop by its tag alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from provisioning.fleet import Market
from provisioning.providers.ec2 import tags
from provisioning.providers.protocol import Resource

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Found(Resource):
    """A thing that was found, with what is needed to price it and to end it."""

    #: Its place in the workshop (gpu-03), or what its Name tag says.
    name: str = ""
    #: The instance's or the volume's type: "g4dn.xlarge", "gp3".
    type: str = ""
    market: Market = "on-demand"
    state: str = ""
    gigabytes: int = 0
    since: datetime | None = None
    #: When its hosts end themselves.
    deadline: datetime | None = None
    #: How much later it may be: from the wall hosts are extended without the cloud being told.
    extendable: timedelta = timedelta()
    #: What AWS answered about it.
    item: Item = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Kind:
    """How one kind is listed: the operation, the key of its answer, the key of the id."""

    name: str
    operation: str
    key: str
    id: str
    describe: Callable[[Item], dict[str, Any]]
    #: Further parameters of the operation.
    parameters: Mapping[str, Any] = field(default_factory=dict)
    #: States in which it is over: it costs nothing, and AWS forgets it by itself.
    over: frozenset[str] = frozenset()


def tags_of(item: Item) -> list[dict[str, str]]:
    """The tags of an item; network interfaces call them TagSet."""
    return list(item.get("Tags") or item.get("TagSet") or ())


def found(kind: Kind, item: Item, region: str) -> Found:
    """An answer's item in our words; `workshop` is empty if it carries no tag of ours."""
    mark = tags.read(tags_of(item))
    titles = (tag["Value"] for tag in tags_of(item) if tag["Key"] == "Name")
    facts = kind.describe(item)
    name = (mark.host if mark else "") or next(titles, "")
    said = (name, facts.pop("what"), facts.get("state", ""))
    return Found(
        kind=kind.name,
        id=str(item[kind.id]),
        region=region,
        workshop=mark.workshop if mark else "",
        what=", ".join(part for part in said if part),
        name=name,
        deadline=mark.deadline if mark else None,
        extendable=timedelta(minutes=mark.extendable_minutes if mark else 0),
        item=item,
        **facts,
    )


def _instance(item: Item) -> dict[str, Any]:
    market = "spot" if item.get("InstanceLifecycle") == "spot" else "on-demand"
    return {
        "type": item["InstanceType"],
        "what": item["InstanceType"] + (" (spot)" if market == "spot" else ""),
        "market": cast(Market, market),
        "state": item["State"]["Name"],
        "since": item.get("LaunchTime"),
    }


def _volume(item: Item) -> dict[str, Any]:
    return {
        "type": item.get("VolumeType", ""),
        "what": f"{item['Size']} GB {item.get('VolumeType', '')}".rstrip(),
        "gigabytes": int(item["Size"]),
        "state": item["State"],
        "since": item.get("CreateTime"),
    }


def _interface(item: Item) -> dict[str, Any]:
    return {"what": item.get("PrivateIpAddress", ""), "state": item.get("Status", "")}


def _address(item: Item) -> dict[str, Any]:
    return {"what": item.get("PublicIp", "")}


def _group(item: Item) -> dict[str, Any]:
    return {"what": item.get("GroupName", "")}


def _key(item: Item) -> dict[str, Any]:
    return {"what": item.get("KeyName", ""), "since": item.get("CreateTime")}


def _template(item: Item) -> dict[str, Any]:
    return {"what": item.get("LaunchTemplateName", ""), "since": item.get("CreateTime")}


def _spot_request(item: Item) -> dict[str, Any]:
    what = item.get("LaunchSpecification", {}).get("InstanceType", "")
    return {"what": what, "state": item.get("State", ""), "since": item.get("CreateTime")}


def _snapshot(item: Item) -> dict[str, Any]:
    size = int(item.get("VolumeSize", 0))
    what = f"of a volume of {size} GB"
    since = item.get("StartTime")
    return {"what": what, "gigabytes": size, "state": item.get("State", ""), "since": since}


def _image(item: Item) -> dict[str, Any]:
    # A text, such as 2026-11-21T21:00:00.000Z, where all others have a time.
    made = datetime.fromisoformat(item["CreationDate"]) if item.get("CreationDate") else None
    since = made.replace(tzinfo=made.tzinfo or UTC) if made else None
    return {"what": item.get("Name", ""), "state": item.get("State", ""), "since": since}


#: In the order in which they are ended: first what makes others, last what others depend on.
KINDS: tuple[Kind, ...] = (
    # A cancelled request starts nothing again. `active` has a running instance, `disabled`
    # a stopped one: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html
    Kind(
        "spot-instances-request",
        "describe_spot_instance_requests",
        "SpotInstanceRequests",
        "SpotInstanceRequestId",
        _spot_request,
        over=frozenset({"cancelled", "closed", "failed"}),
    ),
    Kind(
        "instance",
        "describe_instances",
        "Reservations",
        "InstanceId",
        _instance,
        over=frozenset({"terminated"}),
    ),
    Kind("elastic-ip", "describe_addresses", "Addresses", "AllocationId", _address),
    Kind(
        "network-interface",
        "describe_network_interfaces",
        "NetworkInterfaces",
        "NetworkInterfaceId",
        _interface,
    ),
    Kind("volume", "describe_volumes", "Volumes", "VolumeId", _volume),
    # Also images that are switched off: their snapshots still cost.
    Kind(
        "image",
        "describe_images",
        "Images",
        "ImageId",
        _image,
        {"Owners": ["self"], "IncludeDisabled": True, "IncludeDeprecated": True},
        over=frozenset({"deregistered"}),
    ),
    Kind(
        "snapshot",
        "describe_snapshots",
        "Snapshots",
        "SnapshotId",
        _snapshot,
        {"OwnerIds": ["self"]},
    ),
    Kind(
        "launch-template",
        "describe_launch_templates",
        "LaunchTemplates",
        "LaunchTemplateId",
        _template,
    ),
    Kind("key-pair", "describe_key_pairs", "KeyPairs", "KeyPairId", _key),
    Kind("security-group", "describe_security_groups", "SecurityGroups", "GroupId", _group),
)
