"""One order for one machine: everything about it that AWS is told, but for secrets.

The journal keeps it whole before the call. So after a crash the very same request can be sent
again under its token, and AWS answers with the machine of the first one, if there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from provisioning.fleet import Market, Role
from provisioning.providers.ec2.placement import Candidate
from provisioning.providers.ec2.tags import Mark, specifications, tags


@dataclass(frozen=True)
class LaunchRequest:
    """As the journal has it; `deadline` is the ISO text of its tag."""

    workshop: str
    spec: str
    deadline: str
    host: str
    role: Role
    spare: bool
    attempt: int
    type: str
    zone: str
    market: Market
    image: str
    root_device: str
    disk_gb: int
    subnet: str
    group: str
    key_name: str
    token: str
    #: The state folder that it comes from.
    uid: str
    region: str
    #: How much longer staff may let it live from the wall.
    extendable_minutes: int = 0

    @property
    def candidate(self) -> Candidate:
        return Candidate(self.type, self.zone, self.market)

    @property
    def deadline_at(self) -> datetime:
        return datetime.fromisoformat(self.deadline)

    def facts(self) -> dict[str, Any]:
        return asdict(self)


def read_request(facts: Mapping[str, Any]) -> LaunchRequest | None:
    """The request in an entry of the journal; None if an older release wrote it otherwise."""
    try:
        return LaunchRequest(**facts)
    except TypeError:
        return None


def run_parameters(request: LaunchRequest, user_data: str) -> dict[str, Any]:
    """The parameters of RunInstances: one instance, tagged, encrypted, closed, mortal.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
    """
    mark = Mark(
        workshop=request.workshop,
        spec=request.spec,
        deadline=request.deadline_at,
        host=request.host,
        role=request.role,
        attempt=request.attempt,
        spare=request.spare,
        extendable_minutes=request.extendable_minutes,
    )
    return {
        "ClientToken": request.token,
        "MinCount": 1,
        "MaxCount": 1,
        "ImageId": request.image,
        "InstanceType": request.type,
        "SubnetId": request.subnet,
        "SecurityGroupIds": [request.group],
        "KeyName": request.key_name,
        "UserData": user_data,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
        },
        "BlockDeviceMappings": [_root_volume(request)],
        "TagSpecifications": specifications(_tagged_kinds(request.market), tags(mark)),
        **_market_options(request.market),
    }


def _root_volume(request: LaunchRequest) -> dict[str, Any]:
    return {
        "DeviceName": request.root_device,
        "Ebs": {
            "VolumeType": "gp3",
            "VolumeSize": request.disk_gb,
            "Encrypted": True,
            "DeleteOnTermination": True,
        },
    }


def _tagged_kinds(market: Market) -> tuple[str, ...]:
    made = ("instance", "volume", "network-interface")
    return (*made, "spot-instances-request") if market == "spot" else made


def _market_options(market: Market) -> dict[str, Any]:
    if market != "spot":
        return {}
    # One-time: an interrupted host ends; a persistent request would launch it again untagged.
    options = {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
    return {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": options}}
