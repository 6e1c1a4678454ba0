"""How many vCPUs the account may still start, by quota: the limit minus what runs now.

AWS counts vCPUs by class of families, apart for on-demand and spot, in each region.
https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from provisioning.catalogue.instance_types import QuotaClass, read_catalogue
from provisioning.fleet import Market
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.errors import NotThere
from provisioning.providers.ec2.quota_check import Room

# The letters with which a type's name begins, for types outside of the catalogue. All that are
# not here (trn, x, f, mac, ...) have quotas of their own that no workshop asks for.
_CLASS_OF_LETTERS = {
    **dict.fromkeys(("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"), "standard"),
    **dict.fromkeys(("g", "gr", "vt"), "g"),
    "p": "p",
    "inf": "inf",
}


def read_rooms(aws: Aws, quotas: dict[str, str], used: Mapping[str, int]) -> dict[str, Room]:
    """Each quota of `quotas` (names by code) with what is left of it. Raises: AwsError."""
    return {
        code: Room(code, name, _limit(aws, code), used.get(code, 0))
        for code, name in quotas.items()
    }


def _limit(aws: Aws, code: str) -> int:
    """The account's own value, or AWS's default where nobody ever asked for another."""
    asked = {"ServiceCode": "ec2", "QuotaCode": code}
    try:
        answer = aws.call("service-quotas", "get_service_quota", **asked)
    except NotThere:
        answer = aws.call("service-quotas", "get_aws_default_service_quota", **asked)
    return int(answer["Quota"]["Value"])


def vcpus_in_use(aws: Aws) -> Counter[str]:
    """vCPUs by quota code of the whole account: of instances that run or are about to.

    Raises: AwsError.
    """
    reservations = aws.every(
        "ec2",
        "describe_instances",
        "Reservations",
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}],
    )
    instances = [one for reservation in reservations for one in reservation["Instances"]]
    vcpus = _vcpus(aws, {one["InstanceType"] for one in instances})
    used: Counter[str] = Counter()
    for one in instances:
        quota = _class_of(one["InstanceType"])
        if quota is not None:
            used[quota.codes[_market(one)]] += vcpus.get(one["InstanceType"], 0)
    return used


def _market(instance: dict[str, Any]) -> Market:
    return "spot" if instance.get("InstanceLifecycle") == "spot" else "on-demand"


def _vcpus(aws: Aws, names: Iterable[str]) -> dict[str, int]:
    """vCPUs by type; AWS is asked about types that the catalogue doesn't have."""
    known = {name: kind.vcpus for name, kind in read_catalogue().types.items()}
    foreign = sorted(name for name in names if name not in known)
    if foreign:
        found = aws.every(
            "ec2",
            "describe_instance_types",
            "InstanceTypes",
            Filters=[{"Name": "instance-type", "Values": foreign}],
        )
        known |= {one["InstanceType"]: one["VCpuInfo"]["DefaultVCpus"] for one in found}
    return known


def _class_of(type_name: str) -> QuotaClass | None:
    catalogue = read_catalogue()
    if kind := catalogue.types.get(type_name):
        return kind.family.quota
    letters = re.match(r"[a-z]+", type_name)
    name = _CLASS_OF_LETTERS.get(letters[0]) if letters else None
    if name == "p" and re.match(r"p[5-9]", type_name):
        name = "p5"
    return catalogue.quotas[name] if name else None
