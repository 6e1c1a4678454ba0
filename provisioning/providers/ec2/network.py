"""Where hosts are connected: the region's default network, and in each zone a public subnet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.errors import NoNetwork


@dataclass(frozen=True)
class Network:
    """The default VPC's id, and by zone the subnet in which a host gets a public address."""

    vpc: str
    subnets: Mapping[str, str]


def default_network(aws: Aws) -> Network:
    """Looks, and changes nothing. Raises: NoNetwork, AwsError, AnswerLost.

    https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc.html
    """
    vpc = _default_vpc(aws)
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "state", "Values": ["available"]}]
    found = aws.every("ec2", "describe_subnets", "Subnets", Filters=filters)
    public = [one for one in found if one.get("MapPublicIpOnLaunch")]
    if not public:
        raise NoNetwork(
            f"The default network {vpc} in {aws.region} has no subnet that gives public addresses",
            next_step="run `aws ec2 modify-subnet-attribute --map-public-ip-on-launch "
            f"--region {aws.region} --subnet-id ...` for one of them, then repeat the command",
        )
    # The last one of a zone counts: its default subnet, if there are several.
    public.sort(key=lambda one: bool(one.get("DefaultForAz")))
    return Network(vpc, {one["AvailabilityZone"]: str(one["SubnetId"]) for one in public})


def _default_vpc(aws: Aws) -> str:
    is_default = [{"Name": "is-default", "Values": ["true"]}]
    vpcs = aws.every("ec2", "describe_vpcs", "Vpcs", Filters=is_default)
    if not vpcs:
        raise NoNetwork(
            f"This account has no default network (VPC) in {aws.region}",
            next_step=f"run `aws ec2 create-default-vpc --region {aws.region}`, "
            "then repeat the command",
        )
    return str(vpcs[0]["VpcId"])
