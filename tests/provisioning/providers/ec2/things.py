"""Things in the test cloud that a workshop, a person or a crash may have left there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.pace import Pace
from tests.cloud.cloud import Cloud

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIZRTs1pNJ2e2VFbVBXZKcXhbFnbBDNFJn0nTtbn3bkS"


@cache
def account(endpoint: str) -> Aws:
    """The account of the environment. One session for all tests: each takes 0.3 s to make."""
    assert endpoint == os.environ["AWS_ENDPOINT_URL"]
    return Aws("us-east-1", attempts=1)


@cache
def region_of_account(endpoint: str, region: str) -> Aws:
    return account(endpoint).elsewhere(region)


@dataclass(frozen=True)
class Time:
    """The cloud's own time: waiting costs none of ours."""

    cloud: Cloud
    began: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def now(self) -> float:
        return self.cloud.place.now()

    def utc(self) -> datetime:
        return self.began + timedelta(seconds=self.now())

    @property
    def pace(self) -> Pace:
        return Pace(now=self.now, sleep=self.cloud.advance, jitter=lambda: 1.0)


@dataclass(frozen=True)
class Things:
    """Makes tagged things in one region; with an empty workshop they carry no tag of ours."""

    workshop: str
    region: str = "us-east-1"

    @property
    def aws(self) -> Aws:
        return region_of_account(os.environ["AWS_ENDPOINT_URL"], self.region)

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.aws.call("ec2", operation, **parameters)

    def tagged(self, *kinds: str, **more: str) -> list[dict[str, Any]]:
        tags = {"Name": "by hand"} | {f"workshop:{key}": value for key, value in more.items()}
        if self.workshop:
            tags["workshop:name"] = self.workshop
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        return [{"ResourceType": kind, "Tags": pairs} for kind in kinds]

    def image(self) -> str:
        images = self.aws.every("ec2", "describe_images", "Images")
        return next(str(one["ImageId"]) for one in images if one["Architecture"] == "x86_64")

    def instance(self, host: str = "gpu-01", **parameters: Any) -> str:
        kinds = ["instance", "volume", "network-interface"]
        if "InstanceMarketOptions" in parameters:
            kinds.append("spot-instances-request")
        asked: dict[str, Any] = {
            "ImageId": self.image(),
            "InstanceType": "t3.large",
            "MinCount": 1,
            "MaxCount": 1,
            "TagSpecifications": self.tagged(*kinds, host=host),
        }
        made = self.call("run_instances", **(asked | parameters))
        return str(made["Instances"][0]["InstanceId"])

    def spot_instance(self, host: str = "gpu-02") -> str:
        return self.instance(host, InstanceMarketOptions={"MarketType": "spot"})

    def volume(self, **parameters: Any) -> str:
        tags = self.tagged("volume")
        zone = f"{self.region}a"
        made = self.call(
            "create_volume",
            AvailabilityZone=zone,
            Size=100,
            VolumeType="gp3",
            TagSpecifications=tags,
            **parameters,
        )
        return str(made["VolumeId"])

    def group(self, name: str) -> str:
        tags = self.tagged("security-group")
        made = self.call(
            "create_security_group", GroupName=name, Description="hosts", TagSpecifications=tags
        )
        return str(made["GroupId"])

    def allow(self, group: str, other: str) -> None:
        """Members of `other` may reach members of `group`."""
        pairs = [{"GroupId": other}]
        rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": pairs}
        self.call("authorize_security_group_ingress", GroupId=group, IpPermissions=[rule])

    def interface(self, *groups: str) -> str:
        made = self.call(
            "create_network_interface",
            SubnetId=self.subnet(),
            Groups=list(groups) or [self.group(f"interface-{self.workshop}")],
            TagSpecifications=self.tagged("network-interface"),
        )
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def subnet(self) -> str:
        subnets = self.aws.every("ec2", "describe_subnets", "Subnets")
        return next(str(one["SubnetId"]) for one in subnets)

    def address(self) -> str:
        tags = self.tagged("elastic-ip")
        made = self.call("allocate_address", Domain="vpc", TagSpecifications=tags)
        return str(made["AllocationId"])

    def key_pair(self) -> str:
        made = self.call(
            "import_key_pair",
            KeyName=f"workshop-{self.workshop or 'mine'}",
            PublicKeyMaterial=KEY.encode(),
            TagSpecifications=self.tagged("key-pair"),
        )
        return str(made["KeyPairId"])

    def template(self) -> str:
        made = self.call(
            "create_launch_template",
            LaunchTemplateName=f"template-{self.workshop or 'mine'}",
            LaunchTemplateData={"InstanceType": "t3.large"},
            TagSpecifications=self.tagged("launch-template"),
        )
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    def snapshot(self, volume: str) -> str:
        tags = self.tagged("snapshot")
        made = self.call("create_snapshot", VolumeId=volume, TagSpecifications=tags)
        return str(made["SnapshotId"])

    def tag(self, *ids: str) -> None:
        pairs = self.tagged("any")[0]["Tags"]
        self.call("create_tags", Resources=list(ids), Tags=pairs)

    def image_of(self, instance: str) -> str:
        """An image with its snapshot, made in the console."""
        tags = self.tagged("image")
        name = f"image-{self.workshop or 'mine'}"
        made = self.call("create_image", InstanceId=instance, Name=name, TagSpecifications=tags)
        image = str(made["ImageId"])
        described = self.aws.every("ec2", "describe_images", "Images", ImageIds=[image])
        self.tag(described[0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"])
        return image

    def one_of_each(self) -> dict[str, str]:
        """A thing of every kind, by the kind's name; some of them in each other's way."""
        hosts, hub = self.group(f"hosts-{self.workshop}"), self.group(f"hub-{self.workshop}")
        self.allow(hosts, hub)
        self.allow(hub, hosts)
        instance = self.instance(SecurityGroupIds=[hosts])
        self.spot_instance()
        volume = self.volume()
        address = self.address()
        self.call("associate_address", AllocationId=address, InstanceId=instance)
        return {
            "instance": instance,
            "volume": volume,
            "network-interface": self.interface(hub),
            "elastic-ip": address,
            "security-group": hosts,
            "key-pair": self.key_pair(),
            "launch-template": self.template(),
            "snapshot": self.snapshot(volume),
            "image": self.image_of(instance),
        }
