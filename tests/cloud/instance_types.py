"""What moto knows of instance types, and what a test takes out of stock."""

from __future__ import annotations

from functools import cache
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from tests.cloud.machines_protocol import Gpu
from tests.cloud.settings import Settings

#: On-demand and spot quota of a family, by how its name begins; the rest is Standard.
#: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
_QUOTAS: tuple[tuple[tuple[str, ...], tuple[str, str]], ...] = (
    (("inf",), ("L-1945791B", "L-B5D1601B")),
    (("trn",), ("L-2C3B7624", "L-6B0D517C")),
    (("dl",), ("L-6E869C2A", "L-85EED4F7")),
    (("g", "vt"), ("L-DB2E81BA", "L-3819A6DF")),
    (("p",), ("L-417A185B", "L-7212CCBC")),
    (("f",), ("L-74FC7D96", "L-88CF9481")),
    (("x",), ("L-7295265B", "L-E3A00192")),
)
_STANDARD = ("L-1216C47A", "L-34B43A08")

QUOTA_NAMES: dict[str, str] = {
    "L-1216C47A": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
    "L-34B43A08": "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
    "L-DB2E81BA": "Running On-Demand G and VT instances",
    "L-3819A6DF": "All G and VT Spot Instance Requests",
    "L-417A185B": "Running On-Demand P instances",
    "L-7212CCBC": "All P4, P3 and P2 Spot Instance Requests",
    "L-1945791B": "Running On-Demand Inf instances",
    "L-B5D1601B": "All Inf Spot Instance Requests",
    "L-2C3B7624": "Running On-Demand Trn instances",
    "L-6B0D517C": "All Trn Spot Instance Requests",
    "L-6E869C2A": "Running On-Demand DL instances",
    "L-85EED4F7": "All DL Spot Instance Requests",
    "L-74FC7D96": "Running On-Demand F instances",
    "L-88CF9481": "All F Spot Instance Requests",
    "L-7295265B": "Running On-Demand X instances",
    "L-E3A00192": "All X Spot Instance Requests",
}


def known(instance_type: str) -> bool:
    return instance_type in INSTANCE_TYPES


def vcpus(instance_type: str) -> int:
    return int(INSTANCE_TYPES[instance_type]["VCpuInfo"]["DefaultVCpus"])


def architectures(instance_type: str) -> tuple[str, ...]:
    return tuple(INSTANCE_TYPES[instance_type]["ProcessorInfo"]["SupportedArchitectures"])


def gpus(instance_type: str) -> tuple[Gpu, ...]:
    found: list[dict[str, Any]] = INSTANCE_TYPES[instance_type].get("GpuInfo", {}).get("Gpus", [])
    return tuple(
        Gpu(f"NVIDIA {kind['Name']}", kind["MemoryInfo"]["SizeInMiB"])
        for kind in found
        for _ in range(kind["Count"])
    )


def quota_code(instance_type: str, *, spot: bool) -> str:
    codes = next((codes for heads, codes in _QUOTAS if instance_type.startswith(heads)), _STANDARD)
    return codes[1] if spot else codes[0]


@cache
def _offered_anywhere(region: str) -> dict[str, frozenset[str]]:
    zones: dict[str, set[str]] = {}
    for offering in INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, ()):
        zones.setdefault(offering["InstanceType"], set()).add(offering["Location"])
    return {name: frozenset(places) for name, places in zones.items()}


def zones_offering(settings: Settings, region: str, instance_type: str) -> frozenset[str]:
    """Zones of the region where AWS offers the type, whether or not it has capacity."""
    zones = _offered_anywhere(region).get(instance_type, frozenset())
    return frozenset(
        zone for zone in zones if not _listed(settings.not_offered, instance_type, zone)
    )


def has_capacity(settings: Settings, instance_type: str, zone: str) -> bool:
    return not _listed(settings.no_capacity, instance_type, zone)


def _listed(pairs: set[tuple[str, str]], instance_type: str, zone: str) -> bool:
    return any(
        (one_type in ("*", instance_type)) and (one_zone in ("*", zone))
        for one_type, one_zone in pairs
    )


def names(region: str) -> list[str]:
    """Every type that the region has somewhere."""
    return sorted(_offered_anywhere(region))
