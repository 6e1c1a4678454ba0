"""Which instance types AWS sells in which zones of a region."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from provisioning.providers.ec2.aws import Aws


def zones_offering(aws: Aws, types: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each type the names of the zones that offer it, sorted; none for an unknown type.

    Offered means sold there, not that one is free now: only a launch tells.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html
    """
    wanted = sorted(set(types))
    offers = aws.every(
        "ec2",
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": wanted}],
    )
    zones: dict[str, set[str]] = {name: set() for name in wanted}
    for offer in offers:
        if offer["InstanceType"] in zones:
            zones[offer["InstanceType"]].add(offer["Location"])
    return {name: tuple(sorted(found)) for name, found in zones.items()}


def restrict(
    offers: Mapping[str, tuple[str, ...]], zones: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """The same without zones that the spec leaves out; no zones in the spec are all."""
    if not zones:
        return dict(offers)
    return {name: tuple(z for z in found if z in zones) for name, found in offers.items()}
