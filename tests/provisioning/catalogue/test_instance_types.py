"""The catalogue: every family that is promised, with facts that AWS would confirm."""

from __future__ import annotations

import datetime
import re

from provisioning.catalogue.choose import NEEDED, fits
from provisioning.catalogue.instance_types import InstanceType, read_catalogue
from provisioning.catalogue.money import Range

CATALOGUE = read_catalogue()
TYPES = tuple(CATALOGUE.types.values())


def moto_facts(names: set[str]) -> dict[str, dict]:
    """What AWS's DescribeInstanceTypes said when moto was made, for these types only."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    return {name: facts for name, facts in INSTANCE_TYPES.items() if name in names}


def test_vcpus_memory_architecture_and_accelerators_are_those_that_aws_tells() -> None:
    facts = moto_facts(set(CATALOGUE.types))
    assert set(facts) == set(CATALOGUE.types)
    for kind in TYPES:
        told = facts[kind.name]
        assert kind.vcpus == told["VCpuInfo"]["DefaultVCpus"], kind.name
        assert kind.memory_gib == told["MemoryInfo"]["SizeInMiB"] / 1024, kind.name
        assert kind.architecture in told["ProcessorInfo"]["SupportedArchitectures"], kind.name
        assert accelerators(kind) == told_accelerators(told), kind.name
        assert roughly_the_memory(kind, told), kind.name


def accelerators(kind: InstanceType) -> dict[str, int]:
    return {kind.family.accelerator: kind.accelerators} if kind.accelerators else {}


def told_accelerators(told: dict) -> dict[str, int]:
    """Makers and names with their numbers: NVIDIA T4, AWS Inferentia."""
    return {f"{one['Manufacturer']} {one['Name']}": one["Count"] for one in listed(told)}


def listed(told: dict) -> list[dict]:
    inference = told.get("InferenceAcceleratorInfo", {}).get("Accelerators", [])
    return told.get("GpuInfo", {}).get("Gpus", inference)


def roughly_the_memory(kind: InstanceType, told: dict) -> bool:
    """A GPU sold with 24 GB shows 22.4 GiB."""
    sizes = [one["MemoryInfo"]["SizeInMiB"] / 1024 for one in listed(told)]
    return all(0.9 * kind.accelerator_gb <= gib <= kind.accelerator_gb for gib in sizes)


def test_every_family_that_is_promised_is_there() -> None:
    gpus = {"g4dn", "g5", "g6", "g6e", "p4d", "p5"}
    others = {"inf1", "inf2", "a1", "c6g", "c7g", "t4g", "t3", "m6i", "m7i", "c6i"}
    assert gpus | others <= {kind.family.name for kind in TYPES}
    assert {kind.family.name for kind in TYPES if kind.gpus} == gpus
    assert all(family.purpose for family in CATALOGUE.families.values())


def test_there_is_something_for_every_role_and_every_type_fits_one() -> None:
    for role in NEEDED:
        assert any(fits(kind, role) for kind in TYPES)
    for kind in TYPES:
        assert any(fits(kind, role) for role in NEEDED), kind.name


def test_inferentia_is_no_gpu_and_says_what_is_missing() -> None:
    inferentia = CATALOGUE.types["inf2.xlarge"]
    assert (inferentia.gpus, inferentia.accelerators) == (0, 1)
    assert "no environment of this project is made for AWS Neuron" in inferentia.family.caution
    assert CATALOGUE.types["g5.12xlarge"].gpus == 4


def test_what_is_offered_instead_of_a_retired_family_is_in_the_catalogue() -> None:
    for retired in CATALOGUE.retired.values():
        assert retired.family not in CATALOGUE.families
        for instead in retired.nearest.values():
            assert instead
            assert set(instead) <= set(CATALOGUE.types)


def test_quotas_are_apart_for_each_market_and_p5_shares_only_the_one_on_demand() -> None:
    for quota in CATALOGUE.quotas.values():
        assert set(quota.codes) == set(quota.names) == {"spot", "on-demand"}
        assert quota.codes["spot"] != quota.codes["on-demand"]
        assert all(re.fullmatch(r"L-[0-9A-F]{8}", code) for code in quota.codes.values())
    p, p5 = CATALOGUE.quotas["p"], CATALOGUE.quotas["p5"]
    assert p.codes["on-demand"] == p5.codes["on-demand"]
    assert p.codes["spot"] != p5.codes["spot"]


def test_a_larger_size_costs_more_and_spot_never_more_than_on_demand() -> None:
    for one in TYPES:
        for other in TYPES:
            alike = (one.family, one.accelerators) == (other.family, other.accelerators)
            if alike and one.vcpus < other.vcpus:
                assert one.on_demand < other.on_demand, (one.name, other.name)
    for kind in TYPES:
        assert 0 < kind.spot.low < kind.spot.high == kind.on_demand


def test_prices_have_a_date_and_a_source_and_unknown_regions_a_wide_range() -> None:
    prices = CATALOGUE.prices
    assert prices.date <= datetime.date.today()
    assert "vantage.sh" in prices.source
    assert prices.factor("us-east-1", "gpu") == Range(1, 1)
    for groups in prices.regions.values():
        for group, found in groups.items():
            assert group in {"gpu", "cpu", "inf"}
            assert prices.elsewhere.low <= found.low <= found.high <= prices.elsewhere.high
    assert prices.factor("mars-north-1", "gpu") == prices.elsewhere
    assert {family.group for family in CATALOGUE.families.values()} == {"gpu", "cpu", "inf"}
