"""What the workshop's tag may not show (yet), and the journal can tell.

A launch may have made a host that becomes visible late, above all if its answer was lost with
the process that waited for it. And what AWS made along with a host may carry no tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from provisioning.journal import Entry
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.kinds import KINDS, Found, Kind, found

_BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
# A filter takes up to 200 values.
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
_TOGETHER = 200


@dataclass(frozen=True)
class Launch:
    """A launch that may have made a host which no listing shows yet, by its client token."""

    token: str
    region: str
    at: datetime


def launches_in_doubt(entries: Iterable[Entry], since: datetime) -> tuple[Launch, ...]:
    """Launches without an outcome, and those that succeeded after `since`.

    Also a confirmed host may be missing from AWS's listings while it is young:
    https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
    """
    launches: dict[str, Launch] = {}
    for entry in entries:
        token, region = entry.facts.get("token"), entry.facts.get("region")
        at = datetime.fromisoformat(entry.at)
        if not isinstance(token, str):
            continue
        if entry.kind == "intent" and isinstance(region, str):
            launches[token] = Launch(token, region, at)
        elif entry.kind == "failed" or (entry.kind == "done" and at < since):
            launches.pop(token, None)
        elif entry.kind == "done" and token in launches:
            launches[token] = replace(launches[token], at=at)
    return tuple(launches.values())


def launched(aws: Aws, tokens: Iterable[str], workshop: str) -> dict[str, Found]:
    """The instances that these launches made, by token, also the ones that are over.

    The token is enough to know them: it was drawn for this workshop in this state folder.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
    """
    kind = _BY_NAME["instance"]
    instances = (
        item
        for answer in _listed(aws, kind, "client-token", sorted(tokens))
        for item in answer["Instances"]
    )
    return {
        str(item["ClientToken"]): replace(found(kind, item, aws.region), workshop=workshop)
        for item in instances
    }


def followers(instances: Iterable[Found]) -> tuple[str, ...]:
    """The volumes and interfaces that AWS will delete together with these instances.

    What a person attached by hand is not meant to go with the instance, so it isn't among them.
    """
    ids: set[str] = set()
    for instance in instances:
        for device in instance.item.get("BlockDeviceMappings", ()):
            if device.get("Ebs", {}).get("DeleteOnTermination"):
                ids.add(str(device["Ebs"]["VolumeId"]))
        for interface in instance.item.get("NetworkInterfaces", ()):
            if interface.get("Attachment", {}).get("DeleteOnTermination"):
                ids.add(str(interface["NetworkInterfaceId"]))
    return tuple(sorted(ids))


def still_there(aws: Aws, ids: Iterable[str], workshop: str) -> tuple[Found, ...]:
    """Which of these volumes and interfaces exist, whether they carry a tag or not."""
    ids = sorted(ids)
    kinds = (("vol-", "volume", "volume-id"), ("eni-", "network-interface", "network-interface-id"))
    return tuple(
        replace(found(_BY_NAME[kind], item, aws.region), workshop=workshop)
        for prefix, kind, field in kinds
        for item in _listed(aws, _BY_NAME[kind], field, [i for i in ids if i.startswith(prefix)])
    )


def _listed(aws: Aws, kind: Kind, field: str, values: list[str]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(values), _TOGETHER):
        filters = [{"Name": field, "Values": values[start : start + _TOGETHER]}]
        yield from aws.every("ec2", kind.operation, kind.key, Filters=filters)
